/* SPDX-License-Identifier: Apache-2.0 */
/* apache/routing.h - which application, group and interpreter a request goes to; decided from
 * frozen configuration. */
#ifndef CASK_APACHE_ROUTING_H
#define CASK_APACHE_ROUTING_H

#include <httpd.h>

#include <stdbool.h>

#include "apache/config.h"
#include "request/request.h"

struct cask_expand_facts;

/* What a request resolved to; in the request pool. */
struct cask_route {
    const char *process_group;     /* "" embedded */
    const char *application_group; /* "" main interpreter */
    const char *callable;
    const char *script;               /* absolute path */
    const char *handler_script;       /* the same for a WSGIHandlerScript, else "" */
    const apr_finfo_t *script_status; /* what httpd has seen of the script's file */
    struct cask_config_group *group;  /* NULL embedded */
    struct cask_config_scope values;  /* effective, with the options of the alias */
};

/* "wsgi-script" or "application/x-httpd-wsgi". */
bool cask_routing_is_builtin(const char *handler);
/* True when the request's handler is ours: one of those two, or the name of a handler script. */
bool cask_routing_is_ours(const request_rec *r);
/* May requests of this server use the group? Those of the server that defined it, of every server
 * if that is the main one, and of servers of the same ServerName. */
bool cask_routing_may_use(const server_rec *server, const struct cask_config_group *group);
/* Checks of method and target (ExecCGI, existence, directory, path info), then names and group. OK,
 * or an HTTP status with the line already logged. */
int cask_routing_resolve(request_rec *r, struct cask_route *ret_route);

/* What httpd has seen of a script's file, as the engine compares it. */
void cask_routing_script_id(const apr_finfo_t *status, struct cask_script_id *ret_id);

/* What names of this request are expanded with. */
void cask_routing_facts(request_rec *r, struct cask_expand_facts *ret_facts);
/* Expands a group name; NULL with the line logged when its variable is not set. `directive` is
 * where the name comes from. */
const char *cask_routing_expand(request_rec *r, const char *directive, const char *value,
                                const struct cask_expand_facts *facts);

#endif
