/* SPDX-License-Identifier: Apache-2.0 */
/* apache/lifecycle.h - start, restart, stop: of httpd's parent with the supervisor, and of its
 * children.
 */
#ifndef CASK_APACHE_LIFECYCLE_H
#define CASK_APACHE_LIFECYCLE_H

#include <httpd.h>

/* Hooks pre_config, post_config, monitor and child_init. */
void cask_lifecycle_register_hooks(apr_pool_t *pool);

#endif
