/* SPDX-License-Identifier: Apache-2.0 */
/* proc/group_state.h - the fields of a group; for group.c (generations come), group_end.c (they
 * go), group_control.c (somebody asks) and group_status.c only.
 *
 * Invariants:
 *   (1) at most one generation is READY and serving, at most one STARTING;
 *   (2) the board says SERVING only with a READY process behind it, FAILED with the reason when
 *       there is none and no request should wait for one;
 *   (3) the numbers of generations only grow, also from one supervisor to the next: who has a lower
 *       number than the board's serving one knows that it is superseded.
 */
#ifndef CASK_PROC_GROUP_STATE_H
#define CASK_PROC_GROUP_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proc/backoff.h"
#include "platform/problem.h"
#include "proc/group.h"
#include "proc/grouplog.h"
#include "proc/history.h"
#include "proc/reload.h"

struct cask_board;
struct cask_generation;
struct cask_loadlist;
struct cask_loop_timer;
struct cask_orphans;

#define CASK_GROUP_MAX_GENERATIONS 16 /* living ones, those that are being killed too */

/* Settings that generations share; freed with the last of them. */
struct cask_group_shared_spec {
    struct cask_group_spec *spec;
    unsigned users;
};

struct cask_group_member {
    struct cask_generation *generation;
    struct cask_group_shared_spec *settings;
};

struct cask_group {
    struct cask_group_host *host;
    struct cask_group_shared_spec *settings; /* the newest */
    int listen_fd;
    int board_fd;
    struct cask_board *board;
    struct cask_grouplog log;
    struct cask_group_member members[CASK_GROUP_MAX_GENERATIONS];
    size_t n_members;
    struct cask_generation *serving; /* READY; NULL: none */
    struct cask_generation *next;    /* STARTING; NULL: none */
    bool next_counted;               /* it takes one of CASK_GROUP_MAX_STARTING */
    uint32_t next_number;
    bool wanted;                /* a generation should be started as soon as may be */
    bool changed;               /* the newest settings do not serve yet: failures are tried again */
    bool paused;                /* by cask_group_pause(): starts nothing until it is asked to */
    bool going;                 /* stops or has stepped down: starts nothing more */
    bool keep_path;             /* the socket file belongs to another supervisor */
    struct cask_loadlist *load; /* what the next generation loads */
    struct cask_backoff backoff;
    struct cask_loop_timer *retry;
    struct cask_reload reload;
    struct cask_history history;
    uint32_t failed_number;       /* of the last generation that failed */
    struct cask_problem failure;  /* and why */
    struct cask_orphans *orphans; /* rows of an earlier supervisor */
    int children_fd;              /* removed: readable when nobody needs it any more; -1 */
    int64_t step_down_us;         /* when to drain in any case; CASK_CLOCK_NEVER */
};

/* The STARTING generation is no longer that. */
void cask_group_next_ended(struct cask_group *group);
/* Why the group cannot start at all, as its settings say; NULL: nothing known. */
const char *cask_group_fault(const struct cask_group_spec *spec);
/* It gives way to another one, or to none. */
void cask_group_abandon_next(struct cask_group *group);
/* Starts a generation with the newest settings, as soon as may be. */
void cask_group_start(struct cask_group *group);
/* The list of what has been loaded becomes the list of what the next generation loads. */
void cask_group_remember_loaded(struct cask_group *group, const struct cask_generation *generation);

#endif
