/* SPDX-License-Identifier: Apache-2.0 */
/* proc/lifeline.h - a descriptor that tells when a process has ended.
 *
 * httpd's parent opens one for itself; supervisor and daemons watch it (POLLIN or POLLHUP).
 */
#ifndef CASK_PROC_LIFELINE_H
#define CASK_PROC_LIFELINE_H

struct cask_problem;

/* watch_fd: becomes readable when the calling process has ended; close-on-exec. hold_fd: -1, or,
 * where the kernel has no pidfd, the end of a pipe that only this process may keep open: children
 * close it. */
int cask_lifeline_open(int *ret_watch_fd, int *ret_hold_fd, struct cask_problem *reterr_problem);

#endif
