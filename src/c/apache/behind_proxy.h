/* SPDX-License-Identifier: Apache-2.0 */
/* apache/behind_proxy.h - a request as its client sent it to the outermost proxy. */
#ifndef CASK_APACHE_BEHIND_PROXY_H
#define CASK_APACHE_BEHIND_PROXY_H

#include <httpd.h>

struct cask_config_scope;
struct cask_request;

/* Rewrites variables, headers and the flag HTTPS of a filled request by the headers that
 * WSGITrustedProxyHeaders names. Only to be called when it names some. */
void cask_behind_proxy_apply(request_rec *r, const struct cask_config_scope *values,
                             struct cask_request *request);

#endif
