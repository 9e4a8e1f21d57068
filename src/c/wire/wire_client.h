/* SPDX-License-Identifier: Apache-2.0 */
/* wire/wire_client.h - an httpd child's side of the connections to one daemon group.
 *
 * Owns:    the pools of idle connections (one LIFO per process row of the board), this child's row
 *          on the board.
 * Threads: the client is shared by all threads of a child; a connection belongs to one thread
 *          between checkout and its end.
 * Fork:    made after fork (child_init); calls from another process are refused.
 *
 * Life of a connection: checkout → send_head → any of send_body/receive → checkin (after END or
 * REPLY|LAST, nothing left unread) or discard. A checkout holds a claim (metrics/board.h); checkin
 * and discard give it back.
 */
#ifndef CASK_WIRE_WIRE_CLIENT_H
#define CASK_WIRE_WIRE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "request/exchange.h"
#include "request/request.h"

struct cask_wire_client;
struct cask_wire_call; /* a checked-out connection */
struct cask_board;
struct cask_problem;

struct cask_wire_client_config {
    const char *group;           /* name, for messages; keep_ */
    const char *socket_path;     /* keep_ */
    const unsigned char *secret; /* CASK_FRAME_SECRET_SIZE bytes; copied */
    struct cask_board *board;    /* keep_; the child has joined as board_child */
    uint32_t board_child;
    uint32_t idle_limit; /* idle connections kept per process row */
};

int cask_wire_client_new(struct cask_wire_client **ret_client,
                         const struct cask_wire_client_config *config,
                         struct cask_problem *reterr_problem);
struct cask_wire_client *cask_wire_client_free(struct cask_wire_client *client);

/* A connection to the least busy process of the serving generation that has a free thread; where
 * there is none (or others wait already), a new one, waiting for a process to accept it and say
 * HELLO until deadline_us. Errors (problem filled): ETIMEDOUT (backlog or HELLO),
 * ECONNREFUSED/ENOENT, EPROTO (bad HELLO), EAGAIN (backlog full until the deadline). */
int cask_wire_client_checkout(struct cask_wire_client *client, int64_t deadline_us,
                              struct cask_wire_call **ret_call,
                              struct cask_problem *reterr_problem);
void cask_wire_client_checkin(struct cask_wire_client *client, struct cask_wire_call *steal_call);
void cask_wire_client_discard(struct cask_wire_client *client, struct cask_wire_call *steal_call);

/* For poll(2) beside the client's socket. */
int cask_wire_call_fd(const struct cask_wire_call *call);
uint32_t cask_wire_call_generation(const struct cask_wire_call *call);
int32_t cask_wire_call_pid(const struct cask_wire_call *call);
/* The connection had served before: a failure before any reply byte may mean that the process ended
 * while it was idle. */
bool cask_wire_call_reused(const struct cask_wire_call *call);
/* Body bytes the daemon is ready to take now. */
size_t cask_wire_call_credit(const struct cask_wire_call *call);

/* Sends HEAD, with the first body bytes inside; last: that is all of the body. wants_continue: the
 * client waits for 100 Continue. Sends block only while the daemon does not read, at most until
 * deadline_us. */
int cask_wire_call_send_head(struct cask_wire_call *call, const struct cask_request *request,
                             const char *body, size_t body_len, bool last, bool wants_continue,
                             int64_t deadline_us, struct cask_problem *reterr_problem);
/* len ≤ credit. */
int cask_wire_call_send_body(struct cask_wire_call *call, const char *body, size_t body_len,
                             bool last, int64_t deadline_us, struct cask_problem *reterr_problem);
/* Tells the daemon that the body or the client is gone; the call must then be received to its end
 * or discarded. */
int cask_wire_call_send_abort(struct cask_wire_call *call, int error,
                              struct cask_problem *reterr_problem);

enum cask_wire_event_kind {
    CASK_WIRE_REPLY,   /* head; body_len bytes of body inside; last: complete */
    CASK_WIRE_DATA,    /* body */
    CASK_WIRE_FILE,    /* fd (the receiver's to close), offset, length: checked to be a regular file
                          that holds them */
    CASK_WIRE_CREDIT,  /* credit has grown */
    CASK_WIRE_LOG,     /* level, text */
    CASK_WIRE_END,     /* complete */
    CASK_WIRE_ABORT,   /* outcome, problem */
    CASK_WIRE_REFUSED, /* not started: outcome STALE or UNAVAILABLE, problem; the request may go to
                          another process */
    CASK_WIRE_GOAWAY,  /* no new requests on this connection; `accepted` tells whether ours was */
};

/* All pointers are into the call's buffers, valid until the next receive. */
struct cask_wire_event {
    enum cask_wire_event_kind kind;
    struct cask_reply_head head;
    const char *data;
    size_t data_len;
    bool last;
    int fd;
    int64_t offset;
    int64_t length;
    enum cask_log_level level;
    enum cask_outcome outcome;
    bool accepted;
};
/* The next event, waiting until deadline_us (0: do not wait). 0; EAGAIN/ETIMEDOUT when there is
 * none; ECONNRESET when the daemon has closed in the middle; EPROTO with a problem when it broke
 * the protocol. For ABORT and REFUSED reterr_problem is filled too and 0 returned. */
int cask_wire_call_receive(struct cask_wire_call *call, int64_t deadline_us,
                           struct cask_wire_event *ret_event, struct cask_problem *reterr_problem);

#endif
