/* SPDX-License-Identifier: Apache-2.0 */
/* apache/check_aliases.h - warnings about aliases that lead nowhere or astray. */
#ifndef CASK_APACHE_CHECK_ALIASES_H
#define CASK_APACHE_CHECK_ALIASES_H

#include <httpd.h>

struct cask_config_alias;
struct cask_config_main;

/* The aliases of all servers: are their targets there and readable, and does each get requests? */
void cask_check_aliases_warn(const struct cask_config_main *main_config,
                             const server_rec *main_server, apr_pool_t *pool);
/* The first alias that runs inside httpd, as far as can be told; NULL: none. */
const struct cask_config_alias *
cask_check_aliases_embedded(const struct cask_config_main *main_config,
                            const server_rec *main_server);

#endif
