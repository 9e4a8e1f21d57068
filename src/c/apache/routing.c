/* SPDX-License-Identifier: Apache-2.0 */
/* apache/routing.c - from a URL to a script, and from a request to group, interpreter and callable.
 *
 * Owns:    nothing; results live in the request pool.
 * Touches: frozen records of apache/config, notes of the request.
 * Threads: request threads.
 *
 * The options of the alias that matched travel as notes of the request: they survive httpd's own
 * redirects (DirectoryIndex), which request_config does not, and can be logged.
 */
#include "apache/routing.h"

#include "apache/config.h"
#include "apache/expand.h"
#include "apache/logsink.h"
#include "apache/prefix.h"
#include "apache/restrict.h"

#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#define HANDLER_NAME "wsgi-script"
#define HANDLER_TYPE "application/x-httpd-wsgi"

/* mod_alias's own note: this request's handler comes from an alias. */
#define NOTE_FORCED        "alias-forced-type"
#define NOTE_PROCESS_GROUP "mod_wsgi.process_group"
#define NOTE_APP_GROUP     "mod_wsgi.application_group"
#define NOTE_CALLABLE      "mod_wsgi.callable_object"
#define NOTE_AUTHORIZATION "mod_wsgi.pass_authorization"

/* The file name a prefix alias gives; NULL: no match. */
static const char *
match_prefix(request_rec *r, const struct cask_config_alias *alias)
{
    size_t len = cask_prefix_match(r->uri, alias->alias);

    if (len == 0) {
        return NULL;
    }
    /* "/" covers the whole URL, which then begins with the '/' that the target lacks. */
    return apr_pstrcat(r->pool, alias->target,
                       strcmp(alias->alias, "/") == 0 ? r->uri : r->uri + len, NULL);
}

static const char *
match_regex(request_rec *r, const struct cask_config_alias *alias)
{
    ap_regmatch_t groups[AP_MAX_REG_MATCH];
    const char *target;

    if (ap_regexec(alias->regex, r->uri, AP_MAX_REG_MATCH, groups, 0) != 0 ||
        groups[0].rm_eo == 0) {
        return NULL;
    }
    target = ap_pregsub(r->pool, alias->target, r->uri, AP_MAX_REG_MATCH, groups);
    if (target == NULL) {
        return NULL;
    }
    target = apr_pstrcat(r->pool, target, r->uri + groups[0].rm_eo, NULL);
    return target[0] == '/' ? target : ap_server_root_relative(r->pool, target);
}

int
cask_routing_translate(request_rec *r)
{
    const apr_array_header_t *aliases = cask_config_of_server(r->server)->aliases;
    const struct cask_config_alias *alias = (const struct cask_config_alias *)aliases->elts;
    const struct cask_config_alias *end = alias + aliases->nelts;
    const char *filename = NULL;

    if (r->uri == NULL || r->uri[0] != '/') {
        return DECLINED;
    }
    for (; alias < end; alias++) {
        filename = alias->regex == NULL ? match_prefix(r, alias) : match_regex(r, alias);
        if (filename != NULL) {
            break;
        }
    }
    if (filename == NULL) {
        return DECLINED;
    }
    r->filename = apr_pstrdup(r->pool, filename);
    r->handler = HANDLER_NAME;
    apr_table_setn(r->notes, NOTE_FORCED, HANDLER_NAME);
    if (alias->process_group != NULL) {
        apr_table_setn(r->notes, NOTE_PROCESS_GROUP, alias->process_group);
    }
    if (alias->application_group != NULL) {
        apr_table_setn(r->notes, NOTE_APP_GROUP, alias->application_group);
    }
    if (alias->callable_object != NULL) {
        apr_table_setn(r->notes, NOTE_CALLABLE, alias->callable_object);
    }
    if (alias->pass_authorization >= 0) {
        apr_table_setn(r->notes, NOTE_AUTHORIZATION, alias->pass_authorization ? "1" : "0");
    }
    return OK;
}

bool
cask_routing_is_ours(const request_rec *r)
{
    return r->handler != NULL &&
           (strcmp(r->handler, HANDLER_NAME) == 0 || strcmp(r->handler, HANDLER_TYPE) == 0);
}

static bool
is_aliased(const request_rec *r)
{
    const char *forced = apr_table_get(r->notes, NOTE_FORCED);

    return forced != NULL && strcmp(forced, HANDLER_NAME) == 0;
}

