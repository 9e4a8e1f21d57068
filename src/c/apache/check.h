/* SPDX-License-Identifier: Apache-2.0 */
/* apache/check.h - what is checked of a whole configuration (architecture.md §6). */
#ifndef CASK_APACHE_CHECK_H
#define CASK_APACHE_CHECK_H

#include <httpd.h>

/* check_config hook: numbered warnings about wrong surroundings, on the terminal of `apache2 -t`
 * and of a start. */
int cask_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                      server_rec *main_server);

/* The same warnings, for the error log of a start; the configuration is resolved. */
void cask_check_warn(server_rec *main_server, apr_pool_t *ptemp);

#endif
