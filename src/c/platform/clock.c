/* SPDX-License-Identifier: Apache-2.0 */
/* platform/clock.c - time in microseconds. Owns nothing; any thread. */
#include "platform/clock.h"

#include <limits.h>
#include <time.h>

static int64_t
read_clock(clockid_t id)
{
    struct timespec now = {0};

    (void)clock_gettime(id, &now); /* cannot fail for the two clocks used here */
    return (int64_t)now.tv_sec * CASK_CLOCK_SECOND + now.tv_nsec / 1000;
}

int64_t
cask_clock_mono_us(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t
cask_clock_wall_us(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t
cask_clock_deadline(int64_t timeout_us)
{
    int64_t now;

    if (timeout_us == 0) {
        return CASK_CLOCK_NEVER;
    }
    now = cask_clock_mono_us();
    if (timeout_us < 0) {
        return now;
    }
    if (timeout_us > CASK_CLOCK_NEVER - now) {
        return CASK_CLOCK_NEVER;
    }
    return now + timeout_us;
}

int
cask_clock_poll_ms(int64_t deadline_us)
{
    int64_t now;
    int64_t left_ms;

    if (deadline_us == CASK_CLOCK_NEVER) {
        return -1;
    }
    now = cask_clock_mono_us();
    if (deadline_us <= now) {
        return 0;
    }
    left_ms = (deadline_us - now - 1) / CASK_CLOCK_MS + 1;
    return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}
