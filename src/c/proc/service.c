/* SPDX-License-Identifier: Apache-2.0 */
/* proc/service.c - the main program of a daemon of a service group (threads=0).
 *
 * The main thread is the scripts', with their own signal handlers, and may be in them for ever. So
 * a second thread, the keeper, listens to the supervisor and to httpd's end; it asks the scripts to
 * end by the signal that every program knows, SIGTERM, and ends the process when they do not.
 *
 * Owns:    the keeper's loop, the pair of descriptors that wakes the main thread.
 * Touches: gateway/engine.h (types), proc/, platform/.
 * Threads: Python's main thread (main); the keeper (the rest), which never enters Python.
 * States:  RUNNING the scripts run, or have left threads behind → ENDING by keeper_stop() or when
 *          the scripts ask for it → the process has gone, at the deadline at the latest.
 * Invariants:
 *   (1) once ENDING there is a deadline, unless shutdown-timeout is off;
 *   (2) a service that has lost its supervisor ends: two of the same kind must not run.
 */
#include "proc/service.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform/clock.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "platform/process.h"
#include "proc/channel.h"
#include "proc/daemon_boot.h"
#include "proc/daemon_load.h"
#include "proc/spec.h"

#define SEND_US      (5 * CASK_CLOCK_SECOND)
#define NO_PARENT_US (5 * CASK_CLOCK_SECOND) /* to stop after httpd, without shutdown-timeout */

struct service {
    const struct cask_engine_ops *ops; /* [init] */
    struct cask_daemon_boot *boot;     /* [init] the channel is the keeper's */
    struct cask_app *apps;             /* [init] the scripts, boot->spec->n_apps of them */
    struct cask_engine *engine;        /* [init] */
    pthread_t main_thread;             /* [init] */
    int wake[2];                       /* [init] [0] readable: the scripts' time is over */
    int ended[2];                      /* [init] [0] readable: the scripts have ended */
    struct cask_loop *loop;            /* [owner: keeper] */
    struct cask_loop_timer *deadline;  /* [owner: keeper] the end of the process */
    struct cask_loop_timer *age;       /* [owner: keeper] restart-interval */
    bool ending;                       /* [owner: keeper] */
};

static const char *
name_of(const struct service *self)
{
    return self->boot->spec->name;
}

/* ---- the keeper ---- */

static void
on_deadline(void *context)
{
    struct service *self = context;

    cask_log(430, "group '%s': ending process %ld, its scripts did not end within shutdown-timeout",
             name_of(self), (long)getpid());
    cask_process_exit(1);
}

/* Asks the scripts to end; timeout_us 0: they have all the time. */
static void
keeper_stop(struct service *self, int64_t timeout_us)
{
    if (self->ending) {
        return;
    }
    self->ending = true;
    cask_loop_timer_set(self->deadline, cask_clock_deadline(timeout_us)); /* keeps (1) */
    /* The signal first: its handler is to run before the wait of the main thread is over. */
    (void)pthread_kill(self->main_thread, SIGTERM);
    (void)!write(self->wake[1], "", 1);
}

static void
on_channel(void *context, int fd, short revents)
{
    struct service *self = context;
    struct cask_channel_message message;
    int error = cask_channel_receive(fd, self->boot->buffer, &message);
    int64_t timeout_us = self->boot->spec->shutdown_timeout_us;
    uint64_t value;

    (void)revents;
    if (error == EAGAIN || error == EINTR) {
        return;
    }
    if (error != 0) {
        cask_loop_unwatch(self->loop, fd);
        keeper_stop(self, timeout_us); /* keeps (2) */
        return;
    }
    value = cask_unpack_u64(&message.payload);
    if (message.kind == CASK_CHANNEL_STOP && value <= INT64_MAX) {
        timeout_us = (int64_t)value;
    }
    if (message.kind == CASK_CHANNEL_STOP || message.kind == CASK_CHANNEL_DRAIN) {
        keeper_stop(self, timeout_us); /* there are no requests to wait for */
    }
    cask_channel_message_done(&message);
}

static void
on_parent(void *context, int fd, short revents)
{
    struct service *self = context;
    int64_t timeout_us = self->boot->spec->shutdown_timeout_us;

    (void)revents;
    cask_loop_unwatch(self->loop, fd);
    keeper_stop(self, timeout_us > 0 ? timeout_us : NO_PARENT_US);
}

/* The main thread has come back from the scripts: from now on Python's end has its own guard, or
 * none where shutdown-timeout is off. */
static void
on_ended(void *context, int fd, short revents)
{
    struct service *self = context;

    (void)revents;
    cask_loop_unwatch(self->loop, fd);
    if (!self->ending) {
        self->ending = true;
        cask_loop_timer_set(self->deadline,
                            cask_clock_deadline(self->boot->spec->shutdown_timeout_us));
    }
}

