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
#define RIG_UNUSED  __attribute__((unused))

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
};

/* ---- the fake gateway ---- */

static void
rig_release(void *owner)
{
    atomic_fetch_add((atomic_int *)owner, 1);
}

static bool
rig_is(const struct cask_request *request, const char *script)
{
    return request->app.script.len == strlen(script) &&
           memcmp(request->app.script.data, script, strlen(script)) == 0;
}

static int
rig_start(const struct cask_exchange *x, int64_t length, struct cask_problem *problem)
{
    const struct cask_field headers[] = {
        {.name = {"Content-Type", 12}, .value = {"text/plain", 10}},
        {.name = {"X-Twice", 7}, .value = {"1", 1}},
        {.name = {"X-Twice", 7}, .value = {"2", 1}},
    };
    const struct cask_reply_head head = {.status = 200,
                                         .reason = {"OK", 2},
                                         .headers = headers,
                                         .n_headers = 3,
                                         .content_length = length};

    return x->reply_ops->start(x->reply, &head, problem);
}

static int
rig_text(const struct cask_exchange *x, const char *text, struct cask_problem *problem)
{
    int status = rig_start(x, (int64_t)strlen(text), problem);

    if (status == 0) {
        status = x->reply_ops->write(x->reply, text, strlen(text), NULL, NULL, problem);
    }
    return status == 0 ? x->reply_ops->finish(x->reply, problem) : status;
}

/* Reads the whole body; echo: writes it too. */
static int
rig_read_all(const struct cask_exchange *x, bool echo, size_t *ret_len,
             struct cask_problem *problem)
{
    char *buffer = malloc(60000);
    size_t len = 0;
    int status = 0;

    while (status == 0) {
        ssize_t got = x->body_ops->read(x->body, buffer, 60000, problem);

        if (got < 0) {
            status = problem->error;
        } else if (got == 0) {
            break;
        } else if (echo) {
            status = x->reply_ops->write(x->reply, buffer, (size_t)got, NULL, NULL, problem);
        }
        len += got > 0 ? (size_t)got : 0;
    }
    free(buffer);
    *ret_len = len;
    return status;
}

static int
rig_endless(const struct cask_exchange *x, struct cask_problem *problem)
{
    char *block = calloc(1, 65536);
    int status = rig_start(x, -1, problem);

    while (status == 0) {
        status = x->reply_ops->write(x->reply, block, 65536, NULL, NULL, problem);
    }
    free(block);
    return status;
}

static int
rig_send_file(const struct cask_exchange *x, struct cask_problem *problem)
{
    char path[] = "/tmp/cask-unit-file-XXXXXX";
    int fd = mkstemp(path);
    int status = rig_start(x, 10, problem);

    CHECK(fd >= 0);
    (void)unlink(path);
    CHECK(write(fd, "0123456789abcdef", 16) == 16);
    if (status == 0) {
        status = x->reply_ops->send_file(x->reply, fd, 3, 10, problem);
    }
    (void)close(fd);
    return status == 0 ? x->reply_ops->finish(x->reply, problem) : status;
}

static void
rig_log(const struct cask_request *request)
{
    char *line = malloc(70000);

    memset(line, 'l', 70000);
    request->log->write(request->log_context, CASK_LOG_WARNING, "a line", 6);
    request->log->write(request->log_context, CASK_LOG_INFO, line, 70000);
    free(line);
}

static void
rig_gate(struct rig *rig)
{
    char byte;

    atomic_fetch_add(&rig->shared->entered, 1);
    CHECK_INT(cask_net_wait(rig->gate[0], POLLIN, cask_clock_mono_us() + RIG_WAIT_US, NULL), 0);
    CHECK(read(rig->gate[0], &byte, 1) == 1);
}

