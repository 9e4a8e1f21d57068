/* SPDX-License-Identifier: Apache-2.0 */
/* apache/check_groups.h - warnings about the surroundings of daemon groups. */
#ifndef CASK_APACHE_CHECK_GROUPS_H
#define CASK_APACHE_CHECK_GROUPS_H

#include <httpd.h>

struct cask_config_main;

/* Python, engine, home and user of each group, and the directory of the sockets. */
void cask_check_groups_warn(const struct cask_config_main *main_config, const server_rec *server,
                            apr_pool_t *pool);

#endif
