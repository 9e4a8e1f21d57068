/* SPDX-License-Identifier: Apache-2.0 */
/* apache/slow_request.h - WSGISlowRequests: a line for each request that takes long. */
#ifndef CASK_APACHE_SLOW_REQUEST_H
#define CASK_APACHE_SLOW_REQUEST_H

#include <httpd.h>

struct cask_route;

/* At the end of a request that process `pid` has served (0: none would). */
void cask_slow_request_tell(request_rec *r, const struct cask_route *route, pid_t pid);

#endif
