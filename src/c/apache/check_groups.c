/* SPDX-License-Identifier: Apache-2.0 */
/* apache/check_groups.c - what a daemon group needs and does not find.
 *
 * Owns:    nothing; texts live in the pool given.
 * Touches: resolved records of apache/config, the file system (looking only; no Python is executed,
 *          no library loaded).
 * Threads: configuration time, single-threaded.
 */
#include "apache/check_groups.h"

#include "apache/check_access.h"
#include "apache/config.h"
#include "apache/notice.h"
#include "apache/pythons.h"

#include <http_core.h>
#include <apr_strings.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

    if (spec->fault != NULL) {
        cask_notice_server(group->server, pool, group->python->fault_number, "group '%s' at %s: %s",
                           spec->name, group->location, spec->fault);
    }
    check_home(group, pool);
    if (spec->env_file != NULL && access(spec->env_file, R_OK) != 0) {
        cask_notice_server(group->server, pool, 118, "group '%s' at %s: env-file '%s': %s",
                           spec->name, group->location, spec->env_file, strerror(errno));
    }
    cask_check_access_group(group, spec->home, CASK_ACCESS_SEARCH, pool);
    cask_check_access_group(group, spec->interpreter, CASK_ACCESS_RUN, pool);
    cask_check_access_group(group, spec->engine, CASK_ACCESS_READ, pool);
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
check_sockets(const struct cask_config_main *main_config, const server_rec *server,
              apr_pool_t *pool)
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

void
cask_check_groups_warn(const struct cask_config_main *main_config, const server_rec *server,
                       apr_pool_t *pool)
{
    struct cask_config_group **groups = (struct cask_config_group **)main_config->group_list->elts;

    for (int i = 0; i < main_config->group_list->nelts; i++) {
        check_group(groups[i], pool);
    }
    if (main_config->group_list->nelts > 0) {
        check_sockets(main_config, server, pool);
    }
}
