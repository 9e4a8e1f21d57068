/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/board_layout.h - how a board lies in its segment; for board.c and board_claims.c only.
 *
 * Invariants:
 *   (1) a row's claims are never fewer than the sum of the children's cells for it: a claim counts
 *       up the row first and the cell second, a release goes the other way round. So a child killed
 *       in between makes a free thread look busy, never a busy one free;
 *   (2) such a loss shows in the child's `moving`, which spans both steps; whoever gives back the
 *       dead child's claims then marks the board, and cask_board_sweep() counts anew;
 *   (3) a row is given to a new process only when its last claim is gone: no release hits another
 *       process's row;
 *   (4) a child's cells are given back by one cleaner only, who has put -(own pid) into `pid`;
 *   (5) `waiting` obeys (1) and (2) as a row's claims do.
 */
#ifndef CASK_METRICS_BOARD_LAYOUT_H
#define CASK_METRICS_BOARD_LAYOUT_H

#include "metrics/board.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define CASK_BOARD_REASON_WORDS 64u /* of 8 bytes */
#define CASK_BOARD_LINE         64u /* cache line */

/* A count and how often it has changed, in one word, so that a sweep notices what it missed. */
typedef _Atomic uint64_t cask_board_counter;

struct cask_board_head {
    uint32_t magic;       /* [init] */
    uint32_t rows;        /* [init] */
    uint32_t children;    /* [init] */
    atomic_uint group;    /* [shm:supervisor] enum cask_group_state */
    atomic_uint serving;  /* [shm:supervisor] generation */
    atomic_uint change;   /* [shm:supervisor] futex */
    atomic_uint suspect;  /* [atomic] 1: a child died while `moving`: count anew */
    atomic_uint replaced; /* [shm:supervisor] generation whose successor starts; 0: none */
    atomic_uint refusals; /* [shm:supervisor] reports of changes that led to no successor */
    /* [shm:supervisor] relaxed */
    _Alignas(CASK_BOARD_LINE) _Atomic uint64_t reason[CASK_BOARD_REASON_WORDS];
    _Alignas(CASK_BOARD_LINE) cask_board_counter waiting; /* [atomic] sum of the children's */
};

struct cask_board_row {
    _Alignas(CASK_BOARD_LINE) cask_board_counter claims; /* [atomic] */
    atomic_uint state;                                   /* [shm:supervisor] enum cask_row_state */
    atomic_uint generation;                              /* [shm:supervisor] */
    atomic_uint threads;                                 /* [shm:supervisor] */
    atomic_int pid;                                      /* [shm:supervisor] */
};

struct cask_board_child {
    _Alignas(CASK_BOARD_LINE) atomic_int pid; /* 0: free; negative: being cleaned by that process */
    atomic_uint moving;                       /* [shm:child] threads between the two steps of (1) */
    atomic_uint waiting;                      /* [shm:child] */
    atomic_uint cells[];                      /* [shm:child] claims by row */
};

struct cask_board {
    void *address;
    size_t mapped_size;
    struct cask_board_head *head;
    struct cask_board_row *rows;
    char *children;
    size_t child_stride;
    struct cask_board_size size; /* checked copies: the segment's own are not trusted again */
};

_Static_assert(sizeof(atomic_uint) == 4 && ATOMIC_INT_LOCK_FREE == 2, "the futex word has 4 bytes");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "locks of libatomic are not shared by processes");

static inline uint32_t
cask_board_count_of(uint64_t word)
{
    return (uint32_t)word;
}

/* NULL beyond the table. */
static inline struct cask_board_row *
cask_board_row_at(const struct cask_board *board, uint32_t row)
{
    return row < board->size.rows ? &board->rows[row] : NULL;
}

#endif
