/* SPDX-License-Identifier: Apache-2.0 */
/* proc/generation.c - the processes of a group that run the same code.
 *
 * Owns:    see generation.h, also for the states.
 * Touches: platform/, proc/worker, proc/loadlist.
 * Threads: the supervisor's only one.
 * Invariants:
 *   (1) in READY there are `processes` workers that serve or are about to, one more while one of
 *       them is being replaced; a worker that wants out goes only when its successor is READY;
 *   (2) processes are started again at most at the pace of the group's backoff;
 *   (3) IS_EMPTY is the last event.
 */
#include "proc/generation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "platform/clock.h"
#include "platform/loop.h"
#include "platform/problem.h"
#include "platform/process.h"
#include "proc/history.h"
#include "proc/loadlist.h"
#include "proc/worker.h"

#define HEALTHY_US      (10 * CASK_CLOCK_SECOND) /* READY for so long: the backoff begins anew */
#define RELOAD_READY_US (60 * CASK_CLOCK_SECOND) /* for a strict one without startup-timeout */

struct cask_generation {
    struct cask_generation_config config;
    enum cask_generation_state state;
    struct cask_worker **workers;
    size_t n_workers;
    size_t workers_capacity;
    struct cask_loadlist *load;   /* configured ones first, then those of the one before */
    struct cask_loadlist *loaded; /* what the processes reported */
    bool fresh;                   /* the next process only loads what is configured */
    struct cask_loop_timer *respawn;
    int64_t respawn_us; /* when `respawn` is due; CASK_CLOCK_NEVER: not set */
    struct cask_problem problem;
};

struct state_row {
    const char *name;
    unsigned next; /* bit per state it may become */
};

#define TO(state) (1u << CASK_GENERATION_##state)

static const struct state_row states[CASK_GENERATION_STATES] = {
    [CASK_GENERATION_STARTING] = {"STARTING", TO(READY) | TO(FAILED) | TO(LOST)},
    [CASK_GENERATION_READY] = {"READY", TO(DRAINING) | TO(LOST)},
    [CASK_GENERATION_DRAINING] = {"DRAINING", TO(GONE) | TO(LOST)},
    [CASK_GENERATION_GONE] = {"GONE", 0},
    [CASK_GENERATION_FAILED] = {"FAILED", 0},
    [CASK_GENERATION_LOST] = {"LOST", 0},
};

const char *
cask_generation_state_name(enum cask_generation_state state)
{
    return states[state].name;
}

bool
cask_generation_may_become(enum cask_generation_state from, enum cask_generation_state to)
{
    return (states[from].next & (1u << to)) != 0;
}

static void
become(struct cask_generation *self, enum cask_generation_state state)
{
    cask_assert(cask_generation_may_become(self->state, state));
    cask_log_debug(CASK_LOG_DEBUG, "group '%s': generation %u %s -> %s", self->config.spec->name,
                   self->config.number, states[self->state].name, states[state].name);
    self->state = state;
}

static void
tell(struct cask_generation *self, enum cask_generation_event event)
{
    self->config.call(self->config.context, self, event, NULL, NULL);
}

static size_t
count(const struct cask_generation *self, enum cask_worker_state state)
{
    size_t n = 0;

    for (size_t i = 0; i < self->n_workers; i++) {
        n += cask_worker_state(self->workers[i]) == state;
    }
    return n;
}

/* Workers that serve or will. */
static size_t
count_useful(const struct cask_generation *self)
{
    return count(self, CASK_WORKER_STARTING) + count(self, CASK_WORKER_LOADING) +
           count(self, CASK_WORKER_READY);
}

static struct cask_worker *
find_victim(const struct cask_generation *self)
{
    for (size_t i = 0; i < self->n_workers; i++) {
        if (cask_worker_state(self->workers[i]) == CASK_WORKER_READY &&
            cask_worker_wants_out(self->workers[i]) != 0) {
            return self->workers[i];
        }
    }
    return NULL;
}

static void
set_respawn(struct cask_generation *self, int64_t due_us)
{
    if (due_us < self->respawn_us) {
        self->respawn_us = due_us;
        cask_loop_timer_set(self->respawn, due_us);
    }
}

static int64_t
drain_us_of(const struct cask_generation *self, const struct cask_worker *worker)
{
    return cask_worker_wants_out(worker) == CASK_CHANNEL_SIGNAL
               ? cask_spec_eviction_us(self->config.spec)
               : cask_spec_drain_us(self->config.spec);
}

