/* SPDX-License-Identifier: Apache-2.0 */
/* apache/check_services.h - warnings about service groups: daemon groups with threads=0, which only
 * run import scripts. */
#ifndef CASK_APACHE_CHECK_SERVICES_H
#define CASK_APACHE_CHECK_SERVICES_H

#include <apr_pools.h>

struct cask_config_main;

void cask_check_services_warn(const struct cask_config_main *main_config, apr_pool_t *pool);

#endif
