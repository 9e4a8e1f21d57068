/* SPDX-License-Identifier: Apache-2.0 */
/* proc/backoff.h - a delay that doubles with every failure, so that nothing is retried at full
 * speed.
 */
#ifndef CASK_PROC_BACKOFF_H
#define CASK_PROC_BACKOFF_H

#include <stdint.h>

struct cask_backoff {
    int64_t first_us;
    int64_t last_us;
    int64_t next_us; /* 0: first_us */
};

/* The delay for the failure that has just happened. */
static inline int64_t
cask_backoff_take(struct cask_backoff *backoff)
{
    int64_t delay_us = backoff->next_us != 0 ? backoff->next_us : backoff->first_us;

    backoff->next_us = delay_us > backoff->last_us / 2 ? backoff->last_us : delay_us * 2;
    return delay_us;
}

static inline void
cask_backoff_reset(struct cask_backoff *backoff)
{
    backoff->next_us = 0;
}

#endif
