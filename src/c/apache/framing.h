/* SPDX-License-Identifier: Apache-2.0 */
/* apache/framing.h - requests that announce their body in two ways. */
#ifndef CASK_APACHE_FRAMING_H
#define CASK_APACHE_FRAMING_H

#include <httpd.h>

#include <stdbool.h>

/* post_read_request hook, before all others: remembers such a request. */
int cask_framing_look(request_rec *r);
/* Has this request, or the one it was redirected from, both Content-Length and
 * Transfer-Encoding? */
bool cask_framing_is_double(const request_rec *r);

#endif
