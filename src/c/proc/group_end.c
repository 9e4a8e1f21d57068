/* SPDX-License-Identifier: Apache-2.0 */
/* proc/group_end.c - how a group goes: removed, handed to another supervisor, stopped; and its
 * tick.
 *
 * Owns:    see group.h.
 * Touches: metrics/board, platform/, proc/generation, proc/orphans.
 * Threads: the supervisor's only one.
 * Invariants: those of group_state.h; a group that goes starts nothing more.
 */
#include "proc/group.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "metrics/board.h"
#include "platform/clock.h"
#include "platform/loop.h"
#include "platform/net.h"
#include "proc/generation.h"
#include "proc/group_state.h"
#include "proc/orphans.h"

#define STEP_DOWN_US (60 * CASK_CLOCK_SECOND)

void
cask_group_stop(struct cask_group *group, int64_t limit_us)
{
    if (!group->going) {
        cask_board_set_group(group->board, CASK_GROUP_STOPPED, NULL);
    }
    group->going = true;
    group->wanted = false;
    cask_loop_timer_set(group->retry, CASK_CLOCK_NEVER);
    if (group->next != NULL) {
        cask_group_next_ended(group);
    }
    group->serving = NULL;
    for (size_t i = 0; i < group->n_members; i++) {
        cask_generation_stop(group->members[i].generation, limit_us);
    }
    group->host->idle(group->host->context);
}

static void
on_children(void *context, int fd, short revents)
{
    struct cask_group *self = context;

    (void)revents;
    cask_loop_unwatch(self->host->loop, fd);
    cask_net_close(&self->children_fd);
    cask_group_stop(self, 0);
}

void
cask_group_remove(struct cask_group *group, int steal_children_fd)
{
    if (group->going || group->children_fd >= 0) {
        cask_net_close(&steal_children_fd);
        return;
    }
    group->children_fd = steal_children_fd;
    if (steal_children_fd < 0 || group->settings->spec->threads == 0 || /* nobody asks a service */
        cask_loop_watch(group->host->loop, steal_children_fd, POLLIN, on_children, group) != 0) {
        cask_group_stop(group, 0);
    }
}

void
cask_group_step_down(struct cask_group *group)
{
    group->going = true;
    group->wanted = false;
    group->keep_path = true;
    group->step_down_us = cask_clock_mono_us();
    if (group->settings->spec->threads != 0) {
        group->step_down_us += STEP_DOWN_US; /* else the successor's service waits for ours */
    }
    cask_loop_timer_set(group->retry, CASK_CLOCK_NEVER);
    if (group->next != NULL) {
        struct cask_generation *superseded = group->next;

        cask_group_next_ended(group);
        cask_generation_abandon(superseded);
    }
}

static void
step_down_tick(struct cask_group *self)
{
    bool superseded = self->serving == NULL ||
                      cask_board_serving(self->board) > cask_generation_number(self->serving);

    if (superseded || cask_clock_mono_us() >= self->step_down_us) {
        struct cask_generation *old = self->serving;

        self->serving = NULL;
        self->step_down_us = CASK_CLOCK_NEVER;
        if (old != NULL) {
            cask_generation_drain(old, cask_spec_drain_us(cask_generation_spec(old)));
        }
        self->host->idle(self->host->context);
    }
}

bool
cask_group_is_done(const struct cask_group *group)
{
    return group->going && group->n_members == 0 && group->step_down_us == CASK_CLOCK_NEVER;
}

bool
cask_group_reaped(struct cask_group *group, pid_t pid, int status)
{
    for (size_t i = 0; i < group->n_members; i++) {
        if (cask_generation_reaped(group->members[i].generation, pid, status)) {
            return true;
        }
    }
    return false;
}

static bool
is_alive(pid_t pid)
{
    return kill(pid, 0) == 0 || errno != ESRCH;
}

void
cask_group_tick(struct cask_group *group)
{
    cask_board_sweep(group->board, is_alive);
    cask_orphans_tick(group->orphans, group->board);
    cask_group_poke(group); /* a service waits for orphans to be gone */
    if (group->step_down_us != CASK_CLOCK_NEVER) {
        step_down_tick(group);
    }
}
