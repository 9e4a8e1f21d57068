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
#include "apache/preload.h"
#include "apache/python_options.h"
#include "apache/pythons.h"
#include "apache/restrict.h"
#include "platform/clock.h"
#include "platform/cred.h"

#include <ap_mpm.h>
#include <http_core.h>
#include <http_log.h>
#include <http_main.h>
#include <unixd.h>
#include <apr_strings.h>

#include <string.h>
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
    spec->printed_as_errors = !cask_config_record_levels(server);
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
    cask_python_options_group(spec, main_config, pool);
    resolve_httpd(spec, group->server);
    if (spec->display_name != NULL) {
        spec->display_name = expand_display_name(spec->display_name, spec->name, pool);
    }
}

int
cask_resolve_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *main_server)
{
    struct cask_config_main *main_config = cask_config_main();
    struct cask_config_group **groups = (struct cask_config_group **)main_config->group_list->elts;

    main_config->socket_prefix = ap_runtime_dir_relative(
        pconf, main_config->socket_prefix != NULL ? main_config->socket_prefix : "wsgi");
    if (main_config->control_socket == NULL) {
        main_config->control_socket =
            apr_pstrcat(pconf, main_config->socket_prefix, ".control", NULL);
    }
    main_config->embedded_python = cask_pythons_find(main_config->python_home, pconf);
    cask_restrict_resolve(main_config);
    cask_python_options_embedded(main_config, pconf);
    for (int i = 0; i < main_config->group_list->nelts; i++) {
        resolve_group(groups[i], main_config, pconf);
    }
    cask_preload_resolve(main_server, pconf, ptemp);
    if (ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_CREATE_PRE_CONFIG) {
        cask_check_warn(main_server, ptemp);
    }
    return OK;
}
