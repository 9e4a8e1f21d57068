/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/wire/rig.h - a daemon group without httpd and Python: board, socket, servers with a fake
 * gateway, and a client that carries one request as apache/remote does. */
#ifndef CASK_UNIT_WIRE_RIG_H
#define CASK_UNIT_WIRE_RIG_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metrics/board.h"
#include "platform/buf.h"
#include "platform/clock.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "platform/process.h"
#include "unit.h"
#include "wire/wire_client.h"
#include "wire/wire_server.h"

#define RIG_THREADS 8
#define RIG_BIG     (8u * 1024u * 1024u)
#define RIG_WAIT_US (10 * CASK_CLOCK_SECOND)
#define RIG_SOON_US (300 * CASK_CLOCK_MS)

/* What tests and servers share, also over a fork. */
struct rig_shared {
    atomic_int entered; /* requests that came to the gate */
    atomic_int served;
    atomic_int gone; /* CLIENT_GONE seen by the gateway */
    atomic_int released;
    atomic_int last_error; /* errno of the last failed read or write */
};

struct rig_server {
    struct cask_wire_server *server;
    pthread_t threads[RIG_THREADS];
    uint32_t n_threads;
    struct rig *rig;
};

struct rig {
    char folder[32];
    char path[64];
    int listen_fd;
    int board_fd;
    struct cask_board *board;
    uint32_t child;
    struct cask_wire_client *client;
    struct rig_shared *shared;
    int gate[2]; /* a request of /wait reads a byte */
    unsigned char secret[CASK_FRAME_SECRET_SIZE];
    struct rig_server server;
    bool calm; /* under torture: the worker threads are spared */
};

struct rig_reply {
    int64_t announced;              /* Content-Length, when set before; else that of the body */
    int status;                     /* of the last receive, or of checkout */
    enum cask_wire_event_kind kind; /* of the last event */
    enum cask_outcome outcome;
    int http_status;
    size_t n_hints; /* headers of early hints */
    size_t n_headers;
    bool file_next; /* REPLY announced a file */
    struct cask_buf body;
    struct cask_problem problem;
    size_t logged;
    bool goaway; /* seen, and accepted */
    bool unstarted;
    bool reusable;
    uint32_t served; /* requests before this one on its connection */
    uint32_t row;
};

/* Serves a request as its script's name says: /hello, /echo, /len, /wait ... (rig_gateway.c). */
enum cask_outcome rig_serve(struct rig *rig, const struct cask_exchange *x,
                            struct cask_problem *problem);

/* A server with worker threads in this process, for the row of the board. */
void rig_server_start(struct rig *rig, struct rig_server *server, uint32_t row, uint32_t generation,
                      uint32_t threads);
/* Joins the threads: the test's time limit catches one that does not leave. */
void rig_server_join(struct rig_server *server);
void rig_server_stop(struct rig_server *server);

/* Everything but a server. */
void rig_open(struct rig *rig);
/* With one server in this process. */
void rig_open_serving(struct rig *rig, uint32_t threads);
void rig_close(struct rig *rig);
/* A row of the board that is READY, of the serving generation. */
uint32_t rig_row(struct rig *rig, uint32_t generation, uint32_t threads, pid_t pid);
/* Lets one request of /wait go on. */
void rig_open_gate(struct rig *rig);
/* Waits until a shared counter has the value. */
void rig_wait_for(const atomic_int *counter, int value);

struct cask_request rig_request(const char *script, int64_t content_length);
int rig_checkout(struct rig *rig, int64_t wait_us, struct cask_wire_call **ret_call,
                 struct cask_problem *problem);
/* Carries the request on a call that has been checked out, to its end. */
void rig_carry(struct cask_wire_call *call, const char *script, const char *body, size_t body_len,
               bool wants_continue, struct rig_reply *ret_reply);
/* One whole request. */
struct rig_reply rig_ask(struct rig *rig, const char *script, const char *body, size_t body_len);
/* The same in a thread of its own. */
struct rig_asker {
    struct rig *rig;
    const char *script;
    struct rig_reply reply;
    pthread_t thread;
};
void rig_asker_start(struct rig_asker *asker, struct rig *rig, const char *script);
void rig_asker_join(struct rig_asker *asker);
/* 200 with this text. */
void rig_check_text(const struct rig_reply *reply, const char *text);
void rig_reply_done(struct rig_reply *reply);

#endif
