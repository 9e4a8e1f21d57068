/* SPDX-License-Identifier: Apache-2.0 */
/* proc/worker.c - one daemon process as the supervisor sees it.
 *
 * Owns:    see worker.h.
 * Touches: metrics/board, platform/, proc/.
 * Threads: the supervisor's only one.
 * Invariants: those of worker_state.h. What the daemon says is worker_talk.c.
 */
#include "proc/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metrics/journal.h"
#include "platform/clock.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "platform/net.h"
#include "proc/blackbox.h"
#include "proc/spawn.h"
#include "proc/worker_state.h"

#define HELLO_US       (30 * CASK_CLOCK_SECOND) /* from fork to HELLO: the start of Python */
#define MESSAGES_LIMIT 32                       /* in one turn of the loop */
#define EXIT_BOOT      70                       /* exit statuses of server/boot.py */
#define EXIT_BOOT_END  79

void
cask_worker_tell(struct cask_worker *worker, enum cask_worker_event event,
                 const struct cask_worker_news *news)
{
    worker->config.call(worker->config.context, worker, event, news);
}

void
cask_worker_set_state(struct cask_worker *worker, enum cask_worker_state state,
                      enum cask_row_state row_state)
{
    worker->state = state;
    if (worker->row >= 0) {
        cask_board_set_row(worker->config.board, (uint32_t)worker->row, row_state, worker->pid);
    }
}

void
cask_worker_set_deadline(struct cask_worker *worker, int64_t deadline_us)
{
    worker->deadline_us = deadline_us;
    cask_loop_timer_set(worker->deadline, deadline_us);
}

void
cask_worker_kill(struct cask_worker *worker, const char *why)
{
    cask_log_debug(CASK_LOG_DEBUG, "group '%s': killing process %ld: %s", worker->config.spec->name,
                   (long)worker->pid, why);
    if (!worker->reaped) {
        worker->killed = true;
        (void)kill(worker->pid, SIGKILL);
    }
}

static void
on_deadline(void *context)
{
    struct cask_worker *self = context;

    if (self->state == CASK_WORKER_STARTING || self->state == CASK_WORKER_LOADING) {
        (void)cask_problem_set(&self->problem, 0, 424, "group '%s': process %ld %s",
                               self->config.spec->name, (long)self->pid, self->late);
    } else {
        cask_grouplog_say(self->config.log, 425,
                          "group '%s': process %ld did not stop in time; killing it",
                          self->config.spec->name, (long)self->pid);
    }
    cask_worker_kill(self, "deadline");
}

static void
on_log(void *context, int fd, short revents)
{
    struct cask_worker *self = context;

    (void)revents;
    if (cask_logline_read(&self->reader, self->config.log->fd) != 0) {
        cask_loop_unwatch(self->config.loop, fd);
        cask_net_close(&self->reader.fd);
    }
}

static void
close_channel(struct cask_worker *self)
{
    if (self->channel_fd >= 0) {
        cask_loop_unwatch(self->config.loop, self->channel_fd);
        cask_net_close(&self->channel_fd);
    }
}

static void
read_channel(struct cask_worker *self, int limit)
{
    for (int i = 0; i < limit && self->channel_fd >= 0; i++) {
        struct cask_channel_message message;
        int error = cask_channel_receive(self->channel_fd, self->buffer, &message);

        if (error == EAGAIN) {
            return;
        }
        if (error != 0) {
            close_channel(self);
            if (error != ECONNRESET || self->state == CASK_WORKER_READY) {
                cask_worker_kill(self, strerror(error)); /* another version, or it cannot go on */
            }
            return;
        }
        cask_worker_take_message(self, &message);
        cask_channel_message_done(&message);
    }
}

static void
on_channel(void *context, int fd, short revents)
{
    (void)fd;
    (void)revents;
    read_channel(context, MESSAGES_LIMIT);
}

static int
open_ends(struct cask_worker *self, int ret_far[2])
{
    int channel[2] = {-1, -1};
    int pipe_ends[2] = {-1, -1};
    int error = cask_channel_pair(channel);

    if (error == 0) {
        cask_net_refuse_fds(channel[0]); /* a daemon has none to give */
    }
    if (error == 0 && pipe2(pipe_ends, O_CLOEXEC) != 0) {
        error = errno;
    }
    if (error == 0) {
        error = cask_net_set_nonblocking(pipe_ends[0], true);
    }
    self->channel_fd = channel[0];
    self->reader.fd = pipe_ends[0];
    ret_far[0] = channel[1];
    ret_far[1] = pipe_ends[1];
    return error;
}

static int
open_journal(struct cask_worker *self, struct cask_problem *reterr_problem)
{
    uint32_t threads = (uint32_t)self->config.spec->threads;
    int error = cask_journal_create(threads, &self->journal_fd, reterr_problem);

    return error != 0
               ? error
               : cask_journal_map(self->journal_fd, threads, false, &self->journal, reterr_problem);
}

