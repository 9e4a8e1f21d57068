/* SPDX-License-Identifier: Apache-2.0 */
/* proc/watchdog.c - when a daemon has to be replaced.
 *
 * Owns:    nothing; struct cask_watchdog is the caller's.
 * Touches: platform/clock, proc/pool (figures only).
 * Threads: the daemon's main thread.
 * Invariants:
 *   (1) each reason is given once in a daemon's life: the successor comes, this one goes;
 *   (2) an idle daemon is not woken: without a running request the next look is the inactivity
 *       deadline, the restart interval or never.
 */
#include "proc/watchdog.h"

#include "platform/clock.h"
#include "proc/pool.h"
#include "proc/spec.h"

#define LOOK_US CASK_CLOCK_SECOND /* while requests run: newly loaded applications are told */

static int64_t
earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* True, once, when `since + limit` has passed; otherwise *next is brought forward. */
static bool
expired(struct cask_watchdog *watchdog, enum cask_channel_reason reason, int64_t since_us,
        int64_t limit_us, int64_t now_us, int64_t *next)
{
    if (limit_us == 0 || (watchdog->told & (1u << reason)) != 0) {
        return false;
    }
    if (now_us - since_us < limit_us) {
        *next = earlier(*next, since_us + limit_us);
        return false;
    }
    watchdog->told |= 1u << reason; /* keeps (1) */
    return true;
}

uint32_t
cask_watchdog_look(struct cask_watchdog *watchdog, const struct cask_pool_figures *figures,
                   int64_t now_us, int64_t *ret_next_us)
{
    const struct cask_group_spec *spec = watchdog->spec;
    int64_t next = figures->active > 0 ? now_us + LOOK_US : CASK_CLOCK_NEVER;
    uint32_t reason = 0;

    if (figures->waiting_us != 0 && expired(watchdog, CASK_CHANNEL_DEADLOCK, figures->waiting_us,
                                            spec->deadlock_timeout_us, now_us, &next)) {
        reason = CASK_CHANNEL_DEADLOCK;
    } else if (figures->oldest_us != CASK_CLOCK_NEVER &&
               expired(watchdog, CASK_CHANNEL_REQUEST_TIMEOUT, figures->oldest_us,
                       cask_spec_overdue_us(spec), now_us, &next)) {
        reason = CASK_CHANNEL_REQUEST_TIMEOUT;
    } else if (!watchdog->loaded && figures->first_us != 0 &&
               expired(watchdog, CASK_CHANNEL_STARTUP_TIMEOUT, figures->first_us,
                       spec->startup_timeout_us, now_us, &next)) {
        reason = CASK_CHANNEL_STARTUP_TIMEOUT;
    } else if (figures->active == 0 && figures->last_activity != 0 &&
               expired(watchdog, CASK_CHANNEL_INACTIVITY_TIMEOUT, figures->last_activity,
                       spec->inactivity_timeout_us, now_us, &next)) {
        reason = CASK_CHANNEL_INACTIVITY_TIMEOUT; /* keeps (2) */
    } else if (expired(watchdog, CASK_CHANNEL_RESTART_INTERVAL, watchdog->start_us,
                       spec->restart_interval_us, now_us, &next)) {
        reason = CASK_CHANNEL_RESTART_INTERVAL;
    }
    *ret_next_us = next;
    return reason;
}
