/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/wire/test_transport.c - client and server together: replies, bodies, ends of requests,
 * drains, the queue. */
#include <poll.h>

#include "rig.h"

static void
test_hello(void)
{
    struct rig rig;
    struct rig_reply reply;

    rig_open_serving(&rig, 2);
    for (uint32_t i = 0; i < 5; i++) {
        reply = rig_ask(&rig, "/hello", NULL, 0);
        rig_check_text(&reply, "hello 2 1");
        CHECK_INT(reply.kind, CASK_WIRE_REPLY); /* one message, complete */
        CHECK_INT(reply.n_headers, 3);
        CHECK_INT(reply.served, i); /* the same connection again */
        CHECK(reply.reusable);
        rig_reply_done(&reply);
    }
    rig_close(&rig);
}

static char *
make_body(size_t len)
{
    char *body = malloc(len);

    for (size_t i = 0; i < len; i++) {
        body[i] = (char)(i * 31 + i / 251);
    }
    return body;
}

static void
test_bodies(void)
{
    static const size_t sizes[] = {1,      100,    16383,  16384,   16385,           32768,
                                   262144, 300000, 278528, 2000000, 5u * 1024 * 1024};
    struct rig rig;
    struct rig_reply reply;
    char text[32];

    rig_open_serving(&rig, 2);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *body = make_body(sizes[i]);

        reply = rig_ask(&rig, "/len", body, sizes[i]);
        (void)snprintf(text, sizeof(text), "%zu", sizes[i]);
        rig_check_text(&reply, text);
        CHECK(reply.reusable);
        rig_reply_done(&reply);

        reply = rig_ask(&rig, "/echo", body, sizes[i]);
        CHECK_INT(reply.status, 0);
        CHECK_INT(cask_buf_len(&reply.body), sizes[i]);
        CHECK(memcmp(cask_buf_at(&reply.body, 0), body, sizes[i]) == 0);
        CHECK(reply.reusable);
        rig_reply_done(&reply);
        free(body);
    }
    reply = rig_ask(&rig, "/big", NULL, 0);
    CHECK_INT(reply.kind, CASK_WIRE_END);
    CHECK_INT(cask_buf_len(&reply.body), RIG_BIG);
    CHECK_INT(rig.shared->released, 1);
    rig_reply_done(&reply);
    rig_close(&rig);
}

/* A body may be longer than its Content-Length (an input filter inflates it), shorter, or of
 * unknown length. */
static void
test_lengths(void)
{
    static const int64_t announced[] = {-1, 1, 10, 16384, 16385, 500000, 2000000};
    struct rig rig;
    char *body = make_body(500000);

    rig_open_serving(&rig, 1);
    for (size_t i = 0; i < sizeof(announced) / sizeof(announced[0]); i++) {
        for (int with_continue = 0; with_continue < 2; with_continue++) {
            struct rig_reply reply = {.announced = announced[i]};
            struct cask_wire_call *call = NULL;

            CHECK_INT(rig_checkout(&rig, RIG_WAIT_US, &call, &reply.problem), 0);
            rig_carry(call, "/len", body, 500000, with_continue == 1, &reply);
            rig_check_text(&reply, "500000");
            CHECK(reply.reusable);
            cask_wire_client_checkin(rig.client, call);
            rig_reply_done(&reply);
        }
    }
    free(body);
    rig_close(&rig);
}

/* A body that the application never reads does not hold up its reply. */
static void
test_unread_body(void)
{
    struct rig rig;
    struct rig_reply reply;
    char *body = make_body(1000000);

    rig_open_serving(&rig, 1);
    for (int i = 0; i < 3; i++) {
        reply = rig_ask(&rig, "/hello", body, 1000000);
        rig_check_text(&reply, "hello 2 1");
        CHECK(!reply.reusable);
        CHECK_INT(reply.served, 0); /* a fresh connection each time */
        rig_reply_done(&reply);
    }
    free(body);
    rig_close(&rig);
}