/* The process has lived for restart-interval. The supervisor starts another one when it has gone.
 */
static void
on_age(void *context)
{
    struct service *self = context;

    keeper_stop(self, self->boot->spec->shutdown_timeout_us);
}

static int
keeper_watch(struct service *self)
{
    int error = cask_loop_timer_new(self->loop, on_deadline, self, &self->deadline);

    if (error == 0) {
        error = cask_loop_timer_new(self->loop, on_age, self, &self->age);
    }
    if (error == 0) {
        cask_loop_timer_set(self->age, cask_clock_deadline(self->boot->spec->restart_interval_us));
    }

    if (error == 0) {
        error = cask_loop_watch(self->loop, self->boot->channel_fd, POLLIN, on_channel, self);
    }
    if (error == 0) {
        error = cask_loop_watch(self->loop, self->boot->parent_fd, POLLIN, on_parent, self);
    }
    if (error == 0) {
        error = cask_loop_watch(self->loop, self->ended[0], POLLIN, on_ended, self);
    }
    return error;
}

static void *
keeper_run(void *context)
{
    struct service *self = context;

    (void)cask_loop_run(self->loop);
    return NULL; /* never: the process ends first */
}

/* With all signals blocked: they are the main thread's. */
static int
keeper_start(struct service *self)
{
    sigset_t all;
    sigset_t before;
    pthread_t thread;
    int error;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread, NULL, keeper_run, self);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0) {
        (void)pthread_detach(thread);
    }
    return error;
}

/* ---- the main thread ---- */

static int
start(struct service *self, struct cask_problem *reterr_problem)
{
    int error = cask_net_pair(self->wake);

    if (error == 0) {
        error = cask_net_pair(self->ended);
    }
    if (error != 0) {
        return cask_problem_set(reterr_problem, error, 431, "group '%s': no descriptors",
                                name_of(self));
    }
    error = cask_daemon_load_engine(self->boot, self->ops, NULL, &self->engine, reterr_problem);
    if (error == 0) {
        error = cask_loop_new(&self->loop, reterr_problem);
    }
    if (error != 0) {
        return error;
    }
    error = keeper_watch(self);
    if (error != 0) {
        return cask_problem_set(reterr_problem, error, 431, "group '%s': cannot watch descriptors",
                                name_of(self));
    }
    return 0;
}

static struct cask_app *
make_apps(const struct cask_group_spec *spec)
{
    struct cask_app *apps = calloc(spec->n_apps + 1, sizeof(*apps));

    for (size_t i = 0; apps != NULL && i < spec->n_apps; i++) {
        const struct cask_spec_app *from = &spec->apps[i];

        apps[i].script = (struct cask_str){from->script, (uint32_t)strlen(from->script)};
        apps[i].application_group =
            (struct cask_str){from->application_group, (uint32_t)strlen(from->application_group)};
    }
    return apps;
}

/* READY means that the scripts begin: they need not end. */
static void
tell_ready(const struct service *self)
{
    struct cask_pack nothing = {0};

    (void)cask_channel_send(self->boot->channel_fd, CASK_CHANNEL_READY, &nothing, NULL, 0,
                            cask_clock_deadline(SEND_US));
    cask_pack_done(&nothing);
}

/* Never freed: the keeper may outlive the return of the main program. */
static struct service *
service_new(const struct cask_engine_ops *ops, struct cask_daemon_boot *boot)
{
    struct service *self = calloc(1, sizeof(*self));

    if (self == NULL) {
        return NULL;
    }
    self->ops = ops;
    self->boot = boot;
    self->main_thread = pthread_self();
    self->apps = make_apps(boot->spec);
    if (self->apps == NULL) {
        free(self);
        return NULL;
    }
    return self;
}

int
cask_service_main(const struct cask_engine_ops *ops, struct cask_daemon_boot *boot)
{
    struct service *self = service_new(ops, boot);
    struct cask_problem problem = {0};
    int error = self != NULL
                    ? start(self, &problem)
                    : cask_problem_set(&problem, ENOMEM, 431, "group '%s'", boot->spec->name);
    int status;

    if (error != 0) {
        cask_daemon_boot_failed(boot, &problem);
        return 1;
    }
    tell_ready(self);
    error = keeper_start(self);
    if (error != 0) {
        (void)cask_problem_set(&problem, error, 431, "group '%s': no thread", name_of(self));
        cask_log_problem(&problem);
        return 1;
    }
    status = ops->run(self->engine, self->apps, boot->spec->n_apps, self->wake[0]);
    (void)!write(self->ended[1], "", 1);
    if (ops->stop(self->engine, cask_clock_deadline(boot->spec->shutdown_timeout_us)) != 0) {
        cask_log(409, "group '%s': Python of process %ld did not end in time", name_of(self),
                 (long)getpid());
        return 1;
    }
    return status;
}
