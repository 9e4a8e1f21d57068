/* SPDX-License-Identifier: Apache-2.0 */
/* proc/daemon.c - the main program of a daemon process.
 *
 * Owns:    the loop, the engine, the pool, the descriptors that came with START.
 * Touches: gateway/engine.h (types), proc/, metrics/board (read-only), platform/.
 * Threads: Python's main thread, without the GIL. Serving threads are the pool's.
 * States (struct cask_daemon.state; what holds, who leaves it):
 *   STARTING  the applications are being loaded, nobody is served; signals have their default
 *             action and end the process at once. → SERVING by serve().
 *   SERVING   the pool takes requests. → DRAINING by daemon_drain(), → STOPPING by daemon_stop().
 *   DRAINING  no new connections; requests under way are finished. → STOPPING by daemon_stop(),
 *             when its time is over, or leaves the loop when the pool is empty.
 *   STOPPING  nothing is taken any more; leaves the loop when the pool is empty; at its deadline
 *             the process ends as it is.
 * Invariants:
 *   (1) every state but SERVING has a deadline, here or in the supervisor;
 *   (2) a daemon that lost its supervisor goes within 30 s, one that lost httpd stops at once.
 */
#include "proc/daemon.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "metrics/board.h"
#include "platform/clock.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "platform/process.h"
#include "proc/channel.h"
#include "proc/crash.h"
#include "proc/daemon_boot.h"
#include "proc/daemon_load.h"
#include "proc/guard.h"
#include "proc/loadlist.h"
#include "proc/pool.h"
#include "proc/service.h"
#include "proc/spec.h"
#include "proc/stale.h"
#include "proc/title.h"
#include "proc/watchdog.h"

#define SEND_US     (5 * CASK_CLOCK_SECOND)
#define ORPHAN_US   (30 * CASK_CLOCK_SECOND)
#define ORPHAN_LOOK (250 * CASK_CLOCK_MS)
/* From the first request after a pause: a busy daemon's loop wakes no more often than that. */
#define ACTIVITY_LOOK (100 * CASK_CLOCK_MS)
#define NO_PARENT_US  (5 * CASK_CLOCK_SECOND) /* to stop after httpd, without shutdown-timeout */
#define DRAIN_LOOK_US CASK_CLOCK_SECOND

enum daemon_state {
    STATE_STARTING,
    STATE_SERVING,
    STATE_DRAINING,
    STATE_STOPPING,
};

struct cask_daemon {
    const struct cask_engine_ops *ops;
    struct cask_daemon_boot *boot; /* channel, spec, descriptors */
    enum daemon_state state;
    struct cask_loop *loop;
    struct cask_engine *engine;
    struct cask_pool *pool;
    struct cask_guard *guard;
    struct cask_stale *stale;
    struct cask_loadlist *loaded; /* applications told to the supervisor */
    struct cask_watchdog watchdog;
    struct cask_loop_timer *look; /* watchdog, orphan and drain: the next moment to think */
    int64_t deadline_us;          /* DRAINING: then stop; STOPPING: then leave */
    bool stacks_told;             /* in the log already */
    bool deadlocked;              /* Python's lock is lost: nothing more can be served */
    int64_t orphan_us;            /* since then without supervisor; 0: it is there */
    uint64_t served_seen;         /* requests served when applications were last told */
};

static void
daemon_send(struct cask_daemon *self, enum cask_channel_kind kind, struct cask_pack *payload)
{
    if (self->boot->channel_fd >= 0) {
        /* a failure shows again as the end of the channel, in on_channel() */
        (void)cask_channel_send(self->boot->channel_fd, kind, payload, NULL, 0,
                                cask_clock_deadline(SEND_US));
    }
    cask_pack_done(payload);
}

static void
daemon_send_reason(struct cask_daemon *self, enum cask_channel_kind kind, uint32_t reason)
{
    struct cask_pack payload = {0};

    cask_pack_u32(&payload, reason);
    daemon_send(self, kind, &payload);
}

