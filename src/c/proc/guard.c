/* SPDX-License-Identifier: Apache-2.0 */
/* proc/guard.c - a daemon's thread for what has to wait for Python's lock (GIL).
 *
 * Owns:    the thread, the list of requests to interrupt.
 * Touches: the engine through its table.
 * Threads: new, beat, interrupt, stop: the daemon's main thread.
 * Fork:    never after new.
 */
#include "proc/guard.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>

#include "platform/clock.h"
#include "platform/problem.h"
#include "platform/process.h"

#define MAX_INTERRUPTS 64 /* asked for and not yet done; more are asked for again */

struct cask_guard {
    pid_t owner;                         /* [init] */
    const struct cask_engine_ops *ops;   /* [init] */
    struct cask_engine *engine;          /* [init] */
    pthread_t thread;                    /* [init] */
    _Atomic int64_t since_us;            /* [atomic] relaxed: begin of the walk; 0: none */
    pthread_mutex_t lock;                /* leaf */
    pthread_cond_t changed;              /* monotonic clock */
    bool beat;                           /* [lock:lock] */
    bool stop;                           /* [lock:lock] */
    bool left;                           /* [lock:lock] */
    uint32_t n_interrupts;               /* [lock:lock] */
    uint32_t interrupts[MAX_INTERRUPTS]; /* [lock:lock] */
};

/* Takes an id out of the list; 0: it is empty. */
static uint32_t
take_interrupt(struct cask_guard *guard)
{
    return guard->n_interrupts > 0 ? guard->interrupts[--guard->n_interrupts] : 0;
}

static void *
guard_main(void *context)
{
    struct cask_guard *self = context;

    pthread_mutex_lock(&self->lock);
    while (!self->stop) {
        uint32_t thread_id = take_interrupt(self);
        bool beat = thread_id == 0 && self->beat;

        if (thread_id == 0 && !beat) {
            pthread_cond_wait(&self->changed, &self->lock);
            continue;
        }
        pthread_mutex_unlock(&self->lock);
        if (thread_id != 0) {
            (void)self->ops->interrupt(self->engine, thread_id); /* ESRCH: it has ended */
        } else {
            self->ops->beat(self->engine);
        }
        pthread_mutex_lock(&self->lock);
        if (beat) {
            self->beat = false;
        }
        if (!self->beat) {
            atomic_store_explicit(&self->since_us, 0, memory_order_relaxed);
        }
    }
    self->left = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

static int
make_signals(struct cask_guard *guard)
{
    pthread_condattr_t attributes;
    int status = pthread_mutex_init(&guard->lock, NULL);

    if (status == 0) {
        status = pthread_condattr_init(&attributes);
    }
    if (status == 0) {
        (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        status = pthread_cond_init(&guard->changed, &attributes);
        (void)pthread_condattr_destroy(&attributes);
    }
    return status;
}

int
cask_guard_new(struct cask_guard **ret_guard, const struct cask_engine_ops *keep_ops,
               struct cask_engine *keep_engine, struct cask_problem *reterr_problem)
{
    struct cask_guard *guard = calloc(1, sizeof(*guard));
    int status = ENOMEM;

    if (guard != NULL) {
        guard->owner = cask_process_get()->pid;
        guard->ops = keep_ops;
        guard->engine = keep_engine;
        status = make_signals(guard);
    }
    if (status == 0) {
        status = pthread_create(&guard->thread, NULL, guard_main, guard);
    }
    if (status != 0) {
        free(guard);
        return cask_problem_set(reterr_problem, status, 711, "the guard of a daemon's threads");
    }
    (void)pthread_setname_np(guard->thread, "guard");
    *ret_guard = guard;
    return 0;
}

void
cask_guard_beat(struct cask_guard *guard)
{
    pthread_mutex_lock(&guard->lock);
    if (!guard->beat) {
        guard->beat = true;
        atomic_store_explicit(&guard->since_us, cask_clock_mono_us(), memory_order_relaxed);
        pthread_cond_signal(&guard->changed);
    }
    pthread_mutex_unlock(&guard->lock);
}

int64_t
cask_guard_waiting_us(const struct cask_guard *guard)
{
    return atomic_load_explicit(&guard->since_us, memory_order_relaxed);
}

void
cask_guard_interrupt(struct cask_guard *guard, uint32_t thread_id)
{
    pthread_mutex_lock(&guard->lock);
    if (guard->n_interrupts < MAX_INTERRUPTS) {
        guard->interrupts[guard->n_interrupts++] = thread_id;
        pthread_cond_signal(&guard->changed);
    }
    pthread_mutex_unlock(&guard->lock);
}

int
cask_guard_stop(struct cask_guard *guard, int64_t deadline_us)
{
    struct timespec deadline = {.tv_sec = (time_t)(deadline_us / CASK_CLOCK_SECOND),
                                .tv_nsec = (long)(deadline_us % CASK_CLOCK_SECOND) * 1000};
    int status = 0;

    if (guard == NULL) {
        return 0;
    }
    cask_assert_owner(guard->owner);
    pthread_mutex_lock(&guard->lock);
    guard->stop = true;
    pthread_cond_signal(&guard->changed);
    while (!guard->left && status == 0) {
        status = deadline_us == CASK_CLOCK_NEVER
                     ? pthread_cond_wait(&guard->changed, &guard->lock)
                     : pthread_cond_timedwait(&guard->changed, &guard->lock, &deadline);
    }
    pthread_mutex_unlock(&guard->lock);
    if (status != 0) {
        return status;
    }
    (void)pthread_join(guard->thread, NULL);
    (void)pthread_cond_destroy(&guard->changed);
    (void)pthread_mutex_destroy(&guard->lock);
    free(guard);
    return 0;
}
