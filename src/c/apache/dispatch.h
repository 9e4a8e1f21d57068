/* SPDX-License-Identifier: Apache-2.0 */
/* apache/dispatch.h - WSGIDispatchScript: a script that says where a request goes. */
#ifndef CASK_APACHE_DISPATCH_H
#define CASK_APACHE_DISPATCH_H

#include <httpd.h>

struct cask_route;

/* Asks the dispatch script of the route's values and puts its answers, not expanded yet, in place
 * of theirs. Scripts are known by now, names are not. OK, or a status with the line logged. */
int cask_dispatch_ask(request_rec *r, struct cask_route *route);

#endif