static enum cask_outcome
rig_come_out(struct rig *rig, int status)
{
    if (status == 0) {
        return CASK_OUTCOME_DONE;
    }
    atomic_store(&rig->shared->last_error, status);
    if (status == EPIPE || status == ECONNRESET) {
        atomic_fetch_add(&rig->shared->gone, 1);
        return CASK_OUTCOME_CLIENT_GONE;
    }
    return CASK_OUTCOME_BODY_BAD;
}

static enum cask_outcome
rig_serve(struct rig *rig, const struct cask_exchange *x, struct cask_problem *problem)
{
    const struct cask_request *request = x->request;
    size_t len = 0;
    char text[64];
    int status;

    if (rig_is(request, "/echo")) {
        status = rig_start(x, -1, problem);
        if (status == 0) {
            status = rig_read_all(x, true, &len, problem);
        }
        return rig_come_out(rig, status == 0 ? x->reply_ops->finish(x->reply, problem) : status);
    }
    if (rig_is(request, "/len")) {
        status = rig_read_all(x, false, &len, problem);
        (void)snprintf(text, sizeof(text), "%zu", len);
        return rig_come_out(rig, status == 0 ? rig_text(x, text, problem) : status);
    }
    if (rig_is(request, "/touch")) { /* the first read of nothing */
        CHECK_INT(x->body_ops->read(x->body, NULL, 0, problem), 0);
        status = rig_read_all(x, false, &len, problem);
        return rig_come_out(rig, status == 0 ? rig_text(x, "touched", problem) : status);
    }
    if (rig_is(request, "/big")) {
        char *data = malloc(RIG_BIG);

        memset(data, 'b', RIG_BIG);
        status = rig_start(x, RIG_BIG, problem);
        if (status == 0) {
            status = x->reply_ops->write(x->reply, data, RIG_BIG, rig_release,
                                         &rig->shared->released, problem);
        }
        free(data);
        return rig_come_out(rig, status == 0 ? x->reply_ops->finish(x->reply, problem) : status);
    }
    if (rig_is(request, "/endless")) {
        return rig_come_out(rig, rig_endless(x, problem));
    }
    if (rig_is(request, "/file")) {
        return rig_come_out(rig, rig_send_file(x, problem));
    }
    if (rig_is(request, "/fail")) {
        cask_problem_set(problem, 0, 501, "it failed");
        cask_problem_detail(problem, "line 1\nline 2", 13);
        return CASK_OUTCOME_FAILED;
    }
    if (rig_is(request, "/cut")) {
        CHECK_INT(rig_start(x, 100, problem), 0);
        CHECK_INT(x->reply_ops->write(x->reply, "part", 4, NULL, NULL, problem), 0);
        CHECK_INT(x->reply_ops->flush(x->reply, problem), 0);
        cask_problem_set(problem, 0, 501, "it failed");
        return CASK_OUTCOME_FAILED;
    }
    if (rig_is(request, "/unfinished")) {
        CHECK_INT(rig_start(x, 100, problem), 0);
        CHECK_INT(x->reply_ops->write(x->reply, "part", 4, NULL, NULL, problem), 0);
        return CASK_OUTCOME_DONE;
    }
    if (rig_is(request, "/stale")) {
        cask_problem_set(problem, 0, 501, "changed");
        return CASK_OUTCOME_STALE;
    }
    if (rig_is(request, "/log")) {
        rig_log(request);
    }
    if (rig_is(request, "/wait")) {
        rig_gate(rig);
    }
    (void)snprintf(text, sizeof(text), "hello %zu %zu", request->n_vars, request->n_headers);
    return rig_come_out(rig, rig_text(x, text, problem));
}

/* ---- servers ---- */

struct rig_thread {
    struct rig_server *server;
    uint32_t id;
};

