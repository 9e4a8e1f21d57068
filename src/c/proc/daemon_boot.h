/* SPDX-License-Identifier: Apache-2.0 */
/* proc/daemon_boot.h - how a new daemon learns what it is, and how it says that it cannot be it. */
#ifndef CASK_PROC_DAEMON_BOOT_H
#define CASK_PROC_DAEMON_BOOT_H

#include <stdbool.h>
#include <stdint.h>

#include "proc/spec.h"

struct cask_board;
struct cask_journal;
struct cask_problem;

/* What came with START. Lives as long as the process. */
struct cask_daemon_boot {
    struct cask_group_spec *spec; /* [init] */
    struct cask_board *board;     /* [init] read-only */
    struct cask_journal *journal; /* [init] ours to write */
    int channel_fd;               /* [owner] -1 once the supervisor is lost */
    int listen_fd;                /* [init] */
    int parent_fd;                /* [init] readable when httpd's parent has ended */
    uint32_t generation;          /* [init] */
    uint32_t row;                 /* [init] */
    bool strict;                  /* [init] an application that fails to load fails the daemon */
    char *buffer;                 /* [owner] CASK_CHANNEL_MAX bytes for messages */
};

/* Sends HELLO, waits for START (30 s), and makes this process log through the supervisor. */
int cask_daemon_boot_receive(int channel_fd, uint32_t python_version,
                             struct cask_daemon_boot **ret_boot,
                             struct cask_problem *reterr_problem);
/* Tells the supervisor why this daemon cannot serve; it logs the problem. */
void cask_daemon_boot_failed(const struct cask_daemon_boot *boot, struct cask_problem *problem);

#endif
