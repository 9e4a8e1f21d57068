/* SPDX-License-Identifier: Apache-2.0 */
/* proc/pool.h - the worker threads of a daemon: each takes a request from the wire and serves it.
 *
 * Owns:    the threads, the wire server, one record per thread.
 * Threads: the daemon's main thread makes, drains, stops and frees the pool; nothing here calls
 *          back into it: what happened is told by flags and a descriptor its loop watches.
 */
#ifndef CASK_PROC_POOL_H
#define CASK_PROC_POOL_H

#include <stdint.h>

#include "gateway/engine.h"
#include "proc/spec.h"

struct cask_board;
struct cask_crash;
struct cask_journal;
struct cask_pool;
struct cask_problem;

struct cask_pool_config {
    const struct cask_engine_ops *ops;  /* keep_ */
    struct cask_engine *engine;         /* keep_ */
    const struct cask_group_spec *spec; /* keep_: threads, timeouts, limits, secret */
    int listen_fd;                      /* keep_ */
    const struct cask_board *board;     /* keep_; of the group, read-only */
    struct cask_journal *journal;       /* keep_; one slot per thread; NULL: none */
    struct cask_crash *crash;           /* keep_; NULL: none */
    uint32_t row;
    uint32_t generation;
};

/* What happened since the flags were last taken. */
enum cask_pool_event {
    CASK_POOL_ACTIVITY = 1u << 0, /* a request began, the first since figures said active 0 */
    CASK_POOL_MAXIMUM = 1u << 1,  /* maximum-requests have been served (once) */
    CASK_POOL_EMPTY = 1u << 2,    /* drained or stopped: no thread serves any more */
};

struct cask_pool_figures {
    uint64_t served;    /* requests since the start */
    uint32_t active;    /* requests running */
    uint32_t overdue;   /* of these, given up: request-timeout and interrupt-timeout have passed */
    int64_t oldest_us;  /* monotonic start of the oldest running one; CASK_CLOCK_NEVER: none */
    int64_t waiting_us; /* the daemon's guard waits for Python's lock since then; 0: it does not */
    int64_t first_us;   /* monotonic start of the first one; 0: none yet */
    int64_t last_activity; /* monotonic time of the last sign of activity, which passive requests
                              are not; 0: none yet */
};

/* Starts the threads; serving begins at once. */
int cask_pool_new(struct cask_pool **ret_pool, const struct cask_pool_config *config,
                  struct cask_problem *reterr_problem);
/* Becomes readable when a flag was set. */
int cask_pool_event_fd(const struct cask_pool *pool);
/* The flags (enum cask_pool_event) set since the last call. */
uint32_t cask_pool_take_events(struct cask_pool *pool);
void cask_pool_figures(struct cask_pool *pool, struct cask_pool_figures *ret_figures);
/* The id of a thread whose request has run for `limit_us` and was not returned here before; 0:
 * none. *ret_next_us, when not later already, becomes the time when the next one will have. */
uint32_t cask_pool_take_late(struct cask_pool *pool, int64_t limit_us, int64_t now_us,
                             int64_t *ret_next_us);
/* No new connections, GOAWAY on the others; EMPTY follows when nothing is left. */
void cask_pool_drain(struct cask_pool *pool);
/* Threads take nothing more; running requests go on until they end; EMPTY follows then. */
void cask_pool_stop(struct cask_pool *pool);
/* Joins the threads that have left, until deadline_us. 0, or ETIMEDOUT: some are still inside an
 * application; then the pool must not be freed, and the process leaves with cask_process_exit(). */
int cask_pool_join(struct cask_pool *pool, int64_t deadline_us);
struct cask_pool *cask_pool_free(struct cask_pool *pool);

#endif
