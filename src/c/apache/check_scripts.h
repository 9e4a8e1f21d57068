/* SPDX-License-Identifier: Apache-2.0 */
/* apache/check_scripts.h - warnings about scripts that directives name, and about embedded mode. */
#ifndef CASK_APACHE_CHECK_SCRIPTS_H
#define CASK_APACHE_CHECK_SCRIPTS_H

#include <httpd.h>

struct cask_config_main;

/* Handler, import, dispatch and access scripts: are they there, can they be read? And is there a
 * Python for what runs in httpd's own processes? */
void cask_check_scripts_warn(const struct cask_config_main *main_config,
                             const server_rec *main_server, apr_pool_t *pool);

#endif
