/* SPDX-License-Identifier: Apache-2.0 */
/* proc/supervisor_loop.c - the supervisor process: takes configurations from httpd's parent, reaps
 * daemons, ends with httpd.
 *
 * Owns:    the loop and the groups.
 * Touches: platform/, proc/.
 * Threads: one.
 * Fork:    runs in a child of httpd's parent (proc/spawn.c) that has given up everything of httpd.
 * Invariants (the supervisor's law, architecture.md §4):
 *   (1) it runs no Python, takes no lock, and blocks nowhere without a deadline;
 *   (2) it outlives neither httpd's parent nor its own last process after a stop.
 */
#include "proc/supervisor_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/clock.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "platform/process.h"
#include "proc/channel.h"
#include "proc/control.h"
#include "proc/group.h"
#include "proc/grouplog.h"
#include "proc/title.h"

#define TICK_US        CASK_CLOCK_SECOND
#define UNCONFIGURED   (120 * CASK_CLOCK_SECOND) /* after RESTART, without a configuration */
#define STOP_LIMIT_US  (60 * CASK_CLOCK_SECOND)  /* where shutdown-timeout is off */
#define LOST_LIMIT_US  (5 * CASK_CLOCK_SECOND)   /* likewise, when httpd was lost */
#define SPEC_LIMIT     (16u * 1024u * 1024u)
#define MESSAGES_LIMIT 64 /* in one turn of the loop */

struct supervisor {
    struct cask_loop *loop;
    int channel_fd; /* -1: httpd's parent does not talk to us any more */
    struct cask_grouplog main_log;
    struct cask_group_host host;
    struct cask_group **groups;
    size_t n_groups;
    size_t groups_capacity;
    struct cask_group_settings *incoming; /* groups of a configuration not yet committed */
    size_t n_incoming;
    size_t incoming_capacity;
    int children_fd; /* of the present configuration; -1 */
    struct cask_loop_timer *tick;
    struct cask_loop_timer *look; /* something has changed: see look_around() */
    struct cask_loop_timer *unconfigured;
    struct cask_control *control;
    bool ending; /* when no group is left, so does this process */
    char buffer[CASK_CHANNEL_MAX];
};

/* ---- changes of the groups ---- */

static void
on_idle(void *context)
{
    struct supervisor *self = context;

    cask_loop_timer_set(self->look, cask_clock_mono_us());
}

static void
look_around(void *context)
{
    struct supervisor *self = context;
    size_t i = 0;

    while (i < self->n_groups) {
        struct cask_group *group = self->groups[i];

        if (cask_group_is_done(group)) {
            cask_group_free(group);
            self->groups[i] = self->groups[--self->n_groups];
        } else {
            cask_group_poke(group);
            i++;
        }
    }
    cask_control_look(self->control);
    if (self->ending && self->n_groups == 0) {
        cask_loop_stop(self->loop); /* keeps (2) */
    }
}

static void
on_tick(void *context)
{
    struct supervisor *self = context;

    for (size_t i = 0; i < self->n_groups; i++) {
        cask_group_tick(self->groups[i]);
    }
    cask_loop_timer_set(self->tick, cask_clock_mono_us() + TICK_US);
}

static void
stop_all(struct supervisor *self, int64_t limit_us)
{
    self->ending = true;
    for (size_t i = 0; i < self->n_groups; i++) {
        cask_group_stop(self->groups[i], limit_us);
    }
    on_idle(self);
}

/* A copy above the standard descriptors; -1 of -1. */
static int
dup_fd(int fd)
{
    return fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1;
}

/* httpd has restarted without us: nobody will come but the children it still has. */
static void
on_unconfigured(void *context)
{
    struct supervisor *self = context;

    self->ending = true;
    for (size_t i = 0; i < self->n_groups; i++) {
        cask_group_remove(self->groups[i], dup_fd(self->children_fd));
    }
    on_idle(self);
}

/* ---- configurations ---- */

/* Room for one more element of `size` bytes; false without memory. */
static bool
make_room(void **array, size_t *capacity, size_t count, size_t size)
{
    size_t larger = *capacity * 2 + 8;
    void *moved;

    if (count < *capacity) {
        return true;
    }
    moved = reallocarray(*array, larger, size);
    if (moved == NULL) {
        return false;
    }
    *array = moved;
    *capacity = larger;
    return true;
}

