/* SPDX-License-Identifier: Apache-2.0 */
/* platform/log.c - levels, numbers, and the way of a line to a sink.
 *
 * Owns:    nothing.
 * Touches: the process sink.
 * Threads: any.
 */
#include "platform/log.h"

#include "platform/logtext.h"
#include "platform/problem.h"
#include "platform/process.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
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
cask_log_level_of_number(uint32_t number)
{
    return number < CASK_LOG_TRACE1 ? (enum cask_log_level)number : CASK_LOG_TRACE1;
}

enum cask_log_level
cask_log_level_of_peer(uint32_t level)
{
    return level < CASK_LOG_CRIT ? CASK_LOG_CRIT : cask_log_level_of_number(level);
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

static void
send_text(const struct cask_log_sink *sink, void *context, enum cask_log_level level,
          const char *text, size_t len)
{
    const struct cask_log_record record = {.level = level, .text = text, .text_len = len};

    sink->write(context, &record);
}

/* A message of ours is one line, whatever was put into it. */
static void
send_line(const struct cask_log_sink *sink, void *context, enum cask_log_level level, char *line,
          size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (line[i] == '\n') {
            line[i] = ' ';
        }
    }
    send_text(sink, context, level, line, len);
}

static size_t
written_len(int result, size_t size)
{
    if (result < 0) {
        return 0;
    }
    return (size_t)result < size ? (size_t)result : size - 1;
}

/* Without memory: the detail in as many records as it takes. */
static void
send_detail(const struct cask_log_sink *sink, void *context, enum cask_log_level level,
            const char *detail, size_t len)
{
    while (len > 0) {
        size_t part = cask_logtext_cut(detail, len, CASK_LOG_RECORD_LIMIT);

        send_text(sink, context, level, detail, part);
        detail += part;
        len -= part;
    }
}

void
cask_log_problem_to(const struct cask_log_sink *sink, void *context,
                    const struct cask_problem *problem)
{
    enum cask_log_level level = cask_log_number_level(problem->number);
    size_t detail_len = problem->detail != NULL ? strlen(problem->detail) : 0;
    char line[LINE_SIZE];
    char *whole = NULL;
    size_t used;
    int len;

    if (problem->number != 0) {
        len = snprintf(line, sizeof(line), "CASK%04u: %s", problem->number, problem->text);
    } else {
        len = snprintf(line, sizeof(line), "%s", problem->text);
    }
    used = written_len(len, sizeof(line));
    while (detail_len > 0 && problem->detail[detail_len - 1] == '\n') {
        detail_len--;
    }
    if (detail_len > 0 && used + 1 + detail_len <= CASK_LOG_RECORD_LIMIT) {
        whole = malloc(used + 1 + detail_len);
    }
    if (whole == NULL) {
        send_line(sink, context, level, line, used);
        send_detail(sink, context, level, problem->detail, detail_len);
        return;
    }
    for (size_t i = 0; i < used; i++) {
        whole[i] = line[i] == '\n' ? ' ' : line[i];
    }
    whole[used] = '\n';
    memcpy(whole + used + 1, problem->detail, detail_len);
    send_text(sink, context, level, whole, used + 1 + detail_len);
    free(whole);
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
