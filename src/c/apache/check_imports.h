/* SPDX-License-Identifier: Apache-2.0 */
/* apache/check_imports.h - warnings about import scripts and the groups that only run those. */
#ifndef CASK_APACHE_CHECK_IMPORTS_H
#define CASK_APACHE_CHECK_IMPORTS_H

#include <apr_pools.h>

struct cask_config_main;

void cask_check_imports_warn(const struct cask_config_main *main_config, apr_pool_t *pool);

#endif