/* May the file be run, and is it there? OK or a status with the line logged. */
static int
check_target(request_rec *r)
{
    if (!is_aliased(r) && (ap_allow_options(r) & OPT_EXECCGI) == 0) {
        cask_logsink_line(r, 122, "script '%s': Options ExecCGI is off in this directory",
                          r->filename);
        return HTTP_FORBIDDEN;
    }
    if (r->finfo.filetype == APR_NOFILE) {
        cask_logsink_line(r, 120, "script '%s': there is no such file", r->filename);
        return HTTP_NOT_FOUND;
    }
    if (r->finfo.filetype == APR_DIR) {
        cask_logsink_line(r, 121, "script '%s': this is a directory", r->filename);
        return HTTP_FORBIDDEN;
    }
    if (r->used_path_info == AP_REQ_REJECT_PATH_INFO && r->path_info != NULL &&
        r->path_info[0] != '\0') {
        cask_logsink_line(r, 123, "script '%s': AcceptPathInfo is Off, '%s' behind it is refused",
                          r->filename, r->path_info);
        return HTTP_NOT_FOUND;
    }
    return OK;
}

static const char *
look_up_variable(void *context, const char *name)
{
    const request_rec *r = context;
    const char *value = apr_table_get(r->notes, name);

    if (value == NULL) {
        value = apr_table_get(r->subprocess_env, name);
    }
    return value != NULL ? value : getenv(name);
}

/* The port the virtual host is configured for; where its address has none, the one connected to. */
static unsigned
configured_port(const request_rec *r)
{
    return r->server->port != 0 ? r->server->port : r->connection->local_addr->port;
}

/* Expands a group name; NULL with the line logged when its variable is not set. */
static const char *
expand_group(request_rec *r, const char *directive, const char *value,
             const struct cask_expand_facts *facts)
{
    const char *name = cask_expand_group(value, facts, r->pool);

    if (name == NULL) {
        cask_logsink_line(r, 127, "%s '%s': the variable is not set for this request", directive,
                          value);
    }
    return name;
}

bool
cask_routing_may_use(const server_rec *server, const struct cask_config_group *group)
{
    return !group->server->is_virtual || group->server == server ||
           (group->server->server_hostname != NULL && server->server_hostname != NULL &&
            strcasecmp(group->server->server_hostname, server->server_hostname) == 0);
}

/* Finds the daemon group of a route; OK or a status with the line logged. */
static int
choose_group(request_rec *r, struct cask_route *route)
{
    const struct cask_config_main *main_config = cask_config_main();
    struct cask_config_group *group;

    if (route->process_group[0] == '\0') {
        return OK;
    }
    group = apr_hash_get(main_config->groups, route->process_group, APR_HASH_KEY_STRING);
    if (group == NULL) {
        cask_logsink_line(r, 125, "script '%s': no WSGIDaemonProcess defines a group '%s'",
                          r->filename, route->process_group);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (!cask_routing_may_use(r->server, group)) {
        cask_logsink_line(r, 126,
                          "script '%s': group '%s' belongs to a virtual host of another "
                          "ServerName (%s)",
                          r->filename, route->process_group, group->location);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    route->group = group;
    return OK;
}

/* Values of an alias beat those of directory and server. */
static void
apply_alias_options(const request_rec *r, struct cask_config_scope *scope)
{
    const char *value;

    if (!is_aliased(r)) {
        return;
    }
    value = apr_table_get(r->notes, NOTE_PROCESS_GROUP);
    scope->process_group = value != NULL ? value : scope->process_group;
    value = apr_table_get(r->notes, NOTE_APP_GROUP);
    scope->application_group = value != NULL ? value : scope->application_group;
    value = apr_table_get(r->notes, NOTE_CALLABLE);
    scope->callable_object = value != NULL ? value : scope->callable_object;
    value = apr_table_get(r->notes, NOTE_AUTHORIZATION);
    scope->pass_authorization = value != NULL ? *value == '1' : scope->pass_authorization;
}

int
cask_routing_resolve(request_rec *r, struct cask_route *ret_route)
{
    const struct cask_expand_facts facts = {
        .server_name = r->server->server_hostname,
        .host = r->hostname,
        .port = configured_port(r),
        .uri = r->uri,
        .path_info = r->path_info,
        .lookup = look_up_variable,
        .context = r,
    };
    struct cask_route route = {.group = NULL};
    struct cask_config_scope *scope = &route.values;
    int status = check_target(r);

    if (status != OK) {
        return status;
    }
    cask_config_scope_of(cask_config_of_request(r), scope);
    apply_alias_options(r, scope);
    route.process_group = expand_group(r, "WSGIProcessGroup", scope->process_group, &facts);
    if (route.process_group == NULL) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    route.application_group =
        expand_group(r, "WSGIApplicationGroup", scope->application_group, &facts);
    if (route.application_group == NULL) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    status = cask_restrict_check(r, &scope, route.process_group, route.application_group);
    if (status != OK) {
        return status;
    }
    status = choose_group(r, &route);
    if (status != OK) {
        return status;
    }
    route.callable = cask_expand_callable(scope->callable_object, &facts, r->pool);
    route.script = r->filename;
    *ret_route = route;
    return OK;
}