/* Called by the engine for each application that is loaded well. */
static void
tell_loaded(void *context, const struct cask_app *app)
{
    struct cask_daemon *self = context;
    struct cask_pack payload = {0};

    self->watchdog.loaded = true;
    if (!cask_loadlist_add(self->loaded, app)) {
        return; /* told before, or one too many */
    }
    cask_pack_text_n(&payload, app->script.data, app->script.len);
    cask_pack_text_n(&payload, app->callable.data != NULL ? app->callable.data : "",
                     app->callable.len);
    cask_pack_text_n(&payload,
                     app->application_group.data != NULL ? app->application_group.data : "",
                     app->application_group.len);
    daemon_send(self, CASK_CHANNEL_LOADED, &payload);
}

static void
daemon_stop(struct cask_daemon *self, int64_t timeout_us)
{
    int64_t deadline_us = cask_clock_deadline(timeout_us);

    if (self->state == STATE_STOPPING) {
        self->deadline_us = deadline_us < self->deadline_us ? deadline_us : self->deadline_us;
    } else {
        self->state = STATE_STOPPING;
        self->deadline_us = deadline_us;
        cask_pool_stop(self->pool);
    }
    cask_loop_timer_set(self->look, cask_clock_mono_us());
}

/* Time for the end; where there is no shutdown-timeout, one for a process that cannot end. */
static int64_t
stop_us(const struct cask_daemon *self)
{
    int64_t timeout_us = self->boot->spec->shutdown_timeout_us;

    return timeout_us == 0 && self->deadlocked ? NO_PARENT_US : timeout_us;
}

static void
daemon_drain(struct cask_daemon *self, int64_t timeout_us)
{
    if (self->state != STATE_SERVING) {
        return;
    }
    if (timeout_us == 0 || self->deadlocked) {
        daemon_stop(self, stop_us(self));
        return;
    }
    self->state = STATE_DRAINING;
    self->deadline_us = cask_clock_deadline(timeout_us);
    cask_pool_drain(self->pool);
    cask_loop_timer_set(self->look, cask_clock_mono_us());
}

static void
dump_stacks(struct cask_daemon *self)
{
    if (!self->stacks_told) {
        self->stacks_told = true;
        self->ops->dump_stacks(self->engine, STDERR_FILENO);
    }
}

/* STOPPING is over: the process ends as it is, threads inside applications and all. */
static _Noreturn void
leave(struct cask_daemon *self)
{
    struct cask_pool_figures figures;

    cask_pool_figures(self->pool, &figures);
    dump_stacks(self);
    cask_log(408, "group '%s': ending process %ld with %u requests still running",
             self->boot->spec->name, (long)getpid(), (unsigned)figures.active);
    cask_process_exit(1);
}

/* Without supervisor: serve until its successor's generation does, at most 30 s. */
static int64_t
orphan_look(struct cask_daemon *self, int64_t now_us)
{
    if (self->orphan_us == 0 || self->state != STATE_SERVING) {
        return CASK_CLOCK_NEVER;
    }
    if (cask_board_serving(self->boot->board) > self->boot->generation ||
        now_us - self->orphan_us >= ORPHAN_US) {
        daemon_drain(self, cask_spec_drain_us(self->boot->spec));
        return CASK_CLOCK_NEVER;
    }
    return now_us + ORPHAN_LOOK;
}

/* request-timeout has passed for some: with interrupt-timeout they get a chance to clean up. */
static void
interrupt_late(struct cask_daemon *self, int64_t now_us, int64_t *next)
{
    const struct cask_group_spec *spec = self->boot->spec;
    uint32_t thread_id;

    if (spec->request_timeout_us == 0 || spec->interrupt_timeout_us == 0) {
        return;
    }
    for (;;) {
        thread_id = cask_pool_take_late(self->pool, spec->request_timeout_us, now_us, next);
        if (thread_id == 0) {
            return;
        }
        cask_log(441,
                 "group '%s': interrupting the request in thread %u of process %ld: it has "
                 "run for request-timeout",
                 spec->name, (unsigned)thread_id, (long)getpid());
        cask_guard_interrupt(self->guard, thread_id);
    }
}

