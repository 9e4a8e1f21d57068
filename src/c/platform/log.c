/* SPDX-License-Identifier: Apache-2.0 */
/* platform/log.c - levels, numbers, and the way of a line to a sink.
 *
 * Owns:    nothing.
 * Touches: the process sink.
 * Threads: any.
 * Invariant: what reaches a sink is one line: control characters but TAB are replaced.
 */
#include "platform/log.h"

#include "platform/problem.h"
#include "platform/process.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_SIZE 2048

struct number_row {
    unsigned number;
    enum cask_log_level level;
};

static const struct number_row number_rows[] = {
#define CASK_LOGNUM(number, level, what, next) {number, CASK_LOG_##level},
#include "platform/lognums.def"
#undef CASK_LOGNUM
};

const char *
cask_log_level_name(enum cask_log_level level)
{
    static const char *const names[] = {
        "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug", "trace1",
    };

    if ((unsigned)level >= sizeof(names) / sizeof(names[0])) {
        return "trace1";
    }
    return names[level];
}

enum cask_log_level
cask_log_level_of_peer(uint32_t level)
{
    if (level < CASK_LOG_CRIT) {
        return CASK_LOG_CRIT;
    }
    return level < CASK_LOG_TRACE1 ? (enum cask_log_level)level : CASK_LOG_TRACE1;
}

enum cask_log_level
cask_log_number_level(unsigned number)
{
    for (size_t i = 0; i < sizeof(number_rows) / sizeof(number_rows[0]); i++) {
        if (number_rows[i].number == number) {
            return number_rows[i].level;
        }
    }
    return CASK_LOG_ERROR;
}

/* Cleans a line in place and hands it over. */
static void
send_line(const struct cask_log_sink *sink, void *context, enum cask_log_level level, char *line,
          size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)line[i];

        if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
            line[i] = byte == '\n' ? ' ' : '?';
        }
    }
    sink->write(context, level, line, len);
}

static size_t
written_len(int result, size_t size)
{
    if (result < 0) {
        return 0;
    }
    return (size_t)result < size ? (size_t)result : size - 1;
}

static void
send_detail(const struct cask_log_sink *sink, void *context, enum cask_log_level level,
            const char *detail)
{
    char line[LINE_SIZE];

    while (*detail != '\0') {
        size_t len = strcspn(detail, "\n");
        size_t part = len < sizeof(line) ? len : sizeof(line); /* a longer line continues below */

        memcpy(line, detail, part);
        send_line(sink, context, level, line, part);
        detail += part;
        if (part == len && *detail == '\n') {
            detail++;
        }
    }
}

void
cask_log_problem_to(const struct cask_log_sink *sink, void *context,
                    const struct cask_problem *problem)
{
    enum cask_log_level level = cask_log_number_level(problem->number);
    char line[LINE_SIZE];
    int len;

    if (problem->number != 0) {
        len = snprintf(line, sizeof(line), "CASK%04u: %s", problem->number, problem->text);
    } else {
        len = snprintf(line, sizeof(line), "%s", problem->text);
    }
    send_line(sink, context, level, line, written_len(len, sizeof(line)));
    if (problem->detail != NULL) {
        send_detail(sink, context, level, problem->detail);
    }
}

void
cask_log_problem(const struct cask_problem *problem)
{
    const struct cask_process *process = cask_process_get();

    cask_log_problem_to(process->sink, process->sink_context, problem);
}

void
cask_log_to(const struct cask_log_sink *sink, void *context, unsigned number, const char *format,
            va_list arguments)
{
    char line[LINE_SIZE];
    size_t used = written_len(snprintf(line, sizeof(line), "CASK%04u: ", number), sizeof(line));

    used += written_len(vsnprintf(line + used, sizeof(line) - used, format, arguments),
                        sizeof(line) - used);
    send_line(sink, context, cask_log_number_level(number), line, used);
}

void
cask_log(unsigned number, const char *format, ...)
{
    const struct cask_process *process = cask_process_get();
    va_list arguments;

    va_start(arguments, format);
    cask_log_to(process->sink, process->sink_context, number, format, arguments);
    va_end(arguments);
}

void
cask_log_debug(enum cask_log_level level, const char *format, ...)
{
    const struct cask_process *process = cask_process_get();
    char line[LINE_SIZE];
    va_list arguments;
    int len;

    if (level > process->log_level) {
        return;
    }
    va_start(arguments, format);
    len = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    send_line(process->sink, process->sink_context, level, line, written_len(len, sizeof(line)));
}
