/* SPDX-License-Identifier: Apache-2.0 */
/* apache/retained.h - what httpd's parent keeps over restarts: listening sockets and boards of the
 * daemon groups, the supervisor.
 *
 * The module may be unloaded and loaded again in between: plain values and libc memory only, never
 * a pointer to code or into a pool.
 */
#ifndef CASK_APACHE_RETAINED_H
#define CASK_APACHE_RETAINED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proc/spec.h"
#include "proc/supervisor.h"

struct cask_problem;

/* Socket and board of a group, found again by its name. */
struct cask_retained_group {
    struct cask_retained_group *next;
    char *name;
    char *path; /* of the socket */
    dev_t device;
    ino_t inode; /* of the socket file: another one there is not ours */
    uid_t owner;
    int listen_fd;
    int board_fd;
    uint32_t rows; /* of the board */
    uint32_t children;
    unsigned char secret[CASK_FRAME_SECRET_SIZE];
    bool used; /* by the present configuration */
};

struct cask_retained {
    pid_t parent; /* the process all this belongs to */
    struct cask_supervisor_handle supervisor;
    int64_t supervisor_started_us; /* monotonic */
    uint64_t build;                /* of the module that forked it */
    int watch_fd;                  /* proc/lifeline.h: of the parent; -1 before the first start */
    int hold_fd;
    int children_fd;      /* writing end that httpd children hold; -1 */
    uint32_t next_serial; /* of socket names */
    int64_t stop_us;      /* how long the supervisor may take to stop */
    struct cask_retained_group *groups;
};

/* Finds the record of this httpd, or makes it. Its owner is the calling process. */
struct cask_retained *cask_retained_get(void);
/* Finds it; NULL when nothing was ever started. */
struct cask_retained *cask_retained_find(void);

/* Sockets and boards for a configuration: begin, then one get per group, then end, which drops
 * those that were not asked for (the supervisor has its own descriptors of them). */
void cask_retained_begin(struct cask_retained *retained);
/* The group's socket and board: kept ones where they still fit (the socket file is there, the owner
 * and prefix are the same, the board is large enough), else new ones under a new name. A new group
 * has a new secret. */
int cask_retained_group(struct cask_retained *retained, const struct cask_group_spec *spec,
                        const char *prefix, uint32_t children,
                        struct cask_retained_group **ret_group,
                        struct cask_problem *reterr_problem);
void cask_retained_end(struct cask_retained *retained);
/* httpd ends: removes every socket file, closes and frees everything. */
void cask_retained_done(struct cask_retained *retained);
/* A child of httpd: closes what only the parent and the supervisor need. */
void cask_retained_child(struct cask_retained *retained);

#endif
