/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/wire/test_pool.c - proc/pool with an engine that is none, and the client of the rig (which
 * is why it is not in unit_c/proc). */
#include "gateway/engine.h"
#include "proc/pool.h"
#include "rig.h"

struct cask_engine {
    struct rig *rig;
};

static enum cask_outcome
serve(struct cask_engine *engine, const struct cask_exchange *exchange,
      struct cask_problem *reterr_problem)
{
    return rig_serve(engine->rig, exchange, reterr_problem);
}

struct bench {
    struct rig rig;
    struct cask_engine engine;
    struct cask_engine_ops ops;
    struct cask_group_spec spec;
    struct cask_pool *pool;
};

static void
bench_open(struct bench *bench)
{
    struct cask_pool_config config = {.generation = 1};
    struct cask_problem problem = {0};

    memset(bench, 0, sizeof(*bench));
    rig_open(&bench->rig);
    bench->engine.rig = &bench->rig;
    bench->ops.serve = serve;
    bench->spec.name = "rig";
    bench->spec.threads = 2;
    bench->spec.maximum_requests = 3;
    bench->spec.request_timeout_us = 1;
    bench->spec.socket_timeout_us = RIG_WAIT_US;
    bench->spec.httpd_uid = getuid();
    memcpy(bench->spec.secret, bench->rig.secret, sizeof(bench->spec.secret));
    config.ops = &bench->ops;
    config.engine = &bench->engine;
    config.spec = &bench->spec;
    config.listen_fd = bench->rig.listen_fd;
    config.row = rig_row(&bench->rig, 1, 2, getpid());
    CHECK_INT(cask_pool_new(&bench->pool, &config, &problem), 0);
}

static void
bench_close(struct bench *bench)
{
    CHECK_INT(cask_pool_join(bench->pool, cask_clock_mono_us() + RIG_WAIT_US), 0);
    bench->pool = cask_pool_free(bench->pool);
    rig_close(&bench->rig);
}

/* Waits for the event's descriptor and takes what has happened. */
static uint32_t
take_events(struct bench *bench)
{
    CHECK_INT(cask_net_wait(cask_pool_event_fd(bench->pool), POLLIN,
                            cask_clock_mono_us() + RIG_WAIT_US, NULL),
              0);
    return cask_pool_take_events(bench->pool);
}

static void
ask(struct bench *bench)
{
    struct rig_reply reply = rig_ask(&bench->rig, "/hello", NULL, 0);

    rig_check_text(&reply, "hello 2 1");
    rig_reply_done(&reply);
}

static void
test_events(void)
{
    struct bench bench;
    struct cask_pool_figures figures;
    uint32_t events = 0;

    bench_open(&bench);
    cask_pool_figures(bench.pool, &figures);
    CHECK_INT(figures.last_activity, 0);
    CHECK(figures.oldest_us == CASK_CLOCK_NEVER);
    ask(&bench);
    CHECK_INT(take_events(&bench), CASK_POOL_ACTIVITY);
    ask(&bench); /* nobody has looked at the figures: not told again */
    CHECK_INT(cask_net_wait(cask_pool_event_fd(bench.pool), POLLIN, 0, NULL), ETIMEDOUT);
    ask(&bench);
    while ((events & CASK_POOL_MAXIMUM) == 0) {
        events |= take_events(&bench);
    }
    cask_pool_drain(bench.pool);
    CHECK_INT(take_events(&bench), CASK_POOL_EMPTY);
    cask_pool_figures(bench.pool, &figures);
    CHECK_INT(figures.served, 3);
    CHECK_INT(figures.active, 0);
    CHECK(figures.last_activity != 0);
    bench_close(&bench);
}

static void *
ask_and_wait(void *context)
{
    struct bench *bench = context;
    struct rig_reply reply = rig_ask(&bench->rig, "/wait", NULL, 0);

    rig_check_text(&reply, "hello 2 1");
    rig_reply_done(&reply);
    return NULL;
}

/* A running request is seen, is overdue, holds up the join, and ends well after a stop. */
static void
test_running(void)
{
    struct bench bench;
    struct cask_pool_figures figures;
    pthread_t asker;

    bench_open(&bench);
    CHECK_INT(pthread_create(&asker, NULL, ask_and_wait, &bench), 0);
    rig_wait_for(&bench.rig.shared->entered, 1);
    (void)poll(NULL, 0, 2);
    cask_pool_figures(bench.pool, &figures);
    CHECK_INT(figures.active, 1);
    CHECK_INT(figures.overdue, 1);
    CHECK(figures.oldest_us <= cask_clock_mono_us());
    cask_pool_stop(bench.pool);
    CHECK_INT(cask_pool_join(bench.pool, cask_clock_mono_us() + CASK_CLOCK_MS), ETIMEDOUT);
    rig_open_gate(&bench.rig);
    CHECK_INT(pthread_join(asker, NULL), 0);
    bench_close(&bench);
}

/* What waited longer than queue-timeout is not started. */
static void
test_queue_timeout(void)
{
    struct bench bench;
    struct cask_request request = rig_request("/hello", 0);
    struct cask_problem problem = {0};
    struct cask_wire_call *call = NULL;
    struct cask_wire_event event;

    bench_open(&bench);
    bench.spec.queue_timeout_us = CASK_CLOCK_SECOND;
    request.queue_us = cask_clock_wall_us() - 2 * CASK_CLOCK_SECOND;
    CHECK_INT(rig_checkout(&bench.rig, RIG_WAIT_US, &call, &problem), 0);
    CHECK_INT(cask_wire_call_send_head(call, &request, NULL, 0, true, false, &problem), 0);
    CHECK_INT(cask_wire_call_receive(call, cask_clock_mono_us() + RIG_WAIT_US, &event, &problem),
              0);
    CHECK_INT(event.kind, CASK_WIRE_ABORT);
    CHECK_INT(event.outcome, CASK_OUTCOME_TIMEOUT);
    CHECK_INT(problem.number, 713);
    cask_problem_done(&problem);
    cask_wire_client_checkin(bench.rig.client, call);
    cask_pool_stop(bench.pool);
    bench_close(&bench);
}

const struct unit_test unit_tests[] = {
    {"what the daemon's loop is told", test_events, 0},
    {"a running request", test_running, 0},
    {"a request that waited too long", test_queue_timeout, 0},
    {0},
};
