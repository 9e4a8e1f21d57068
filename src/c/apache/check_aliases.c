/* SPDX-License-Identifier: Apache-2.0 */
/* apache/check_aliases.c - aliases that lead nowhere or astray.
 *
 * Owns:    nothing; texts live in the pool given.
 * Touches: resolved records of apache/config, the file system (looking only).
 * Threads: configuration time, single-threaded.
 */
#include "apache/check_aliases.h"

#include "apache/check_access.h"
#include "apache/config.h"
#include "apache/expand.h"
#include "apache/notice.h"
#include "apache/prefix.h"

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

/* Does this alias run inside httpd, as far as can be told? A <Directory> may still send it
 * elsewhere, so any WSGIProcessGroup in its server that does so counts as an answer. */
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
        if (mentions[i].server == alias->server &&
            strcmp(mentions[i].directive, "WSGIProcessGroup") == 0 &&
            !cask_expand_is_embedded(mentions[i].name)) {
            return false;
        }
    }
    return true;
}

/* The file or directory an alias leads to; NULL: known only at the time of a request. */
static const char *
target_of(const struct cask_config_alias *alias, apr_pool_t *pool)
{
    size_t len = strlen(alias->target);

    if (alias->target[0] != '/' || (alias->regex != NULL && strchr(alias->target, '$') != NULL)) {
        return NULL;
    }
    while (len > 1 && alias->target[len - 1] == '/') {
        len--;
    }
    return apr_pstrmemdup(pool, alias->target, len);
}

/* Is the script there, and may those who run it read it? */
static void
check_target(const struct cask_config_main *main_config, const struct cask_config_alias *alias,
             apr_pool_t *pool)
{
    const struct cask_config_group *group = group_of(main_config, alias);
    const char *path = target_of(alias, pool);
    enum cask_access_want want;
    struct stat status;

    if (path == NULL) {
        return;
    }
    if (stat(path, &status) != 0) {
        if (errno != ENOTDIR) { /* else a script with path info behind it */
            cask_notice_server(alias->server, pool, 108, "alias '%s' at %s: script '%s': %s",
                               alias->alias, alias->location, path, strerror(errno));
        }
        return;
    }
    want = S_ISDIR(status.st_mode) ? CASK_ACCESS_SEARCH : CASK_ACCESS_READ;
    if (group != NULL) {
        cask_check_access_group(group, path, want, pool);
    } else if (is_embedded(main_config, alias)) {
        cask_check_access_httpd(
            alias->server, apr_psprintf(pool, "alias '%s' at %s", alias->alias, alias->location),
            path, want, pool);
    }
}

/* Does `earlier` take every request that `alias` could get? */
static bool
hides(const struct cask_config_alias *earlier, const struct cask_config_alias *alias)
{
    if (earlier->regex != NULL) {
        return alias->regex != NULL && strcmp(earlier->alias, alias->alias) == 0;
    }
    return alias->regex != NULL ? strcmp(earlier->alias, "/") == 0
                                : cask_prefix_match(alias->alias, earlier->alias) != 0;
}

/* Is the alias of any use behind those before it? */
static void
check_order(const struct cask_config_alias *aliases, int number, apr_pool_t *pool)
{
    const struct cask_config_alias *alias = &aliases[number];

    for (int i = 0; i < number; i++) {
        if (aliases[i].server == alias->server && hides(&aliases[i], alias)) {
            cask_notice_server(alias->server, pool, 109,
                               "alias '%s' at %s never gets a request: '%s' at %s comes first and "
                               "takes them",
                               alias->alias, alias->location, aliases[i].alias,
                               aliases[i].location);
            break;
        }
    }
}

static bool
ends_in_slash(const char *text)
{
    return text[strlen(text) - 1] == '/';
}

/* Alias and target end in '/', or neither does. (The alias "/" is the beginning of every URL and
 * goes with both; behind a directory a second '/' is nothing.) */
static void
check_slashes(const struct cask_config_alias *alias, apr_pool_t *pool)
{
    const char *path = target_of(alias, pool);
    struct stat status;

    if (alias->regex != NULL || strcmp(alias->alias, "/") == 0 ||
        ends_in_slash(alias->alias) == ends_in_slash(alias->target)) {
        return;
    }
    if (ends_in_slash(alias->alias)) {
        cask_notice_server(alias->server, pool, 110,
                           "alias '%s' at %s ends in '/' and its target does not: '%sx' would be "
                           "'%sx'",
                           alias->alias, alias->location, alias->alias, alias->target);
    } else if (path != NULL && (stat(path, &status) != 0 || !S_ISDIR(status.st_mode))) {
        cask_notice_server(alias->server, pool, 137,
                           "alias '%s' at %s does not end in '/' and its target does: for the URL "
                           "'%s' itself PATH_INFO is '/' instead of empty",
                           alias->alias, alias->location, alias->alias);
    }
}

void
cask_check_aliases_warn(const struct cask_config_main *main_config, const server_rec *main_server,
                        apr_pool_t *pool)
{
    for (const server_rec *server = main_server; server != NULL; server = server->next) {
        const apr_array_header_t *list = cask_config_of_server(server)->aliases;
        const struct cask_config_alias *aliases = (const struct cask_config_alias *)list->elts;

        for (int i = 0; i < list->nelts; i++) {
            if (aliases[i].server == server) { /* else the main server's, seen there */
                check_target(main_config, &aliases[i], pool);
                check_order(aliases, i, pool);
                check_slashes(&aliases[i], pool);
            }
        }
    }
}

const struct cask_config_alias *
cask_check_aliases_embedded(const struct cask_config_main *main_config,
                            const server_rec *main_server)
{
    for (const server_rec *server = main_server; server != NULL; server = server->next) {
        const apr_array_header_t *list = cask_config_of_server(server)->aliases;
        const struct cask_config_alias *aliases = (const struct cask_config_alias *)list->elts;

        for (int i = 0; i < list->nelts; i++) {
            if (is_embedded(main_config, &aliases[i])) {
                return &aliases[i];
            }
        }
    }
    return NULL;
}
