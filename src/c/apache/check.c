/* SPDX-License-Identifier: Apache-2.0 */
/* apache/check.c - what is checked of a whole configuration.
 *
 * Owns:    nothing; texts live in the temporary pool.
 * Touches: resolved records of apache/config, the file system (looking only; no Python is executed,
 *          no library loaded).
 * Threads: configuration time, single-threaded.
 *
 * Everything here is a warning: wrong words have stopped httpd before, and wrong surroundings of
 * one application must not keep the others from being served.
 */
#include "apache/check.h"

#include "apache/access.h"
#include "apache/config.h"
#include "apache/expand.h"
#include "apache/notice.h"
#include "apache/prefix.h"
#include "apache/pythons.h"
#include "apache/resolve.h"
#include "apache/routing.h"
#include "apache/values.h"
#include "platform/cred.h"

#include <http_core.h>
#include <apr_strings.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
is_embedded_name(const char *name)
{
    return *name == '\0' || strcmp(name, "%{GLOBAL}") == 0;
}

/* A configured name for "did you mean"; "" when none is near. */
static const char *
suggest_group(const struct cask_config_main *main_config, const char *name, apr_pool_t *pool)
{
    struct cask_config_group **groups = (struct cask_config_group **)main_config->group_list->elts;
    size_t n_groups = (size_t)main_config->group_list->nelts;
    const char **names = apr_pcalloc(pool, (n_groups + 1) * sizeof(*names));
    const char *nearest;

    for (size_t i = 0; i < n_groups; i++) {
        names[i] = groups[i]->spec.name;
    }
    nearest = cask_values_nearest(name, names, n_groups, pool);
    return nearest == NULL ? "" : apr_psprintf(pool, "; did you mean '%s'?", nearest);
}

/* Are the daemon groups that directives name defined, and usable there? */
static void
check_mention(const struct cask_config_main *main_config, const struct cask_config_mention *mention,
              apr_pool_t *pool)
{
    const struct cask_config_group *group;

    if (cask_expand_is_unknown(mention->name)) {
        cask_notice_server(mention->server, pool, 112,
                           "%s at %s: '%s' is no expansion we know, it is taken as a name",
                           mention->directive, mention->location, mention->name);
    }
    if (is_embedded_name(mention->name) || mention->name[0] == '%') {
        return;
    }
    group = apr_hash_get(main_config->groups, mention->name, APR_HASH_KEY_STRING);
    if (group == NULL) {
        cask_notice_server(mention->server, pool, 101,
                           "%s at %s: no WSGIDaemonProcess defines a group '%s'%s",
                           mention->directive, mention->location, mention->name,
                           suggest_group(main_config, mention->name, pool));
    } else if (!cask_routing_may_use(mention->server, group)) {
        cask_notice_server(mention->server, pool, 114,
                           "%s at %s: group '%s' belongs to a virtual host of another ServerName "
                           "(%s)",
                           mention->directive, mention->location, mention->name, group->location);
    }
}

/* Whose headers are believed? Everybody's is seldom meant. */
static void
check_headers(const struct cask_config_headers *headers, apr_pool_t *pool)
{
    if (headers->scope->trusted_proxies == NULL &&
        cask_config_of_server_level(headers->server)->scope.trusted_proxies == NULL) {
        cask_notice_server(headers->server, pool, 182,
                           "WSGITrustedProxyHeaders at %s: no WSGITrustedProxies is set with it, "
                           "every client is believed",
                           headers->location);
    }
}

static void
warn_obstacle(const struct cask_config_group *group, const struct cask_cred *cred, const char *path,
              enum cask_access_want want, apr_pool_t *pool)
{
    const char *obstacle = path == NULL ? NULL : cask_access_obstacle(cred, path, want, pool);

    if (obstacle != NULL) {
        cask_notice_server(group->server, pool, 106, "group '%s' at %s needs '%s', but %s",
                           group->spec.name, group->location, path, obstacle);
    }
}

/* The user of a group; false when we are not root and everything runs as us. */
static bool
user_of(const struct cask_group_spec *spec, struct cask_cred *ret_cred)
{
    return geteuid() == 0 && cask_cred_resolve(spec->uid, spec->gid, ret_cred, NULL) == 0;
}

static void
check_home(const struct cask_config_group *group, apr_pool_t *pool)
{
    const struct cask_group_spec *spec = &group->spec;
    struct stat status;

    if (spec->home == NULL) {
        return;
    }
    if (stat(spec->home, &status) != 0) {
        cask_notice_server(group->server, pool, 107, "group '%s' at %s: home '%s': %s", spec->name,
                           group->location, spec->home, strerror(errno));
    } else if (!S_ISDIR(status.st_mode)) {
        cask_notice_server(group->server, pool, 107, "group '%s' at %s: home '%s' is no directory",
                           spec->name, group->location, spec->home);
    }
}

