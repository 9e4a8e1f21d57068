/* SPDX-License-Identifier: Apache-2.0 */
/* apache/check_imports.c - import scripts that are not there, and service groups (threads=0) that
 * have none or are sent requests.
 *
 * Owns:    nothing; texts live in the pool given.
 * Touches: resolved records of apache/config, the file system (looking only).
 * Threads: configuration time, single-threaded.
 */
#include "apache/check_imports.h"

#include "apache/check_access.h"
#include "apache/config.h"
#include "apache/notice.h"
#include "apache/pythons.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const struct cask_config_group *
find_group(const struct cask_config_main *main_config, const char *name)
{
    return apr_hash_get(main_config->groups, name, APR_HASH_KEY_STRING);
}

/* Can httpd's children start Python for it? */
static void
check_embedded(const struct cask_config_main *main_config, const struct cask_config_script *script,
               apr_pool_t *pool)
{
    const struct cask_python *python = main_config->embedded_python;

    if (python->fault != NULL) {
        cask_notice_server(script->server, pool, python->fault_number, "%s at %s: %s",
                           script->directive, script->location, python->fault);
    } else if (python->libpython_fault != NULL) {
        cask_notice_server(script->server, pool, 105, "%s at %s: %s", script->directive,
                           script->location, python->libpython_fault);
    }
}

static void
check_import(const struct cask_config_main *main_config, const struct cask_config_script *script,
             apr_pool_t *pool)
{
    const struct cask_config_group *group = find_group(main_config, script->process_group);
    struct stat status;

    if (stat(script->path, &status) != 0) {
        cask_notice_server(script->server, pool, 151, "%s at %s: script '%s': %s",
                           script->directive, script->location, script->path, strerror(errno));
    } else if (group != NULL) {
        cask_check_access_group(group, script->path, CASK_ACCESS_READ, pool);
    }
    if (script->process_group[0] == '\0') {
        check_embedded(main_config, script, pool);
    }
}

/* Does this directive send requests to the group it names? */
static bool
sends_requests(const struct cask_config_mention *mention)
{
    return strcmp(mention->directive, "WSGIProcessGroup") == 0 ||
           strcmp(mention->directive, "WSGIScriptAlias") == 0 ||
           strcmp(mention->directive, "WSGIScriptAliasMatch") == 0 ||
           strcmp(mention->directive, "WSGIHandlerScript") == 0;
}

static void
check_mention(const struct cask_config_main *main_config, const struct cask_config_mention *mention,
              apr_pool_t *pool)
{
    const struct cask_config_group *group = find_group(main_config, mention->name);

    if (group != NULL && group->spec.threads == 0 && sends_requests(mention)) {
        cask_notice_server(mention->server, pool, 153,
                           "%s at %s: group '%s' (%s) has threads=0 and serves no requests",
                           mention->directive, mention->location, mention->name, group->location);
    }
}

void
cask_check_imports_warn(const struct cask_config_main *main_config, apr_pool_t *pool)
{
    const struct cask_config_script *scripts =
        (const struct cask_config_script *)main_config->imports->elts;
    const struct cask_config_mention *mentions =
        (const struct cask_config_mention *)main_config->mentions->elts;
    struct cask_config_group **groups = (struct cask_config_group **)main_config->group_list->elts;

    for (int i = 0; i < main_config->imports->nelts; i++) {
        check_import(main_config, &scripts[i], pool);
    }
    for (int i = 0; i < main_config->mentions->nelts; i++) {
        check_mention(main_config, &mentions[i], pool);
    }
    for (int i = 0; i < main_config->group_list->nelts; i++) {
        if (groups[i]->spec.threads == 0 && groups[i]->spec.n_apps == 0) {
            cask_notice_server(groups[i]->server, pool, 152,
                               "group '%s' at %s has threads=0 and no WSGIImportScript: its "
                               "processes have nothing to do",
                               groups[i]->spec.name, groups[i]->location);
        }
    }
}
