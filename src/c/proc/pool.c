/* SPDX-License-Identifier: Apache-2.0 */
/* proc/pool.c - the worker threads of a daemon.
 *
 * Owns:    the threads, the wire server, one record per thread.
 * Touches: wire/wire_server, the engine through its table.
 * Threads: new, drain, stop, join, free: the daemon's main thread. Workers write their own record
 *          and the atomics.
 * Fork:    never after new.
 * Invariants:
 *   (1) workers block no signal: programs an application starts would inherit that and be deaf to
 *       SIGTERM; the handlers only write to the loop's pipe, so any thread may run them;
 *   (2) a problem that httpd cannot be told is logged here, any other one only there.
 */
#include "proc/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "metrics/journal.h"
#include "platform/clock.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "platform/process.h"
#include "proc/crash.h"
#include "request/keys.h"
#include "wire/wire_server.h"

#define NAME_SIZE 16 /* of a thread, for the kernel */
/* For those that were started before one could not be. */
#define START_FAILED_US (5 * CASK_CLOCK_SECOND)

struct worker {
    struct cask_pool *pool; /* [init] */
    pthread_t thread;       /* [init] */
    uint32_t id;            /* [init] from 1 */
    _Atomic int64_t begin;  /* [atomic] relaxed: start of its request; 0 between requests */
    int64_t late_begin;     /* [owner: main] start of the request last told to be late */
};

struct cask_pool {
    pid_t owner;                     /* [init] */
    struct cask_pool_config config;  /* [init] */
    struct cask_wire_server *server; /* [init] */
    struct worker *workers;          /* [init] */
    uint32_t n_workers;              /* [init] those that were started */
    int event_fd;                    /* [init] */
    atomic_uint events;              /* [atomic] enum cask_pool_event */
    atomic_uint active;              /* [atomic] requests running */
    _Atomic int64_t first_begin;     /* [atomic] relaxed: of the first request; 0: none yet */
    atomic_bool told_idle;           /* [atomic] the last figures said that none was running */
    _Atomic uint64_t served;         /* [atomic] */
    _Atomic int64_t last_activity;   /* [atomic] relaxed */
    pthread_mutex_t lock;            /* leaf */
    pthread_cond_t left_changed;     /* monotonic clock */
    uint32_t n_left;                 /* [lock:lock] workers that have ended */
};

/* ---- what the workers do ---- */

static void
raise_event(struct cask_pool *pool, enum cask_pool_event event)
{
    const uint64_t one = 1;

    if ((atomic_fetch_or(&pool->events, event) & event) == 0) {
        (void)!write(pool->event_fd, &one, sizeof(one)); /* EAGAIN: it is readable anyway */
    }
}

static void
begin_request(struct worker *self, bool passive)
{
    struct cask_pool *pool = self->pool;
    int64_t now_us = cask_clock_mono_us();

    atomic_store_explicit(&self->begin, now_us, memory_order_relaxed);
    if (!passive) {
        atomic_store_explicit(&pool->last_activity, now_us, memory_order_relaxed);
    }
    if (atomic_load_explicit(&pool->first_begin, memory_order_relaxed) == 0) {
        /* Two threads may do so: both say nearly the same. */
        atomic_store_explicit(&pool->first_begin, now_us, memory_order_relaxed);
    }
    (void)atomic_fetch_add(&pool->active, 1);
    /* Once per look of the daemon's loop: waking it for each request would cost as much as serving
     * a small one. */
    if (atomic_load(&pool->told_idle) && atomic_exchange(&pool->told_idle, false)) {
        raise_event(pool, CASK_POOL_ACTIVITY);
    }
}

static void
end_request(struct worker *self, bool passive)
{
    struct cask_pool *pool = self->pool;
    uint64_t served;

    cask_journal_end(pool->config.journal, self->id);
    atomic_store_explicit(&self->begin, 0, memory_order_relaxed);
    if (!passive) {
        atomic_store_explicit(&pool->last_activity, cask_clock_mono_us(), memory_order_relaxed);
    }
    (void)atomic_fetch_sub(&pool->active, 1);
    served = atomic_fetch_add(&pool->served, 1) + 1;
    if (served == (uint64_t)pool->config.spec->maximum_requests) {
        raise_event(pool, CASK_POOL_MAXIMUM);
    }
}

