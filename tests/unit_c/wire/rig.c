/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/wire/rig.c - a daemon group without httpd and Python. */
#include "rig.h"

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
    if (self.server->rig->calm) {
        unit_calm(true);
    }
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

void
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
void
rig_server_join(struct rig_server *server)
{
    for (uint32_t i = 0; i < server->n_threads; i++) {
        CHECK_INT(pthread_join(server->threads[i], NULL), 0);
    }
    server->n_threads = 0;
    server->server = cask_wire_server_free(server->server);
}

void
rig_server_stop(struct rig_server *server)
{
    cask_wire_server_stop(server->server);
    rig_server_join(server);
}

/* ---- the rig ---- */

/* A row of the board that is READY, of the serving generation. */
uint32_t
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
void
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
void
rig_open_serving(struct rig *rig, uint32_t threads)
{
    rig_open(rig);
    rig_server_start(rig, &rig->server, rig_row(rig, 1, threads, getpid()), 1, threads);
}

void
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

void
rig_open_gate(struct rig *rig)
{
    CHECK(write(rig->gate[1], "g", 1) == 1);
}

/* Waits until a shared counter has the value. */
void
rig_wait_for(const atomic_int *counter, int value)
{
    int64_t deadline_us = cask_clock_mono_us() + RIG_WAIT_US;

    while (atomic_load(counter) != value) {
        CHECK(cask_clock_mono_us() < deadline_us);
        (void)poll(NULL, 0, 1);
    }
}

/* ---- requests ---- */

void
rig_reply_done(struct rig_reply *reply)
{
    cask_buf_done(&reply->body);
    cask_problem_done(&reply->problem);
}

struct cask_request
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
    case CASK_WIRE_HINT:
        reply->n_hints += event->head.n_headers;
        return false;
    case CASK_WIRE_REPLY:
        reply->http_status = event->head.status;
        reply->n_headers = event->head.n_headers;
        reply->file_next = event->file_next;
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
        reply->logged += event->record.text_len;
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
void
rig_carry(struct cask_wire_call *call, const char *script, const char *body, size_t body_len,
          bool wants_continue, struct rig_reply *ret_reply)
{
    const struct cask_request request =
        rig_request(script, ret_reply->announced != 0 ? ret_reply->announced : (int64_t)body_len);
    size_t first = wants_continue ? 0 : body_len;
    struct cask_wire_event event;
    int64_t deadline_us = cask_clock_mono_us() + RIG_WAIT_US;
    bool over = false;
    size_t sent;

    first = first < CASK_FRAME_FIRST_CREDIT ? first : CASK_FRAME_FIRST_CREDIT;
    ret_reply->served = cask_wire_call_peer(call)->served;
    ret_reply->row = cask_wire_call_peer(call)->row;
    ret_reply->status = cask_wire_call_send_head(call, &request, body, first, first == body_len,
                                                 wants_continue, &ret_reply->problem);
    over = ret_reply->status != 0;
    sent = first;
    while (!over) {
        while (sent < body_len && cask_wire_call_credit(call) > 0 &&
               !cask_wire_call_is_pending(call)) {
            size_t part = body_len - sent;

            part = part < cask_wire_call_credit(call) ? part : cask_wire_call_credit(call);
            part = part < 50000 ? part : 50000;
            ret_reply->status = cask_wire_call_send_body(
                call, body + sent, part, sent + part == body_len, &ret_reply->problem);
            if (ret_reply->status != 0) {
                return;
            }
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
        unit_calm(true);
        over = ret_reply->status != 0 || rig_take(ret_reply, &event);
        unit_calm(false);
    }
    ret_reply->unstarted = cask_wire_call_is_unstarted(call);
    ret_reply->reusable = cask_wire_call_is_reusable(call);
}

int
rig_checkout(struct rig *rig, int64_t wait_us, struct cask_wire_call **ret_call,
             struct cask_problem *problem)
{
    int64_t deadline_us = cask_clock_mono_us() + wait_us;

    return cask_wire_client_checkout(rig->client, deadline_us, deadline_us, ret_call, problem);
}

/* One whole request. */
struct rig_reply
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

void
rig_check_text(const struct rig_reply *reply, const char *text)
{
    if (reply->status != 0) {
        (void)fprintf(stderr, "%s\n", reply->problem.text);
    }
    CHECK_INT(reply->status, 0);
    CHECK_INT(reply->http_status, 200);
    CHECK_INT(cask_buf_len(&reply->body), strlen(text));
    CHECK(memcmp(cask_buf_at(&reply->body, 0), text, strlen(text)) == 0);
}

static void *
rig_asker_main(void *context)
{
    struct rig_asker *asker = context;

    asker->reply = rig_ask(asker->rig, asker->script, NULL, 0);
    return NULL;
}

void
rig_asker_start(struct rig_asker *asker, struct rig *rig, const char *script)
{
    *asker = (struct rig_asker){.rig = rig, .script = script};
    CHECK_INT(pthread_create(&asker->thread, NULL, rig_asker_main, asker), 0);
}

void
rig_asker_join(struct rig_asker *asker)
{
    CHECK_INT(pthread_join(asker->thread, NULL), 0);
}
