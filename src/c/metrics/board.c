/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/board.c - the segment of a daemon group that httpd's side writes.
 *
 * Owns:    the mapping of each struct cask_board; the supervisor's rows and states in it.
 * Touches: board_layout.h, whose invariants it keeps; platform/.
 * Threads: any; everything in the segment is atomic (sequentially consistent unless said so).
 * Fork:    a mapping stays good in a child.
 *
 * States of a row: FREE → STARTING (take_row) → READY → DRAINING (set_row) → FREE (free_row), and
 * from any state back to FREE. The supervisor makes all transitions.
 */
#include "metrics/board.h"

#include "metrics/board_layout.h"
#include "platform/clock.h"
#include "platform/problem.h"
#include "platform/shm.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAGIC       0x43424434u /* changes with the layout */
#define ROWS_LIMIT  65536u
#define CHILD_LIMIT 65536u

static size_t
child_stride(uint32_t rows)
{
    size_t size = sizeof(struct cask_board_child) + rows * sizeof(atomic_uint);

    return (size + CASK_BOARD_LINE - 1) / CASK_BOARD_LINE * CASK_BOARD_LINE;
}

static size_t
segment_size(const struct cask_board_size *size)
{
    return sizeof(struct cask_board_head) + size->rows * sizeof(struct cask_board_row) +
           size->children * child_stride(size->rows);
}

static bool
size_is_sane(const struct cask_board_size *size)
{
    return size->rows >= 1 && size->rows <= ROWS_LIMIT && size->children >= 1 &&
           size->children <= CHILD_LIMIT;
}

int
cask_board_create(const struct cask_board_size *size, int *ret_fd,
                  struct cask_problem *reterr_problem)
{
    struct cask_board_head *head = NULL;
    void *address = NULL;
    size_t mapped_size = 0;
    int fd = -1;
    int status;

    if (!size_is_sane(size)) {
        return cask_problem_set(reterr_problem, EINVAL, 301,
                                "no board for '%u' processes and %u children", size->rows,
                                size->children);
    }
    status = cask_shm_create("mod_cask board", segment_size(size), &fd, reterr_problem);
    if (status != 0) {
        return status;
    }
    status = cask_shm_map(fd, segment_size(size), true, &address, &mapped_size, reterr_problem);
    if (status != 0) {
        (void)close(fd);
        return status;
    }
    head = address;
    head->rows = size->rows;
    head->children = size->children;
    head->magic = MAGIC;
    cask_shm_unmap(address, mapped_size);
    *ret_fd = fd;
    return 0;
}

int
cask_board_map(int fd, bool writable, struct cask_board **ret_board,
               struct cask_problem *reterr_problem)
{
    struct cask_board *board = calloc(1, sizeof(*board));
    int status;

    if (board == NULL) {
        return cask_problem_set(reterr_problem, ENOMEM, 302, "cannot map board '%d'", fd);
    }
    status = cask_shm_map(fd, sizeof(struct cask_board_head), writable, &board->address,
                          &board->mapped_size, reterr_problem);
    if (status != 0) {
        goto done;
    }
    board->head = board->address;
    board->size.rows = board->head->rows;
    board->size.children = board->head->children;
    if (board->head->magic != MAGIC || !size_is_sane(&board->size) ||
        segment_size(&board->size) > board->mapped_size) {
        status = cask_problem_set(reterr_problem, EPROTO, 303,
                                  "shared memory segment '%d' is no board of this version", fd);
        goto done;
    }
    board->rows = (struct cask_board_row *)(board->head + 1);
    board->children = (char *)(board->rows + board->size.rows);
    board->child_stride = child_stride(board->size.rows);
    *ret_board = board;
    board = NULL; /* given to the caller */

done:
    cask_board_free(board);
    return status;
}

struct cask_board *
cask_board_free(struct cask_board *board)
{
    if (board != NULL) {
        cask_shm_unmap(board->address, board->mapped_size);
        free(board);
    }
    return NULL;
}

struct cask_board_size
cask_board_size(const struct cask_board *board)
{
    return board->size;
}

/* ---- change of state, and waiting for it ---- */