/* httpd ends the wait of its own requests; this catches one that was claimed for a thread and then
 * had to wait for it. */
static bool
waited_too_long(const struct cask_pool *pool, const struct cask_request *request,
                struct cask_problem *reterr_problem)
{
    const struct cask_group_spec *spec = pool->config.spec;

    if (spec->queue_timeout_us == 0 || request->queue_us == 0 ||
        request->daemon_us - request->queue_us <= spec->queue_timeout_us) {
        return false;
    }
    cask_problem_set(reterr_problem, 0, 713,
                     "group '%s': request waited longer than queue-timeout for a thread",
                     spec->name);
    reterr_problem->error = ETIMEDOUT;
    return true;
}

/* The value of a variable of the request; empty when it has none. */
static struct cask_str
find_var(const struct cask_request *request, uint16_t key)
{
    for (size_t i = 0; i < request->n_vars; i++) {
        if (request->vars[i].key == key) {
            return request->vars[i].value;
        }
    }
    return (struct cask_str){"", 0};
}

/* For the status, and for the last words about this process. */
static void
note_request(const struct worker *self, const struct cask_request *request)
{
    struct cask_str method = find_var(request, CASK_KEY_REQUEST_METHOD);
    struct cask_str url = find_var(request, CASK_KEY_REQUEST_URI);

    cask_journal_begin(self->pool->config.journal, self->id,
                       atomic_load_explicit(&self->begin, memory_order_relaxed), method.data,
                       method.len, url.data, url.len);
}

static void
serve_one(struct worker *self, const struct cask_wire_job *job)
{
    struct cask_pool *pool = self->pool;
    const struct cask_exchange *exchange = cask_wire_job_exchange(job);
    struct cask_problem problem = {0};
    enum cask_outcome outcome = CASK_OUTCOME_TIMEOUT;
    bool passive = (exchange->request->flags & CASK_REQUEST_PASSIVE) != 0;

    begin_request(self, passive);
    note_request(self, exchange->request);
    if (!waited_too_long(pool, exchange->request, &problem)) {
        outcome = pool->config.ops->serve(pool->config.engine, exchange, &problem);
    }
    if (cask_wire_server_done(pool->server, self->id, outcome, &problem) != 0 &&
        outcome == CASK_OUTCOME_FAILED) {
        cask_log_problem(&problem); /* keeps (2) */
    }
    end_request(self, passive);
    cask_problem_done(&problem);
}

static void *
worker_main(void *context)
{
    struct worker *self = context;
    struct cask_pool *pool = self->pool;
    struct cask_wire_job *job = NULL;
    bool all;

    cask_crash_enter(pool->config.crash, self->id);
    while (cask_wire_server_next(pool->server, self->id, &job) == 0) {
        serve_one(self, job);
    }
    cask_crash_leave(pool->config.crash, self->id);
    pthread_mutex_lock(&pool->lock);
    pool->n_left++;
    all = pool->n_left == pool->n_workers;
    pthread_cond_broadcast(&pool->left_changed);
    pthread_mutex_unlock(&pool->lock);
    if (all) {
        raise_event(pool, CASK_POOL_EMPTY);
    }
    return NULL;
}

/* ---- life ---- */

/* stack-size as the system takes it: whole pages, not below its minimum. */
static size_t
stack_size(const struct cask_group_spec *spec)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t least = (size_t)sysconf(_SC_THREAD_STACK_MIN);
    size_t size = (size_t)spec->stack_size < least ? least : (size_t)spec->stack_size;

    return (size + page - 1) / page * page;
}

