/* SPDX-License-Identifier: Apache-2.0 */
/* apache/check_scripts.c - scripts that are not there, and embedded mode without a Python.
 *
 * Owns:    nothing; texts live in the pool given.
 * Touches: resolved records of apache/config, the file system (looking only).
 * Threads: configuration time, single-threaded.
 */
#include "apache/check_scripts.h"

#include "apache/check_access.h"
#include "apache/check_aliases.h"
#include "apache/config.h"
#include "apache/expand.h"
#include "apache/notice.h"
#include "apache/pythons.h"

#include <apr_strings.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* The process group that runs a script, as far as the server level tells: "" embedded, NULL
 * unknown. Only handler scripts run in groups. */
static const char *
process_group_of(const struct cask_config_script *script)
{
    const char *name = script->process_group;

    if (name == NULL && script->handler == NULL) {
        return ""; /* httpd asks it */
    }
    if (name == NULL) {
        name = cask_config_of_server_level(script->server)->scope.process_group;
    }
    if (name != NULL && cask_expand_is_embedded(name)) {
        return "";
    }
    return name != NULL && cask_expand_is_literal(name) ? name : NULL;
}

static void
check_script(const struct cask_config_main *main_config, const struct cask_config_script *script,
             unsigned number, apr_pool_t *pool)
{
    const char *subject = apr_psprintf(pool, "%s at %s", script->directive, script->location);
    const char *name = process_group_of(script);
    const struct cask_config_group *group;
    struct stat status;

    if (stat(script->path, &status) != 0) {
        cask_notice_server(script->server, pool, number, "%s: script '%s': %s", subject,
                           script->path, strerror(errno));
        return;
    }
    if (S_ISDIR(status.st_mode)) {
        cask_notice_server(script->server, pool, number, "%s: script '%s' is a directory", subject,
                           script->path);
        return;
    }
    if (name == NULL) {
        return;
    }
    group = apr_hash_get(main_config->groups, name, APR_HASH_KEY_STRING);
    if (group != NULL) {
        cask_check_access_group(group, script->path, CASK_ACCESS_READ, pool);
    } else if (*name == '\0') {
        cask_check_access_httpd(script->server, subject, script->path, CASK_ACCESS_READ, pool);
    }
}

/* A script that runs inside httpd for certain; NULL: none. */
static const struct cask_config_script *
embedded_script(const struct cask_config_main *main_config)
{
    const struct cask_config_script *const *scripts =
        (const struct cask_config_script *const *)main_config->scripts->elts;
    const struct cask_config_script *imports =
        (const struct cask_config_script *)main_config->imports->elts;

    for (int i = 0; i < main_config->scripts->nelts; i++) {
        if (scripts[i]->handler == NULL) {
            return scripts[i];
        }
    }
    for (int i = 0; i < main_config->imports->nelts; i++) {
        if (imports[i].process_group[0] == '\0') {
            return &imports[i];
        }
    }
    return NULL;
}

/* What runs inside httpd, for a warning; NULL: nothing, as far as can be told. */
static const char *
embedded_subject(const struct cask_config_main *main_config, const server_rec *main_server,
                 const server_rec **ret_server, apr_pool_t *pool)
{
    const struct cask_config_script *script = embedded_script(main_config);
    const struct cask_config_alias *alias = NULL;

    if (!cask_config_restrict_embedded(main_config)) {
        alias = cask_check_aliases_embedded(main_config, main_server);
    }
    if (alias != NULL) {
        *ret_server = alias->server;
        return apr_psprintf(pool, "embedded mode (alias '%s' at %s)", alias->alias,
                            alias->location);
    }
    if (script != NULL) {
        *ret_server = script->server;
        return apr_psprintf(pool, "embedded mode (%s at %s)", script->directive, script->location);
    }
    return NULL;
}

/* One line is enough for all that runs inside httpd. */
static void
check_embedded(const struct cask_config_main *main_config, const server_rec *main_server,
               apr_pool_t *pool)
{
    const struct cask_python *python = main_config->embedded_python;
    const server_rec *server = main_server;
    const char *subject = embedded_subject(main_config, main_server, &server, pool);

    if (subject == NULL) {
        return;
    }
    if (python->fault != NULL) {
        cask_notice_server(server, pool, python->fault_number, "%s: %s", subject, python->fault);
    } else if (python->libpython_fault != NULL) {
        cask_notice_server(server, pool, 105, "%s: %s", subject, python->libpython_fault);
    } else {
        cask_check_access_httpd(server, subject, python->interpreter, CASK_ACCESS_RUN, pool);
        cask_check_access_httpd(server, subject, python->libpython, CASK_ACCESS_READ, pool);
        cask_check_access_httpd(server, subject, python->engine, CASK_ACCESS_READ, pool);
    }
}

void
cask_check_scripts_warn(const struct cask_config_main *main_config, const server_rec *main_server,
                        apr_pool_t *pool)
{
    const struct cask_config_script *const *scripts =
        (const struct cask_config_script *const *)main_config->scripts->elts;
    const struct cask_config_script *imports =
        (const struct cask_config_script *)main_config->imports->elts;

    for (int i = 0; i < main_config->scripts->nelts; i++) {
        check_script(main_config, scripts[i], 135, pool);
    }
    for (int i = 0; i < main_config->imports->nelts; i++) {
        check_script(main_config, &imports[i], 151, pool);
    }
    check_embedded(main_config, main_server, pool);
}