/* Takes workers out that should go, asks for new ones that should be there: keeps (1). */
static void
balance(struct cask_generation *self, int64_t due_us)
{
    size_t processes = (size_t)self->config.spec->processes;
    struct cask_worker *victim = find_victim(self);

    if (self->state != CASK_GENERATION_STARTING && self->state != CASK_GENERATION_READY) {
        return;
    }
    if (victim != NULL && count(self, CASK_WORKER_READY) > processes) {
        cask_worker_drain(victim, drain_us_of(self, victim));
        victim = find_victim(self);
    }
    if (count_useful(self) < processes + (victim != NULL ? 1 : 0)) {
        set_respawn(self, due_us);
    }
}

static void
stop_workers(struct cask_generation *self, int64_t limit_us)
{
    self->respawn_us = CASK_CLOCK_NEVER;
    cask_loop_timer_set(self->respawn, CASK_CLOCK_NEVER);
    for (size_t i = 0; i < self->n_workers; i++) {
        cask_worker_stop(self->workers[i], limit_us);
    }
}

static void
generation_fail(struct cask_generation *self)
{
    become(self, CASK_GENERATION_FAILED);
    stop_workers(self, 0);
    tell(self, CASK_GENERATION_HAS_FAILED);
}

static void
remove_worker(struct cask_generation *self, struct cask_worker *worker)
{
    for (size_t i = 0; i < self->n_workers; i++) {
        if (self->workers[i] == worker) {
            self->workers[i] = self->workers[--self->n_workers];
            break;
        }
    }
    cask_worker_free(worker);
}

static void
say_lost(const struct cask_generation *self, const struct cask_problem *problem)
{
    struct cask_problem line = {.number = 0};

    cask_history_trouble(self->config.history, &self->config.history->lost, problem->text);
    (void)cask_problem_set(&line, 0, problem->number, "%s; starting another", problem->text);
    line.detail = problem->detail; /* borrowed */
    cask_grouplog_problem(self->config.log, &line);
}

/* Logs why a process is missing and says how long its successor has to wait. */
static int64_t
log_lost(struct cask_generation *self, const struct cask_problem *problem, bool healthy)
{
    if (problem->number == 0) {
        return 0; /* it went in order */
    }
    if (healthy) {
        cask_backoff_reset(self->config.backoff);
    }
    say_lost(self, problem);
    return cask_backoff_take(self->config.backoff); /* keeps (2) */
}

/* A worker of a generation that should live has gone, or could not be made. */
static void
miss_worker(struct cask_generation *self, struct cask_problem *problem, bool healthy)
{
    bool nobody = count_useful(self) == 0;

    if (self->state == CASK_GENERATION_STARTING && (self->config.strict || nobody)) {
        cask_problem_move(&self->problem, problem);
        generation_fail(self);
    } else if (nobody && problem->number != 0) {
        say_lost(self, problem);
        cask_problem_move(&self->problem, problem);
        if (healthy) {
            cask_backoff_reset(self->config.backoff);
        }
        become(self, CASK_GENERATION_LOST);
        stop_workers(self, 0);
        tell(self, CASK_GENERATION_IS_LOST);
    } else {
        balance(self, cask_clock_mono_us() + log_lost(self, problem, healthy));
    }
}

static bool
is_living(const struct cask_generation *self)
{
    return self->state == CASK_GENERATION_STARTING || self->state == CASK_GENERATION_READY;
}

/* The last thing a function does: the generation may be gone afterwards. */
static void
finish_if_empty(struct cask_generation *self)
{
    if (self->n_workers == 0 && !is_living(self)) {
        if (self->state == CASK_GENERATION_DRAINING) {
            become(self, CASK_GENERATION_GONE);
        }
        tell(self, CASK_GENERATION_IS_EMPTY); /* keeps (3) */
    }
}

static void
worker_gone(struct cask_generation *self, struct cask_worker *worker)
{
    int64_t ready_us = cask_worker_ready_us(worker);
    bool healthy = ready_us != 0 && cask_clock_mono_us() - ready_us >= HEALTHY_US;
    struct cask_problem problem = {0};

    cask_worker_take_problem(worker, &problem);
    remove_worker(self, worker);
    if (is_living(self)) {
        miss_worker(self, &problem, healthy);
    } else if (problem.number != 0 && self->state == CASK_GENERATION_DRAINING) {
        cask_grouplog_problem(self->config.log, &problem);
    }
    cask_problem_done(&problem);
    finish_if_empty(self);
}

static void
worker_ready(struct cask_generation *self)
{
    size_t needed = self->config.strict ? (size_t)self->config.spec->processes : 1;

    if (self->state == CASK_GENERATION_STARTING && count(self, CASK_WORKER_READY) >= needed) {
        become(self, CASK_GENERATION_READY);
        tell(self, CASK_GENERATION_IS_READY);
    }
    balance(self, cask_clock_mono_us());
}

