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

#include <stdatomic.h>
#include <stdbool.h>

#include "platform/interp_settings.h"
#include "proc/spec.h"

struct cask_python;

extern module AP_MODULE_DECLARE_DATA wsgi_module;

/* A daemon group as defined by WSGIDaemonProcess. */
struct cask_config_group {
    struct cask_group_spec spec;
    server_rec *server;       /* where it was defined */
    const char *location;     /* "file:line" */
    apr_array_header_t *apps; /* struct cask_spec_app: preload list, filled from aliases */
    uid_t script_uid;         /* of script-user= and script-group=, where given */
    gid_t script_gid;
    const struct cask_python *python; /* what spec.interpreter and spec.engine come from */
    /* set in post-config, retained over restarts */
    int listen_fd;
    int board_fd;
    /* set in child_init */
    struct cask_board *board;
    uint32_t board_child; /* our row on it */
    struct cask_wire_client *client;
};

/* A script that a directive names with options: handler, import, dispatch, access and
 * authentication. NULL or -1: not given; groups may hold %{…}, %{GLOBAL} is "". */
struct cask_config_script {
    unsigned order; /* WSGIImportScript: as that of an alias */
    const char *directive;
    const char *handler; /* WSGIHandlerScript: its name */
    const char *path;    /* absolute */
    const char *process_group;
    const char *application_group;
    int pass_authorization;
    server_rec *server;   /* where it was named */
    const char *location; /* "file:line" */
};

/* WSGIScriptAlias, WSGIScriptAliasMatch. */
struct cask_config_alias {
    unsigned order;    /* among aliases and import scripts of the whole server */
    const char *alias; /* URL prefix, or the regex text */
    ap_regex_t *regex; /* NULL for a prefix */
    const char *target;
    const char *process_group; /* options; NULL when not given; "" for %{GLOBAL} */
    const char *application_group;
    const char *callable_object;
    int pass_authorization; /* -1 not given */
    server_rec *server;     /* where it was defined */
    const char *location;   /* "file:line" */
    atomic_bool *said;      /* [atomic] relaxed; a child has logged that handlers are in conflict */
};

/* A place that names a daemon group (WSGIProcessGroup, or an alias with process-group=), kept so
 * that the whole configuration can be checked for names that mean nothing. */
struct cask_config_mention {
    const char *directive;
    const char *name; /* as written */
    server_rec *server;
    const char *location; /* "file:line" */
};

/* WSGIMapHEADToGET. */
enum cask_config_head {
    CASK_CONFIG_HEAD_OFF = 0,
    CASK_CONFIG_HEAD_ON = 1,
    CASK_CONFIG_HEAD_AUTO = 2,
};

/* Values that a server and a directory can have: the rows SCOPE, LIST and SCRIPT of directives.def,
 * and the handler scripts. Values at server level are kept in the server's own directory record
 * (lookup_defaults). Numbers: -1 unset; pointers: NULL unset. */
struct cask_config_scope {
    const char *process_group; /* may hold %{…}; "%{GLOBAL}" as written */
    const char *application_group;
    const char *callable_object;
    int pass_authorization;
    int pass_apache_request;
    int chunked_request;
    int script_reloading;
    int record_levels;
    int error_override;
    int enable_sendfile;
    int local_redirect;
    int ignore_activity;
    int head_to_get;                            /* enum cask_config_head */
    const apr_array_header_t *restrict_process; /* const char *: as written */
    const apr_array_header_t *trusted_headers;  /* const char *: lower case */
    const apr_array_header_t *trusted_proxies;  /* apr_ipsubnet_t * */
    const struct cask_config_script *dispatch_script;
    const struct cask_config_script *access_script;
    const struct cask_config_script *auth_user_script;
    const struct cask_config_script *auth_group_script;
    apr_hash_t *handler_scripts; /* name → struct cask_config_script *, inner over outer */
};

/* What there is to say about a line of the configuration that is accepted; said once, by check. */
struct cask_config_remark {
    unsigned number; /* of lognums.def */
    const char *text;
    server_rec *server;
};

