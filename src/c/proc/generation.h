/* SPDX-License-Identifier: Apache-2.0 */
/* proc/generation.h - the processes of a group that were started together and run the same code.
 *
 * Owns:    its workers, the lists of what to load and what was loaded.
 * Threads: the supervisor's only one.
 *
 * States (what holds; who makes the transition):
 *   STARTING  its first processes load the applications. → READY when one has (the first
 *             generation) or all have (a strict one, which replaces another); → FAILED by
 *             generation_fail() or cask_generation_abandon().
 *   READY     it serves, or is about to; lost processes are replaced. → DRAINING by
 *             cask_generation_drain() and _stop(); → LOST with its last process.
 *   DRAINING  its processes finish their requests and go. → GONE with the last one.
 *   GONE, FAILED, LOST  final; the group frees it when IS_EMPTY comes.
 */
#ifndef CASK_PROC_GENERATION_H
#define CASK_PROC_GENERATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proc/backoff.h"
#include "proc/grouplog.h"
#include "proc/spec.h"
#include "request/request.h"

struct cask_board;
struct cask_generation;
struct cask_history;
struct cask_loadlist;
struct cask_loop;
struct cask_problem;
struct cask_worker;

enum cask_generation_state {
    CASK_GENERATION_STARTING,
    CASK_GENERATION_READY,
    CASK_GENERATION_DRAINING,
    CASK_GENERATION_GONE,
    CASK_GENERATION_FAILED,
    CASK_GENERATION_LOST,
};
#define CASK_GENERATION_STATES 6

/* "STARTING" … The words of logs and tests. */
const char *cask_generation_state_name(enum cask_generation_state state);
bool cask_generation_may_become(enum cask_generation_state from, enum cask_generation_state to);

/* What a generation tells its group. */
enum cask_generation_event {
    CASK_GENERATION_IS_READY,
    CASK_GENERATION_HAS_FAILED, /* cask_generation_problem() says why */
    CASK_GENERATION_IS_LOST,    /* likewise; it was logged */
    CASK_GENERATION_MET_STALE,  /* app->script is newer than what is loaded: id */
    CASK_GENERATION_IS_EMPTY,   /* final, and its last process has gone: free it */
};
typedef void cask_generation_event_fn(void *context, struct cask_generation *generation,
                                      enum cask_generation_event event, const struct cask_app *app,
                                      const struct cask_script_id *id);

struct cask_generation_config {
    struct cask_loop *loop;           /* keep_ */
    struct cask_group_spec *spec;     /* keep_; the group keeps it as long as the generation */
    const struct cask_loadlist *load; /* copied: what the one before had loaded; NULL: nothing */
    struct cask_board *board;         /* keep_ */
    int board_fd;                     /* keep_ */
    int listen_fd;                    /* keep_ */
    int parent_fd;                    /* keep_ */
    struct cask_grouplog *log;        /* keep_ */
    struct cask_history *history;     /* keep_; of the group */
    struct cask_backoff *backoff;     /* keep_; of the group, for lost processes */
    uint32_t number;
    bool strict; /* it replaces another one: READY with all processes and applications */
    cask_generation_event_fn *call; /* the group */
    void *context;
};

/* The processes are forked from the loop, right afterwards. */
int cask_generation_new(struct cask_generation **ret_generation,
                        const struct cask_generation_config *config,
                        struct cask_problem *reterr_problem);
/* Only when it has no process left. */
struct cask_generation *cask_generation_free(struct cask_generation *generation);

enum cask_generation_state cask_generation_state(const struct cask_generation *generation);
uint32_t cask_generation_number(const struct cask_generation *generation);
const struct cask_problem *cask_generation_problem(const struct cask_generation *generation);
struct cask_group_spec *cask_generation_spec(const struct cask_generation *generation);
const struct cask_loadlist *cask_generation_loaded(const struct cask_generation *generation);

/* READY → DRAINING; running requests have drain_us (0: see cask_worker_drain). */
void cask_generation_drain(struct cask_generation *generation, int64_t drain_us);
/* Stops all processes; within limit_us where shutdown-timeout is longer or off (0: no limit). */
void cask_generation_stop(struct cask_generation *generation, int64_t limit_us);
/* STARTING → FAILED without a problem: another one takes its place. */
void cask_generation_abandon(struct cask_generation *generation);
/* True when pid was one of its processes; its worker is gone then. */
bool cask_generation_reaped(struct cask_generation *generation, pid_t pid, int status);
/* Its workers, from 0; NULL beyond the last. */
const struct cask_worker *cask_generation_worker(const struct cask_generation *generation,
                                                 size_t number);
bool cask_generation_has(const struct cask_generation *generation, pid_t pid);

#endif
