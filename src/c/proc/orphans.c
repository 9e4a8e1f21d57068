/* SPDX-License-Identifier: Apache-2.0 */
/* proc/orphans.c - processes on a board that an earlier supervisor has started.
 *
 * Owns:    a list of rows, with the pid each had and, where the kernel has them, a pidfd of it.
 * Touches: metrics/board, platform/net, platform/problem.
 * Threads: the supervisor's only one.
 * Invariants:
 *   (1) a row is touched only while it still has the pid it had at the beginning: once freed it may
 *       be ours;
 *   (2) an orphan is nobody's to wait for but init's: one that init never collects (a container
 *       whose first process collects nothing) has ended nevertheless. A pidfd tells, kill() not.
 */
#include "proc/orphans.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "metrics/board.h"
#include "platform/net.h"
#include "platform/problem.h"

struct orphan {
    uint32_t row;
    pid_t pid;
    int pidfd; /* -1: no such process, or a kernel without */
};

struct cask_orphans {
    struct orphan *left;
    size_t n_left;
};

static void
add(struct cask_orphans *orphans, uint32_t row, pid_t pid)
{
    orphans->left[orphans->n_left++] = (struct orphan){
        .row = row,
        .pid = pid,
        .pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1, /* close-on-exec */
    };
}

static bool
has_ended(const struct orphan *orphan)
{
    if (orphan->pidfd >= 0) {
        return cask_net_wait(orphan->pidfd, POLLIN, 0, NULL) == 0; /* keeps (2) */
    }
    return orphan->pid <= 0 || (kill(orphan->pid, 0) != 0 && errno == ESRCH);
}

int
cask_orphans_new(struct cask_orphans **ret_orphans, const struct cask_board *board,
                 uint32_t *ret_next_number, struct cask_problem *reterr_problem)
{
    struct cask_board_size size = cask_board_size(board);
    struct cask_orphans *orphans = calloc(1, sizeof(*orphans));
    uint32_t highest = cask_board_serving(board);

    if (orphans != NULL) {
        orphans->left = calloc(size.rows, sizeof(*orphans->left));
    }
    if (orphans == NULL || orphans->left == NULL) {
        free(orphans);
        return cask_problem_set(reterr_problem, ENOMEM, 402, "no memory for a group");
    }
    for (uint32_t row = 0; row < size.rows; row++) {
        uint32_t generation = cask_board_row_generation(board, row);

        if (cask_board_row_state(board, row) == CASK_ROW_FREE) {
            continue;
        }
        highest = generation > highest ? generation : highest;
        add(orphans, row, cask_board_row_pid(board, row));
    }
    *ret_next_number = highest + 1;
    *ret_orphans = orphans;
    return 0;
}

struct cask_orphans *
cask_orphans_free(struct cask_orphans *orphans)
{
    if (orphans != NULL) {
        for (size_t i = 0; i < orphans->n_left; i++) {
            cask_net_close(&orphans->left[i].pidfd);
        }
        free(orphans->left);
        free(orphans);
    }
    return NULL;
}

size_t
cask_orphans_left(const struct cask_orphans *orphans)
{
    return orphans->n_left;
}

void
cask_orphans_supersede(const struct cask_orphans *orphans, struct cask_board *board)
{
    for (size_t i = 0; i < orphans->n_left; i++) {
        const struct orphan *orphan = &orphans->left[i];

        if (cask_board_row_pid(board, orphan->row) == orphan->pid) { /* keeps (1) */
            cask_board_set_row(board, orphan->row, CASK_ROW_DRAINING, orphan->pid);
        }
    }
}

void
cask_orphans_tick(struct cask_orphans *orphans, struct cask_board *board)
{
    size_t i = 0;

    while (i < orphans->n_left) {
        struct orphan *orphan = &orphans->left[i];

        if (!has_ended(orphan)) {
            i++;
            continue;
        }
        if (cask_board_row_pid(board, orphan->row) == orphan->pid) { /* keeps (1) */
            cask_board_free_row(board, orphan->row);
        }
        cask_net_close(&orphan->pidfd);
        orphans->left[i] = orphans->left[--orphans->n_left];
    }
}
