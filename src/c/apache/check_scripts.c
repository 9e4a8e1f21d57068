/* SPDX-License-Identifier: Apache-2.0 */
/* apache/check_scripts.c - scripts that are not there, and aliases that do not lead to them.
 *
 * Owns:    nothing; texts live in the pool given.
 * Touches: resolved records of apache/config, the file system (looking only).
 * Threads: configuration time, single-threaded.
 */
#include "apache/check_scripts.h"

#include "apache/access.h"
#include "apache/check_groups.h"
#include "apache/config.h"
#include "apache/expand.h"
#include "apache/notice.h"
#include "apache/prefix.h"
#include "apache/pythons.h"

#include <apr_strings.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* The daemon group an alias leads to, as far as the server level tells; NULL: embedded or unknown.
 */
static const struct cask_config_group *
group_of(const struct cask_config_main *main_config, const struct cask_config_alias *alias)
{
    const char *name = alias->process_group;

    if (name == NULL) {
        name = cask_config_of_server_level(alias->server)->scope.process_group;
    }
    return name == NULL ? NULL : apr_hash_get(main_config->groups, name, APR_HASH_KEY_STRING);
}

/* Is the script there, and may the user of its group read it? */
static void
check_target(const struct cask_config_main *main_config, const struct cask_config_alias *alias,
             apr_pool_t *pool)
{
    const struct cask_config_group *group = group_of(main_config, alias);
    const char *end = alias->target + strlen(alias->target);
    const char *path;
    struct stat status;

    if (alias->target[0] != '/' || (alias->regex != NULL && strchr(alias->target, '$') != NULL)) {
        return; /* known only at the time of a request */
    }
    while (end > alias->target + 1 && end[-1] == '/') {
        end--;
    }
    path = apr_pstrmemdup(pool, alias->target, (size_t)(end - alias->target));
    if (stat(path, &status) != 0) {
        if (errno != ENOTDIR) { /* else a script with path info behind it */
            cask_notice_server(alias->server, pool, 108, "alias '%s' at %s: script '%s': %s",
                               alias->alias, alias->location, path, strerror(errno));
        }
        return;
    }
    if (group != NULL) {
        cask_check_groups_obstacle(
            group, path, S_ISDIR(status.st_mode) ? CASK_ACCESS_SEARCH : CASK_ACCESS_READ, pool);
    }
}

/* Is the alias of any use behind those before it? */
static void
check_order(const struct cask_config_alias *aliases, int number, apr_pool_t *pool)
{
    const struct cask_config_alias *alias = &aliases[number];
    size_t alias_len = strlen(alias->alias);
    size_t target_len = strlen(alias->target);

    if (alias->regex != NULL) {
        return;
    }
    for (int i = 0; i < number; i++) {
        if (aliases[i].regex == NULL && aliases[i].server == alias->server &&
            cask_prefix_match(alias->alias, aliases[i].alias) != 0) {
            cask_notice_server(alias->server, pool, 109,
                               "alias '%s' at %s never gets a request: '%s' at %s comes first and "
                               "takes them",
                               alias->alias, alias->location, aliases[i].alias,
                               aliases[i].location);
            break;
        }
    }
    if (alias_len > 1 && alias->alias[alias_len - 1] == '/' &&
        alias->target[target_len - 1] != '/') {
        cask_notice_server(alias->server, pool, 110,
                           "alias '%s' at %s ends in '/' and its target does not: '%sx' would be "
                           "'%sx'",
                           alias->alias, alias->location, alias->alias, alias->target);
    }
}

/* Does this alias run inside httpd, as far as can be told? A <Directory> may still send it
 * elsewhere, so any daemon group named in its server counts as an answer. */
static bool
is_embedded(const struct cask_config_main *main_config, const struct cask_config_alias *alias)
{
    const struct cask_config_mention *mentions =
        (const struct cask_config_mention *)main_config->mentions->elts;
    const char *name = alias->process_group;

    if (name == NULL) {
        name = cask_config_of_server_level(alias->server)->scope.process_group;
    }
    if (name != NULL) {
        return cask_expand_is_embedded(name);
    }
    for (int i = 0; i < main_config->mentions->nelts; i++) {
        if (mentions[i].server == alias->server && !cask_expand_is_embedded(mentions[i].name)) {
            return false;
        }
    }
    return true;
}

static void
check_embedded(const struct cask_config_main *main_config, const struct cask_config_alias *alias,
               apr_pool_t *pool)
{
    const struct cask_python *python = main_config->embedded_python;

    if (python->fault != NULL) {
        cask_notice_server(alias->server, pool, python->fault_number,
                           "embedded mode (alias '%s' at %s): %s", alias->alias, alias->location,
                           python->fault);
    } else if (python->libpython_fault != NULL) {
        cask_notice_server(alias->server, pool, 105, "embedded mode (alias '%s' at %s): %s",
                           alias->alias, alias->location, python->libpython_fault);
    }
}

void
cask_check_scripts_warn(const struct cask_config_main *main_config, const server_rec *main_server,
                        apr_pool_t *pool)
{
    bool embedded_seen = cask_config_restrict_embedded(main_config);

    for (const server_rec *server = main_server; server != NULL; server = server->next) {
        const apr_array_header_t *list = cask_config_of_server(server)->aliases;
        const struct cask_config_alias *aliases = (const struct cask_config_alias *)list->elts;

        for (int i = 0; i < list->nelts; i++) {
            if (aliases[i].server != server) {
                continue; /* the main server's, seen there */
            }
            check_target(main_config, &aliases[i], pool);
            check_order(aliases, i, pool);
            if (!embedded_seen && is_embedded(main_config, &aliases[i])) {
                embedded_seen = true; /* one line is enough */
                check_embedded(main_config, &aliases[i], pool);
            }
        }
    }
}
