/* SPDX-License-Identifier: Apache-2.0 */
/* apache/config.h - configuration records: what the directives said, per server and per directory.
 *
 * Filled by apache/directives (rows of directives.def), merged here, frozen after post-config.
 * Unset values are told apart from set ones (-1, NULL); the accessors give effective values:
 * directory, else server, else default.
 */
#ifndef CASK_APACHE_CONFIG_H
#define CASK_APACHE_CONFIG_H

#include <httpd.h>
#include <http_config.h>
#include <apr_hash.h>

#include <stdbool.h>

#include "proc/spec.h"

struct cask_python;

extern module AP_MODULE_DECLARE_DATA wsgi_module;
extern const command_rec cask_directives_commands[]; /* directives.c */

/* A daemon group as defined by WSGIDaemonProcess. */
struct cask_config_group {
    struct cask_group_spec spec;
    server_rec *server;       /* where it was defined */
    const char *location;     /* "file:line" */
    apr_array_header_t *apps; /* struct cask_spec_app: preload list, filled from aliases */
    /* set in post-config, retained over restarts */
    int listen_fd;
    int board_fd;
    /* set in child_init */
    struct cask_board *board;
    struct cask_wire_client *client;
};

/* WSGIScriptAlias, WSGIScriptAliasMatch. */
struct cask_config_alias {
    const char *alias; /* URL prefix, or the regex text */
    ap_regex_t *regex; /* NULL for a prefix */
    const char *target;
    const char *process_group; /* options; NULL when not given */
    const char *application_group;
    const char *callable_object;
    int pass_authorization; /* -1 not given */
    const char *location;   /* "file:line" */
};

/* Values that a server and a directory can have. */
struct cask_config_scope {
    const char *process_group; /* NULL unset; may hold %{…} */
    const char *application_group;
    const char *callable_object;
    int pass_authorization; /* -1 unset */
    int chunked_request;
    int script_reloading;
};

struct cask_config_server {
    struct cask_config_scope scope;
    apr_array_header_t *aliases; /* struct cask_config_alias; vhost's first, then main's */
    server_rec *server;
};

struct cask_config_dir {
    struct cask_config_scope scope;
};

/* Values of the main server only. */
struct cask_config_main {
    const char *python_home;
    const char *python_path;
    const char *socket_prefix;
    int restrict_embedded; /* -1 unset */
    apr_hash_t *groups;    /* name → struct cask_config_group *, of the whole server */
    apr_array_header_t
        *group_list; /* struct cask_config_group *: the same, in order of definition */
    /* set by cask_config_resolve() */
    const struct cask_python *embedded_python; /* never NULL afterwards; look at its faults */
    apr_array_header_t *embedded_apps;         /* struct cask_spec_app: to load in each child; not
                                                  empty = Python starts in child_init */
};

void *cask_config_server_new(apr_pool_t *pool, server_rec *server);
void *cask_config_server_merge(apr_pool_t *pool, void *base, void *add);
void *cask_config_dir_new(apr_pool_t *pool, char *dir);
void *cask_config_dir_merge(apr_pool_t *pool, void *base, void *add);

/* The main record of this configuration pass; lives in pconf. Made anew in pre-config. */
struct cask_config_main *cask_config_main(void);
void cask_config_main_begin(apr_pool_t *pconf);

static inline struct cask_config_server *
cask_config_of_server(const server_rec *server)
{
    return (struct cask_config_server *)ap_get_module_config(server->module_config, &wsgi_module);
}
static inline struct cask_config_dir *
cask_config_of_request(const request_rec *r)
{
    return (struct cask_config_dir *)ap_get_module_config(r->per_dir_config, &wsgi_module);
}

/* check_config hook: numbered warnings about surroundings, errors about text that only the whole
 * configuration shows (architecture.md §6). */
int cask_config_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                      server_rec *main_server);
/* test_config hook: -t -D DUMP_CASK. */
void cask_config_dump(apr_pool_t *pconf, server_rec *main_server);
/* post_config, first step: fills what only the whole configuration tells: uids, interpreter,
 * engine, socket paths, preload lists. Fills spec.fault instead of failing for wrong surroundings.
 */
int cask_config_resolve(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *main_server);

#endif
