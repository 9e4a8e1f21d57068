/* SPDX-License-Identifier: Apache-2.0 */
/* wire/wire_client.h - an httpd child's side of the connections to one daemon group.
 *
 * Owns:    the pools of idle connections (one LIFO per process row of the board) and of calls;
 *          borrows this child's row on the board.
 * Threads: the client is shared by all threads of a child; a call belongs to one thread between
 *          checkout and its end.
 * Fork:    made after fork (child_init); calls from another process are refused.
 *
 * Life of a call: checkout → send_head → any of send_body/receive → checkin. A checkout holds a
 * claim (metrics/board.h); checkin gives it back.
 */
#ifndef CASK_WIRE_WIRE_CLIENT_H
#define CASK_WIRE_WIRE_CLIENT_H

#include <stdint.h>

#include "proto/frame.h"
#include "wire/wire_call.h"

struct cask_wire_client;
struct cask_board;
struct cask_problem;

struct cask_wire_client_config {
    const char *group;           /* name, for messages; keep_ */
    const char *socket_path;     /* keep_ */
    const unsigned char *secret; /* CASK_FRAME_SECRET_SIZE bytes; copied */
    struct cask_board *board;    /* keep_; the child has joined as board_child */
    uint32_t board_child;
    int send_buffer_size; /* of a connection, bytes; 0: the system's */
    int receive_buffer_size;
    uint32_t idle_limit; /* idle connections kept per process, no more than it has threads */
};

int cask_wire_client_new(struct cask_wire_client **ret_client,
                         const struct cask_wire_client_config *config,
                         struct cask_problem *reterr_problem);
/* All calls have been checked in. Takes no lock: httpd runs cleanups in strange places. */
struct cask_wire_client *cask_wire_client_free(struct cask_wire_client *client);

/* A connection to the least busy process of the serving generation that has a free thread; where
 * there is none (or others wait already), a new one, waiting for a process to take it and say HELLO
 * until queue_us; for room in a full listen backlog until connect_us (both are deadlines). Errors,
 * problem filled: ETIMEDOUT (no process took it), EAGAIN (backlog full), ECONNREFUSED, ENOENT,
 * EACCES … (connect), ECONNRESET (processes close before HELLO), EPROTO (no HELLO of ours),
 * ENOMEM. */
int cask_wire_client_checkout(struct cask_wire_client *client, int64_t connect_us, int64_t queue_us,
                              struct cask_wire_call **ret_call,
                              struct cask_problem *reterr_problem);
/* Ends the call: keeps the connection for the next one, or closes it when it is not reusable. */
void cask_wire_client_checkin(struct cask_wire_client *client, struct cask_wire_call *steal_call);

#endif