static void *
rig_thread_main(void *context)
{
    struct rig_thread self = *(struct rig_thread *)context;
    struct cask_wire_job *job = NULL;

    free(context);
    while (cask_wire_server_next(self.server->server, self.id, &job) == 0) {
        struct cask_problem problem = {0};
        enum cask_outcome outcome =
            rig_serve(self.server->rig, cask_wire_job_exchange(job), &problem);

        (void)cask_wire_server_done(self.server->server, self.id, outcome, &problem);
        atomic_fetch_add(&self.server->rig->shared->served, 1);
        cask_problem_done(&problem);
    }
    return NULL;
}

RIG_UNUSED static void
rig_server_start(struct rig *rig, struct rig_server *server, uint32_t row, uint32_t generation,
                 uint32_t threads)
{
    struct cask_wire_server_config config = {
        .listen_fd = rig->listen_fd,
        .terms = {.httpd_uid = getuid(), .row = row, .generation = generation, .threads = threads},
        .socket_timeout_us = RIG_WAIT_US,
    };
    struct cask_problem problem = {0};

    memcpy(config.terms.secret, rig->secret, sizeof(config.terms.secret));
    CHECK_INT(cask_wire_server_new(&server->server, &config, &problem), 0);
    server->rig = rig;
    server->n_threads = threads;
    for (uint32_t i = 0; i < threads; i++) {
        struct rig_thread *thread = malloc(sizeof(*thread));

        *thread = (struct rig_thread){.server = server, .id = i + 1};
        CHECK_INT(pthread_create(&server->threads[i], NULL, rig_thread_main, thread), 0);
    }
}

/* Joins the threads: the test's time limit catches one that does not leave. */
RIG_UNUSED static void
rig_server_join(struct rig_server *server)
{
    for (uint32_t i = 0; i < server->n_threads; i++) {
        CHECK_INT(pthread_join(server->threads[i], NULL), 0);
    }
    server->n_threads = 0;
    server->server = cask_wire_server_free(server->server);
}

RIG_UNUSED static void
rig_server_stop(struct rig_server *server)
{
    cask_wire_server_stop(server->server);
    rig_server_join(server);
}

/* ---- the rig ---- */

/* A row of the board that is READY, of the serving generation. */
RIG_UNUSED static uint32_t
rig_row(struct rig *rig, uint32_t generation, uint32_t threads, pid_t pid)
{
    int row = cask_board_take_row(rig->board, generation, threads);

    CHECK(row >= 0);
    cask_board_set_row(rig->board, (uint32_t)row, CASK_ROW_READY, pid);
    cask_board_set_serving(rig->board, generation);
    cask_board_set_group(rig->board, CASK_GROUP_SERVING, NULL);
    return (uint32_t)row;
}

