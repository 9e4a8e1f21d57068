/* SPDX-License-Identifier: Apache-2.0 */
/* apache/access.h - could another user read this? Judged by mode bits, while we are root. */
#ifndef CASK_APACHE_ACCESS_H
#define CASK_APACHE_ACCESS_H

#include <apr_pools.h>

struct cask_cred;

enum cask_access_want {
    CASK_ACCESS_READ,   /* open a file */
    CASK_ACCESS_RUN,    /* execute a file */
    CASK_ACCESS_SEARCH, /* enter a directory */
};

/* NULL when the user may (or it cannot be judged: access control lists, a missing file), else one
 * phrase that names the obstacle: "user 'www-data' may not enter '/root' (drwx------)". path is
 * absolute; symbolic links are followed. */
const char *cask_access_obstacle(const struct cask_cred *cred, const char *path,
                                 enum cask_access_want want, apr_pool_t *pool);

#endif
