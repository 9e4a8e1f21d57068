/* SPDX-License-Identifier: Apache-2.0 */
/* apache/variables.h - a request as applications see it: CGI variables and headers, straight from
 * the request_rec. */
#ifndef CASK_APACHE_VARIABLES_H
#define CASK_APACHE_VARIABLES_H

#include <httpd.h>

#include "request/request.h"

struct cask_route;

/* Fills vars, headers, and the flags HEAD and HTTPS of the request. The arrays are in the request
 * pool; most values are those of the request_rec itself and not copied. Entries of
 * r->subprocess_env (SetEnv, mod_ssl) come first among vars, so that computed ones win. */
void cask_variables_fill(request_rec *r, const struct cask_route *route,
                         struct cask_request *request);

#endif
