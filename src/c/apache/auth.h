/* SPDX-License-Identifier: Apache-2.0 */
/* apache/auth.h - scripts that decide who may see what: WSGIAccessScript, WSGIAuthUserScript and
 * WSGIAuthGroupScript in httpd's access control. */
#ifndef CASK_APACHE_AUTH_H
#define CASK_APACHE_AUTH_H

#include <apr_pools.h>

/* register_hooks: the access checker, the authentication provider `wsgi` (Basic and Digest) and the
 * authorization provider of `Require wsgi-group`. */
void cask_auth_register_hooks(apr_pool_t *pool);

#endif
