/* SPDX-License-Identifier: Apache-2.0 */
/* proc/supervisor.h - httpd's parent's view of the supervisor process (architecture.md §4).
 *
 * The parent makes listening sockets and boards, keeps them over restarts (retained data), and
 * hands them over. All calls are made by the parent, single-threaded. The supervisor process itself
 * is supervisor.c's event loop.
 */
#ifndef CASK_PROC_SUPERVISOR_H
#define CASK_PROC_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proc/spec.h"

struct cask_problem;

/* What the parent keeps over restarts: plain values only, the module may be unloaded in between. */
struct cask_supervisor_handle {
    pid_t pid;   /* 0: none */
    int channel; /* SEQPACKET to it; -1 */
};

/* One group with its descriptors, all borrowed by the call (they are sent by SCM_RIGHTS). */
struct cask_supervisor_group {
    const struct cask_group_spec *spec;
    int listen_fd;
    int board_fd;     /* metrics/board.h, writable */
    int error_log_fd; /* ErrorLog of the group's vhost; -1: syslog */
};

/* Forks the supervisor, which never returns from this call. parent_fd: readable when the calling
 * process has ended (proc/lifeline.h); inherited. main_log_fd: for its own lines; -1: syslog. The
 * descriptors of the groups come with cask_supervisor_configure(). */
int cask_supervisor_start(struct cask_supervisor_handle *ret_handle, int parent_fd, int main_log_fd,
                          int log_level, struct cask_problem *reterr_problem);
/* Sends a whole configuration: groups not in it are removed once their last requests are done;
 * those in it get new generations. children_fd: the reading end of a pipe whose other end only the
 * httpd children of this configuration and, until the next restart, their parent hold.
 * control_path: of the control socket. */
int cask_supervisor_configure(const struct cask_supervisor_handle *handle,
                              const struct cask_supervisor_group *groups, size_t n_groups,
                              int children_fd, int main_log_fd, const char *control_path,
                              struct cask_problem *reterr_problem);
/* httpd restarts: cask_supervisor_configure() follows. Without it the groups end with the last
 * httpd child: the module is not configured any more. */
void cask_supervisor_restart(const struct cask_supervisor_handle *handle);
/* Another supervisor has got the groups: this one drains its processes when the other's serve, and
 * exits. Leaves the handle empty. */
void cask_supervisor_step_down(struct cask_supervisor_handle *handle);
/* False when it has ended; reaps it then. */
bool cask_supervisor_alive(const struct cask_supervisor_handle *handle);
/* Tells it to stop everything and waits at most timeout_us; then kills it. Leaves the handle empty.
 */
void cask_supervisor_stop(struct cask_supervisor_handle *handle, int64_t timeout_us);

#endif
