/* SPDX-License-Identifier: Apache-2.0 */
/* apache/dump.h - the configuration as we understood it, printed. */
#ifndef CASK_APACHE_DUMP_H
#define CASK_APACHE_DUMP_H

#include <httpd.h>

/* test_config hook: `apache2 -t -D DUMP_CASK` prints every group and alias as resolved. */
void cask_dump_config(apr_pool_t *pconf, server_rec *main_server);

#endif
