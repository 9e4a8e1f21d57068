/* SPDX-License-Identifier: Apache-2.0 */
/* apache/relay_limits.h - what the options of a daemon group say about its replies. */
#ifndef CASK_APACHE_RELAY_LIMITS_H
#define CASK_APACHE_RELAY_LIMITS_H

#include <httpd.h>

#include <stdbool.h>
#include <stdint.h>

#include "request/reply.h"

struct cask_group_spec;

/* header-buffer-size: does a header have more bytes? Then the problem says so. */
bool cask_relay_limits_exceeded(const struct cask_group_spec *spec,
                                const struct cask_reply_head *head,
                                struct cask_problem *reterr_problem);
/* response-socket-timeout: how long the client may take to accept more. Returns what was set
 * before; 0: nothing was changed. A stream of HTTP/2 has no socket of its own. */
int64_t cask_relay_limits_client_timeout(const request_rec *r, int64_t timeout_us);

#endif