static int64_t
serving_look(struct cask_daemon *self, const struct cask_pool_figures *figures, int64_t now_us)
{
    int64_t next = CASK_CLOCK_NEVER;
    uint32_t reason = cask_watchdog_look(&self->watchdog, figures, now_us, &next);

    interrupt_late(self, now_us, &next);
    if (figures->active > 0 && self->boot->spec->deadlock_timeout_us > 0) {
        cask_guard_beat(self->guard);
    }
    if (reason == CASK_CHANNEL_DEADLOCK || reason == CASK_CHANNEL_REQUEST_TIMEOUT) {
        self->deadlocked = reason == CASK_CHANNEL_DEADLOCK;
        dump_stacks(self);
    }
    if (reason != 0) {
        if (self->boot->channel_fd < 0) {
            daemon_drain(self, cask_spec_drain_us(self->boot->spec));
        } else {
            daemon_send_reason(self, CASK_CHANNEL_REPLACE, reason);
        }
    }
    if (figures->active > 0 || figures->served != self->served_seen) {
        self->served_seen = figures->served;
        self->ops->loaded(self->engine, tell_loaded, self);
    }
    return next;
}

static int64_t
drain_look(struct cask_daemon *self, const struct cask_pool_figures *figures, int64_t now_us)
{
    /* A request over its time does not hold up a drain. */
    bool only_overdue = figures->active > 0 && figures->active <= figures->overdue;

    if (now_us >= self->deadline_us || only_overdue) {
        daemon_stop(self, self->boot->spec->shutdown_timeout_us);
        return self->deadline_us;
    }
    return self->deadline_us < now_us + DRAIN_LOOK_US ? self->deadline_us : now_us + DRAIN_LOOK_US;
}

static void
on_look(void *context)
{
    struct cask_daemon *self = context;
    struct cask_pool_figures figures;
    int64_t now_us = cask_clock_mono_us();
    int64_t next = CASK_CLOCK_NEVER;
    int64_t orphan = orphan_look(self, now_us);

    cask_pool_figures(self->pool, &figures);
    figures.waiting_us = cask_guard_waiting_us(self->guard);
    switch (self->state) {
    case STATE_STARTING:
        break;
    case STATE_SERVING:
        next = serving_look(self, &figures, now_us);
        break;
    case STATE_DRAINING:
        next = drain_look(self, &figures, now_us);
        break;
    case STATE_STOPPING:
        if (now_us >= self->deadline_us) {
            leave(self);
        }
        next = self->deadline_us;
        break;
    }
    cask_loop_timer_set(self->look, next < orphan ? next : orphan);
}

static void
on_pool(void *context, int fd, short revents)
{
    struct cask_daemon *self = context;
    uint32_t events = cask_pool_take_events(self->pool);

    (void)fd;
    (void)revents;
    if ((events & CASK_POOL_MAXIMUM) != 0 && self->state == STATE_SERVING) {
        daemon_send_reason(self, CASK_CHANNEL_REPLACE, CASK_CHANNEL_MAXIMUM_REQUESTS);
    }
    if ((events & CASK_POOL_EMPTY) != 0 && self->state != STATE_SERVING) {
        cask_loop_stop(self->loop);
        return;
    }
    if ((events & CASK_POOL_ACTIVITY) != 0) {
        cask_loop_timer_set(self->look, cask_clock_mono_us() + ACTIVITY_LOOK);
    }
}

