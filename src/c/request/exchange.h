/* SPDX-License-Identifier: Apache-2.0 */
/* request/exchange.h - a request with its two ends, and how serving it came out. */
#ifndef CASK_REQUEST_EXCHANGE_H
#define CASK_REQUEST_EXCHANGE_H

#include "request/body.h"
#include "request/reply.h"
#include "request/request.h"

#include <stdbool.h>

struct cask_exchange {
    const struct cask_request *request;
    const struct cask_body_ops *body_ops;
    void *body;
    const struct cask_reply_ops *reply_ops;
    void *reply;
};

/* How a request came out. Numbers are part of the wire protocol (ABORT frames): append only.
 * Whether the reply had begun is known to the reply's owner, who cuts it off (begun) or answers
 * with the status in brackets (not begun). */
enum cask_outcome {
    CASK_OUTCOME_DONE = 0, /* finish() was called */
    /* The application raised, broke the protocol, or could not be loaded [500]. */
    CASK_OUTCOME_FAILED = 1,
    /* Reading or writing found no client any more [499 in the log, nothing sent]. */
    CASK_OUTCOME_CLIENT_GONE = 2,
    /* The application let a body error (bad chunk, timeout, too large) pass [400, 408, 413]. */
    CASK_OUTCOME_BODY_BAD = 3,
    /* Not started: the script on disk is newer than what is loaded, a reload was asked for. */
    CASK_OUTCOME_STALE = 4,
    CASK_OUTCOME_UNAVAILABLE = 5, /* not started: no application, no process, stopping [503] */
    /* request-timeout, queue-timeout or no reply in socket-timeout [504]. */
    CASK_OUTCOME_TIMEOUT = 6,
    CASK_OUTCOME_LOST = 7,    /* the daemon died or broke the protocol [502] */
    CASK_OUTCOME_MISSING = 8, /* not started: the script file is not there [404] */
};

#endif
