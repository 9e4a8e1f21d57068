/* SPDX-License-Identifier: Apache-2.0 */
/* proc/history.h - what has happened to a daemon group since its supervisor knows it. */
#ifndef CASK_PROC_HISTORY_H
#define CASK_PROC_HISTORY_H

#include <stdint.h>
#include <string.h>

#include "platform/clock.h"

struct cask_history {
    uint32_t ready;     /* generations that became READY */
    uint32_t failed;    /* generations that failed */
    uint32_t lost;      /* processes that went without being told to */
    uint32_t replaced;  /* processes that asked to be replaced */
    int64_t trouble_us; /* monotonic time of the last failure or loss */
    char trouble[512];  /* its words; "" : none yet */
};

static inline void
cask_history_trouble(struct cask_history *history, uint32_t *count, const char *text)
{
    size_t len = strlen(text);

    (*count)++;
    history->trouble_us = cask_clock_mono_us();
    len = len < sizeof(history->trouble) ? len : sizeof(history->trouble) - 1;
    memcpy(history->trouble, text, len);
    history->trouble[len] = '\0';
}

#endif
