/* SPDX-License-Identifier: Apache-2.0 */
/* proc/worker_state.h - the fields of a worker; for worker.c (its life) and worker_talk.c (what it
 * says) only.
 *
 * Invariants:
 *   (1) a worker in any state but READY has a deadline, after which it is killed, unless the
 *       configuration says "no limit";
 *   (2) nothing a daemon sends is trusted: it is checked, bounded and at worst costs that daemon;
 *   (3) HAS_GONE is the last event, and comes once.
 */
#ifndef CASK_PROC_WORKER_STATE_H
#define CASK_PROC_WORKER_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "metrics/board.h"
#include "platform/problem.h"
#include "proc/channel.h"
#include "proc/logline.h"
#include "proc/worker.h"

struct cask_journal;
struct cask_loop_timer;

#define CASK_WORKER_GRACE_US INT64_C(500000) /* the daemon's own deadlines come first */

struct cask_worker {
    struct cask_worker_config config;
    enum cask_worker_state state;
    pid_t pid;
    int channel_fd;
    int64_t row; /* -1: none */
    int64_t became_ready_us;
    uint32_t wants_out;      /* enum cask_channel_reason; 0: it does not */
    bool killed;             /* by us, at a deadline */
    bool reaped;             /* pid may be another process's by now */
    bool told;               /* to go, or it said itself that it goes */
    uint32_t python_version; /* of HELLO */
    const char *late;        /* what the present deadline is about */
    int journal_fd;          /* -1 once the daemon has it */
    struct cask_journal *journal;
    uint64_t oom_kills; /* of the control group, at the start */
    struct cask_problem problem;
    struct cask_loop_timer *deadline;
    int64_t deadline_us; /* when `deadline` is due */
    struct cask_logline_reader reader;
    char buffer[CASK_CHANNEL_MAX];
};

/* One message of the daemon, checked. */
void cask_worker_take_message(struct cask_worker *worker, struct cask_channel_message *message);
/* Small steps both files need. */
void cask_worker_tell(struct cask_worker *worker, enum cask_worker_event event,
                      const struct cask_worker_news *news);
void cask_worker_set_state(struct cask_worker *worker, enum cask_worker_state state,
                           enum cask_row_state row_state);
void cask_worker_set_deadline(struct cask_worker *worker, int64_t deadline_us);
/* why: for a debug line. */
void cask_worker_kill(struct cask_worker *worker, const char *why);

#endif
