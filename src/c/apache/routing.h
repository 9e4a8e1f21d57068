/* SPDX-License-Identifier: Apache-2.0 */
/* apache/routing.h - which application, group and interpreter a request goes to; decided from
 * frozen configuration. */
#ifndef CASK_APACHE_ROUTING_H
#define CASK_APACHE_ROUTING_H

#include <httpd.h>

#include <stdbool.h>

#include "apache/config.h"

/* The names a request resolved to; in the request pool. */
struct cask_route {
    const char *process_group;     /* "" embedded */
    const char *application_group; /* "" main interpreter */
    const char *callable;
    const char *script;              /* r->filename */
    struct cask_config_group *group; /* NULL embedded */
    struct cask_config_scope values; /* effective, with the options of the alias */
};

/* translate_name hook: WSGIScriptAlias and WSGIScriptAliasMatch. */
int cask_routing_translate(request_rec *r);
/* True when the request's handler is ours ("wsgi-script", "application/x-httpd-wsgi"). */
bool cask_routing_is_ours(const request_rec *r);
/* May requests of this server use the group? Those of the server that defined it, of every server
 * if that is the main one, and of servers of the same ServerName. */
bool cask_routing_may_use(const server_rec *server, const struct cask_config_group *group);
/* Checks of the target (ExecCGI, existence, directory, path info), then names and group. OK, or an
 * HTTP status with the line already logged. */
int cask_routing_resolve(request_rec *r, struct cask_route *ret_route);

#endif