static void
test_continue(void)
{
    struct rig rig;
    struct rig_reply reply = {0};
    struct cask_wire_call *call = NULL;

    rig_open_serving(&rig, 1);
    CHECK_INT(rig_checkout(&rig, RIG_WAIT_US, &call, &reply.problem), 0);
    rig_carry(call, "/touch", "0123456789", 10, true, &reply);
    rig_check_text(&reply, "touched");
    CHECK(reply.reusable);
    cask_wire_client_checkin(rig.client, call);
    rig_reply_done(&reply);

    /* No read, no credit: the client is never asked for its body. */
    reply = (struct rig_reply){0};
    CHECK_INT(rig_checkout(&rig, RIG_WAIT_US, &call, &reply.problem), 0);
    rig_carry(call, "/hello", "0123456789", 10, true, &reply);
    rig_check_text(&reply, "hello 2 1");
    CHECK_INT(cask_wire_call_credit(call), 0);
    cask_wire_client_checkin(rig.client, call);
    rig_reply_done(&reply);
    rig_close(&rig);
}

static void
test_endings(void)
{
    struct rig rig;
    struct rig_reply reply;

    rig_open_serving(&rig, 1);
    reply = rig_ask(&rig, "/fail", NULL, 0);
    CHECK_INT(reply.status, 0);
    CHECK_INT(reply.kind, CASK_WIRE_ABORT);
    CHECK_INT(reply.outcome, CASK_OUTCOME_FAILED);
    CHECK_INT(reply.problem.number, 501);
    CHECK_STR(reply.problem.text, "it failed");
    CHECK_STR(reply.problem.detail, "line 1\nline 2");
    CHECK(reply.reusable);
    rig_reply_done(&reply);

    reply = rig_ask(&rig, "/cut", NULL, 0);
    CHECK_INT(reply.kind, CASK_WIRE_ABORT);
    CHECK_INT(reply.http_status, 200);
    CHECK_INT(cask_buf_len(&reply.body), 4);
    rig_reply_done(&reply);

    reply = rig_ask(&rig, "/unfinished", NULL, 0); /* never an END without finish() */
    CHECK_INT(reply.kind, CASK_WIRE_ABORT);
    CHECK_INT(reply.outcome, CASK_OUTCOME_FAILED);
    CHECK_INT(reply.http_status, 0);
    rig_reply_done(&reply);

    reply = rig_ask(&rig, "/stale", NULL, 0);
    CHECK_INT(reply.kind, CASK_WIRE_REFUSED);
    CHECK_INT(reply.outcome, CASK_OUTCOME_STALE);
    CHECK(reply.reusable);
    rig_reply_done(&reply);

    reply = rig_ask(&rig, "/file", NULL, 0);
    rig_check_text(&reply, "3456789abc");
    CHECK(reply.file_next);
    CHECK(reply.reusable);
    rig_reply_done(&reply);

    reply = rig_ask(&rig, "/hint", NULL, 0);
    rig_check_text(&reply, "hinted");
    CHECK_INT(reply.n_hints, 2);
    CHECK(reply.reusable);
    rig_reply_done(&reply);

    reply = rig_ask(&rig, "/log", NULL, 0);
    rig_check_text(&reply, "hello 2 1");
    CHECK_INT(reply.logged, 70006);
    rig_reply_done(&reply);
    rig_close(&rig);
}

/* A daemon thread that is blocked in a send sees that the client has gone. */
static void
test_client_gone(void)
{
    const struct cask_problem gone = {.error = ECONNRESET, .number = 707, .text = "gone"};
    struct rig rig;

    rig_open_serving(&rig, 1);
    for (int i = 0; i < 2; i++) {
        const struct cask_request request = rig_request("/endless", 0);
        struct cask_problem problem = {0};
        struct cask_wire_call *call = NULL;
        struct cask_wire_event event;

        CHECK_INT(rig_checkout(&rig, RIG_WAIT_US, &call, &problem), 0);
        CHECK_INT(cask_wire_call_send_head(call, &request, NULL, 0, true, false, &problem), 0);
        CHECK_INT(
            cask_wire_call_receive(call, cask_clock_mono_us() + RIG_WAIT_US, &event, &problem), 0);
        CHECK_INT(event.kind, CASK_WIRE_REPLY);
        (void)poll(NULL, 0, 20); /* let it run into the full socket */
        if (i == 0) {            /* ABORT alone, the connection stays */
            CHECK_INT(cask_wire_call_send_abort(call, CASK_OUTCOME_CLIENT_GONE, &gone, &problem),
                      0);
            rig_wait_for(&rig.shared->gone, 1);
            CHECK_INT(rig.shared->last_error, EPIPE);
        }
        cask_wire_client_checkin(rig.client, call); /* not reusable: closed */
        rig_wait_for(&rig.shared->gone, i + 1);
    }
    rig_close(&rig);
}

