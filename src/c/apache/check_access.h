/* SPDX-License-Identifier: Apache-2.0 */
/* apache/check_access.h - warnings about what a user may not read. Silent when that cannot be
 * judged, and when we are not root and everything runs as us. */
#ifndef CASK_APACHE_CHECK_ACCESS_H
#define CASK_APACHE_CHECK_ACCESS_H

#include <httpd.h>

#include "apache/access.h"

struct cask_config_group;

/* May the group's user use the path? NULL is no path. */
void cask_check_access_group(const struct cask_config_group *group, const char *path,
                             enum cask_access_want want, apr_pool_t *pool);
/* May httpd's user? `subject` is what needs it: "alias '/x' at file:line". */
void cask_check_access_httpd(const server_rec *server, const char *subject, const char *path,
                             enum cask_access_want want, apr_pool_t *pool);

#endif
