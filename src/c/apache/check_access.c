/* SPDX-License-Identifier: Apache-2.0 */
/* apache/check_access.c - what a user may not read.
 *
 * Owns:    nothing; texts live in the pool given.
 * Touches: apache/access, httpd's user, the file system (looking only).
 * Threads: configuration time, single-threaded.
 */
#include "apache/check_access.h"

#include "apache/config.h"
#include "apache/notice.h"
#include "platform/cred.h"

#include <unixd.h>

#include <unistd.h>

/* What is in the way of a user; NULL: nothing, or it cannot be judged. */
static const char *
obstacle_of(uid_t uid, gid_t gid, const char *path, enum cask_access_want want, apr_pool_t *pool)
{
    struct cask_cred cred;

    if (path == NULL || geteuid() != 0 || cask_cred_resolve(uid, gid, &cred, NULL) != 0) {
        return NULL;
    }
    return cask_access_obstacle(&cred, path, want, pool);
}

void
cask_check_access_group(const struct cask_config_group *group, const char *path,
                        enum cask_access_want want, apr_pool_t *pool)
{
    const struct cask_group_spec *spec = &group->spec;
    const char *obstacle = obstacle_of(spec->uid, spec->gid, path, want, pool);

    if (obstacle != NULL) {
        cask_notice_server(group->server, pool, 106, "group '%s' at %s needs '%s', but %s",
                           spec->name, group->location, path, obstacle);
    }
}

void
cask_check_access_httpd(const server_rec *server, const char *subject, const char *path,
                        enum cask_access_want want, apr_pool_t *pool)
{
    const char *obstacle =
        obstacle_of(ap_unixd_config.user_id, ap_unixd_config.group_id, path, want, pool);

    if (obstacle != NULL) {
        cask_notice_server(server, pool, 136, "%s needs '%s', but %s", subject, path, obstacle);
    }
}