static int
start_worker(struct cask_pool *pool, uint32_t id)
{
    struct worker *worker = &pool->workers[id - 1];
    char name[NAME_SIZE];
    pthread_attr_t attributes;
    int status = pthread_attr_init(&attributes);

    worker->pool = pool;
    worker->id = id;
    if (status != 0) {
        return status;
    }
    if (pool->config.spec->stack_size > 0) {
        status = pthread_attr_setstacksize(&attributes, stack_size(pool->config.spec));
    }
    if (status == 0) {
        status = pthread_create(&worker->thread, &attributes, worker_main, worker);
    }
    (void)pthread_attr_destroy(&attributes);
    if (status == 0) {
        (void)snprintf(name, sizeof(name), "worker %u", (unsigned)id);
        (void)pthread_setname_np(worker->thread, name);
    }
    return status;
}

static int
start_workers(struct cask_pool *pool, struct cask_problem *reterr_problem)
{
    uint32_t threads = (uint32_t)pool->config.spec->threads;

    /* Nobody counts as the last one before all have been started. */
    pthread_mutex_lock(&pool->lock);
    for (uint32_t id = 1; id <= threads; id++) {
        int status = start_worker(pool, id);

        if (status != 0) {
            pthread_mutex_unlock(&pool->lock);
            return cask_problem_set(reterr_problem, status, 711,
                                    "group '%s': thread %u of %u could not be started",
                                    pool->config.spec->name, (unsigned)id, (unsigned)threads);
        }
        pool->n_workers = id;
    }
    pthread_mutex_unlock(&pool->lock);
    return 0;
}

static int
make_server(struct cask_pool *pool, struct cask_problem *reterr_problem)
{
    const struct cask_group_spec *spec = pool->config.spec;
    struct cask_wire_server_config config = {
        .listen_fd = pool->config.listen_fd,
        .terms =
            {
                .httpd_uid = spec->httpd_uid,
                .row = pool->config.row,
                .generation = pool->config.generation,
                .threads = (uint32_t)spec->threads,
                .python_version = pool->config.ops->python_version,
            },
        .send_buffer_size = spec->send_buffer_size,
        .receive_buffer_size = spec->receive_buffer_size,
        .socket_timeout_us = spec->socket_timeout_us,
        .board = pool->config.board,
    };

    for (size_t i = 0; i < sizeof(config.terms.secret); i++) {
        config.terms.secret[i] = spec->secret[i];
    }
    return cask_wire_server_new(&pool->server, &config, reterr_problem);
}

