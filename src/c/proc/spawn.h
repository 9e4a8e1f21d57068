/* SPDX-License-Identifier: Apache-2.0 */
/* proc/spawn.h - making processes: the supervisor and the daemons (architecture.md §4 "Spawn"). */
#ifndef CASK_PROC_SPAWN_H
#define CASK_PROC_SPAWN_H

#include <stddef.h>
#include <sys/types.h>

#include "proc/spec.h"

struct cask_problem;

/* Forks; the child becomes its own process group, gives up every descriptor but those of keep (0, 1
 * and 2 become /dev/null, 2 the copy of log_fd unless that is -1), resets signals, runs `run` and
 * ends with its result. keep is sorted in place in the child. */
int cask_spawn_supervisor(int (*run)(void *context), void *context, int log_fd, int *keep,
                          size_t n_keep, pid_t *ret_pid, struct cask_problem *reterr_problem);

/* Forks and execs the Python of the group with boot.py: stdin is /dev/null, stdout and stderr are
 * log_fd, channel_fd is descriptor 3 (both borrowed). What fails between fork and exec comes over
 * the channel as SPAWN_FAILED; here only the fork can fail. */
int cask_spawn_daemon(const struct cask_group_spec *spec, int channel_fd, int log_fd,
                      pid_t *ret_pid, struct cask_problem *reterr_problem);

#endif
