/* SPDX-License-Identifier: Apache-2.0 */
/* proc/daemon.h - the main program of a daemon process (architecture.md §4). */
#ifndef CASK_PROC_DAEMON_H
#define CASK_PROC_DAEMON_H

#include "gateway/engine.h"

/* Serves as a daemon of the group that comes over channel_fd until it is told to stop or drained.
 * Called once, on the thread that is Python's main thread, without the GIL. Returns the exit status
 * when Python could be ended in time (the caller then leaves with cask_process_exit); otherwise it
 * does not return but ends the process. */
int cask_daemon_main(int channel_fd, const struct cask_engine_ops *ops);

#endif