static int
make_signals(struct cask_pool *pool)
{
    pthread_condattr_t attributes;
    int status = pthread_mutex_init(&pool->lock, NULL);

    if (status == 0) {
        status = pthread_condattr_init(&attributes);
    }
    if (status == 0) {
        (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        status = pthread_cond_init(&pool->left_changed, &attributes);
        (void)pthread_condattr_destroy(&attributes);
    }
    return status;
}

int
cask_pool_new(struct cask_pool **ret_pool, const struct cask_pool_config *config,
              struct cask_problem *reterr_problem)
{
    struct cask_pool *pool = calloc(1, sizeof(*pool));
    int status;

    if (pool == NULL) {
        return cask_problem_set(reterr_problem, ENOMEM, 711, "group '%s'", config->spec->name);
    }
    pool->owner = cask_process_get()->pid;
    pool->told_idle = true;
    pool->config = *config;
    pool->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pool->workers = calloc((size_t)config->spec->threads, sizeof(struct worker));
    status = make_signals(pool);
    if (pool->event_fd < 0) {
        status = errno;
    } else if (pool->workers == NULL) {
        status = ENOMEM;
    }
    if (status != 0) {
        cask_problem_set(reterr_problem, status, 711, "group '%s'", config->spec->name);
        goto done;
    }
    status = make_server(pool, reterr_problem);
    if (status != 0) {
        goto done;
    }
    status = start_workers(pool, reterr_problem);
    if (status != 0) {
        cask_pool_stop(pool);
        if (cask_pool_join(pool, cask_clock_deadline(START_FAILED_US)) != 0) {
            return status; /* one serves already; the process is about to end */
        }
        goto done;
    }
    *ret_pool = pool;
    pool = NULL; /* given to the caller */

done:
    cask_pool_free(pool);
    return status;
}

struct cask_pool *
cask_pool_free(struct cask_pool *pool)
{
    if (pool != NULL) {
        cask_assert_owner(pool->owner);
        cask_wire_server_free(pool->server);
        cask_net_close(&pool->event_fd);
        (void)pthread_cond_destroy(&pool->left_changed);
        (void)pthread_mutex_destroy(&pool->lock);
        free(pool->workers);
        free(pool);
    }
    return NULL;
}

/* ---- for the daemon's loop ---- */

int
cask_pool_event_fd(const struct cask_pool *pool)
{
    return pool->event_fd;
}

uint32_t
cask_pool_take_events(struct cask_pool *pool)
{
    uint64_t count;

    (void)!read(pool->event_fd, &count, sizeof(count)); /* EAGAIN: nothing was there */
    return atomic_exchange(&pool->events, 0);
}

void
cask_pool_figures(struct cask_pool *pool, struct cask_pool_figures *ret_figures)
{
    int64_t limit_us = cask_spec_overdue_us(pool->config.spec);
    int64_t now_us = cask_clock_mono_us();
    struct cask_pool_figures figures = {
        .served = atomic_load(&pool->served),
        .active = atomic_load(&pool->active),
        .oldest_us = CASK_CLOCK_NEVER,
        .first_us = atomic_load_explicit(&pool->first_begin, memory_order_relaxed),
        .last_activity = atomic_load_explicit(&pool->last_activity, memory_order_relaxed),
    };

    for (uint32_t i = 0; i < pool->n_workers; i++) {
        int64_t begin = atomic_load_explicit(&pool->workers[i].begin, memory_order_relaxed);

        if (begin == 0) {
            continue;
        }
        if (begin < figures.oldest_us) {
            figures.oldest_us = begin;
        }
        if (limit_us != 0 && now_us - begin > limit_us) {
            figures.overdue++;
        }
    }
    if (figures.active == 0) {
        atomic_store(&pool->told_idle, true);
        /* One that has begun in between has not seen the flag. */
        figures.active = atomic_load(&pool->active);
    }
    *ret_figures = figures;
}

uint32_t
cask_pool_take_late(struct cask_pool *pool, int64_t limit_us, int64_t now_us, int64_t *ret_next_us)
{
    for (uint32_t i = 0; i < pool->n_workers; i++) {
        struct worker *worker = &pool->workers[i];
        int64_t begin = atomic_load_explicit(&worker->begin, memory_order_relaxed);

        if (begin == 0 || begin == worker->late_begin) {
            continue;
        }
        if (now_us - begin >= limit_us) {
            worker->late_begin = begin;
            return worker->id;
        }
        *ret_next_us = begin + limit_us < *ret_next_us ? begin + limit_us : *ret_next_us;
    }
    return 0;
}

void
cask_pool_drain(struct cask_pool *pool)
{
    cask_wire_server_drain(pool->server);
}

void
cask_pool_stop(struct cask_pool *pool)
{
    cask_wire_server_stop(pool->server);
}

int
cask_pool_join(struct cask_pool *pool, int64_t deadline_us)
{
    struct timespec deadline = {.tv_sec = (time_t)(deadline_us / CASK_CLOCK_SECOND),
                                .tv_nsec = (long)(deadline_us % CASK_CLOCK_SECOND) * 1000};
    int status = 0;

    cask_assert_owner(pool->owner);
    pthread_mutex_lock(&pool->lock);
    while (pool->n_left < pool->n_workers && status == 0) {
        status = deadline_us == CASK_CLOCK_NEVER
                     ? pthread_cond_wait(&pool->left_changed, &pool->lock)
                     : pthread_cond_timedwait(&pool->left_changed, &pool->lock, &deadline);
    }
    pthread_mutex_unlock(&pool->lock);
    if (status != 0) {
        return status;
    }
    for (uint32_t i = 0; i < pool->n_workers; i++) {
        (void)pthread_join(pool->workers[i].thread, NULL);
    }
    return 0;
}
