/* SPDX-License-Identifier: Apache-2.0 */
/* apache/config.h - configuration records: what the directives said, for the whole server, per
 * virtual host and per directory.
 *
 * Filled by apache/directives (rows of directives.def), merged in config.c, completed by
 * apache/resolve, frozen after post-config. Unset values are told apart from set ones (-1, NULL);
 * cask_config_scope_of() gives effective values: directory, else server, else default.
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

/* A daemon group as defined by WSGIDaemonProcess. */
struct cask_config_group {
    struct cask_group_spec spec;
    server_rec *server;               /* where it was defined */
    const char *location;             /* "file:line" */
    apr_array_header_t *apps;         /* struct cask_spec_app: preload list, filled from aliases */
    const struct cask_python *python; /* what spec.interpreter and spec.engine come from */
    /* set in post-config, retained over restarts */
    int listen_fd;
    int board_fd;
    /* set in child_init */
    struct cask_board *board;
    uint32_t board_child; /* our row on it */
    struct cask_wire_client *client;
};

/* WSGIScriptAlias, WSGIScriptAliasMatch. */
struct cask_config_alias {
    const char *alias; /* URL prefix, or the regex text */
    ap_regex_t *regex; /* NULL for a prefix */
    const char *target;
    const char *process_group; /* options; NULL when not given; "" for %{GLOBAL} */
    const char *application_group;
    const char *callable_object;
    int pass_authorization; /* -1 not given */
    server_rec *server;     /* where it was defined */
    const char *location;   /* "file:line" */
};

/* A place that names a daemon group (WSGIProcessGroup, or an alias with process-group=), kept so
 * that the whole configuration can be checked for names that mean nothing. */
struct cask_config_mention {
    const char *directive;
    const char *name; /* as written */
    server_rec *server;
    const char *location; /* "file:line" */
};

/* Values that a server and a directory can have: the rows CASK_DIRECTIVE_SCOPE of directives.def.
 * Values at server level are kept in the server's own directory record (lookup_defaults). */
struct cask_config_scope {
    const char *process_group; /* NULL unset; may hold %{…} */
    const char *application_group;
    const char *callable_object;
    int pass_authorization; /* -1 unset */
    int chunked_request;
    int script_reloading;
};

struct cask_config_server {
    apr_array_header_t *aliases; /* struct cask_config_alias; vhost's first, then main's */
};

struct cask_config_dir {
    struct cask_config_scope scope;
};

/* Values of the main server only (rows CASK_DIRECTIVE_MAIN), and what the whole server shares. */
struct cask_config_main {
    const char *python_home;
    const char *python_path;
    const char *socket_prefix;      /* absolute after cask_resolve_config() */
    int restrict_embedded;          /* -1 unset */
    apr_hash_t *groups;             /* name → struct cask_config_group *, of the whole server */
    apr_array_header_t *group_list; /* struct cask_config_group *: in order of definition */
    apr_array_header_t *mentions;   /* struct cask_config_mention */
    /* set by cask_resolve_config() */
    const struct cask_python *embedded_python; /* never NULL afterwards; look at its faults */
    apr_array_header_t *embedded_apps;         /* struct cask_spec_app: to load in each child; not
                                                  empty = Python starts in child_init */
    /* objects of other files of this room, theirs to fill */
    struct cask_embed *embed;
};

void *cask_config_server_new(apr_pool_t *pool, server_rec *server);
void *cask_config_server_merge(apr_pool_t *pool, void *base, void *add);
void *cask_config_dir_new(apr_pool_t *pool, char *dir);
void *cask_config_dir_merge(apr_pool_t *pool, void *base, void *add);

/* The main record of this configuration pass. It lives in pconf and hangs from
 * cask_process.room_state; NULL before cask_config_main_begin() and after pconf was cleared. */
struct cask_config_main *cask_config_main(void);
/* pre_config: makes the main record anew. */
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
/* The values set at server level (the virtual host's, else the main server's). */
static inline struct cask_config_dir *
cask_config_of_server_level(const server_rec *server)
{
    return (struct cask_config_dir *)ap_get_module_config(server->lookup_defaults, &wsgi_module);
}
/* The given values with the defaults of directives.def where unset. */
void cask_config_scope_of(const struct cask_config_dir *dir, struct cask_config_scope *ret_scope);
/* WSGIRestrictEmbedded as it is in force. */
bool cask_config_restrict_embedded(const struct cask_config_main *main_config);

#endif
