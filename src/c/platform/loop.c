/* SPDX-License-Identifier: Apache-2.0 */
/* platform/loop.c - a small single-threaded event loop: descriptors, timers, signals.
 *
 * Owns:    its tables, its timers, the signal pipe; descriptors watched are their givers'.
 * Touches: the signal_pipe of struct cask_process, which the signal handler reads.
 * Threads: the one that made it.
 * Fork:    calls from another process are refused; a signal that hits a forked child before it has
 *          called cask_process_begin() is not taken for one of ours: it has its default action.
 * Invariants:
 *   (1) an event is given only to the watch that was there when poll(2) looked: each watch has its
 *       own serial number, and the table is searched anew for every event;
 *   (2) a timer set from a callback runs in a later round, so timers cannot starve descriptors.
 */
#include "platform/loop.h"

#include "platform/clock.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "platform/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIGNALS_LIMIT 16

struct watch {
    int fd;
    short events;
    cask_loop_fd_fn *call;
    void *context;
    uint64_t serial;
};

struct cask_loop_timer {
    struct cask_loop *loop;
    struct cask_loop_timer *next;
    struct cask_loop_timer *previous;
    cask_loop_timer_fn *call;
    void *context;
    int64_t deadline_us;
    uint64_t round; /* in which it was set */
};

struct handled_signal {
    int number;
    cask_loop_signal_fn *call;
    void *context;
    struct sigaction before;
};

struct cask_loop {
    pid_t owner;
    bool stopping;
    uint64_t serial;
    uint64_t round;
    struct watch *watches;
    size_t n_watches;
    size_t watches_capacity;
    struct pollfd *polled; /* capacity as polled_capacity, rebuilt in each round */
    uint64_t *polled_serials;
    size_t polled_capacity;
    struct cask_loop_timer *timers;
    struct handled_signal signals[SIGNALS_LIMIT];
    size_t n_signals;
    int signal_pipe[2]; /* -1 until the first cask_loop_signal() */
};

int
cask_loop_new(struct cask_loop **ret_loop, struct cask_problem *reterr_problem)
{
    struct cask_loop *loop = calloc(1, sizeof(*loop));

    if (loop == NULL) {
        return cask_problem_set(reterr_problem, ENOMEM, 330, "cannot make an event loop");
    }
    loop->owner = getpid();
    loop->signal_pipe[0] = -1;
    loop->signal_pipe[1] = -1;
    *ret_loop = loop;
    return 0;
}

struct cask_loop *
cask_loop_free(struct cask_loop *loop)
{
    if (loop == NULL) {
        return NULL;
    }
    if (loop->owner == getpid()) { /* a forked child frees memory only */
        for (size_t i = loop->n_signals; i > 0; i--) {
            (void)sigaction(loop->signals[i - 1].number, &loop->signals[i - 1].before, NULL);
        }
        if (loop->signal_pipe[1] >= 0) {
            atomic_store(&cask_process_get()->signal_pipe, -1);
        }
    }
    cask_net_close(&loop->signal_pipe[0]);
    cask_net_close(&loop->signal_pipe[1]);
    while (loop->timers != NULL) {
        cask_loop_timer_free(loop->timers);
    }
    free(loop->watches);
    free(loop->polled);
    free(loop->polled_serials);
    free(loop);
    return NULL;
}

static struct watch *
find_watch(struct cask_loop *loop, int fd)
{
    for (size_t i = 0; i < loop->n_watches; i++) {
        if (loop->watches[i].fd == fd) {
            return &loop->watches[i];
        }
    }
    return NULL;
}

int
cask_loop_watch(struct cask_loop *loop, int fd, short events, cask_loop_fd_fn *call, void *context)
{
    struct watch *watch = find_watch(loop, fd);

    if (watch == NULL) {
        if (loop->n_watches == loop->watches_capacity) {
            size_t capacity = loop->watches_capacity * 2 + 8;
            struct watch *larger = reallocarray(loop->watches, capacity, sizeof(*larger));

            if (larger == NULL) {
                return ENOMEM;
            }
            loop->watches = larger;
            loop->watches_capacity = capacity;
        }
        watch = &loop->watches[loop->n_watches++];
    }
    *watch = (struct watch){
        .fd = fd, .events = events, .call = call, .context = context, .serial = ++loop->serial};
    return 0;
}