static int
watch_ends(struct cask_worker *self)
{
    struct cask_loop *loop = self->config.loop;
    int error = cask_loop_timer_new(loop, on_deadline, self, &self->deadline);

    if (error == 0) {
        error = cask_loop_watch(loop, self->channel_fd, POLLIN, on_channel, self);
    }
    if (error == 0) {
        error = cask_loop_watch(loop, self->reader.fd, POLLIN, on_log, self);
    }
    return error;
}

static void
release(struct cask_worker *self)
{
    close_channel(self);
    if (self->reader.fd >= 0) {
        cask_loop_unwatch(self->config.loop, self->reader.fd);
        cask_net_close(&self->reader.fd);
    }
    self->deadline = cask_loop_timer_free(self->deadline);
    cask_net_close(&self->journal_fd);
    self->journal = cask_journal_free(self->journal);
    if (self->row >= 0) {
        cask_board_free_row(self->config.board, (uint32_t)self->row);
        self->row = -1;
    }
}

int
cask_worker_new(struct cask_worker **ret_worker, const struct cask_worker_config *config,
                struct cask_problem *reterr_problem)
{
    struct cask_worker *self = calloc(1, sizeof(*self));
    int far[2] = {-1, -1};
    int error;

    if (self == NULL) {
        return cask_problem_set(reterr_problem, ENOMEM, 421, "group '%s': no process",
                                config->spec->name);
    }
    self->config = *config;
    self->channel_fd = -1;
    self->reader.fd = -1;
    self->journal_fd = -1;
    self->oom_kills = cask_blackbox_oom_kills();
    self->row =
        cask_board_take_row(config->board, config->generation, (uint32_t)config->spec->threads);
    if (self->row < 0) {
        error = cask_problem_set(reterr_problem, EAGAIN, 421,
                                 "group '%s': all rows of its board are taken by processes that "
                                 "are still going",
                                 config->spec->name);
        goto failed;
    }
    error = open_journal(self, reterr_problem);
    if (error != 0) {
        goto failed;
    }
    error = open_ends(self, far);
    if (error == 0) {
        error = watch_ends(self);
    }
    if (error != 0) {
        (void)cask_problem_set(reterr_problem, error, 421, "group '%s': no channel to a process",
                               config->spec->name);
        goto failed;
    }
    error = cask_spawn_daemon(config->spec, far[0], far[1], &self->pid, reterr_problem);
    if (error != 0) {
        goto failed;
    }
    cask_net_close(&far[0]);
    cask_net_close(&far[1]);
    self->reader.pid = self->pid;
    cask_worker_set_state(self, CASK_WORKER_STARTING, CASK_ROW_STARTING);
    self->late = "did not say hello in time (Python does not start)";
    cask_worker_set_deadline(self, cask_clock_deadline(HELLO_US)); /* keeps (1) */
    *ret_worker = self;
    return 0;

failed:
    cask_net_close(&far[0]);
    cask_net_close(&far[1]);
    release(self);
    free(self);
    return error;
}

struct cask_worker *
cask_worker_free(struct cask_worker *worker)
{
    if (worker != NULL) {
        release(worker);
        cask_problem_done(&worker->problem);
        free(worker);
    }
    return NULL;
}

pid_t
cask_worker_pid(const struct cask_worker *worker)
{
    return worker->pid;
}

enum cask_worker_state
cask_worker_state(const struct cask_worker *worker)
{
    return worker->state;
}

int64_t
cask_worker_ready_us(const struct cask_worker *worker)
{
    return worker->became_ready_us;
}

void
cask_worker_take_problem(struct cask_worker *worker, struct cask_problem *ret_problem)
{
    cask_problem_move(ret_problem, &worker->problem);
}

uint32_t
cask_worker_wants_out(const struct cask_worker *worker)
{
    return worker->wants_out;
}

int64_t
cask_worker_row(const struct cask_worker *worker)
{
    return worker->row;
}

const struct cask_journal *
cask_worker_journal(const struct cask_worker *worker)
{
    return worker->journal;
}

bool
cask_worker_ask_stacks(const struct cask_worker *worker, int fd)
{
    return worker->became_ready_us != 0 && worker->channel_fd >= 0 &&
           cask_channel_send(worker->channel_fd, CASK_CHANNEL_STACKS, NULL, &fd, 1, 0) == 0;
}

/* Sends a deadline; false when the daemon does not listen any more. */
static bool
send_time(struct cask_worker *self, enum cask_channel_kind kind, int64_t time_us)
{
    struct cask_pack payload = {0};
    int error;

    cask_pack_u64(&payload, (uint64_t)time_us);
    error = self->channel_fd >= 0 ? cask_channel_send(self->channel_fd, kind, &payload, NULL, 0, 0)
                                  : EPIPE;
    cask_pack_done(&payload);
    return error == 0;
}

