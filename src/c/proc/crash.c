/* SPDX-License-Identifier: Apache-2.0 */
/* proc/crash.c - a daemon that crashes says how.
 *
 * Owns:    the handlers of the signals below, one stack for signals per serving thread.
 * Touches: metrics/journal.
 * Threads: new: the main thread, before there are others; enter, leave: the serving threads; the
 *          handler: any, in any state. It makes async-signal-safe calls only.
 * Fork:    a child keeps the handlers; what it says is about itself, so it says nothing (1).
 * Invariants:
 *   (1) only the process that installed the handlers writes to the journal;
 *   (2) after the handler the signal has the effect it would have had without.
 */
#include "proc/crash.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include "metrics/journal.h"
#include "platform/problem.h"
#include "platform/process.h"

/* faulthandler's walk through the stacks needs some. */
#define SIGNAL_STACK_SIZE (64u * 1024u)
/* How far from the end of a stack an access may be and still mean that it was full. */
#define NEAR_THE_END (64u * 1024u)

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
#define N_SIGNALS (sizeof(crash_signals) / sizeof(crash_signals[0]))

struct place {
    pthread_t thread; /* [init] by the thread itself, before `low` */
    char *low;        /* end of its stack; NULL: nobody */
    char *signal_stack;
};

struct cask_crash {
    pid_t owner;                        /* [init] */
    struct cask_journal *journal;       /* [init] */
    uint32_t n_places;                  /* [init] */
    struct sigaction before[N_SIGNALS]; /* [init] */
    struct place places[];              /* each its thread's */
};

static uint32_t
find_thread(const struct cask_crash *crash)
{
    pthread_t self = pthread_self();

    for (uint32_t i = 0; i < crash->n_places; i++) {
        if (crash->places[i].low != NULL && pthread_equal(crash->places[i].thread, self) != 0) {
            return i + 1;
        }
    }
    return 0;
}

static bool
is_stack_full(const struct cask_crash *crash, uint32_t thread, const void *address)
{
    uintptr_t at = (uintptr_t)address;
    uintptr_t low;

    if (thread == 0) {
        return false;
    }
    low = (uintptr_t)crash->places[thread - 1].low;
    return at >= low - NEAR_THE_END && at < low + NEAR_THE_END;
}

/* What would have happened without us: keeps (2). */
static void
pass_on(const struct cask_crash *crash, int number, siginfo_t *info, void *context)
{
    for (size_t i = 0; i < N_SIGNALS; i++) {
        const struct sigaction *before = &crash->before[i];

        if (crash_signals[i] != number) {
            continue;
        }
        if ((before->sa_flags & SA_SIGINFO) != 0) {
            before->sa_sigaction(number, info, context);
        } else if (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN) {
            before->sa_handler(number);
        } else {
            (void)sigaction(number, before, NULL);
            (void)raise(number);
        }
    }
}

static void
on_crash(int number, siginfo_t *info, void *context)
{
    const struct cask_crash *crash = cask_process_get()->crash;
    int saved = errno;

    if (crash->owner == getpid()) { /* keeps (1) */
        struct cask_journal_crash how = {.signal_number = number, .thread = find_thread(crash)};

        how.stack_full = number == SIGSEGV && is_stack_full(crash, how.thread, info->si_addr);
        cask_journal_crash(crash->journal, &how);
    }
    errno = saved;
    pass_on(crash, number, info, context);
}

int
cask_crash_new(struct cask_crash **ret_crash, struct cask_journal *keep_journal, uint32_t threads,
               struct cask_problem *reterr_problem)
{
    struct cask_crash *crash = calloc(1, sizeof(*crash) + threads * sizeof(struct place));
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

    if (crash == NULL) {
        return cask_problem_set(reterr_problem, ENOMEM, 711, "handlers for crashes");
    }
    crash->owner = getpid();
    crash->journal = keep_journal;
    crash->n_places = threads;
    cask_process_get()->crash = crash;
    action.sa_sigaction = on_crash;
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < N_SIGNALS; i++) {
        (void)sigaction(crash_signals[i], &action, &crash->before[i]);
    }
    *ret_crash = crash;
    return 0;
}

void
cask_crash_enter(struct cask_crash *crash, uint32_t thread)
{
    struct place *place;
    stack_t stack = {.ss_size = SIGNAL_STACK_SIZE};
    pthread_attr_t attributes;
    void *low = NULL;
    size_t size = 0;

    if (crash == NULL) {
        return;
    }
    place = &crash->places[thread - 1];
    place->signal_stack = malloc(SIGNAL_STACK_SIZE);
    if (place->signal_stack == NULL || pthread_getattr_np(pthread_self(), &attributes) != 0) {
        return; /* a full stack then looks like any other crash */
    }
    stack.ss_sp = place->signal_stack;
    (void)sigaltstack(&stack, NULL);
    if (pthread_attr_getstack(&attributes, &low, &size) == 0) {
        place->thread = pthread_self();
        place->low = low;
    }
    (void)pthread_attr_destroy(&attributes);
}

void
cask_crash_leave(struct cask_crash *crash, uint32_t thread)
{
    const stack_t none = {.ss_flags = SS_DISABLE};
    struct place *place;

    if (crash == NULL) {
        return;
    }
    place = &crash->places[thread - 1];
    place->low = NULL;
    (void)sigaltstack(&none, NULL);
    free(place->signal_stack);
    place->signal_stack = NULL;
}