static void
on_stale(void *context, int fd, short revents)
{
    struct cask_daemon *self = context;
    char path[CASK_STALE_PATH_SIZE];

    (void)fd;
    (void)revents;
    while (cask_stale_take(self->stale, path)) {
        struct cask_pack payload = {0};
        struct cask_script_id id = {0};
        struct stat status;

        if (stat(path, &status) == 0) {
            cask_script_id_from_stat(&status, &id);
        }
        /* first what is loaded: the next generation loads all of it */
        self->ops->loaded(self->engine, tell_loaded, self);
        cask_pack_text(&payload, path);
        cask_pack_u64(&payload, id.device);
        cask_pack_u64(&payload, id.inode);
        cask_pack_u64(&payload, id.size);
        cask_pack_u64(&payload, (uint64_t)id.mtime_ns);
        daemon_send(self, CASK_CHANNEL_RELOAD, &payload);
    }
}

static void
lose_supervisor(struct cask_daemon *self)
{
    cask_loop_unwatch(self->loop, self->boot->channel_fd);
    cask_net_close(&self->boot->channel_fd);
    self->orphan_us = cask_clock_mono_us();
    cask_loop_timer_set(self->look, self->orphan_us);
}

static void
on_channel(void *context, int fd, short revents)
{
    struct cask_daemon *self = context;
    struct cask_channel_message message;
    int error = cask_channel_receive(fd, self->boot->buffer, &message);
    uint64_t value;

    (void)revents;
    if (error == EAGAIN || error == EINTR) {
        return;
    }
    if (error != 0) {
        lose_supervisor(self);
        return;
    }
    value = cask_unpack_u64(&message.payload);
    value = value > INT64_MAX ? 0 : value;
    if (message.kind == CASK_CHANNEL_DRAIN) {
        daemon_drain(self, (int64_t)value);
    } else if (message.kind == CASK_CHANNEL_STOP) {
        daemon_stop(self, (int64_t)value);
    } else if (message.kind == CASK_CHANNEL_STACKS && message.n_fds == 1) {
        self->ops->dump_stacks(self->engine, message.fds[0]);
    }
    cask_channel_message_done(&message);
}

static void
on_parent(void *context, int fd, short revents)
{
    struct cask_daemon *self = context;
    int64_t timeout_us = self->boot->spec->shutdown_timeout_us;

    (void)revents;
    cask_loop_unwatch(self->loop, fd);
    daemon_stop(self, timeout_us > 0 ? timeout_us : NO_PARENT_US);
}

static void
on_signal(void *context, int signal_number)
{
    struct cask_daemon *self = context;

    switch (signal_number) {
    case SIGTERM:
    case SIGINT:
        if (self->state == STATE_SERVING) {
            daemon_send_reason(self, CASK_CHANNEL_LEAVING, CASK_CHANNEL_SIGNAL);
        }
        daemon_stop(self, self->boot->spec->shutdown_timeout_us);
        break;
    case SIGUSR1:
    case SIGXCPU:
        if (self->state == STATE_SERVING && self->boot->channel_fd >= 0) {
            daemon_send_reason(self, CASK_CHANNEL_REPLACE,
                               signal_number == SIGXCPU ? CASK_CHANNEL_CPU_TIME
                                                        : CASK_CHANNEL_SIGNAL);
        } else {
            daemon_drain(self, cask_spec_eviction_us(self->boot->spec));
        }
        break;
    default: /* SIGHUP, SIGUSR2 mean nothing here but must not kill */
        break;
    }
}

static int
start(struct cask_daemon *self, struct cask_problem *reterr_problem)
{
    const struct cask_pool_config config = {
        .ops = self->ops,
        .spec = self->boot->spec,
        .listen_fd = self->boot->listen_fd,
        .board = self->boot->board,
        .journal = self->boot->journal,
        .row = self->boot->row,
        .generation = self->boot->generation,
    };
    struct cask_pool_config pool_config = config;
    int error = cask_loadlist_new(&self->loaded, reterr_problem);

    if (error == 0) {
        error = cask_stale_new(&self->stale, reterr_problem);
    }
    if (error == 0) {
        error = cask_daemon_load_engine(self->boot, self->ops, self->stale, &self->engine,
                                        reterr_problem);
    }
    if (error == 0) {
        error = cask_daemon_load_apps(self->boot, self->ops, self->engine, reterr_problem);
    }
    if (error == 0) {
        self->ops->loaded(self->engine, tell_loaded, self);
        error = cask_loop_new(&self->loop, reterr_problem);
    }
    if (error == 0) {
        pool_config.engine = self->engine;
        error = cask_crash_new(&pool_config.crash, self->boot->journal,
                               (uint32_t)self->boot->spec->threads, reterr_problem);
    }
    if (error == 0) {
        error = cask_guard_new(&self->guard, self->ops, self->engine, reterr_problem);
    }
    if (error == 0) {
        error = cask_pool_new(&self->pool, &pool_config, reterr_problem);
    }
    return error;
}