static void
announce_change(struct cask_board *board)
{
    atomic_fetch_add(&board->head->change, 1);
    (void)syscall(SYS_futex, &board->head->change, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void
cask_board_set_group(struct cask_board *board, enum cask_group_state state, const char *reason)
{
    size_t left = reason != NULL ? strlen(reason) : 0;

    for (size_t i = 0; i < CASK_BOARD_REASON_WORDS; i++) {
        uint64_t word = 0;
        size_t part = left < sizeof(word) ? left : sizeof(word);

        if (part > 0) {
            memcpy(&word, reason, part);
            reason += part;
            left -= part;
        }
        atomic_store_explicit(&board->head->reason[i], word, memory_order_relaxed);
    }
    atomic_store(&board->head->group, state);
    announce_change(board);
}

void
cask_board_set_serving(struct cask_board *board, uint32_t generation)
{
    atomic_store(&board->head->serving, generation);
    announce_change(board);
}

void
cask_board_set_starting(struct cask_board *board, bool starting)
{
    unsigned replaced = starting ? atomic_load(&board->head->serving) : 0;

    if (atomic_exchange(&board->head->replaced, replaced) != replaced) {
        announce_change(board);
    }
}

bool
cask_board_starting(const struct cask_board *board, uint32_t generation)
{
    return atomic_load(&board->head->replaced) == generation && generation != 0;
}

void
cask_board_refuse_start(struct cask_board *board)
{
    atomic_fetch_add(&board->head->refusals, 1);
    announce_change(board);
}

uint32_t
cask_board_refusals(const struct cask_board *board)
{
    return atomic_load(&board->head->refusals);
}

enum cask_group_state
cask_board_group(const struct cask_board *board)
{
    unsigned state = atomic_load(&board->head->group);

    return state <= CASK_GROUP_STOPPED ? (enum cask_group_state)state : CASK_GROUP_STOPPED;
}

void
cask_board_reason(const struct cask_board *board, char *ret_text, size_t size)
{
    uint64_t words[CASK_BOARD_REASON_WORDS];
    size_t len;

    if (size == 0) {
        return;
    }
    for (size_t i = 0; i < CASK_BOARD_REASON_WORDS; i++) {
        words[i] = atomic_load_explicit(&board->head->reason[i], memory_order_relaxed);
    }
    len = strnlen((const char *)words, sizeof(words));
    if (len >= size) {
        len = size - 1;
    }
    memcpy(ret_text, words, len);
    ret_text[len] = '\0';
}

uint32_t
cask_board_serving(const struct cask_board *board)
{
    return atomic_load(&board->head->serving);
}

uint32_t
cask_board_change(const struct cask_board *board)
{
    return atomic_load(&board->head->change);
}

int
cask_board_wait(const struct cask_board *board, uint32_t seen_change, int64_t deadline_us)
{
    struct timespec deadline = {.tv_sec = (time_t)(deadline_us / CASK_CLOCK_SECOND),
                                .tv_nsec = (long)(deadline_us % CASK_CLOCK_SECOND) * 1000};
    const struct timespec *limit = deadline_us == CASK_CLOCK_NEVER ? NULL : &deadline;

    while (atomic_load(&board->head->change) == seen_change) {
        /* BITSET: the deadline is a point on the monotonic clock. */
        long result = syscall(SYS_futex, &board->head->change, FUTEX_WAIT_BITSET, seen_change,
                              limit, NULL, FUTEX_BITSET_MATCH_ANY);

        if (result != 0 && errno != EAGAIN && errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

/* ---- rows ---- */

int
cask_board_take_row(struct cask_board *board, uint32_t generation, uint32_t threads)
{
    for (uint32_t i = 0; i < board->size.rows; i++) {
        struct cask_board_row *row = &board->rows[i];
        unsigned free_state = CASK_ROW_FREE;

        if (cask_board_count_of(atomic_load(&row->claims)) != 0) { /* keeps (3) */
            continue;
        }
        /* Two supervisors may live side by side for a while: exchange, not store. */
        if (atomic_compare_exchange_strong(&row->state, &free_state, CASK_ROW_STARTING)) {
            atomic_store(&row->generation, generation);
            atomic_store(&row->threads, threads);
            atomic_store(&row->pid, 0);
            return (int)i;
        }
    }
    return -1;
}

void
cask_board_set_row(struct cask_board *board, uint32_t row, enum cask_row_state state, pid_t pid)
{
    struct cask_board_row *entry = cask_board_row_at(board, row);

    if (entry != NULL) {
        atomic_store(&entry->pid, pid);
        atomic_store(&entry->state, state);
    }
}

void
cask_board_free_row(struct cask_board *board, uint32_t row)
{
    cask_board_set_row(board, row, CASK_ROW_FREE, 0);
}

uint32_t
cask_board_claims(const struct cask_board *board, uint32_t generation)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < board->size.rows; i++) {
        const struct cask_board_row *row = &board->rows[i];

        if (generation == 0 || atomic_load(&row->generation) == generation) {
            sum += cask_board_count_of(atomic_load(&row->claims));
        }
    }
    return sum;
}

enum cask_row_state
cask_board_row_state(const struct cask_board *board, uint32_t row)
{
    const struct cask_board_row *entry = cask_board_row_at(board, row);
    unsigned state = entry != NULL ? atomic_load(&entry->state) : CASK_ROW_FREE;

    return state <= CASK_ROW_DRAINING ? (enum cask_row_state)state : CASK_ROW_FREE;
}

uint32_t
cask_board_row_generation(const struct cask_board *board, uint32_t row)
{
    const struct cask_board_row *entry = cask_board_row_at(board, row);

    return entry != NULL ? atomic_load(&entry->generation) : 0;
}

pid_t
cask_board_row_pid(const struct cask_board *board, uint32_t row)
{
    const struct cask_board_row *entry = cask_board_row_at(board, row);

    return entry != NULL ? atomic_load(&entry->pid) : 0;
}

uint32_t
cask_board_row_threads(const struct cask_board *board, uint32_t row)
{
    const struct cask_board_row *entry = cask_board_row_at(board, row);

    return entry != NULL ? atomic_load(&entry->threads) : 0;
}

uint32_t
cask_board_row_claims(const struct cask_board *board, uint32_t row)
{
    const struct cask_board_row *entry = cask_board_row_at(board, row);

    return entry != NULL ? cask_board_count_of(atomic_load(&entry->claims)) : 0;
}
