/* SPDX-License-Identifier: Apache-2.0 */
/* proc/group_control.c - what somebody asks of a group by the control socket.
 *
 * Owns:    see group.h.
 * Touches: metrics/board, proc/generation, proc/worker.
 * Threads: the supervisor's only one.
 * Invariants: those of group_state.h.
 */
#include "proc/group.h"

#include "metrics/board.h"
#include "platform/clock.h"
#include "platform/loop.h"
#include "proc/generation.h"
#include "proc/group_state.h"
#include "proc/worker.h"

void
cask_group_abandon_next(struct cask_group *group)
{
    struct cask_generation *superseded = group->next;

    if (superseded != NULL) {
        (void)cask_reload_ended(&group->reload, true, cask_clock_mono_us());
        cask_group_next_ended(group);
        cask_generation_abandon(superseded);
    }
}

uint32_t
cask_group_reload(struct cask_group *group)
{
    uint32_t number;

    cask_group_abandon_next(group);
    if (group->paused) {
        group->paused = false;
        cask_board_set_group(group->board, CASK_GROUP_STARTING, NULL);
    }
    number = group->next_number;
    if (cask_group_fault(group->settings->spec) != NULL) {
        group->failed_number = number;
        (void)cask_problem_set(&group->failure, 0, 424, "group '%s': %s",
                               group->settings->spec->name,
                               cask_group_fault(group->settings->spec));
        return number;
    }
    cask_backoff_reset(&group->backoff);
    cask_group_start(group);
    return number;
}

enum cask_group_outcome
cask_group_outcome(const struct cask_group *group, uint32_t number,
                   const struct cask_problem **ret_failure)
{
    if (group->serving != NULL && cask_generation_number(group->serving) >= number) {
        return CASK_GROUP_OUTCOME_READY;
    }
    if (group->failed_number >= number) {
        *ret_failure = &group->failure;
        return CASK_GROUP_OUTCOME_FAILED;
    }
    return group->going || group->paused ? CASK_GROUP_OUTCOME_GONE : CASK_GROUP_OUTCOME_PENDING;
}

void
cask_group_pause(struct cask_group *group)
{
    struct cask_generation *old = group->serving;

    if (group->going || group->paused) {
        return;
    }
    group->paused = true;
    group->wanted = false;
    group->serving = NULL;
    cask_loop_timer_set(group->retry, CASK_CLOCK_NEVER);
    cask_group_abandon_next(group);
    cask_board_set_group(group->board, CASK_GROUP_STOPPED, NULL);
    if (old != NULL) {
        cask_group_remember_loaded(group, old);
        cask_generation_drain(old, cask_spec_drain_us(cask_generation_spec(old)));
    }
    group->host->idle(group->host->context);
}

size_t
cask_group_ask_stacks(const struct cask_group *group, pid_t pid, int fd)
{
    size_t n_asked = 0;

    for (size_t i = 0; i < group->n_members; i++) {
        const struct cask_worker *worker;

        for (size_t j = 0;
             (worker = cask_generation_worker(group->members[i].generation, j)) != NULL; j++) {
            if (pid == 0 || cask_worker_pid(worker) == pid) {
                n_asked += cask_worker_ask_stacks(worker, fd) ? 1 : 0;
            }
        }
    }
    return n_asked;
}

uid_t
cask_group_uid(const struct cask_group *group)
{
    return group->settings->spec->uid;
}

bool
cask_group_is_ours(const struct cask_group *group)
{
    return !group->going;
}