static void
take_group(struct supervisor *self, struct cask_channel_message *message)
{
    struct cask_group_settings settings = {.spec = NULL};
    struct cask_problem problem = {0};
    int spec_fd = cask_channel_take_fd(message, 0);
    char *data = NULL;
    size_t len = 0;
    int error;

    settings.listen_fd = cask_channel_take_fd(message, 1);
    settings.board_fd = cask_channel_take_fd(message, 2);
    settings.error_log_fd = cask_channel_take_fd(message, 3);
    error = cask_channel_block_read(spec_fd, SPEC_LIMIT, &data, &len, &problem);
    if (error == 0) {
        error = cask_spec_decode(data, len, &settings.spec, &problem);
    }
    if (error == 0 &&
        (settings.board_fd < 0 || !make_room((void **)&self->incoming, &self->incoming_capacity,
                                             self->n_incoming, sizeof(self->incoming[0])))) {
        error =
            cask_problem_set(&problem, ENOMEM, 402, "group '%s' is left out", settings.spec->name);
    }
    if (error == 0) {
        self->incoming[self->n_incoming++] = settings;
    } else {
        cask_log_problem(&problem);
        cask_problem_done(&problem);
        cask_spec_free(settings.spec);
        cask_net_close(&settings.listen_fd);
        cask_net_close(&settings.board_fd);
        cask_net_close(&settings.error_log_fd);
    }
    cask_net_close(&spec_fd);
    free(data);
}

static struct cask_group *
find_group(const struct supervisor *self, const struct cask_group_spec *spec)
{
    for (size_t i = 0; i < self->n_groups; i++) {
        if (cask_group_is_for(self->groups[i], spec)) {
            return self->groups[i];
        }
    }
    return NULL;
}

static bool
is_incoming(const struct supervisor *self, const struct cask_group *group)
{
    for (size_t i = 0; i < self->n_incoming; i++) {
        if (cask_group_is_for(group, self->incoming[i].spec)) {
            return true;
        }
    }
    return false;
}

static void
add_group(struct supervisor *self, struct cask_group_settings *settings)
{
    struct cask_problem problem = {0};
    int error = 0;

    if (!make_room((void **)&self->groups, &self->groups_capacity, self->n_groups,
                   sizeof(self->groups[0]))) {
        error =
            cask_problem_set(&problem, ENOMEM, 402, "group '%s' is left out", settings->spec->name);
    }
    if (error == 0) {
        error = cask_group_new(&self->groups[self->n_groups], &self->host, settings, &problem);
    }
    if (error == 0) {
        self->n_groups++;
    } else {
        cask_log_problem(&problem);
        cask_problem_done(&problem);
    }
}

static struct cask_group *
group_at(void *context, size_t number)
{
    const struct supervisor *self = context;

    return number < self->n_groups ? self->groups[number] : NULL;
}

static void
open_control(struct supervisor *self, struct cask_channel_message *message)
{
    const char *path = cask_unpack_text(&message->payload);
    struct cask_problem problem = {0};

    if (path != NULL && cask_control_listen(self->control, path, &problem) != 0) {
        cask_log_problem(&problem);
        cask_problem_done(&problem);
    }
}

static void
take_commit(struct supervisor *self, struct cask_channel_message *message)
{
    int old_children_fd = self->children_fd;
    int main_log_fd;

    self->children_fd = cask_channel_take_fd(message, 0);
    main_log_fd = cask_channel_take_fd(message, 1);
    if (main_log_fd >= 0) {
        (void)dup2(main_log_fd, STDERR_FILENO);
    }
    cask_net_close(&self->main_log.fd);
    self->main_log.fd = main_log_fd;
    cask_loop_timer_set(self->unconfigured, CASK_CLOCK_NEVER);
    open_control(self, message);

    for (size_t i = 0; i < self->n_groups; i++) {
        if (!is_incoming(self, self->groups[i])) {
            cask_group_remove(self->groups[i], dup_fd(old_children_fd));
        }
    }
    for (size_t i = 0; i < self->n_incoming; i++) {
        struct cask_group *group = find_group(self, self->incoming[i].spec);

        if (group != NULL) {
            cask_group_configure(group, &self->incoming[i]);
        } else {
            add_group(self, &self->incoming[i]);
        }
    }
    self->n_incoming = 0;
    cask_net_close(&old_children_fd);
    on_idle(self);
}

static void
step_down(struct supervisor *self)
{
    self->ending = true;
    cask_control_step_down(self->control);
    for (size_t i = 0; i < self->n_groups; i++) {
        cask_group_step_down(self->groups[i]);
    }
    on_idle(self);
}

static void
take_message(struct supervisor *self, struct cask_channel_message *message)
{
    switch (message->kind) {
    case CASK_CHANNEL_GROUP:
        take_group(self, message);
        break;
    case CASK_CHANNEL_COMMIT:
        take_commit(self, message);
        break;
    case CASK_CHANNEL_RESTART:
        cask_loop_timer_set(self->unconfigured, cask_clock_mono_us() + UNCONFIGURED);
        break;
    case CASK_CHANNEL_STEP_DOWN:
        step_down(self);
        break;
    case CASK_CHANNEL_STOP:
        stop_all(self, STOP_LIMIT_US);
        break;
    case CASK_CHANNEL_START:
    case CASK_CHANNEL_DRAIN:
    case CASK_CHANNEL_STACKS:
    case CASK_CHANNEL_SPAWN_FAILED:
    case CASK_CHANNEL_HELLO:
    case CASK_CHANNEL_LOADED:
    case CASK_CHANNEL_READY:
    case CASK_CHANNEL_FAILED:
    case CASK_CHANNEL_RELOAD:
    case CASK_CHANNEL_REPLACE:
    case CASK_CHANNEL_LEAVING:
        break; /* not for us */
    }
}

