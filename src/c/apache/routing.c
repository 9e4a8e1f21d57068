/* SPDX-License-Identifier: Apache-2.0 */
/* apache/routing.c - from a request to its script, group, interpreter and callable.
 *
 * Owns:    nothing; results live in the request pool.
 * Touches: frozen records of apache/config.
 * Threads: request threads.
 *
 * What counts, the strongest first: the answers of a dispatch script, the options of the alias or
 * handler script, the directory, the server, the default. Names are expanded last.
 */
#include "apache/routing.h"

#include "apache/alias.h"
#include "apache/asked.h"
#include "apache/config.h"
#include "apache/dispatch.h"
#include "apache/expand.h"
#include "apache/logsink.h"
#include "apache/restrict.h"
#include "apache/script_owner.h"

#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

/* What a WSGIHandlerScript must have. */
#define HANDLER_CALLABLE "handle_request"

bool
cask_routing_is_builtin(const char *handler)
{
    return strcmp(handler, CASK_ALIAS_HANDLER) == 0 ||
           strcmp(handler, "application/x-httpd-wsgi") == 0;
}

/* The handler script that the request's handler is the name of, or NULL. */
static const struct cask_config_script *
find_handler_script(const request_rec *r)
{
    apr_hash_t *scripts = cask_config_of_request(r)->scope.handler_scripts;

    return scripts != NULL ? apr_hash_get(scripts, r->handler, APR_HASH_KEY_STRING) : NULL;
}

bool
cask_routing_is_ours(const request_rec *r)
{
    return r->handler != NULL &&
           (cask_routing_is_builtin(r->handler) || find_handler_script(r) != NULL);
}

/* OK, or a status with the line logged. */
static int
check_path_info(request_rec *r)
{
    if (r->used_path_info == AP_REQ_REJECT_PATH_INFO && r->path_info != NULL &&
        r->path_info[0] != '\0') {
        cask_logsink_line(r, 123, "script '%s': AcceptPathInfo is Off, '%s' behind it is refused",
                          r->filename, r->path_info);
        return HTTP_NOT_FOUND;
    }
    return OK;
}

/* May the file be run, and is it there? OK or a status with the line logged. */
static int
check_target(request_rec *r)
{
    if (!cask_alias_led_here(r) && (ap_allow_options(r) & OPT_EXECCGI) == 0) {
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
    return check_path_info(r);
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

const char *
cask_routing_expand(request_rec *r, const char *directive, const char *value,
                    const struct cask_expand_facts *facts)
{
    const char *name = cask_expand_group(value, facts, r->pool);

    if (name == NULL) {
        cask_logsink_line(r, 127,
                          "%s '%s': for this request the variable is not set, or its value is "
                          "another %%{...} that is not expanded",
                          directive, value);
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
    if (group->spec.script_user != NULL || group->spec.script_group != NULL) {
        return cask_script_owner_check(r, group, route->script, route->script_status);
    }
    return OK;
}

void
cask_routing_facts(request_rec *r, struct cask_expand_facts *ret_facts)
{
    *ret_facts = (struct cask_expand_facts){
        .server_name = r->server->server_hostname,
        .host = r->hostname,
        .port = configured_port(r),
        .uri = r->uri,
        .path_info = r->path_info,
        .lower_case = cask_config_main()->case_sensitivity == 0,
        .lookup = look_up_variable,
        .context = r,
    };
}

void
cask_routing_script_id(const apr_finfo_t *status, struct cask_script_id *ret_id)
{
    *ret_id = (struct cask_script_id){.device = 0};
    if (status->filetype != APR_NOFILE) {
        ret_id->device = (uint64_t)status->device;
        ret_id->inode = (uint64_t)status->inode;
        ret_id->size = (uint64_t)status->size;
        ret_id->mtime_ns = (int64_t)status->mtime * 1000;
    }
}

/* The script is the resource itself. OK or a status with the line logged. */
static int
use_resource(request_rec *r, struct cask_route *route)
{
    cask_alias_apply(r, &route->values);
    route->script = r->filename;
    route->handler_script = "";
    route->script_status = &r->finfo;
    return check_target(r);
}

/* A script that answers for resources of any kind, which need not exist. OK or a status with the
 * line logged. */
static int
use_handler_script(request_rec *r, const struct cask_config_script *script,
                   struct cask_route *route)
{
    struct cask_config_scope *values = &route->values;

    if (script->process_group != NULL) {
        values->process_group = script->process_group;
    }
    if (script->application_group != NULL) {
        values->application_group = script->application_group;
    }
    if (script->pass_authorization >= 0) {
        values->pass_authorization = script->pass_authorization;
    }
    values->callable_object = HANDLER_CALLABLE;
    route->script = script->path;
    route->handler_script = script->path;
    route->script_status = cask_asked_look(r, script);
    return route->script_status != NULL ? check_path_info(r) : HTTP_INTERNAL_SERVER_ERROR;
}

/* Names, as the values have them, expanded. OK or a status with the line logged. */
static int
expand_names(request_rec *r, struct cask_route *route)
{
    const struct cask_config_scope *values = &route->values;
    struct cask_expand_facts facts;

    cask_routing_facts(r, &facts);
    route->process_group =
        cask_routing_expand(r, "WSGIProcessGroup", values->process_group, &facts);
    if (route->process_group == NULL) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    route->application_group =
        cask_routing_expand(r, "WSGIApplicationGroup", values->application_group, &facts);
    if (route->application_group == NULL) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    route->callable = cask_expand_callable(values->callable_object, &facts, r->pool);
    return OK;
}

int
cask_routing_resolve(request_rec *r, struct cask_route *ret_route)
{
    const struct cask_config_script *handler = NULL;
    struct cask_route route = {.group = NULL};
    int status;

    if (r->method_number == M_CONNECT) {
        cask_logsink_line(r, 162, "CONNECT: no application can be a tunnel");
        return HTTP_METHOD_NOT_ALLOWED; /* for the client, an application's 200 would open one */
    }
    if (!cask_routing_is_builtin(r->handler)) {
        handler = find_handler_script(r);
    }
    cask_config_scope_of(cask_config_of_request(r), &route.values);
    status = handler != NULL ? use_handler_script(r, handler, &route) : use_resource(r, &route);
    if (status == OK && route.values.dispatch_script != NULL) {
        status = cask_dispatch_ask(r, &route);
    }
    if (status == OK) {
        status = expand_names(r, &route);
    }
    if (status == OK) {
        status =
            cask_restrict_check(r, &route.values, route.process_group, route.application_group);
    }
    if (status == OK) {
        status = choose_group(r, &route);
    }
    if (status == OK) {
        *ret_route = route;
    }
    return status;
}
