/* SPDX-License-Identifier: Apache-2.0 */
/* proc/grouplog.h - the supervisor's lines about a group, in the ErrorLog of the group's vhost. */
#ifndef CASK_PROC_GROUPLOG_H
#define CASK_PROC_GROUPLOG_H

#include "platform/log.h"

struct cask_problem;

struct cask_grouplog {
    int fd;                    /* ErrorLog, or -1 for syslog */
    enum cask_log_level level; /* lines above it are dropped */
};

/* Sink of this process's own lines; context is a struct cask_grouplog. */
extern const struct cask_log_sink cask_grouplog_sink;

/* One numbered line at the level of its row. */
void cask_grouplog_say(struct cask_grouplog *log, unsigned number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A problem with all lines of its detail. */
void cask_grouplog_problem(struct cask_grouplog *log, const struct cask_problem *problem);

#endif