/* Everything but a server. */
static void
rig_open(struct rig *rig)
{
    const struct cask_board_size size = {.rows = 8, .children = 4};
    struct cask_wire_client_config config = {.group = "rig", .idle_limit = 8};
    struct cask_problem problem = {0};

    memset(rig, 0, sizeof(*rig));
    cask_process_begin(CASK_ROLE_NONE);
    (void)snprintf(rig->folder, sizeof(rig->folder), "/tmp/cask-unit-XXXXXX");
    CHECK(mkdtemp(rig->folder) != NULL);
    (void)snprintf(rig->path, sizeof(rig->path), "%s/s", rig->folder);
    memset(rig->secret, 7, sizeof(rig->secret));
    rig->shared =
        mmap(NULL, sizeof(*rig->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(rig->shared != MAP_FAILED);
    CHECK_INT(pipe(rig->gate), 0);
    CHECK_INT(cask_net_listen(rig->path, 16, (uid_t)-1, &rig->listen_fd, &problem), 0);
    CHECK_INT(cask_board_create(&size, &rig->board_fd, &problem), 0);
    CHECK_INT(cask_board_map(rig->board_fd, true, &rig->board, &problem), 0);
    CHECK_INT(cask_board_join(rig->board, getpid(), &rig->child), 0);
    config.socket_path = rig->path;
    config.secret = rig->secret;
    config.board = rig->board;
    config.board_child = rig->child;
    CHECK_INT(cask_wire_client_new(&rig->client, &config, &problem), 0);
}

/* With one server in this process. */
RIG_UNUSED static void
rig_open_serving(struct rig *rig, uint32_t threads)
{
    rig_open(rig);
    rig_server_start(rig, &rig->server, rig_row(rig, 1, threads, getpid()), 1, threads);
}

static void
rig_close(struct rig *rig)
{
    if (rig->server.server != NULL) {
        rig_server_stop(&rig->server);
    }
    rig->client = cask_wire_client_free(rig->client);
    CHECK_INT(cask_board_claims(rig->board, 0), 0);
    CHECK_INT(cask_board_waiting(rig->board), 0);
    cask_board_leave(rig->board, rig->child);
    rig->board = cask_board_free(rig->board);
    cask_net_close(&rig->board_fd);
    cask_net_close(&rig->listen_fd);
    cask_net_close(&rig->gate[0]);
    cask_net_close(&rig->gate[1]);
    (void)munmap(rig->shared, sizeof(*rig->shared));
    CHECK_INT(unlink(rig->path), 0);
    CHECK_INT(rmdir(rig->folder), 0);
}

RIG_UNUSED static void
rig_open_gate(struct rig *rig)
{
    CHECK(write(rig->gate[1], "g", 1) == 1);
}

/* Waits until a shared counter has the value. */
RIG_UNUSED static void
rig_wait_for(const atomic_int *counter, int value)
{
    int64_t deadline_us = cask_clock_mono_us() + RIG_WAIT_US;

    while (atomic_load(counter) != value) {
        CHECK(cask_clock_mono_us() < deadline_us);
        (void)poll(NULL, 0, 1);
    }
}

/* ---- requests ---- */

struct rig_reply {
    int status;                     /* of the last receive, or of checkout */
    enum cask_wire_event_kind kind; /* of the last event */
    enum cask_outcome outcome;
    int http_status;
    size_t n_headers;
    struct cask_buf body;
    struct cask_problem problem;
    size_t logged;
    bool goaway; /* seen, and accepted */
    bool unstarted;
    bool reusable;
    uint32_t served; /* requests before this one on its connection */
    uint32_t row;
};

RIG_UNUSED static void
rig_reply_done(struct rig_reply *reply)
{
    cask_buf_done(&reply->body);
    cask_problem_done(&reply->problem);
}

static struct cask_request
rig_request(const char *script, int64_t content_length)
{
    static const struct cask_field fields[] = {
        {.name = {"REQUEST_METHOD", 14}, .value = {"POST", 4}},
        {.name = {"EMPTY", 5}},
        {.name = {"x-header", 8}, .value = {"value", 5}},
    };

    return (struct cask_request){
        .app = {.script = {script, (uint32_t)strlen(script)}},
        .content_length = content_length,
        .vars = fields,
        .n_vars = 2,
        .headers = fields + 2,
        .n_headers = 1,
    };
}

/* Takes in one event; true when it was the last. */
static bool
rig_take(struct rig_reply *reply, const struct cask_wire_event *event)
{
    reply->kind = event->kind;
    switch (event->kind) {
    case CASK_WIRE_REPLY:
        reply->http_status = event->head.status;
        reply->n_headers = event->head.n_headers;
        CHECK_INT(cask_buf_add(&reply->body, event->data, event->data_len), 0);
        return event->last;
    case CASK_WIRE_DATA:
        CHECK_INT(cask_buf_add(&reply->body, event->data, event->data_len), 0);
        return false;
    case CASK_WIRE_FILE: {
        char bytes[64];

        CHECK(event->length <= (int64_t)sizeof(bytes));
        CHECK_INT(pread(event->fd, bytes, (size_t)event->length, event->offset), event->length);
        CHECK_INT(cask_buf_add(&reply->body, bytes, (size_t)event->length), 0);
        return false;
    }
    case CASK_WIRE_LOG:
        reply->logged += event->data_len;
        return false;
    case CASK_WIRE_GOAWAY:
        reply->goaway = event->accepted;
        return !event->accepted;
    case CASK_WIRE_CREDIT:
        return false;
    case CASK_WIRE_END:
        return true;
    case CASK_WIRE_ABORT:
    case CASK_WIRE_REFUSED:
        reply->outcome = event->outcome;
        return true;
    }
    return true;
}

/* Carries the request on a call that has been checked out, to its end. */
static void
rig_carry(struct cask_wire_call *call, const char *script, const char *body, size_t body_len,
          bool wants_continue, struct rig_reply *ret_reply)
{
    const struct cask_request request = rig_request(script, (int64_t)body_len);
    size_t first = wants_continue ? 0 : body_len;
    struct cask_wire_event event;
    int64_t deadline_us = cask_clock_mono_us() + RIG_WAIT_US;
    bool over = false;
    size_t sent;

    first = first < CASK_FRAME_FIRST_CREDIT ? first : CASK_FRAME_FIRST_CREDIT;
    ret_reply->served = cask_wire_call_peer(call)->served;
    ret_reply->row = cask_wire_call_peer(call)->row;
    CHECK_INT(cask_wire_call_send_head(call, &request, body, first, first == body_len,
                                       wants_continue, &ret_reply->problem),
              0);
    sent = first;
    while (!over) {
        while (sent < body_len && cask_wire_call_credit(call) > 0 &&
               !cask_wire_call_is_pending(call)) {
            size_t part = body_len - sent;

            part = part < cask_wire_call_credit(call) ? part : cask_wire_call_credit(call);
            part = part < 50000 ? part : 50000;
            CHECK_INT(cask_wire_call_send_body(call, body + sent, part, sent + part == body_len,
                                               &ret_reply->problem),
                      0);
            sent += part;
        }
        ret_reply->status = cask_wire_call_receive(
            call, cask_wire_call_is_pending(call) ? 0 : deadline_us, &event, &ret_reply->problem);
        if (ret_reply->status == EAGAIN) { /* more of the body may go out soon */
            CHECK_INT(
                cask_net_wait(cask_wire_call_peer(call)->fd, POLLIN | POLLOUT, deadline_us, NULL),
                0);
            continue;
        }
        over = ret_reply->status != 0 || rig_take(ret_reply, &event);
    }
    ret_reply->unstarted = cask_wire_call_is_unstarted(call);
    ret_reply->reusable = cask_wire_call_is_reusable(call);
}

static int
rig_checkout(struct rig *rig, int64_t wait_us, struct cask_wire_call **ret_call,
             struct cask_problem *problem)
{
    int64_t deadline_us = cask_clock_mono_us() + wait_us;

    return cask_wire_client_checkout(rig->client, deadline_us, deadline_us, ret_call, problem);
}

/* One whole request. */
RIG_UNUSED static struct rig_reply
rig_ask(struct rig *rig, const char *script, const char *body, size_t body_len)
{
    struct rig_reply reply = {0};
    struct cask_wire_call *call = NULL;

    reply.status = rig_checkout(rig, RIG_WAIT_US, &call, &reply.problem);
    if (reply.status == 0) {
        rig_carry(call, script, body, body_len, false, &reply);
        cask_wire_client_checkin(rig->client, call);
    }
    return reply;
}

RIG_UNUSED static void
rig_check_text(const struct rig_reply *reply, const char *text)
{
    if (reply->status != 0) {
        (void)fprintf(stderr, "%s\n", reply->problem.text);
    }
    CHECK_INT(reply->status, 0);
    CHECK_INT(reply->http_status, 200);
    CHECK_INT(cask_buf_len(&reply->body), strlen(text));
    CHECK(memcmp(reply->body.data + reply->body.begin, text, strlen(text)) == 0);
}

#endif