void
cask_loop_unwatch(struct cask_loop *loop, int fd)
{
    struct watch *watch = find_watch(loop, fd);

    if (watch != NULL) {
        *watch = loop->watches[--loop->n_watches];
    }
}

int
cask_loop_timer_new(struct cask_loop *loop, cask_loop_timer_fn *call, void *context,
                    struct cask_loop_timer **ret_timer)
{
    struct cask_loop_timer *timer = calloc(1, sizeof(*timer));

    if (timer == NULL) {
        return ENOMEM;
    }
    timer->loop = loop;
    timer->call = call;
    timer->context = context;
    timer->deadline_us = CASK_CLOCK_NEVER;
    timer->next = loop->timers;
    if (timer->next != NULL) {
        timer->next->previous = timer;
    }
    loop->timers = timer;
    *ret_timer = timer;
    return 0;
}

void
cask_loop_timer_set(struct cask_loop_timer *timer, int64_t deadline_us)
{
    timer->deadline_us = deadline_us;
    timer->round = timer->loop->round;
}

struct cask_loop_timer *
cask_loop_timer_free(struct cask_loop_timer *timer)
{
    if (timer == NULL) {
        return NULL;
    }
    if (timer->next != NULL) {
        timer->next->previous = timer->previous;
    }
    if (timer->previous != NULL) {
        timer->previous->next = timer->next;
    } else {
        timer->loop->timers = timer->next;
    }
    free(timer);
    return NULL;
}

/* In a child that somebody forked, an application perhaps: a signal does there what it does in any
 * process. It is blocked until the handler returns, then the second one arrives. */
static void
give_up_signal(int signal_number)
{
    const struct sigaction action = {.sa_handler = SIG_DFL};

    (void)sigaction(signal_number, &action, NULL);
    (void)raise(signal_number);
}

/* The handler of every signal: one byte into the pipe, if this is still the process of the loop. */
static void
note_signal(int signal_number)
{
    struct cask_process *process = cask_process_get();
    int fd = atomic_load(&process->signal_pipe);
    int saved = errno;

    if (fd >= 0 && getpid() != process->pid) {
        give_up_signal(signal_number);
    } else if (fd >= 0) {
        unsigned char byte = (unsigned char)signal_number;
        ssize_t written = write(fd, &byte, 1); /* a full pipe has woken the loop already */
        (void)written;
    }
    errno = saved;
}

static void
read_signals(void *context, int fd, short revents)
{
    struct cask_loop *loop = context;
    unsigned char numbers[64];
    ssize_t len = read(fd, numbers, sizeof(numbers));

    (void)revents;
    for (ssize_t i = 0; i < len; i++) {
        for (size_t j = 0; j < loop->n_signals; j++) {
            if (loop->signals[j].number == numbers[i]) {
                loop->signals[j].call(loop->signals[j].context, numbers[i]);
                break;
            }
        }
    }
}