/* The client's own trouble with the body reaches the application's read. */
static void
test_body_error(void)
{
    const struct cask_problem late = {.error = ETIMEDOUT, .number = 715, .text = "too slow"};
    const struct cask_request request = rig_request("/len", 100);
    struct rig rig;
    struct cask_problem problem = {0};
    struct cask_wire_call *call = NULL;
    struct cask_wire_event event;

    rig_open_serving(&rig, 1);
    CHECK_INT(rig_checkout(&rig, RIG_WAIT_US, &call, &problem), 0);
    CHECK_INT(cask_wire_call_send_head(call, &request, "abc", 3, false, false, &problem), 0);
    CHECK_INT(cask_wire_call_send_abort(call, CASK_OUTCOME_BODY_BAD, &late, &problem), 0);
    CHECK_INT(cask_wire_call_receive(call, cask_clock_mono_us() + RIG_WAIT_US, &event, &problem),
              0);
    if (event.kind == CASK_WIRE_GOAWAY) {
        CHECK(event.accepted);
        CHECK_INT(
            cask_wire_call_receive(call, cask_clock_mono_us() + RIG_WAIT_US, &event, &problem), 0);
    }
    CHECK_INT(event.kind, CASK_WIRE_ABORT);
    CHECK_INT(event.outcome, CASK_OUTCOME_BODY_BAD);
    CHECK_INT(problem.error, ETIMEDOUT);
    CHECK_STR(problem.text, "too slow");
    cask_problem_done(&problem);
    cask_wire_client_checkin(rig.client, call);
    rig_close(&rig);
}

/* A generation drains: its idle connections end, its running request is finished and hears GOAWAY,
 * and new requests go to its successor. */
static void
test_drain(void)
{
    struct rig rig;
    struct rig_server next = {0};
    struct rig_reply reply;
    struct rig_asker asker;
    uint32_t row;

    rig_open_serving(&rig, 2);
    rig_asker_start(&asker, &rig, "/wait"); /* one connection busy ... */
    rig_wait_for(&rig.shared->entered, 1);
    reply = rig_ask(&rig, "/hello", NULL, 0); /* ... and one idle */
    rig_check_text(&reply, "hello 2 1");
    rig_reply_done(&reply);

    row = rig_row(&rig, 2, 2, getpid());
    rig_server_start(&rig, &next, row, 2, 2);
    cask_board_set_row(rig.board, 0, CASK_ROW_DRAINING, getpid());
    cask_wire_server_drain(rig.server.server);
    reply = rig_ask(&rig, "/hello", NULL, 0);
    rig_check_text(&reply, "hello 2 1");
    CHECK_INT(reply.row, row);
    rig_reply_done(&reply);

    rig_open_gate(&rig);
    rig_asker_join(&asker);
    rig_check_text(&asker.reply, "hello 2 1");
    CHECK(asker.reply.goaway);
    CHECK(!asker.reply.reusable);
    rig_reply_done(&asker.reply);
    rig_server_join(&rig.server); /* leaves by itself */
    CHECK_INT(cask_board_claims(rig.board, 1), 0);
    rig_server_stop(&next);
    rig_close(&rig);
}

/* GOAWAY on an idle connection of the generation that still serves: seen at check-out. */
static void
test_goaway_at_checkout(void)
{
    struct rig rig;
    struct rig_server next = {0};
    struct rig_reply reply;

    rig_open_serving(&rig, 1);
    reply = rig_ask(&rig, "/hello", NULL, 0);
    CHECK(reply.reusable);
    rig_reply_done(&reply);
    cask_wire_server_drain(rig.server.server);
    rig_server_join(&rig.server);
    rig_server_start(&rig, &next, 0, 1, 1); /* the same process as far as the board knows */
    reply = rig_ask(&rig, "/hello", NULL, 0);
    rig_check_text(&reply, "hello 2 1");
    CHECK_INT(reply.served, 0);
    rig_reply_done(&reply);
    rig_server_stop(&next);
    rig_close(&rig);
}