static int
watch_all(struct cask_daemon *self)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGUSR1, SIGXCPU, SIGHUP, SIGUSR2};
    int error = cask_loop_timer_new(self->loop, on_look, self, &self->look);

    for (size_t i = 0; error == 0 && i < sizeof(signals) / sizeof(signals[0]); i++) {
        error = cask_loop_signal(self->loop, signals[i], on_signal, self);
    }
    if (error == 0) {
        error = cask_loop_watch(self->loop, self->boot->channel_fd, POLLIN, on_channel, self);
    }
    if (error == 0) {
        error = cask_loop_watch(self->loop, self->boot->parent_fd, POLLIN, on_parent, self);
    }
    if (error == 0) {
        error = cask_loop_watch(self->loop, cask_pool_event_fd(self->pool), POLLIN, on_pool, self);
    }
    if (error == 0) {
        error = cask_loop_watch(self->loop, cask_stale_fd(self->stale), POLLIN, on_stale, self);
    }
    return error;
}

/* Serves until the loop ends; then ends Python. */
static int
serve(struct cask_daemon *self)
{
    struct cask_pack nothing = {0};
    int64_t deadline_us;

    self->state = STATE_SERVING;
    self->watchdog.spec = self->boot->spec;
    self->watchdog.start_us = cask_clock_mono_us();
    if (watch_all(self) != 0) {
        cask_log(407, "group '%s': process %ld cannot watch its descriptors",
                 self->boot->spec->name, (long)getpid());
        return 1;
    }
    cask_loop_timer_set(self->look, self->watchdog.start_us);
    daemon_send(self, CASK_CHANNEL_READY, &nothing);
    (void)cask_loop_run(self->loop);

    deadline_us = self->state == STATE_STOPPING
                      ? self->deadline_us
                      : cask_clock_deadline(self->boot->spec->shutdown_timeout_us);
    if (cask_pool_join(self->pool, deadline_us) != 0 ||
        cask_guard_stop(self->guard, deadline_us) != 0) {
        leave(self);
    }
    self->pool = cask_pool_free(self->pool);
    if (self->ops->stop(self->engine, deadline_us) != 0) {
        cask_log(409, "group '%s': Python of process %ld did not end in time",
                 self->boot->spec->name, (long)getpid());
        return 1;
    }
    return 0;
}

int
cask_daemon_main(int channel_fd, const struct cask_engine_ops *ops)
{
    struct cask_daemon *self = calloc(1, sizeof(*self));
    struct cask_problem problem = {0};
    int error;

    cask_process_begin(CASK_ROLE_DAEMON);
    if (self == NULL) {
        return 1;
    }
    self->ops = ops;
    error = cask_daemon_boot_receive(channel_fd, ops->python_version, &self->boot, &problem);
    if (error != 0) {
        cask_log_problem(&problem); /* to stderr: there may be nobody else to tell */
        return 1;
    }
    if (self->boot->spec->display_name != NULL) {
        cask_title_set(self->boot->spec->display_name);
    }
    if (self->boot->spec->threads == 0) {
        return cask_service_main(ops, self->boot);
    }
    error = start(self, &problem);
    if (error != 0) {
        cask_daemon_boot_failed(self->boot, &problem);
        return 1;
    }
    return serve(self);
}
