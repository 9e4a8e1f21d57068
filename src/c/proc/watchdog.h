/* SPDX-License-Identifier: Apache-2.0 */
/* proc/watchdog.h - when a daemon has to be replaced: request, startup, deadlock and inactivity
 * timeouts, age.
 *
 * Pure decisions: the daemon's loop brings the figures and the time, and acts on the answer.
 */
#ifndef CASK_PROC_WATCHDOG_H
#define CASK_PROC_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#include "proc/channel.h"

struct cask_group_spec;
struct cask_pool_figures;

struct cask_watchdog {
    const struct cask_group_spec *spec; /* keep_ */
    int64_t start_us;                   /* monotonic time of the start */
    bool loaded;                        /* an application has been loaded */
    uint32_t told;                      /* reasons already given, one bit each */
};

/* The reason for a replacement that has come up since the last look (enum cask_channel_reason), or
 * 0. ret_next_us: when to look again, CASK_CLOCK_NEVER if only after activity. */
uint32_t cask_watchdog_look(struct cask_watchdog *watchdog, const struct cask_pool_figures *figures,
                            int64_t now_us, int64_t *ret_next_us);

#endif