static void
check_group(const struct cask_config_group *group, apr_pool_t *pool)
{
    const struct cask_group_spec *spec = &group->spec;
    struct cask_cred cred;

    if (spec->fault != NULL) {
        cask_notice_server(group->server, pool, group->python->fault_number, "group '%s' at %s: %s",
                           spec->name, group->location, spec->fault);
    }
    check_home(group, pool);
    if (user_of(spec, &cred)) {
        warn_obstacle(group, &cred, spec->home, CASK_ACCESS_SEARCH, pool);
        warn_obstacle(group, &cred, spec->interpreter, CASK_ACCESS_RUN, pool);
        warn_obstacle(group, &cred, spec->engine, CASK_ACCESS_READ, pool);
    }
    if (geteuid() != 0 && (spec->user != NULL || spec->group != NULL) &&
        ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_CREATE_PRE_CONFIG) {
        cask_notice_server(group->server, pool, 113,
                           "group '%s' at %s: user= and group= have no effect, httpd was not "
                           "started by root",
                           spec->name, group->location);
    }
}

/* Sockets lie in a directory: is it there, and ours alone? */
static void
check_sockets(const struct cask_config_main *main_config, server_rec *server, apr_pool_t *pool)
{
    const char *slash = strrchr(main_config->socket_prefix, '/');
    const char *dir = apr_pstrmemdup(pool, main_config->socket_prefix,
                                     (size_t)(slash - main_config->socket_prefix));
    struct stat status;

    dir = *dir != '\0' ? dir : "/";
    if (stat(dir, &status) != 0) {
        cask_notice_server(server, pool, 111, "WSGISocketPrefix '%s': directory '%s': %s",
                           main_config->socket_prefix, dir, strerror(errno));
    } else if ((status.st_mode & S_IWOTH) != 0 ||
               ((status.st_mode & S_IWGRP) != 0 && status.st_gid != 0 &&
                status.st_gid != getegid()) ||
               (status.st_uid != 0 && status.st_uid != geteuid())) {
        cask_notice_server(server, pool, 111,
                           "WSGISocketPrefix '%s': others can write to the directory '%s' (mode "
                           "%04o) and could take the place of a group",
                           main_config->socket_prefix, dir, (unsigned)status.st_mode & 07777);
    }
}

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
    struct cask_cred cred;
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
    if (group != NULL && user_of(&group->spec, &cred)) {
        warn_obstacle(group, &cred, path,
                      S_ISDIR(status.st_mode) ? CASK_ACCESS_SEARCH : CASK_ACCESS_READ, pool);
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
        return is_embedded_name(name);
    }
    for (int i = 0; i < main_config->mentions->nelts; i++) {
        if (mentions[i].server == alias->server && !is_embedded_name(mentions[i].name)) {
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

static void
check_aliases(const struct cask_config_main *main_config, server_rec *main_server, apr_pool_t *pool)
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

void
cask_check_warn(server_rec *main_server, apr_pool_t *ptemp)
{
    const struct cask_config_main *main_config = cask_config_main();
    struct cask_config_group **groups = (struct cask_config_group **)main_config->group_list->elts;
    const struct cask_config_mention *mentions =
        (const struct cask_config_mention *)main_config->mentions->elts;
    const struct cask_config_remark *remarks =
        (const struct cask_config_remark *)main_config->remarks->elts;
    const struct cask_config_headers *headers =
        (const struct cask_config_headers *)main_config->headers->elts;

    for (int i = 0; i < main_config->mentions->nelts; i++) {
        check_mention(main_config, &mentions[i], ptemp);
    }
    for (int i = 0; i < main_config->remarks->nelts; i++) {
        cask_notice_server(remarks[i].server, ptemp, remarks[i].number, "%s", remarks[i].text);
    }
    for (int i = 0; i < main_config->headers->nelts; i++) {
        check_headers(&headers[i], ptemp);
    }
    for (int i = 0; i < main_config->group_list->nelts; i++) {
        check_group(groups[i], ptemp);
    }
    if (main_config->group_list->nelts > 0) {
        check_sockets(main_config, main_server, ptemp);
    }
    check_aliases(main_config, main_server, ptemp);
}

int
cask_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *main_server)
{
    int status;

    (void)plog;
    if (ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK; /* said when the configuration was read first, or by post_config */
    }
    status = cask_resolve_config(pconf, ptemp, main_server);
    if (status == OK) {
        cask_check_warn(main_server, ptemp);
    }
    return status;
}
