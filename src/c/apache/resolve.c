/* SPDX-License-Identifier: Apache-2.0 */
/* apache/resolve.c - fills what only the whole configuration tells.
 *
 * Owns:    nothing; results live in pconf.
 * Touches: records of apache/config (written here for the last time), the file system (looking
 *          only), httpd's user, MPM and log settings.
 * Threads: configuration time, single-threaded.
 */
#include "apache/resolve.h"

#include "apache/check.h"
#include "apache/config.h"
#include "apache/expand.h"
#include "apache/pythons.h"
#include "apache/restrict.h"
#include "apache/routing.h"
#include "platform/clock.h"
#include "platform/cred.h"

#include <ap_mpm.h>
#include <http_core.h>
#include <http_log.h>
#include <http_main.h>
#include <unixd.h>
#include <apr_strings.h>

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

APLOG_USE_MODULE(wsgi);

/* Ids of the group's processes. Unknown names were refused when the option was read. */
static void
resolve_ids(struct cask_group_spec *spec)
{
    gid_t primary = 0;

    if (geteuid() != 0) {
        spec->uid = geteuid();
        spec->gid = getegid();
        spec->httpd_uid = geteuid();
        return;
    }
    spec->httpd_uid = ap_unixd_config.user_id;
    spec->uid = ap_unixd_config.user_id;
    spec->gid = ap_unixd_config.group_id;
    if (spec->user != NULL) {
        (void)cask_cred_user(spec->user, &spec->uid, &primary, NULL);
    }
    if (spec->group != NULL) {
        (void)cask_cred_group(spec->group, &spec->gid, NULL);
    }
    if (spec->socket_user != NULL) {
        (void)cask_cred_user(spec->socket_user, &spec->httpd_uid, &primary, NULL);
    }
}

static void
resolve_script_owner(struct cask_config_group *group)
{
    gid_t primary = 0;

    if (group->spec.script_user != NULL) {
        (void)cask_cred_user(group->spec.script_user, &group->script_uid, &primary, NULL);
    }
    if (group->spec.script_group != NULL) {
        (void)cask_cred_group(group->spec.script_group, &group->script_gid, NULL);
    }
}

/* Every %{GROUP} becomes (wsgi:name). */
static const char *
expand_display_name(const char *text, const char *name, apr_pool_t *pool)
{
    static const char token[] = "%{GROUP}";
    const char *at = strstr(text, token);

    while (at != NULL) {
        const char *head = apr_pstrcat(pool, apr_pstrmemdup(pool, text, (size_t)(at - text)),
                                       "(wsgi:", name, ")", NULL);

        text = apr_pstrcat(pool, head, at + sizeof(token) - 1, NULL);
        at = strstr(text + strlen(head), token);
    }
    return text;
}

static void
resolve_python(struct cask_config_group *group, const struct cask_config_main *main_config,
               apr_pool_t *pool)
{
    struct cask_group_spec *spec = &group->spec;
    const char *home = spec->python_home != NULL ? spec->python_home : main_config->python_home;
    const struct cask_python *python = cask_pythons_find(home, pool);

    group->python = python;
    spec->python_home = python->home;
    spec->interpreter = python->interpreter;
    spec->engine = python->engine;
    spec->package_dir = python->package_dir;
    spec->fault = python->fault;
}

static void
resolve_httpd(struct cask_group_spec *spec, const server_rec *server)
{
    ap_version_t version;

    ap_get_server_revision(&version);
    spec->httpd_version[0] = version.major;
    spec->httpd_version[1] = version.minor;
    spec->httpd_version[2] = version.patch;
    spec->httpd_description = ap_get_server_description();
    spec->httpd_built = ap_get_server_built();
    spec->mpm_name = ap_show_mpm();
    if (ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &spec->mpm_processes) != APR_SUCCESS) {
        spec->mpm_processes = 1;
    }
    if (ap_mpm_query(AP_MPMQ_MAX_THREADS, &spec->mpm_threads) != APR_SUCCESS ||
        spec->mpm_threads < 1) {
        spec->mpm_threads = 1; /* prefork says 0 */
    }
    spec->log_level = ap_get_server_module_loglevel(server, APLOG_MODULE_INDEX);
    if (spec->response_socket_timeout_us == 0) {
        spec->response_socket_timeout_us = spec->socket_timeout_us;
    }
    if (spec->socket_timeout_us == 0) {
        spec->socket_timeout_us = server->timeout;
    }
}