void
cask_worker_drain(struct cask_worker *worker, int64_t drain_us)
{
    int64_t shutdown_us = worker->config.spec->shutdown_timeout_us;

    if (worker->state != CASK_WORKER_READY || drain_us == 0) {
        cask_worker_stop(worker, 0);
        return;
    }
    worker->told = true;
    cask_worker_set_state(worker, CASK_WORKER_DRAINING, CASK_ROW_DRAINING);
    if (!send_time(worker, CASK_CHANNEL_DRAIN, drain_us)) {
        cask_worker_kill(worker, "it does not listen");
    } else if (shutdown_us > 0) {
        cask_worker_set_deadline(
            worker, cask_clock_deadline(drain_us + shutdown_us + 2 * CASK_WORKER_GRACE_US));
    }
}

void
cask_worker_stop(struct cask_worker *worker, int64_t limit_us)
{
    int64_t shutdown_us = worker->config.spec->shutdown_timeout_us;
    int64_t deadline_us;

    if (shutdown_us == 0 || (limit_us > 0 && limit_us < shutdown_us)) {
        shutdown_us = limit_us;
    }
    deadline_us = shutdown_us > 0 ? cask_clock_deadline(shutdown_us + CASK_WORKER_GRACE_US)
                                  : CASK_CLOCK_NEVER;
    if (worker->state == CASK_WORKER_GONE ||
        (worker->state == CASK_WORKER_STOPPING && deadline_us >= worker->deadline_us)) {
        return; /* it stops already, and no later than that */
    }
    worker->told = true;
    if (worker->state == CASK_WORKER_STARTING || worker->state == CASK_WORKER_LOADING) {
        (void)kill(worker->pid, SIGTERM); /* it serves nobody: its signals are at their default */
    } else if (!send_time(worker, CASK_CHANNEL_STOP, shutdown_us)) {
        cask_worker_kill(worker, "it does not listen");
    }
    cask_worker_set_state(worker, CASK_WORKER_STOPPING, CASK_ROW_DRAINING);
    cask_worker_set_deadline(worker, deadline_us);
}

/* The problem of a daemon that ended while it should live: why, doing what, and Python's stacks. */
static void
explain_loss(struct cask_worker *self, int status)
{
    const struct cask_blackbox box = {
        .status = status,
        .journal = self->journal,
        .cpu_time_up = self->wants_out == CASK_CHANNEL_CPU_TIME,
        .oom = cask_blackbox_oom_kills() > self->oom_kills,
    };
    char cause[256];
    char requests[384];

    cask_blackbox_cause(&box, cause, sizeof(cause));
    cask_blackbox_requests(&box, cask_clock_mono_us(), requests, sizeof(requests));
    (void)cask_problem_set(&self->problem, 0, 421, "group '%s': process %ld %s%s",
                           self->config.spec->name, (long)self->pid, cause, requests);
    if (self->reader.n_stacks > 0) {
        cask_problem_detail(&self->problem, self->reader.stacks, self->reader.n_stacks);
        self->reader.n_stacks = 0;
    }
}

/* Fills the problem from the wait status, unless there is a better one or it went in order. */
static void
explain_end(struct cask_worker *self, int status)
{
    const char *name = self->config.spec->name;
    bool crashed = WIFSIGNALED(status) && WTERMSIG(status) != SIGTERM && !self->killed;

    if (self->problem.number != 0 || (self->told && !crashed)) {
        return;
    }
    if (self->config.spec->threads == 0 && self->state != CASK_WORKER_STARTING &&
        WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        (void)cask_problem_set(&self->problem, 0, 432, "group '%s': service process %ld has ended",
                               name, (long)self->pid);
    } else if (WIFSIGNALED(status) || self->state != CASK_WORKER_STARTING) {
        explain_loss(self, status);
    } else if (WEXITSTATUS(status) >= EXIT_BOOT && WEXITSTATUS(status) <= EXIT_BOOT_END) {
        (void)cask_problem_set(&self->problem, 0, 424, "group '%s': cannot start: %s", name,
                               self->reader.last);
    } else {
        (void)cask_problem_set(&self->problem, 0, 424,
                               "group '%s': '%s' ended with status %d before it said hello%s%s",
                               name, self->config.spec->interpreter, WEXITSTATUS(status),
                               self->reader.last[0] != '\0' ? ": " : "", self->reader.last);
    }
}

void
cask_worker_reaped(struct cask_worker *worker, int status)
{
    worker->reaped = true;
    read_channel(worker, INT16_MAX); /* its last words, a FAILED perhaps */
    if (worker->reader.fd >= 0) {
        (void)cask_logline_read(&worker->reader, worker->config.log->fd);
        cask_logline_finish(&worker->reader, worker->config.log->fd);
    }
    explain_end(worker, status);
    cask_logline_give_stacks(&worker->reader, worker->config.log->fd);
    worker->state = CASK_WORKER_GONE;
    release(worker);
    cask_worker_tell(worker, CASK_WORKER_HAS_GONE, NULL); /* keeps (3) */
}