/* ---- what the loop calls ---- */

static void
on_channel(void *context, int fd, short revents)
{
    struct supervisor *self = context;

    (void)revents;
    for (int i = 0; i < MESSAGES_LIMIT; i++) {
        struct cask_channel_message message;
        int error = cask_channel_receive(fd, self->buffer, &message);

        if (error == EAGAIN) {
            return;
        }
        if (error == EPROTO) {
            continue; /* a parent of another version: it starts a supervisor of its own */
        }
        if (error != 0) {
            cask_loop_unwatch(self->loop, fd);
            cask_net_close(&self->channel_fd);
            if (!self->ending) {
                stop_all(self, LOST_LIMIT_US);
            }
            return;
        }
        take_message(self, &message);
        cask_channel_message_done(&message);
    }
}

static void
on_parent(void *context, int fd, short revents)
{
    struct supervisor *self = context;

    (void)revents;
    cask_loop_unwatch(self->loop, fd);
    stop_all(self, LOST_LIMIT_US);
}

static void
on_child(void *context, int signal_number)
{
    struct supervisor *self = context;
    int status;

    (void)signal_number;
    for (;;) {
        pid_t pid = waitpid(-1, &status, WNOHANG);

        if (pid <= 0) {
            return;
        }
        for (size_t i = 0; i < self->n_groups; i++) {
            if (cask_group_reaped(self->groups[i], pid, status)) {
                break;
            }
        }
    }
}

static void
on_term(void *context, int signal_number)
{
    (void)signal_number;
    stop_all(context, STOP_LIMIT_US);
}

/* Signals meant for httpd, sent to everything with its name. */
static void
ignore_signals(void)
{
    static const int numbers[] = {SIGHUP, SIGINT, SIGPIPE, SIGUSR1, SIGUSR2, SIGWINCH, SIGALRM};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct sigaction action = {.sa_handler = SIG_IGN};

        (void)sigaction(numbers[i], &action, NULL);
    }
}

static int
watch_all(struct supervisor *self)
{
    int error = cask_loop_timer_new(self->loop, on_tick, self, &self->tick);

    if (error == 0) {
        error = cask_loop_timer_new(self->loop, look_around, self, &self->look);
    }
    if (error == 0) {
        error = cask_loop_timer_new(self->loop, on_unconfigured, self, &self->unconfigured);
    }
    if (error == 0) {
        error = cask_loop_signal(self->loop, SIGCHLD, on_child, self);
    }
    if (error == 0) {
        error = cask_loop_signal(self->loop, SIGTERM, on_term, self);
    }
    if (error == 0) {
        error = cask_loop_watch(self->loop, self->channel_fd, POLLIN, on_channel, self);
    }
    if (error == 0) {
        error = cask_loop_watch(self->loop, self->host.parent_fd, POLLIN, on_parent, self);
    }
    return error;
}

int
cask_supervisor_loop_run(void *context)
{
    const struct cask_supervisor_start *start = context;
    struct supervisor *self = calloc(1, sizeof(*self));
    struct cask_problem problem = {0};
    int error;

    if (self == NULL) {
        return 1;
    }
    cask_title_set("mod_cask supervisor");
    ignore_signals();
    self->channel_fd = start->channel_fd;
    self->children_fd = -1;
    self->main_log.fd = dup_fd(start->main_log_fd); /* httpd's main log is often its stderr */
    if (start->main_log_fd > STDERR_FILENO) {
        (void)close(start->main_log_fd);
    }
    self->main_log.level = (enum cask_log_level)start->log_level;
    cask_process_log_to(&cask_grouplog_sink, &self->main_log, self->main_log.level);
    self->host.parent_fd = start->parent_fd;
    self->host.idle = on_idle;
    self->host.context = self;

    error = cask_loop_new(&self->loop, &problem);
    if (error == 0) {
        error = cask_control_new(&self->control, self->loop, group_at, self, &problem);
    }
    if (error == 0) {
        self->host.loop = self->loop;
        error = watch_all(self);
        if (error != 0) {
            (void)cask_problem_set(&problem, error, 411, "the supervisor cannot watch its events");
        }
    }
    if (error != 0) {
        cask_log_problem(&problem);
        return 1;
    }
    cask_log_debug(CASK_LOG_INFO, "supervisor runs as process %ld", (long)getpid());
    on_tick(self);
    error = cask_loop_run(self->loop);
    self->control = cask_control_free(self->control);
    if (error != 0) {
        (void)cask_problem_set(&problem, error, 410, "the supervisor's event loop failed");
        cask_log_problem(&problem);
        return 1;
    }
    return 0;
}
