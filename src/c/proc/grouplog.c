/* SPDX-License-Identifier: Apache-2.0 */
/* proc/grouplog.c - the supervisor's lines about a group.
 *
 * Owns:    nothing; descriptors are borrowed.
 * Touches: platform/log, proc/logline.
 * Threads: the supervisor's only one.
 */
#include "proc/grouplog.h"

#include <stdarg.h>
#include <unistd.h>

#include "proc/logline.h"

static void
sink_write(void *context, const struct cask_log_record *record)
{
    const struct cask_grouplog *log = context;

    if (record->level <= log->level) {
        cask_logline_write(log->fd, record->level, getpid(), record->text, record->text_len);
    }
}

const struct cask_log_sink cask_grouplog_sink = {.write = sink_write};

void
cask_grouplog_say(struct cask_grouplog *log, unsigned number, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    cask_log_to(&cask_grouplog_sink, log, number, format, arguments);
    va_end(arguments);
}

void
cask_grouplog_problem(struct cask_grouplog *log, const struct cask_problem *problem)
{
    cask_log_problem_to(&cask_grouplog_sink, log, problem);
}
