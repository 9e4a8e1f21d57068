/* SPDX-License-Identifier: Apache-2.0 */
/* proc/worker.h - one daemon process as the supervisor sees it, from fork to its last log line.
 *
 * Owns:    the process until it was reaped, the channel to it, its log pipe, its row on the board.
 * Threads: the supervisor's only one.
 *
 * States (what holds; who leaves them):
 *   STARTING  forked; no HELLO yet. → LOADING on HELLO, → GONE.
 *   LOADING   START was sent; it loads applications. → READY on READY, → GONE.
 *   READY     it serves. → DRAINING by cask_worker_drain(), → STOPPING by cask_worker_stop() or
 *             LEAVING, → GONE.
 *   DRAINING, STOPPING  it goes, and is killed at its deadline. → GONE.
 *   GONE      reaped; the descriptors are closed, the row is free.
 */
#ifndef CASK_PROC_WORKER_H
#define CASK_PROC_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "platform/problem.h"
#include "proc/channel.h"
#include "proc/grouplog.h"
#include "proc/spec.h"
#include "request/request.h"

struct cask_board;
struct cask_journal;
struct cask_loop;
struct cask_worker;

enum cask_worker_state {
    CASK_WORKER_STARTING,
    CASK_WORKER_LOADING,
    CASK_WORKER_READY,
    CASK_WORKER_DRAINING,
    CASK_WORKER_STOPPING,
    CASK_WORKER_GONE,
};

/* What a worker tells its generation. */
enum cask_worker_event {
    CASK_WORKER_IS_READY,
    CASK_WORKER_HAS_LOADED, /* `app` of the news */
    CASK_WORKER_MET_STALE,  /* `app.script` and `script_id` */
    CASK_WORKER_WANTS_OUT,  /* `reason`: replace it, then drain it */
    CASK_WORKER_LEAVES,     /* `reason`: it stops by itself */
    CASK_WORKER_HAS_GONE,   /* the last event: take the problem, then free it */
};

struct cask_worker_news {
    struct cask_app app;
    struct cask_script_id script_id;
    uint32_t reason; /* enum cask_channel_reason */
};

/* Called from the loop. May call anything, and free the worker on HAS_GONE only. */
typedef void cask_worker_event_fn(void *context, struct cask_worker *worker,
                                  enum cask_worker_event event,
                                  const struct cask_worker_news *news);

struct cask_worker_config {
    struct cask_loop *loop;             /* keep_ */
    const struct cask_group_spec *spec; /* keep_ */
    const struct cask_spec_app *apps;   /* what to load before READY; borrowed */
    size_t n_apps;
    struct cask_board *board;  /* keep_ */
    int board_fd;              /* borrowed */
    int listen_fd;             /* borrowed */
    int parent_fd;             /* borrowed: readable when httpd has gone */
    struct cask_grouplog *log; /* keep_ */
    uint32_t generation;
    bool strict;                /* it may only become READY with all of apps loaded */
    int64_t ready_us;           /* time from HELLO to READY; 0: no limit */
    cask_worker_event_fn *call; /* the generation */
    void *context;
};

/* Forks it. On failure nothing is left. */
int cask_worker_new(struct cask_worker **ret_worker, const struct cask_worker_config *config,
                    struct cask_problem *reterr_problem);
/* Only when GONE. */
struct cask_worker *cask_worker_free(struct cask_worker *worker);

pid_t cask_worker_pid(const struct cask_worker *worker);
enum cask_worker_state cask_worker_state(const struct cask_worker *worker);
/* Monotonic time of READY; 0: never was. */
int64_t cask_worker_ready_us(const struct cask_worker *worker);
/* Moves out why it went; number 0 when it was told to or went in order. */
void cask_worker_take_problem(struct cask_worker *worker, struct cask_problem *ret_problem);
/* Why it wants to be replaced, enum cask_channel_reason; 0: it does not. */
uint32_t cask_worker_wants_out(const struct cask_worker *worker);

/* Its row on the board; -1: none. */
int64_t cask_worker_row(const struct cask_worker *worker);
/* What its threads do; NULL: unknown. */
const struct cask_journal *cask_worker_journal(const struct cask_worker *worker);
/* Asks it to write the stacks of its threads to the descriptor (borrowed). False when it does not
 * listen (yet). */
bool cask_worker_ask_stacks(const struct cask_worker *worker, int fd);

/* Finishes its requests for at most drain_us, then stops (0: stops at once). A worker that is not
 * READY is stopped. */
void cask_worker_drain(struct cask_worker *worker, int64_t drain_us);
/* Stops it within the spec's shutdown-timeout, or limit_us when that is shorter or off; 0: no
 * limit. */
void cask_worker_stop(struct cask_worker *worker, int64_t limit_us);
/* The process was reaped with this wait status. */
void cask_worker_reaped(struct cask_worker *worker, int status);

#endif