/* More requests than threads: the rest waits in the listen queue, first come, first served. */
static void
test_queue(void)
{
    struct rig rig;
    struct rig_asker busy;
    struct rig_asker waiting;
    struct cask_problem problem = {0};
    struct cask_wire_call *call = NULL;

    rig_open_serving(&rig, 1);
    rig_asker_start(&busy, &rig, "/wait");
    rig_wait_for(&rig.shared->entered, 1);
    CHECK_INT(rig_checkout(&rig, RIG_SOON_US, &call, &problem), ETIMEDOUT);
    CHECK_INT(problem.number, 703);
    cask_problem_done(&problem);
    rig_asker_start(&waiting, &rig, "/hello");
    while (cask_board_waiting(rig.board) == 0) {
        (void)poll(NULL, 0, 1);
    }
    rig_open_gate(&rig);
    rig_asker_join(&busy);
    rig_asker_join(&waiting);
    rig_check_text(&busy.reply, "hello 2 1");
    rig_check_text(&waiting.reply, "hello 2 1");
    rig_reply_done(&busy.reply);
    rig_reply_done(&waiting.reply);
    rig_close(&rig);
}

/* ---- many at once ---- */

static void *
hammer_main(void *context)
{
    struct rig *rig = context;
    char *body = make_body(100000);

    for (int i = 0; i < 60; i++) {
        struct rig_reply reply =
            i % 3 == 0 ? rig_ask(rig, "/echo", body, 100000) : rig_ask(rig, "/hello", NULL, 0);

        CHECK_INT(reply.status, 0);
        CHECK_INT(reply.http_status, 200);
        rig_reply_done(&reply);
    }
    free(body);
    return NULL;
}

static void
test_many(void)
{
    struct rig rig;
    pthread_t threads[6];

    rig_open_serving(&rig, 3);
    for (int i = 0; i < 6; i++) {
        CHECK_INT(pthread_create(&threads[i], NULL, hammer_main, &rig), 0);
    }
    for (int i = 0; i < 6; i++) {
        CHECK_INT(pthread_join(threads[i], NULL), 0);
    }
    rig_wait_for(&rig.shared->served, 360);
    rig_close(&rig);
}

/* Memory runs out on one side. The request fails or not, the next one is served. */
static void
run_short_of_memory(bool on_server)
{
    struct rig rig;
    struct rig_reply reply;
    char *body;

    unit_calm(true);
    body = make_body(300000);
    rig_open(&rig);
    rig.calm = !on_server;
    rig_server_start(&rig, &rig.server, rig_row(&rig, 1, 1, getpid()), 1, 1);
    unit_calm(on_server);
    reply = rig_ask(&rig, "/len", body, 300000);
    unit_calm(!on_server);
    CHECK(reply.status == 0 || reply.status == ENOMEM || reply.status == EPIPE ||
          reply.status == ECONNRESET);
    rig_reply_done(&reply);
    reply = rig_ask(&rig, "/file", NULL, 0);
    CHECK(reply.status == 0 || on_server);
    rig_reply_done(&reply);
    reply = rig_ask(&rig, "/hint", NULL, 0);
    CHECK(reply.status == 0 || on_server);
    rig_reply_done(&reply);
    rig_close(&rig);
    free(body);
    unit_calm(false);
}

static void
test_client_short_of_memory(void)
{
    run_short_of_memory(false);
}

static void
test_server_short_of_memory(void)
{
    run_short_of_memory(true);
}

const struct unit_test unit_tests[] = {
    {"a short reply is one message, connections are used again", test_hello, 0},
    {"bodies of all sizes, in both directions at once", test_bodies, 0},
    {"bodies that are not as long as announced", test_lengths, 0},
    {"an unread body holds nothing up", test_unread_body, 0},
    {"100 Continue: credit comes with the first read", test_continue, 0},
    {"END, ABORT, REFUSED, FILE and LOG", test_endings, 0},
    {"a thread blocked in a send notices that the client has gone", test_client_gone, 0},
    {"the application's read fails as the client's body did", test_body_error, 0},
    {"drain: running requests end, idle connections hear GOAWAY", test_drain, 0},
    {"GOAWAY is seen at check-out", test_goaway_at_checkout, 0},
    {"requests without a thread wait in the listen queue", test_queue, 0},
    {"many requests at once", test_many, 0},
    {"httpd runs out of memory", test_client_short_of_memory, UNIT_TORTURE},
    {"a daemon runs out of memory", test_server_short_of_memory, UNIT_TORTURE},
    {0},
};