static int
open_signal_pipe(struct cask_loop *loop)
{
    struct cask_process *process = cask_process_get();
    int status;

    if (atomic_load(&process->signal_pipe) >= 0) {
        return EBUSY; /* another loop of this process handles signals */
    }
    if (pipe2(loop->signal_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        return errno;
    }
    status = cask_loop_watch(loop, loop->signal_pipe[0], POLLIN, read_signals, loop);
    if (status != 0) {
        cask_net_close(&loop->signal_pipe[0]);
        cask_net_close(&loop->signal_pipe[1]);
        return status;
    }
    if (process->pid != loop->owner) { /* other threads may be reading it */
        process->pid = loop->owner;    /* what the handler compares with, also without a begin() */
    }
    atomic_store(&process->signal_pipe, loop->signal_pipe[1]);
    return 0;
}

int
cask_loop_signal(struct cask_loop *loop, int signal_number, cask_loop_signal_fn *call,
                 void *context)
{
    struct handled_signal *entry = &loop->signals[loop->n_signals];
    struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
    int status;

    cask_assert(loop->owner == getpid());
    cask_assert(loop->n_signals < SIGNALS_LIMIT);
    if (loop->signal_pipe[0] < 0) {
        status = open_signal_pipe(loop);
        if (status != 0) {
            return status;
        }
    }
    (void)sigemptyset(&action.sa_mask);
    if (signal_number == SIGCHLD) {
        action.sa_flags |= SA_NOCLDSTOP;
    }
    entry->number = signal_number;
    entry->call = call;
    entry->context = context;
    if (sigaction(signal_number, &action, &entry->before) != 0) {
        return errno;
    }
    loop->n_signals++;
    return 0;
}

static int64_t
next_deadline(const struct cask_loop *loop)
{
    int64_t deadline = CASK_CLOCK_NEVER;

    for (const struct cask_loop_timer *timer = loop->timers; timer != NULL; timer = timer->next) {
        if (timer->deadline_us < deadline) {
            deadline = timer->deadline_us;
        }
    }
    return deadline;
}

/* The due timer that has waited longest; NULL when none is due in this round. */
static struct cask_loop_timer *
find_due(const struct cask_loop *loop, int64_t now_us)
{
    struct cask_loop_timer *due = NULL;

    for (struct cask_loop_timer *timer = loop->timers; timer != NULL; timer = timer->next) {
        if (timer->deadline_us <= now_us && timer->round < loop->round &&
            (due == NULL || timer->deadline_us < due->deadline_us)) {
            due = timer;
        }
    }
    return due;
}

static void
run_timers(struct cask_loop *loop)
{
    int64_t now_us = cask_clock_mono_us();
    struct cask_loop_timer *timer;

    loop->round++; /* keeps (2) */
    timer = find_due(loop, now_us);
    while (timer != NULL && !loop->stopping) {
        timer->deadline_us = CASK_CLOCK_NEVER;
        timer->call(timer->context); /* may free the timer */
        timer = find_due(loop, now_us);
    }
}

static int
prepare_poll(struct cask_loop *loop)
{
    if (loop->polled_capacity < loop->n_watches) {
        size_t capacity = loop->watches_capacity;
        struct pollfd *polled = reallocarray(loop->polled, capacity, sizeof(*polled));
        uint64_t *serials;

        if (polled == NULL) {
            return ENOMEM;
        }
        loop->polled = polled;
        serials = reallocarray(loop->polled_serials, capacity, sizeof(*serials));
        if (serials == NULL) {
            return ENOMEM;
        }
        loop->polled_serials = serials;
        loop->polled_capacity = capacity;
    }
    for (size_t i = 0; i < loop->n_watches; i++) {
        loop->polled[i] =
            (struct pollfd){.fd = loop->watches[i].fd, .events = loop->watches[i].events};
        loop->polled_serials[i] = loop->watches[i].serial;
    }
    return 0;
}

static void
dispatch(struct cask_loop *loop, size_t n_polled)
{
    for (size_t i = 0; i < n_polled && !loop->stopping; i++) {
        const struct watch *watch;

        if (loop->polled[i].revents == 0) {
            continue;
        }
        watch = find_watch(loop, loop->polled[i].fd);
        if (watch != NULL && watch->serial == loop->polled_serials[i]) { /* keeps (1) */
            watch->call(watch->context, watch->fd, loop->polled[i].revents);
        }
    }
}

int
cask_loop_run(struct cask_loop *loop)
{
    cask_assert(loop->owner == getpid());
    loop->stopping = false;
    for (;;) {
        size_t n_polled;
        int status;
        int ready;

        run_timers(loop);
        if (loop->stopping) {
            return 0;
        }
        status = prepare_poll(loop);
        if (status != 0) {
            return status;
        }
        n_polled = loop->n_watches;
        ready = poll(loop->polled, n_polled, cask_clock_poll_ms(next_deadline(loop)));
        if (ready < 0 && errno != EINTR && errno != EAGAIN) {
            return errno;
        }
        if (ready > 0) {
            dispatch(loop, n_polled);
        }
        if (loop->stopping) {
            return 0;
        }
    }
}

void
cask_loop_stop(struct cask_loop *loop)
{
    loop->stopping = true;
}
