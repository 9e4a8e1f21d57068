/* SPDX-License-Identifier: Apache-2.0 */
/* proc/group.h - one daemon group inside the supervisor: which generation serves, which one starts,
 * which ones go.
 *
 * Owns:    its generations, settings, descriptors and the writable mapping of its board.
 * Threads: the supervisor's only one.
 */
#ifndef CASK_PROC_GROUP_H
#define CASK_PROC_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proc/spec.h"

struct cask_group;
struct cask_loop;
struct cask_problem;

#define CASK_GROUP_MAX_STARTING 2 /* successors of all groups that start at the same time */
#define CASK_GROUP_MAX_DRAINING 4 /* generations of one group that drain at the same time */

/* Shared by all groups of a supervisor. */
struct cask_group_host {
    struct cask_loop *loop; /* [init] */
    int parent_fd;          /* [init] readable when httpd has gone */
    unsigned starting;      /* successors that start now */
    void (*idle)(void *); /* [init] a group has changed: ask all whether they want to start, or are
                             done. Called from within a group: only note it. */
    void *context;
};

/* Settings and descriptors as they came; all are consumed, also on failure. */
struct cask_group_settings {
    struct cask_group_spec *spec; /* decoded */
    int listen_fd;
    int board_fd;
    int error_log_fd; /* -1: syslog */
};

int cask_group_new(struct cask_group **ret_group, struct cask_group_host *keep_host,
                   struct cask_group_settings *steal_settings, struct cask_problem *reterr_problem);
/* Only when it is empty. */
struct cask_group *cask_group_free(struct cask_group *group);
/* New settings for the same group (cask_group_is_for): a new generation with them. */
void cask_group_configure(struct cask_group *group, struct cask_group_settings *steal_settings);
/* Same name and same socket: only then descriptors and board are the same ones. */
bool cask_group_is_for(const struct cask_group *group, const struct cask_group_spec *spec);
const char *cask_group_name(const struct cask_group *group);

/* Starts a generation with the code that is on disk now; one that starts already gives way. Returns
 * its number, for cask_group_outcome(). */
uint32_t cask_group_reload(struct cask_group *group);
enum cask_group_outcome {
    CASK_GROUP_OUTCOME_PENDING,
    CASK_GROUP_OUTCOME_READY,  /* it, or a later one, serves */
    CASK_GROUP_OUTCOME_FAILED, /* ret_failure: why; borrowed until the next failure */
    CASK_GROUP_OUTCOME_GONE,   /* the group was stopped or removed meanwhile */
};
enum cask_group_outcome cask_group_outcome(const struct cask_group *group, uint32_t number,
                                           const struct cask_problem **ret_failure);
/* Ends its processes; requests get 503 until cask_group_reload() or a new configuration. */
void cask_group_pause(struct cask_group *group);
/* Asks the process, or all when pid is 0, for the stacks of their threads: written to the
 * descriptor, which is borrowed. How many were asked. */
size_t cask_group_ask_stacks(const struct cask_group *group, pid_t pid, int fd);
/* The user its processes run as. */
uid_t cask_group_uid(const struct cask_group *group);
/* Is it under the control of this supervisor, and will be? */
bool cask_group_is_ours(const struct cask_group *group);

/* Starts what had to wait for others. */
void cask_group_poke(struct cask_group *group);
/* Not in the configuration any more: serves until children_fd (consumed) tells that the last httpd
 * child that knows it has gone, then stops and removes its socket file. */
void cask_group_remove(struct cask_group *group, int steal_children_fd);
/* Another supervisor serves the group: drain when its generation does, or after a minute; start
 * nothing more. */
void cask_group_step_down(struct cask_group *group);
/* Ends all processes within limit_us where shutdown-timeout is longer or off, then removes the
 * socket file. */
void cask_group_stop(struct cask_group *group, int64_t limit_us);
/* No process is left and none will come. */
bool cask_group_is_done(const struct cask_group *group);
bool cask_group_reaped(struct cask_group *group, pid_t pid, int status);
/* Once a second: claims of dead httpd children, processes of an earlier supervisor. */
void cask_group_tick(struct cask_group *group);

#endif