/* Where WSGITrustedProxyHeaders stands, kept to see whether WSGITrustedProxies belongs to it. */
struct cask_config_headers {
    const struct cask_config_scope *scope;
    server_rec *server;
    const char *location; /* "file:line" */
};

struct cask_config_server {
    apr_array_header_t *aliases; /* struct cask_config_alias; vhost's first, then main's */
};

struct cask_config_dir {
    struct cask_config_scope scope;
};

/* Values of the main server only (rows MAIN; -1 and NULL unset), and what the whole server has. */
struct cask_config_main {
    const char *python_home;
    const char *python_eggs;
    apr_array_header_t *python_warnings; /* const char *; NULL: none */
    int64_t python_optimize;
    int64_t python_hash_seed; /* or CASK_ENGINE_SEED_… */
    int64_t slow_request_us;  /* 0: off */
    int dont_write_bytecode;
    int destroy_interpreter;
    int case_sensitivity;
    int restrict_embedded;
    const char *socket_prefix;          /* absolute after cask_resolve_config() */
    const char *control_socket;         /* likewise */
    struct cask_interp_settings interp; /* of every interpreter, unless a layer says otherwise */
    apr_array_header_t *interp_layers;  /* struct cask_interp_layer, in order */
    struct cask_interp_settings *open_layer; /* while a section is read: where its values go */
    apr_hash_t *groups;             /* name → struct cask_config_group *, of the whole server */
    apr_array_header_t *group_list; /* struct cask_config_group *: in order of definition */
    apr_array_header_t *imports;    /* struct cask_config_script: WSGIImportScript, in order */
    apr_array_header_t *scripts;    /* const struct cask_config_script *: all others, in order */
    unsigned n_ordered;             /* aliases and import scripts read so far */
    apr_array_header_t *mentions;   /* struct cask_config_mention */
    apr_array_header_t *remarks;    /* struct cask_config_remark */
    apr_array_header_t *headers;    /* struct cask_config_headers */
    apr_pool_t *pool;               /* the records' own; configuration is read into it */
    /* set by cask_resolve_config() */
    const struct cask_python *embedded_python; /* never NULL afterwards; look at its faults */
    apr_array_header_t *embedded_apps;         /* struct cask_spec_app: to load in each child; not
                                                  empty = Python starts in child_init */
    bool interp_wishes;  /* some interpreter asks for a GIL of its own or free threading */
    bool asks_scripts;   /* so does a script that httpd asks */
    bool callables_vary; /* directories or dispatch scripts choose callables: what an alias leads to
                            is not known before a request */
    const char *embedded_warnings; /* python_warnings, a line each; NULL: none */
    /* objects of other files of this room, theirs to fill */
    const apr_array_header_t *error_log_format; /* logrecord.c */
    const apr_array_header_t *syslog_format;
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
/* The rows INTERP and the sections <WSGIInterpreterOptions>, for cask_interp_settings_resolve().
 * Borrowed from the record. Paths of the base are those of embedded mode. */
struct cask_interp_rules cask_config_interp_rules(const struct cask_config_main *main_config);
/* WSGIRecordLevels as it is in force for what belongs to the server. */
bool cask_config_record_levels(const server_rec *server);
/* WSGIRestrictEmbedded as it is in force. */
bool cask_config_restrict_embedded(const struct cask_config_main *main_config);
/* Is this a line of the server's configuration? False for one of .htaccess, which is read on a
 * request thread: shared records must be left alone. */
bool cask_config_is_startup(const cmd_parms *cmd);
/* "file:line" of the directive. */
const char *cask_config_location(const cmd_parms *cmd);
/* Keeps a remark about the directive that is being read: "WSGIThis at file:line: text". Lines of
 * .htaccess are passed over in silence. */
void cask_config_remark(const cmd_parms *cmd, unsigned number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Remarks on a name with a %{…} that nobody expands. */
void cask_config_check_name(const cmd_parms *cmd, const char *name);
/* The same where only %{GLOBAL} is known: no request is there. */
void cask_config_check_literal(const cmd_parms *cmd, const char *name);
/* Remembers that a daemon group was named here, for checks of the whole configuration. */
void cask_config_mention_group(const cmd_parms *cmd, const char *name);

#endif
