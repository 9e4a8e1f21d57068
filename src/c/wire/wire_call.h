/* SPDX-License-Identifier: Apache-2.0 */
/* wire/wire_call.h - one request on its way from httpd to a daemon, and the reply back.
 *
 * Owns:    its buffers, and between checkout and checkin the connection.
 * Threads: the thread that serves the request.
 *
 * Nothing here waits but cask_wire_call_receive(): what the daemon does not take at once is kept
 * and goes out while receiving, or by cask_wire_call_flush(). The daemon is trusted less than
 * httpd: everything it sends is checked, a breach is EPROTO with a problem.
 */
#ifndef CASK_WIRE_WIRE_CALL_H
#define CASK_WIRE_WIRE_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "request/request.h"
#include "wire/wire_event.h"

struct cask_wire_call;
struct cask_problem;

/* A connection and who is at its other end, as HELLO said. */
struct cask_wire_peer {
    int fd;
    uint32_t row; /* on the board */
    uint32_t generation;
    int32_t pid;
    uint32_t served; /* requests sent on it */
    bool claimed;    /* while in use: there is a claim for it on its row */
};

/* For the client. group: for messages; keep_. */
int cask_wire_call_new(struct cask_wire_call **ret_call, const char *group,
                       struct cask_problem *reterr_problem);
struct cask_wire_call *cask_wire_call_free(struct cask_wire_call *call);
/* Begins with this connection, which is the call's from now on. */
void cask_wire_call_attach(struct cask_wire_call *call, const struct cask_wire_peer *peer);
/* Gives the connection back; the call has none then. */
struct cask_wire_peer cask_wire_call_detach(struct cask_wire_call *call);
/* Request and reply are complete and nothing is left over: another request may follow. */
bool cask_wire_call_is_reusable(const struct cask_wire_call *call);

/* The descriptor for poll(2) beside the client's socket. */
const struct cask_wire_peer *cask_wire_call_peer(const struct cask_wire_call *call);
/* Body bytes the daemon is ready to take now. */
size_t cask_wire_call_credit(const struct cask_wire_call *call);
/* Something waits for room in the socket: poll for POLLOUT too. */
bool cask_wire_call_is_pending(const struct cask_wire_call *call);
/* After a failure: the daemon cannot have started the request, so it may be repeated elsewhere. */
bool cask_wire_call_is_unstarted(const struct cask_wire_call *call);

/* HEAD, with the first body bytes inside (at most CASK_FRAME_FIRST_CREDIT, none with
 * wants_continue: the client waits for 100 Continue); last: that is all of the body. Errors of the
 * three: EPIPE or ECONNRESET when the daemon has closed, EMSGSIZE for a HEAD above the limits,
 * ENOMEM. */
int cask_wire_call_send_head(struct cask_wire_call *call, const struct cask_request *request,
                             const char *body, size_t body_len, bool last, bool wants_continue,
                             struct cask_problem *reterr_problem);
/* body_len ≤ credit. */
int cask_wire_call_send_body(struct cask_wire_call *call, const char *body, size_t body_len,
                             bool last, struct cask_problem *reterr_problem);
/* The body breaks off here because of why->error; no more of it afterwards. outcome: BODY_BAD, or
 * CLIENT_GONE when nobody waits for a reply either. */
int cask_wire_call_send_abort(struct cask_wire_call *call, enum cask_outcome outcome,
                              const struct cask_problem *why, struct cask_problem *reterr_problem);
int cask_wire_call_flush(struct cask_wire_call *call, struct cask_problem *reterr_problem);

/* The next event, waiting until deadline_us (0: not at all). 0; EAGAIN or ETIMEDOUT when there is
 * none (no problem then); EPIPE or ECONNRESET when the daemon has closed in the middle; EPROTO when
 * it broke the protocol. For ABORT and REFUSED reterr_problem is filled too and 0 returned. */
int cask_wire_call_receive(struct cask_wire_call *call, int64_t deadline_us,
                           struct cask_wire_event *ret_event, struct cask_problem *reterr_problem);

#endif