static bool
is_timeout(uint32_t reason)
{
    return reason == CASK_CHANNEL_REQUEST_TIMEOUT || reason == CASK_CHANNEL_STARTUP_TIMEOUT ||
           reason == CASK_CHANNEL_DEADLOCK || reason == CASK_CHANNEL_CPU_TIME;
}

static void
on_worker(void *context, struct cask_worker *worker, enum cask_worker_event event,
          const struct cask_worker_news *news)
{
    struct cask_generation *self = context;

    switch (event) {
    case CASK_WORKER_IS_READY:
        worker_ready(self);
        break;
    case CASK_WORKER_HAS_LOADED:
        (void)cask_loadlist_add(self->loaded, &news->app);
        break;
    case CASK_WORKER_MET_STALE:
        self->config.call(self->config.context, self, CASK_GENERATION_MET_STALE, &news->app,
                          &news->script_id);
        break;
    case CASK_WORKER_WANTS_OUT:
        self->config.history->replaced++;
        cask_grouplog_say(self->config.log, is_timeout(news->reason) ? 428 : 427,
                          "group '%s': replacing process %ld: %s", self->config.spec->name,
                          (long)cask_worker_pid(worker), cask_channel_reason_text(news->reason));
        self->fresh = news->reason == CASK_CHANNEL_INACTIVITY_TIMEOUT;
        if (news->reason == CASK_CHANNEL_DEADLOCK) { /* it can serve nobody: no successor first */
            cask_worker_drain(worker, drain_us_of(self, worker));
        }
        balance(self, cask_clock_mono_us());
        break;
    case CASK_WORKER_LEAVES:
        cask_grouplog_say(self->config.log, 427, "group '%s': process %ld stops: %s",
                          self->config.spec->name, (long)cask_worker_pid(worker),
                          cask_channel_reason_text(news->reason));
        balance(self, cask_clock_mono_us());
        break;
    case CASK_WORKER_HAS_GONE:
        worker_gone(self, worker);
        break;
    }
}

static int
add_worker(struct cask_generation *self, struct cask_problem *reterr_problem)
{
    const struct cask_group_spec *spec = self->config.spec;
    struct cask_worker_config config = {
        .loop = self->config.loop,
        .spec = spec,
        .apps = spec->apps,
        .n_apps = spec->n_apps,
        .board = self->config.board,
        .board_fd = self->config.board_fd,
        .listen_fd = self->config.listen_fd,
        .parent_fd = self->config.parent_fd,
        .log = self->config.log,
        .generation = self->config.number,
        .strict = self->config.strict || count(self, CASK_WORKER_READY) > 0,
        .ready_us = spec->startup_timeout_us,
        .call = on_worker,
        .context = self,
    };

    if (self->n_workers == self->workers_capacity) {
        size_t capacity = self->workers_capacity * 2 + 4;
        struct cask_worker **larger =
            reallocarray(self->workers, capacity, sizeof(struct cask_worker *));

        if (larger == NULL) {
            return cask_problem_set(reterr_problem, ENOMEM, 421, "group '%s': no process",
                                    spec->name);
        }
        self->workers = larger;
        self->workers_capacity = capacity;
    }
    cask_loadlist_prove(self->load, self->loaded);
    if (!self->fresh) {
        config.apps = cask_loadlist_apps(self->load, &config.n_apps);
    }
    if (config.strict && config.ready_us == 0) {
        config.ready_us = RELOAD_READY_US;
    }
    return cask_worker_new(&self->workers[self->n_workers], &config, reterr_problem);
}

static void
on_respawn(void *context)
{
    struct cask_generation *self = context;
    size_t wanted = (size_t)self->config.spec->processes + (find_victim(self) != NULL ? 1 : 0);
    struct cask_problem problem = {0};

    self->respawn_us = CASK_CLOCK_NEVER;
    while (is_living(self) && count_useful(self) < wanted) {
        if (add_worker(self, &problem) != 0) {
            miss_worker(self, &problem, false);
            break;
        }
        self->n_workers++;
        self->fresh = false;
    }
    cask_problem_done(&problem);
    finish_if_empty(self);
}

static void
fill_load(struct cask_generation *self)
{
    const struct cask_group_spec *spec = self->config.spec;
    size_t n_before = 0;
    const struct cask_spec_app *before =
        self->config.load != NULL ? cask_loadlist_apps(self->config.load, &n_before) : NULL;

    for (size_t i = 0; i < spec->n_apps; i++) {
        cask_loadlist_add_row(self->load, &spec->apps[i]);
    }
    for (size_t i = 0; i < n_before; i++) {
        if (before[i].callable[0] != '\0') { /* import scripts are those of the configuration */
            cask_loadlist_add_row(self->load, &before[i]);
        }
    }
    if (self->config.load != NULL) {
        cask_loadlist_prove(self->load, self->config.load);
    }
}

