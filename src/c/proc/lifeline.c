/* SPDX-License-Identifier: Apache-2.0 */
/* proc/lifeline.c - a descriptor that tells when a process has ended.
 *
 * Owns:    nothing; both descriptors are the caller's.
 * Touches: platform/problem, libc.
 * Threads: any.
 */
#include "proc/lifeline.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/problem.h"

int
cask_lifeline_open(int *ret_watch_fd, int *ret_hold_fd, struct cask_problem *reterr_problem)
{
    int ends[2];
    int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);

    if (pidfd >= 0) {
        *ret_watch_fd = pidfd; /* close-on-exec by definition */
        *ret_hold_fd = -1;
        return 0;
    }
    /* Kernels before 5.3, and containers that forbid the call. */
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return cask_problem_set(reterr_problem, errno, 411, "cannot make a lifeline");
    }
    *ret_watch_fd = ends[0];
    *ret_hold_fd = ends[1];
    return 0;
}
