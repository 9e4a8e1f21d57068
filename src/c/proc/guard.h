/* SPDX-License-Identifier: Apache-2.0 */
/* proc/guard.h - a daemon's thread for what has to wait for Python's lock (GIL).
 *
 * The main thread must never wait for the lock: an application may hold it for good, and the main
 * thread is what then ends the process. So it asks this thread, and looks how long it takes.
 */
#ifndef CASK_PROC_GUARD_H
#define CASK_PROC_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/engine.h"

struct cask_guard;
struct cask_problem;

int cask_guard_new(struct cask_guard **ret_guard, const struct cask_engine_ops *keep_ops,
                   struct cask_engine *keep_engine, struct cask_problem *reterr_problem);
/* Asks for a walk through all interpreters, unless one is under way. */
void cask_guard_beat(struct cask_guard *guard);
/* Monotonic time since when the present walk waits; 0: none is under way. */
int64_t cask_guard_waiting_us(const struct cask_guard *guard);
/* Asks for an interrupt of the request that the thread with this id serves. */
void cask_guard_interrupt(struct cask_guard *guard, uint32_t thread_id);
/* Ends the thread and frees the guard. ETIMEDOUT: it still waits for the lock at deadline_us; then
 * nothing is freed, and the process leaves with cask_process_exit(). NULL is fine. */
int cask_guard_stop(struct cask_guard *guard, int64_t deadline_us);

#endif
