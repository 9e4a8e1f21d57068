/* SPDX-License-Identifier: Apache-2.0 */
/* platform/log.h - levels and the seam through which every line leaves.
 *
 * The sink of a request (request.h) is filled by apache/logsink or by wire/wire_server (LOG
 * frames); the sink of a process hangs from struct cask_process. Rooms other than apache/ and proc/
 * log at debug or trace only.
 */
#ifndef CASK_PLATFORM_LOG_H
#define CASK_PLATFORM_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The values are those of httpd's APLOG_* (http_log.h). */
enum cask_log_level {
    CASK_LOG_EMERG = 0,
    CASK_LOG_ALERT = 1,
    CASK_LOG_CRIT = 2,
    CASK_LOG_ERROR = 3,
    CASK_LOG_WARNING = 4,
    CASK_LOG_NOTICE = 5,
    CASK_LOG_INFO = 6,
    CASK_LOG_DEBUG = 7,
    CASK_LOG_TRACE1 = 8,
};

/* Bytes of text in one record; whoever has more makes several. */
#define CASK_LOG_RECORD_LIMIT (60u * 1024u)

/* What is logged at once: a line, or several (a traceback), which stay together. */
struct cask_log_record {
    enum cask_log_level level;
    /* Text of sys.stderr and the like: only a LogLevel that names our module holds it back. */
    bool printed;
    bool may_wait;    /* without the GIL: the sink may wait up to a second for a slow reader */
    const char *text; /* any bytes, not NUL-terminated; lines are separated by newlines */
    size_t text_len;
    const char *file; /* where the application logs, not NUL-terminated; NULL unknown */
    size_t file_len;
    uint32_t line; /* in that file */
};

/* Seam. write: any thread, with or without the GIL, may block on a file or pipe for as long as
 * httpd's own logging does. The record and all it points to are borrowed for the call. Whoever
 * writes it into a file makes the text harmless (platform/logtext). */
struct cask_log_sink {
    void (*write)(void *context, const struct cask_log_record *record);
};

/* Names of levels as in LogLevel: "emerg" … "debug", "trace1". Never NULL. */
const char *cask_log_level_name(enum cask_log_level level);
/* Numbers from outside; above the last one: the last. */
enum cask_log_level cask_log_level_of_number(uint32_t number);
/* The level that a process of another user gave a line. Above "crit" it stays there: syslog shows
 * an emergency on every terminal. */
enum cask_log_level cask_log_level_of_peer(uint32_t level);
/* Level of a row of lognums.def; CASK_LOG_ERROR for an unknown number. */
enum cask_log_level cask_log_number_level(unsigned number);

struct cask_problem;
/* Writes "CASKnnnn: text" at the number's level through the process sink, the detail below it in
 * the same record. Number 0: only the text, as an error. */
void cask_log_problem(const struct cask_problem *problem);
/* The same through any sink. */
void cask_log_problem_to(const struct cask_log_sink *sink, void *context,
                         const struct cask_problem *problem);
/* One numbered line through the process sink, at the level of its row. */
void cask_log(unsigned number, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same through any sink. */
void cask_log_to(const struct cask_log_sink *sink, void *context, unsigned number,
                 const char *format, va_list arguments) __attribute__((format(printf, 4, 0)));
/* One line without number: debug and trace only. Dropped when the process level is lower. */
void cask_log_debug(enum cask_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
