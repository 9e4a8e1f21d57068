/* SPDX-License-Identifier: Apache-2.0 */
/* proc/supervisor_loop.h - the supervisor process itself. */
#ifndef CASK_PROC_SUPERVISOR_LOOP_H
#define CASK_PROC_SUPERVISOR_LOOP_H

/* All descriptors belong to the process, which ends after this. */
struct cask_supervisor_start {
    int channel_fd;  /* to httpd's parent */
    int parent_fd;   /* readable when httpd's parent has ended */
    int main_log_fd; /* -1: syslog */
    int log_level;
};

/* Runs until it was told to stop, or httpd's parent has gone, and no process is left. context is a
 * struct cask_supervisor_start. Returns the exit status. */
int cask_supervisor_loop_run(void *context);

#endif
