/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/board_claims.c - who is busy and who waits: the half of board.h that httpd children
 * write.
 *
 * Owns:    nothing; works on the mapping of board.c.
 * Touches: board_layout.h, whose invariants it keeps.
 * Threads: any, of any process.
 */
#include "metrics/board.h"

#include "metrics/board_layout.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <unistd.h>

#define SWEEP_RETRIES 4

static struct cask_board_child *
child_at(const struct cask_board *board, uint32_t child)
{
    if (child >= board->size.children) {
        return NULL;
    }
    return (struct cask_board_child *)(void *)(board->children + child * board->child_stride);
}

static uint64_t
next_change(uint64_t word)
{
    return (word + (UINT64_C(1) << 32)) & ~UINT64_C(0xffffffff);
}

/* Adds one unless that would be more than limit. */
static bool
counter_add(cask_board_counter *word, uint32_t limit)
{
    uint64_t seen = atomic_load(word);

    do {
        if (cask_board_count_of(seen) >= limit) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(word, &seen,
                                           next_change(seen) | (cask_board_count_of(seen) + 1)));
    return true;
}

static void
counter_subtract(cask_board_counter *word, uint32_t amount)
{
    uint64_t seen = atomic_load(word);
    uint32_t left;

    do {
        left = cask_board_count_of(seen) > amount ? cask_board_count_of(seen) - amount : 0;
    } while (!atomic_compare_exchange_weak(word, &seen, next_change(seen) | left));
}

/* Takes one from a cell; false when there is none. */
static bool
cell_take(atomic_uint *cell)
{
    unsigned seen = atomic_load(cell);

    do {
        if (seen == 0) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(cell, &seen, seen - 1));
    return true;
}

/* ---- children: coming, going, and what dead ones leave behind ---- */

/* Gives back everything in the child's cells. The caller is its one cleaner (4). */
static void
give_back(struct cask_board *board, struct cask_board_child *child)
{
    atomic_fetch_add(&child->moving, 1); /* cells and rows differ from here on */
    for (uint32_t i = 0; i < board->size.rows; i++) {
        unsigned claims = atomic_exchange(&child->cells[i], 0);

        if (claims > 0) {
            counter_subtract(&board->rows[i].claims, claims);
        }
    }
    counter_subtract(&board->head->waiting, atomic_exchange(&child->waiting, 0));
    if (atomic_exchange(&child->moving, 0) != 1) {
        atomic_store(&board->head->suspect, 1); /* keeps (2) */
    }
}

static bool
process_is_alive(pid_t pid)
{
    return kill(pid, 0) == 0 || errno != ESRCH;
}

/* Makes this process the cleaner of a child row whose process has gone. False when it lives, is
 * free, or is somebody else's to clean. */
static bool
become_cleaner(struct cask_board_child *child, bool (*is_alive)(pid_t pid))
{
    int seen = atomic_load(&child->pid);

    /* A negative one is a cleaner, who may have died as well. */
    if (seen == 0 || seen == INT_MIN || is_alive(seen > 0 ? seen : -seen)) {
        return false;
    }
    return atomic_compare_exchange_strong(&child->pid, &seen, -getpid());
}

int
cask_board_join(struct cask_board *board, pid_t pid, uint32_t *ret_child)
{
    /* A row with our own number was left by a dead child: numbers come round again. */
    for (uint32_t i = 0; i < board->size.children; i++) {
        int expected = pid;

        if (atomic_compare_exchange_strong(&child_at(board, i)->pid, &expected, -getpid())) {
            cask_board_leave(board, i);
        }
    }
    for (uint32_t i = 0; i < board->size.children; i++) {
        struct cask_board_child *child = child_at(board, i);
        int expected = 0;

        if (atomic_compare_exchange_strong(&child->pid, &expected, pid)) {
            *ret_child = i;
            return 0;
        }
    }
    for (uint32_t i = 0; i < board->size.children; i++) {
        struct cask_board_child *child = child_at(board, i);

        if (become_cleaner(child, process_is_alive)) {
            give_back(board, child);
            atomic_store(&child->pid, pid);
            *ret_child = i;
            return 0;
        }
    }
    return ENOSPC;
}

void
cask_board_leave(struct cask_board *board, uint32_t child)
{
    struct cask_board_child *entry = child_at(board, child);

    if (entry != NULL) {
        atomic_store(&entry->pid, -getpid()); /* keeps (4) */
        give_back(board, entry);
        atomic_store(&entry->pid, 0);
    }
}

/* What the cells of living children say about a row, or about `waiting` (row == rows); false when
 * some child is between the two steps of (1). */
