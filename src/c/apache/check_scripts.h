/* SPDX-License-Identifier: Apache-2.0 */
/* apache/check_scripts.h - warnings about scripts and the URLs that lead to them. */
#ifndef CASK_APACHE_CHECK_SCRIPTS_H
#define CASK_APACHE_CHECK_SCRIPTS_H

#include <httpd.h>

struct cask_config_main;

/* Are the scripts there, can they be read, does each alias get requests, is there a Python for
 * those that run in httpd's own processes? */
void cask_check_scripts_warn(const struct cask_config_main *main_config,
                             const server_rec *main_server, apr_pool_t *pool);

#endif