static void
resolve_group(struct cask_config_group *group, const struct cask_config_main *main_config,
              apr_pool_t *pool)
{
    struct cask_group_spec *spec = &group->spec;

    resolve_ids(spec);
    resolve_script_owner(group);
    resolve_python(group, main_config, pool);
    resolve_httpd(spec, group->server);
    if (spec->display_name != NULL) {
        spec->display_name = expand_display_name(spec->display_name, spec->name, pool);
    }
    group->apps = apr_array_make(pool, 2, sizeof(struct cask_spec_app));
}

/* Adds an application unless the list has it. */
static void
add_app(apr_array_header_t *apps, const struct cask_spec_app *app)
{
    const struct cask_spec_app *known = (const struct cask_spec_app *)apps->elts;

    for (int i = 0; i < apps->nelts; i++) {
        if (strcmp(known[i].script, app->script) == 0 &&
            strcmp(known[i].callable, app->callable) == 0 &&
            strcmp(known[i].application_group, app->application_group) == 0) {
            return;
        }
    }
    *(struct cask_spec_app *)apr_array_push(apps) = *app;
}

/* Both groups literal: the script is loaded before the first request. */
static void
preload_alias(const struct cask_config_alias *alias, struct cask_config_main *main_config,
              apr_pool_t *pool)
{
    struct cask_spec_app app = {.callable = alias->callable_object};
    const struct cask_config_group *group;
    struct cask_config_scope scope;
    struct stat status;
    size_t len = strlen(alias->target);

    if (alias->process_group == NULL || alias->application_group == NULL ||
        !cask_expand_is_literal(alias->process_group) ||
        !cask_expand_is_literal(alias->application_group) ||
        (alias->regex != NULL && strchr(alias->target, '$') != NULL)) {
        return;
    }
    if (app.callable == NULL) {
        cask_config_scope_of(cask_config_of_server_level(alias->server), &scope);
        app.callable = scope.callable_object;
    }
    while (len > 1 && alias->target[len - 1] == '/') {
        len--;
    }
    app.script = apr_pstrmemdup(pool, alias->target, len);
    app.application_group = alias->application_group;
    if (!cask_expand_is_literal(app.callable) || stat(app.script, &status) != 0 ||
        !S_ISREG(status.st_mode)) {
        return;
    }
    if (alias->process_group[0] == '\0') {
        if (!cask_config_restrict_embedded(main_config)) {
            add_app(main_config->embedded_apps, &app);
        }
        return;
    }
    group = apr_hash_get(main_config->groups, alias->process_group, APR_HASH_KEY_STRING);
    if (group != NULL && cask_routing_may_use(alias->server, group)) {
        add_app(group->apps, &app);
    }
}

/* Each alias once: a virtual host's array holds the main server's aliases too. */
static void
preload_server(const server_rec *server, struct cask_config_main *main_config, apr_pool_t *pool)
{
    const apr_array_header_t *aliases = cask_config_of_server(server)->aliases;
    const struct cask_config_alias *alias = (const struct cask_config_alias *)aliases->elts;

    for (int i = 0; i < aliases->nelts; i++) {
        if (alias[i].server == server) {
            preload_alias(&alias[i], main_config, pool);
        }
    }
}

int
cask_resolve_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *main_server)
{
    struct cask_config_main *main_config = cask_config_main();
    struct cask_config_group **groups = (struct cask_config_group **)main_config->group_list->elts;

    main_config->socket_prefix = ap_runtime_dir_relative(
        pconf, main_config->socket_prefix != NULL ? main_config->socket_prefix : "wsgi");
    main_config->embedded_python = cask_pythons_find(main_config->python_home, pconf);
    main_config->embedded_apps = apr_array_make(pconf, 2, sizeof(struct cask_spec_app));
    cask_restrict_resolve(main_config);
    for (int i = 0; i < main_config->group_list->nelts; i++) {
        resolve_group(groups[i], main_config, pconf);
    }
    for (const server_rec *server = main_server; server != NULL; server = server->next) {
        preload_server(server, main_config, pconf);
    }
    for (int i = 0; i < main_config->group_list->nelts; i++) {
        groups[i]->spec.apps = (const struct cask_spec_app *)groups[i]->apps->elts;
        groups[i]->spec.n_apps = (size_t)groups[i]->apps->nelts;
    }
    if (ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_CREATE_PRE_CONFIG) {
        cask_check_warn(main_server, ptemp);
    }
    return OK;
}
