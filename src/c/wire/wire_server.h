/* SPDX-License-Identifier: Apache-2.0 */
/* wire/wire_server.h - a daemon's side: accepts connections from httpd and turns frames into
 * requests.
 *
 * Owns:    the epoll set, the connections on it; borrows the group's listening socket.
 * Threads: every worker thread calls cask_wire_server_next() and then cask_wire_server_done() for
 *          what it got; stop from any thread.
 * Fork:    made after fork and exec; calls from another process are refused.
 * Invariants:
 *   (1) a connection has at most one request between HEAD and END, served by one thread;
 *   (2) credit granted minus bytes received is never negative;
 *   (3) nothing is read from a connection before its peer's uid and secret were right.
 */
#ifndef CASK_WIRE_WIRE_SERVER_H
#define CASK_WIRE_WIRE_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/frame.h"
#include "request/exchange.h"

struct cask_wire_server;
struct cask_wire_job; /* one request being served */
struct cask_problem;

struct cask_wire_server_config {
    int listen_fd;   /* keep_ */
    uid_t httpd_uid; /* only this uid (or root) may connect */
    unsigned char secret[CASK_FRAME_SECRET_SIZE];
    uint32_t row;
    uint32_t generation;
    uint32_t threads;
    uint32_t python_version;
    int64_t socket_timeout_us; /* each single wait for httpd to read or send; 0: none */
};

int cask_wire_server_new(struct cask_wire_server **ret_server,
                         const struct cask_wire_server_config *config,
                         struct cask_problem *reterr_problem);
struct cask_wire_server *cask_wire_server_free(struct cask_wire_server *server);

/* Waits for the next request. 0; ESHUTDOWN after cask_wire_server_stop() once nothing more is to be
 * taken by this thread. A defect of one connection closes that connection only. The exchange's
 * request lives until done. */
int cask_wire_server_next(struct cask_wire_server *server, uint32_t thread_id,
                          struct cask_wire_job **ret_job);
const struct cask_exchange *cask_wire_job_exchange(const struct cask_wire_job *job);
/* Ends the request: END was sent by finish(); otherwise ABORT or REFUSED with outcome and problem.
 * Re-arms or closes the connection. */
void cask_wire_server_done(struct cask_wire_server *server, struct cask_wire_job *steal_job,
                           enum cask_outcome outcome, const struct cask_problem *problem);

/* Drain: accept no more, GOAWAY on every idle connection and on the others when their request has
 * ended (requests that crossed it on the wire are still served). Threads leave next() with
 * ESHUTDOWN when no connection is left. */
void cask_wire_server_drain(struct cask_wire_server *server);
/* Stop: threads leave next() at once; idle connections are closed. */
void cask_wire_server_stop(struct cask_wire_server *server);
uint32_t cask_wire_server_active(const struct cask_wire_server *server); /* requests being served */

#endif
