/* SPDX-License-Identifier: Apache-2.0 */
/* apache/access.c - could another user read this?
 *
 * Owns:    nothing; results live in the pool given.
 * Touches: the file system, looking only.
 * Threads: configuration time.
 *
 * Walks the directories of the path as given and, for links, of the path they lead to. Where a file
 * carries an access control list the mode bits do not tell the truth: no judgement then, for a
 * warning that is wrong is worse than one that is missing.
 */
#include "apache/access.h"

#include "platform/cred.h"

#include <apr_strings.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/xattr.h>
#endif

static bool
has_access_list(const char *path)
{
#ifdef __linux__
    return getxattr(path, "system.posix_acl_access", NULL, 0) > 0;
#else
    (void)path;
    return false;
#endif
}

static bool
in_group(const struct cask_cred *cred, gid_t gid)
{
    if (cred->gid == gid) {
        return true;
    }
    for (size_t i = 0; i < cred->n_groups; i++) {
        if (cred->groups[i] == gid) {
            return true;
        }
    }
    return false;
}

/* bit: 4 read, 1 execute or search. */
static bool
allowed(const struct cask_cred *cred, const char *path, const struct stat *status, unsigned bit)
{
    unsigned mode = (unsigned)status->st_mode;

    if (cred->uid == 0) {
        return true;
    }
    if (status->st_uid == cred->uid) {
        mode >>= 6;
    } else if (in_group(cred, status->st_gid)) {
        mode >>= 3;
    }
    return (mode & bit) != 0 || has_access_list(path);
}

static const char *
phrase(const struct cask_cred *cred, const char *verb, const char *path, const struct stat *status,
       apr_pool_t *pool)
{
    return apr_psprintf(pool, "user '%s' may not %s '%s' (mode %04o)", cred->name, verb, path,
                        (unsigned)status->st_mode & 07777);
}

/* Looks at each directory of path and at its end. */
static const char *
walk(const struct cask_cred *cred, const char *path, enum cask_access_want want, apr_pool_t *pool)
{
    char *part = apr_pstrdup(pool, path);
    struct stat status;

    for (char *at = part; *at != '\0'; at++) {
        char *cut = at == part ? at + 1 : at; /* the root directory keeps its '/' */
        char kept = *cut;

        if (*at != '/') {
            continue;
        }
        *cut = '\0';
        if (stat(part, &status) != 0) {
            return NULL;
        }
        if (S_ISDIR(status.st_mode) && !allowed(cred, part, &status, 1)) {
            return phrase(cred, "enter", part, &status, pool);
        }
        *cut = kept;
    }
    if (stat(path, &status) != 0) {
        return NULL;
    }
    switch (want) {
    case CASK_ACCESS_READ:
        return allowed(cred, path, &status, 4) ? NULL : phrase(cred, "read", path, &status, pool);
    case CASK_ACCESS_RUN:
        return allowed(cred, path, &status, 1) ? NULL : phrase(cred, "run", path, &status, pool);
    case CASK_ACCESS_SEARCH:
        return allowed(cred, path, &status, 1) ? NULL : phrase(cred, "enter", path, &status, pool);
    }
    return NULL;
}

const char *
cask_access_obstacle(const struct cask_cred *cred, const char *path, enum cask_access_want want,
                     apr_pool_t *pool)
{
    const char *obstacle = walk(cred, path, want, pool);
    char *real;

    if (obstacle != NULL) {
        return obstacle;
    }
    real = realpath(path, NULL);
    if (real != NULL && strcmp(real, path) != 0) {
        obstacle = walk(cred, real, want, pool);
    }
    free(real);
    return obstacle;
}