static bool
sum_cells(const struct cask_board *board, uint32_t row, uint32_t *ret_sum)
{
    uint32_t sum = 0;
    bool still = true;

    for (uint32_t i = 0; i < board->size.children; i++) {
        struct cask_board_child *child = child_at(board, i);

        still = still && atomic_load(&child->moving) == 0;
        sum +=
            row < board->size.rows ? atomic_load(&child->cells[row]) : atomic_load(&child->waiting);
    }
    for (uint32_t i = 0; i < board->size.children && still; i++) {
        still = atomic_load(&child_at(board, i)->moving) == 0;
    }
    *ret_sum = sum;
    return still;
}

/* Sets a counter to what the cells say. Exact: a claim or release that ran meanwhile has either
 * changed the counter's word (the exchange fails) or still shows in `moving`. */
static bool
count_anew(struct cask_board *board, cask_board_counter *word, uint32_t row)
{
    for (int i = 0; i < SWEEP_RETRIES; i++) {
        uint64_t seen = atomic_load(word);
        uint32_t sum;

        if (sum_cells(board, row, &sum) &&
            atomic_compare_exchange_strong(word, &seen, next_change(seen) | sum)) {
            return true;
        }
    }
    return false; /* busy: the next sweep tries again */
}

void
cask_board_sweep(struct cask_board *board, bool (*is_alive)(pid_t pid))
{
    bool all = true;

    for (uint32_t i = 0; i < board->size.children; i++) {
        struct cask_board_child *child = child_at(board, i);

        if (become_cleaner(child, is_alive)) {
            give_back(board, child);
            atomic_store(&child->pid, 0);
        }
    }
    if (atomic_exchange(&board->head->suspect, 0) == 0) {
        return;
    }
    for (uint32_t i = 0; i < board->size.rows; i++) {
        all = count_anew(board, &board->rows[i].claims, i) && all;
    }
    all = count_anew(board, &board->head->waiting, board->size.rows) && all;
    if (!all) {
        atomic_store(&board->head->suspect, 1);
    }
}

/* ---- claims ---- */

static bool
row_is_serving(const struct cask_board *board, const struct cask_board_row *row)
{
    return atomic_load(&row->state) == CASK_ROW_READY &&
           atomic_load(&row->generation) == atomic_load(&board->head->serving);
}

/* Both steps of a claim, in the order that keeps (1). */
static bool
claim_up_to(struct cask_board_row *row, struct cask_board_child *child, uint32_t index,
            uint32_t limit)
{
    bool claimed;

    atomic_fetch_add(&child->moving, 1);
    claimed = counter_add(&row->claims, limit);
    if (claimed) {
        atomic_fetch_add(&child->cells[index], 1);
    }
    atomic_fetch_sub(&child->moving, 1);
    return claimed;
}

bool
cask_board_claim(struct cask_board *board, uint32_t child, uint32_t row)
{
    struct cask_board_row *entry = cask_board_row_at(board, row);
    struct cask_board_child *own = child_at(board, child);

    if (entry == NULL || own == NULL || !row_is_serving(board, entry)) {
        return false;
    }
    if (!claim_up_to(entry, own, row, atomic_load(&entry->threads))) {
        return false;
    }
    if (!row_is_serving(board, entry)) { /* it began to drain just now */
        cask_board_release(board, child, row);
        return false;
    }
    return true;
}

void
cask_board_claim_accepted(struct cask_board *board, uint32_t child, uint32_t row)
{
    struct cask_board_row *entry = cask_board_row_at(board, row);
    struct cask_board_child *own = child_at(board, child);

    if (entry != NULL && own != NULL) {
        (void)claim_up_to(entry, own, row, UINT32_MAX);
    }
}

void
cask_board_release(struct cask_board *board, uint32_t child, uint32_t row)
{
    struct cask_board_row *entry = cask_board_row_at(board, row);
    struct cask_board_child *own = child_at(board, child);

    if (entry == NULL || own == NULL) {
        return;
    }
    atomic_fetch_add(&own->moving, 1);
    if (cell_take(&own->cells[row])) {
        counter_subtract(&entry->claims, 1);
    }
    atomic_fetch_sub(&own->moving, 1);
}

uint32_t
cask_board_waiting(const struct cask_board *board)
{
    return cask_board_count_of(atomic_load(&board->head->waiting));
}

void
cask_board_wait_begin(struct cask_board *board, uint32_t child)
{
    struct cask_board_child *own = child_at(board, child);

    if (own == NULL) {
        return;
    }
    atomic_fetch_add(&own->moving, 1);
    (void)counter_add(&board->head->waiting, UINT32_MAX);
    atomic_fetch_add(&own->waiting, 1);
    atomic_fetch_sub(&own->moving, 1);
}

void
cask_board_wait_end(struct cask_board *board, uint32_t child)
{
    struct cask_board_child *own = child_at(board, child);

    if (own == NULL) {
        return;
    }
    atomic_fetch_add(&own->moving, 1);
    if (cell_take(&own->waiting)) {
        counter_subtract(&board->head->waiting, 1);
    }
    atomic_fetch_sub(&own->moving, 1);
}
