/* SPDX-License-Identifier: Apache-2.0 */
/* apache/preload.h - what each process loads at its start: import scripts, and aliases whose groups
 * are both literal. */
#ifndef CASK_APACHE_PRELOAD_H
#define CASK_APACHE_PRELOAD_H

#include <httpd.h>

/* Fills the lists of the groups and of embedded mode, in the order of the configuration. Results
 * live in pconf. */
void cask_preload_resolve(server_rec *main_server, apr_pool_t *pconf, apr_pool_t *ptemp);

#endif
