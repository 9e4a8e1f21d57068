/* SPDX-License-Identifier: Apache-2.0 */
/* proc/orphans.h - processes on a board that an earlier supervisor has started.
 *
 * They serve until the board's serving generation has passed theirs and then go by themselves; the
 * new supervisor only tidies their rows.
 */
#ifndef CASK_PROC_ORPHANS_H
#define CASK_PROC_ORPHANS_H

#include <stddef.h>
#include <stdint.h>

struct cask_board;
struct cask_orphans;
struct cask_problem;

/* Looks at the board before this supervisor has put anything on it. ret_next_number: a generation
 * number above all on the board. */
int cask_orphans_new(struct cask_orphans **ret_orphans, const struct cask_board *board,
                     uint32_t *ret_next_number, struct cask_problem *reterr_problem);
struct cask_orphans *cask_orphans_free(struct cask_orphans *orphans);
size_t cask_orphans_left(const struct cask_orphans *orphans);
/* A generation of ours serves: theirs take no new requests. */
void cask_orphans_supersede(const struct cask_orphans *orphans, struct cask_board *board);
/* Frees the rows of those that have ended. */
void cask_orphans_tick(struct cask_orphans *orphans, struct cask_board *board);

#endif
