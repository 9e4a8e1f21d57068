/* SPDX-License-Identifier: Apache-2.0 */
/* apache/logsink.c - cask_log_sink over httpd's error logs.
 *
 * Owns:    nothing.
 * Touches: ap_log_rerror, ap_log_error, ap_log_cerror's rules about levels.
 * Threads: any; httpd writes each record with one call.
 */
#include "apache/logsink.h"

#include "apache/config.h"
#include "platform/problem.h"

#include <http_log.h>

#include <stdarg.h>

APLOG_USE_MODULE(wsgi);

static int
bounded(size_t line_len)
{
    return line_len > MAX_STRING_LEN ? MAX_STRING_LEN : (int)line_len;
}

static void
write_request(void *context, enum cask_log_level level, const char *line, size_t line_len)
{
    const request_rec *r = context;

    /* The functions behind the macros; they look at the level themselves. */
    ap_log_rerror_(APLOG_MARK, (int)level, 0, r, "%.*s", bounded(line_len), line);
}

static void
write_server(void *context, enum cask_log_level level, const char *line, size_t line_len)
{
    const server_rec *server = context;

    ap_log_error_(APLOG_MARK, (int)level, 0, server, "%.*s", bounded(line_len), line);
}

const struct cask_log_sink *
cask_logsink_request(void)
{
    static const struct cask_log_sink sink = {.write = write_request};

    return &sink;
}

const struct cask_log_sink *
cask_logsink_server(void)
{
    static const struct cask_log_sink sink = {.write = write_server};

    return &sink;
}

enum cask_log_level
cask_logsink_level(const server_rec *server)
{
    int level = ap_get_server_module_loglevel(server, APLOG_MODULE_INDEX);

    if (level < CASK_LOG_EMERG) {
        return CASK_LOG_EMERG;
    }
    return level > CASK_LOG_TRACE1 ? CASK_LOG_TRACE1 : (enum cask_log_level)level;
}

void
cask_logsink_problem(request_rec *r, const struct cask_problem *problem)
{
    cask_log_problem_to(cask_logsink_request(), r, problem);
}

void
cask_logsink_line(request_rec *r, unsigned number, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    cask_log_to(cask_logsink_request(), r, number, format, arguments);
    va_end(arguments);
}