int
cask_generation_new(struct cask_generation **ret_generation,
                    const struct cask_generation_config *config,
                    struct cask_problem *reterr_problem)
{
    struct cask_generation *self = calloc(1, sizeof(*self));
    int error;

    if (self == NULL) {
        return cask_problem_set(reterr_problem, ENOMEM, 421, "group '%s': no generation",
                                config->spec->name);
    }
    self->config = *config;
    self->state = CASK_GENERATION_STARTING;
    self->respawn_us = CASK_CLOCK_NEVER;
    error = cask_loadlist_new(&self->load, reterr_problem);
    if (error == 0) {
        error = cask_loadlist_new(&self->loaded, reterr_problem);
    }
    if (error == 0) {
        error = cask_loop_timer_new(config->loop, on_respawn, self, &self->respawn);
    }
    if (error != 0) {
        cask_generation_free(self);
        return error;
    }
    fill_load(self);
    self->config.load = NULL; /* was only borrowed */
    set_respawn(self, cask_clock_mono_us());
    *ret_generation = self;
    return 0;
}

struct cask_generation *
cask_generation_free(struct cask_generation *generation)
{
    if (generation != NULL) {
        cask_assert(generation->n_workers == 0);
        generation->respawn = cask_loop_timer_free(generation->respawn);
        cask_loadlist_free(generation->load);
        cask_loadlist_free(generation->loaded);
        cask_problem_done(&generation->problem);
        free(generation->workers);
        free(generation);
    }
    return NULL;
}

enum cask_generation_state
cask_generation_state(const struct cask_generation *generation)
{
    return generation->state;
}

uint32_t
cask_generation_number(const struct cask_generation *generation)
{
    return generation->config.number;
}

const struct cask_problem *
cask_generation_problem(const struct cask_generation *generation)
{
    return &generation->problem;
}

struct cask_group_spec *
cask_generation_spec(const struct cask_generation *generation)
{
    return generation->config.spec;
}

const struct cask_loadlist *
cask_generation_loaded(const struct cask_generation *generation)
{
    return generation->loaded;
}

/* Nobody is left to say that it is empty: say it from the loop. */
static void
empty_soon(struct cask_generation *self)
{
    if (self->n_workers == 0) {
        self->respawn_us = CASK_CLOCK_NEVER;
        cask_loop_timer_set(self->respawn, cask_clock_mono_us());
    }
}

void
cask_generation_drain(struct cask_generation *generation, int64_t drain_us)
{
    if (generation->state != CASK_GENERATION_READY) {
        return;
    }
    become(generation, CASK_GENERATION_DRAINING);
    generation->respawn_us = CASK_CLOCK_NEVER;
    cask_loop_timer_set(generation->respawn, CASK_CLOCK_NEVER);
    for (size_t i = 0; i < generation->n_workers; i++) {
        enum cask_worker_state state = cask_worker_state(generation->workers[i]);

        if (state != CASK_WORKER_DRAINING && state != CASK_WORKER_STOPPING) {
            cask_worker_drain(generation->workers[i], drain_us);
        }
    }
    empty_soon(generation);
}

void
cask_generation_stop(struct cask_generation *generation, int64_t limit_us)
{
    if (generation->state == CASK_GENERATION_STARTING) {
        cask_generation_abandon(generation);
        return;
    }
    if (generation->state == CASK_GENERATION_READY) {
        become(generation, CASK_GENERATION_DRAINING);
    }
    stop_workers(generation, limit_us);
    empty_soon(generation);
}

void
cask_generation_abandon(struct cask_generation *generation)
{
    if (generation->state == CASK_GENERATION_STARTING) {
        become(generation, CASK_GENERATION_FAILED);
        stop_workers(generation, 0);
        empty_soon(generation);
    }
}

bool
cask_generation_has(const struct cask_generation *generation, pid_t pid)
{
    for (size_t i = 0; i < generation->n_workers; i++) {
        if (cask_worker_pid(generation->workers[i]) == pid) {
            return true;
        }
    }
    return false;
}

bool
cask_generation_reaped(struct cask_generation *generation, pid_t pid, int status)
{
    for (size_t i = 0; i < generation->n_workers; i++) {
        if (cask_worker_pid(generation->workers[i]) == pid) {
            cask_worker_reaped(generation->workers[i], status);
            return true;
        }
    }
    return false;
}

const struct cask_worker *
cask_generation_worker(const struct cask_generation *generation, size_t number)
{
    return number < generation->n_workers ? generation->workers[number] : NULL;
}
