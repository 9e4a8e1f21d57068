/* SPDX-License-Identifier: Apache-2.0 */
/* apache/resolve.h - fills what only the whole configuration tells: uids, interpreter, engine,
 * preload lists, MPM figures. */
#ifndef CASK_APACHE_RESOLVE_H
#define CASK_APACHE_RESOLVE_H

#include <httpd.h>

/* First step of post_config (also run by the check and the dump; running it again starts afresh).
 * Only looks at files. Wrong surroundings go to spec.fault; warnings about them are logged only
 * when httpd really starts. OK, or an HTTP status for what must stop the start.
 *
 * Left to the caller: spec.socket_path (made from main->socket_prefix), spec.secret. */
int cask_resolve_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *main_server);

#endif
