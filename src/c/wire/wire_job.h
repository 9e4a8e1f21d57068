/* SPDX-License-Identifier: Apache-2.0 */
/* wire/wire_job.h - one request inside a daemon: HEAD and DATA in, REPLY and DATA out.
 *
 * A job belongs to one worker thread and serves one request after another, so that its buffers are
 * allocated once. The connection is lent to it by wire_server for the time of a request.
 */
#ifndef CASK_WIRE_WIRE_JOB_H
#define CASK_WIRE_WIRE_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "request/exchange.h"

struct cask_wire_job;
struct cask_problem;

/* socket_timeout_us: each single wait for httpd to read or send; 0: none. */
int cask_wire_job_new(struct cask_wire_job **ret_job, uint32_t thread_id, int64_t socket_timeout_us,
                      struct cask_problem *reterr_problem);
struct cask_wire_job *cask_wire_job_free(struct cask_wire_job *job);

/* Takes the next HEAD from fd (kept until conclude), waiting for its first byte until deadline_us
 * (0: not at all). 0: a request is there. EAGAIN, ETIMEDOUT: nothing has come, the connection is
 * idle and whole. Anything else: the connection is of no use any more. */
int cask_wire_job_take(struct cask_wire_job *job, int fd, int64_t deadline_us);
/* The request taken; valid until conclude. */
const struct cask_exchange *cask_wire_job_exchange(const struct cask_wire_job *job);

/* Sends the end of the request: END when the outcome is DONE and finish() was called, REFUSED for
 * STALE and UNAVAILABLE, else ABORT with the outcome and the problem (NULL where there is none).
 * leaving: GOAWAY with `accepted` goes along; so it does when the rest of the request body is still
 * on its way. *ret_reusable: another request may come on this connection. 0, or the errno with
 * which httpd could not be told. */
int cask_wire_job_conclude(struct cask_wire_job *job, enum cask_outcome outcome,
                           const struct cask_problem *problem, bool leaving, uint32_t accepted,
                           bool *ret_reusable);

#endif
