/* SPDX-License-Identifier: Apache-2.0 */
/* wire/wire_server.h - a daemon's side: accepts connections from httpd and shares the requests on
 * them out to the worker threads.
 *
 * Owns:    the epoll set, the connections in it, a job per worker; borrows the group's listening
 *          socket.
 * Threads: every worker thread calls cask_wire_server_next() and then cask_wire_server_done() for
 *          what it got; drain and stop from any thread.
 * Fork:    made after fork and exec; calls from another process are refused.
 * Invariants:
 *   (1) a connection has at most one request between HEAD and END, served by one thread;
 *   (2) nothing is read from a connection before its peer's uid was right, and no HEAD before its
 *       secret was.
 */
#ifndef CASK_WIRE_WIRE_SERVER_H
#define CASK_WIRE_WIRE_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "request/exchange.h"
#include "wire/wire_hello.h"
#include "wire/wire_job.h"

struct cask_wire_server;
struct cask_board;
struct cask_problem;

struct cask_wire_server_config {
    int listen_fd;                      /* keep_ */
    struct cask_wire_hello_terms terms; /* copied; threads: worker threads, ids from 1 */
    int send_buffer_size;               /* of a connection, bytes; 0: the system's */
    int receive_buffer_size;
    int64_t socket_timeout_us;      /* each single wait for httpd to read or send; 0: none */
    const struct cask_board *board; /* keep_; NULL: none. Once a later generation serves, no
                                       connection is accepted any more */
};

int cask_wire_server_new(struct cask_wire_server **ret_server,
                         const struct cask_wire_server_config *config,
                         struct cask_problem *reterr_problem);
struct cask_wire_server *cask_wire_server_free(struct cask_wire_server *server);

/* Waits for the next request. 0; ESHUTDOWN when there will be none for this thread any more (after
 * stop, or when a drain has come to its end). A defect of one connection closes that connection
 * only. */
int cask_wire_server_next(struct cask_wire_server *server, uint32_t thread_id,
                          struct cask_wire_job **ret_job);
/* Ends the request as cask_wire_job_conclude() says. 0, or the errno with which httpd could not be
 * told: then nobody but the caller can log the problem. */
int cask_wire_server_done(struct cask_wire_server *server, uint32_t thread_id,
                          enum cask_outcome outcome, const struct cask_problem *problem);

/* Drain: accept no more, GOAWAY on every idle connection and on the others when their request has
 * ended. Requests that are there already are still served; one that crosses a GOAWAY on the wire is
 * not, and httpd sees by GOAWAY's number that it may repeat it. Threads leave next() when no
 * connection is left. */
void cask_wire_server_drain(struct cask_wire_server *server);
/* Stop: threads leave next() at once; idle connections get GOAWAY. */
void cask_wire_server_stop(struct cask_wire_server *server);

#endif
