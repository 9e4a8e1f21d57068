/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/board.h - the segment of a daemon group that httpd's side writes: who serves, who is
 * busy, who waits.
 *
 * Writers: the supervisor (rows, states, serving generation) and httpd children (claims, waiting).
 * Daemons get it read-only. All fields are atomics; no locks; a reader checks every value against
 * the sizes given at creation.
 *
 * A *claim* is an httpd child's right to one thread of one process. Claims make the choice of a
 * process exact: a claimed request never waits behind another one. A child writes down its claims
 * in its own row too, so that those of a child that died are given back. The segment outlives
 * graceful restarts.
 */
#ifndef CASK_METRICS_BOARD_H
#define CASK_METRICS_BOARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cask_board; /* a mapping; heap */
struct cask_problem;

enum cask_group_state {
    CASK_GROUP_STARTING = 0, /* no generation is READY yet: wait for it */
    CASK_GROUP_SERVING = 1,
    CASK_GROUP_FAILED = 2,  /* the first generation could not start; 503 at once, see `reason` */
    CASK_GROUP_STOPPED = 3, /* the group was removed or httpd stops */
};

enum cask_row_state {
    CASK_ROW_FREE = 0,
    CASK_ROW_STARTING = 1,
    CASK_ROW_READY = 2,
    CASK_ROW_DRAINING = 3,
};

struct cask_board_size {
    uint32_t rows;     /* processes of all living generations */
    uint32_t children; /* httpd children, old and new ones */
};

/* Creates the memfd. */
int cask_board_create(const struct cask_board_size *size, int *ret_fd,
                      struct cask_problem *reterr_problem);
int cask_board_map(int fd, bool writable, struct cask_board **ret_board,
                   struct cask_problem *reterr_problem);
struct cask_board *cask_board_free(struct cask_board *board); /* unmaps */
struct cask_board_size cask_board_size(const struct cask_board *board);

/* Supervisor. Each change of state or serving generation wakes who waits in cask_board_wait(). */
void cask_board_set_group(struct cask_board *board, enum cask_group_state state,
                          const char *reason);
void cask_board_set_serving(struct cask_board *board, uint32_t generation);
/* Whether a generation starts that will replace the serving one. */
void cask_board_set_starting(struct cask_board *board, bool starting);
/* A change was reported and nothing will start because of it. */
void cask_board_refuse_start(struct cask_board *board);
/* Takes a free row; -1 when there is none. */
int cask_board_take_row(struct cask_board *board, uint32_t generation, uint32_t threads);
void cask_board_set_row(struct cask_board *board, uint32_t row, enum cask_row_state state,
                        pid_t pid);
void cask_board_free_row(struct cask_board *board, uint32_t row);
/* Gives back the claims of children that are no more (is_alive(pid) false). */
void cask_board_sweep(struct cask_board *board, bool (*is_alive)(pid_t pid));
/* Requests running (claims) and waiting of the whole group, or of one generation's rows. */
uint32_t cask_board_claims(const struct cask_board *board, uint32_t generation); /* 0: all */

/* Readers. */
enum cask_group_state cask_board_group(const struct cask_board *board);
/* Copies the reason of FAILED, NUL-terminated. */
void cask_board_reason(const struct cask_board *board, char *ret_text, size_t size);
uint32_t cask_board_serving(const struct cask_board *board);
/* A successor of this generation starts; how that ends shows as a change. */
bool cask_board_starting(const struct cask_board *board, uint32_t generation);
/* How often cask_board_refuse_start() was called. */
uint32_t cask_board_refusals(const struct cask_board *board);
/* A number that changes with every change of state or serving generation; then wait until it
 * differs: 0, or ETIMEDOUT. */
uint32_t cask_board_change(const struct cask_board *board);
int cask_board_wait(const struct cask_board *board, uint32_t seen_change, int64_t deadline_us);
enum cask_row_state cask_board_row_state(const struct cask_board *board, uint32_t row);
uint32_t cask_board_row_generation(const struct cask_board *board, uint32_t row);
pid_t cask_board_row_pid(const struct cask_board *board, uint32_t row);
uint32_t cask_board_row_threads(const struct cask_board *board, uint32_t row);
uint32_t cask_board_row_claims(const struct cask_board *board, uint32_t row);

/* httpd children. */
/* ENOSPC when all child rows are taken by living children. */
int cask_board_join(struct cask_board *board, pid_t pid, uint32_t *ret_child);
void cask_board_leave(struct cask_board *board, uint32_t child);
/* Claims one thread of `row` if one is free there and it is READY in the serving generation. */
bool cask_board_claim(struct cask_board *board, uint32_t child, uint32_t row);
/* Claims without looking: for a connection the process itself has accepted. */
void cask_board_claim_accepted(struct cask_board *board, uint32_t child, uint32_t row);
void cask_board_release(struct cask_board *board, uint32_t child, uint32_t row);
/* Requests that have dialled and not yet been accepted, of all children: while there are any, new
 * ones dial too. */
uint32_t cask_board_waiting(const struct cask_board *board);
void cask_board_wait_begin(struct cask_board *board, uint32_t child);
void cask_board_wait_end(struct cask_board *board, uint32_t child);

#endif
