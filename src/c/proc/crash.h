/* SPDX-License-Identifier: Apache-2.0 */
/* proc/crash.h - a daemon that crashes says how: which signal, which thread, a full stack or not.
 *
 * The handlers write to the journal and then call those that were there before, which are
 * faulthandler's: they write the Python stacks.
 */
#ifndef CASK_PROC_CRASH_H
#define CASK_PROC_CRASH_H

#include <stdint.h>

struct cask_crash;
struct cask_journal;
struct cask_problem;

/* Installs the handlers, once per process, after faulthandler's. threads: those that will enter.
 * Lives as long as the process. */
int cask_crash_new(struct cask_crash **ret_crash, struct cask_journal *keep_journal,
                   uint32_t threads, struct cask_problem *reterr_problem);
/* The calling thread is serving thread `thread` (from 1): it gets a stack for signals, so that a
 * full stack of its own can be told. crash may be NULL, here and below. */
void cask_crash_enter(struct cask_crash *crash, uint32_t thread);
/* It ends. */
void cask_crash_leave(struct cask_crash *crash, uint32_t thread);

#endif
