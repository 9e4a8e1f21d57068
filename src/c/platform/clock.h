/* SPDX-License-Identifier: Apache-2.0 */
/* platform/clock.h - time in microseconds; deadlines are points on the monotonic clock. */
#ifndef CASK_PLATFORM_CLOCK_H
#define CASK_PLATFORM_CLOCK_H

#include <stdint.h>

#define CASK_CLOCK_SECOND INT64_C(1000000)
#define CASK_CLOCK_MS     INT64_C(1000)
#define CASK_CLOCK_NEVER  INT64_MAX /* a deadline that never comes */

int64_t cask_clock_mono_us(void); /* CLOCK_MONOTONIC */
int64_t cask_clock_wall_us(void); /* since the epoch, as APR's apr_time_t */
/* now + timeout_us, saturating; timeout_us 0 gives CASK_CLOCK_NEVER (0 = off, as in the
 * directives). */
int64_t cask_clock_deadline(int64_t timeout_us);
/* Milliseconds from now for poll(2): 0 when past, -1 for CASK_CLOCK_NEVER, rounded up otherwise. */
int cask_clock_poll_ms(int64_t deadline_us);

#endif
