/* SPDX-License-Identifier: Apache-2.0 */
/* apache/logsink.c - cask_log_sink over httpd's error logs.
 *
 * Owns:    nothing.
 * Touches: httpd's log calls, logrecord.
 * Threads: any; httpd writes each record with one call.
 */
#include "apache/logsink.h"

#include "apache/config.h"
#include "apache/logrecord.h"
#include "platform/logtext.h"
#include "platform/problem.h"

#include <http_log.h>

#include <stdarg.h>
#include <string.h>

APLOG_USE_MODULE(wsgi);

/* httpd cuts lines at MAX_STRING_LEN with all that is around the text. */
#define SHORT_LINE (MAX_STRING_LEN / 2)
#define FILE_SIZE  256

enum verdict {
    DROPPED,
    ALLOWED,
    ALLOWED_BY_US, /* httpd would drop it */
};

static const struct ap_logconf *
log_config(const server_rec *server, const request_rec *r)
{
    if (r == NULL) {
        return &server->log;
    }
    if (r->log != NULL) {
        return r->log;
    }
    return r->connection->log != NULL ? r->connection->log : &server->log;
}

/* What an application prints shall not get lost under a LogLevel that was made for httpd: mod_wsgi
 * shows all of it, too. One that names our module is meant for it. */
static enum verdict
judge(const server_rec *server, const request_rec *r, const struct cask_log_record *record)
{
    const struct ap_logconf *config = log_config(server, r);
    int own = config->module_levels != NULL ? config->module_levels[APLOG_MODULE_INDEX] : -1;

    if ((int)record->level <= (own >= 0 ? own : config->level)) {
        return ALLOWED;
    }
    return record->printed && own < 0 ? ALLOWED_BY_US : DROPPED;
}

/* The end of the file's path as httpd's calls take it. NULL: no place is known. */
static const char *
file_text(const struct cask_log_record *record, char out[FILE_SIZE])
{
    size_t skipped = record->file_len >= FILE_SIZE ? record->file_len - FILE_SIZE + 1 : 0;
    size_t len = 0;

    if (record->file == NULL || record->file_len == 0) {
        return NULL;
    }
    (void)cask_logtext_put(out, FILE_SIZE - 1, &len, record->file + skipped,
                           record->file_len - skipped);
    out[len] = '\0';
    return out;
}

static void
write_record(const server_rec *server, request_rec *r, const struct cask_log_record *record)
{
    const struct cask_config_main *main_config = cask_config_main();
    enum verdict verdict = judge(server, r, record);
    char place[FILE_SIZE];
    const char *file;
    int len = record->text_len > MAX_STRING_LEN ? MAX_STRING_LEN : (int)record->text_len;
    int line = (int)(record->line & INT32_MAX);

    if (verdict == DROPPED) {
        return;
    }
    file = file_text(record, place);
    if ((verdict == ALLOWED_BY_US || record->text_len > SHORT_LINE ||
         !cask_logtext_is_plain(record->text, record->text_len)) &&
        main_config != NULL &&
        cask_logrecord_write(server, r,
                             server->error_log != NULL ? main_config->error_log_format
                                                       : main_config->syslog_format,
                             record, file) == 0) {
        return;
    }
    /* The functions behind the macros; they look at the level themselves. */
    if (r != NULL) {
        ap_log_rerror_(file, line, APLOG_MODULE_INDEX, (int)record->level, 0, r, "%.*s", len,
                       record->text);
    } else {
        ap_log_error_(file, line, APLOG_MODULE_INDEX, (int)record->level, 0, server, "%.*s", len,
                      record->text);
    }
}

static void
write_request(void *context, const struct cask_log_record *record)
{
    request_rec *r = context;

    write_record(r->server, r, record);
}

static void
write_server(void *context, const struct cask_log_record *record)
{
    const server_rec *server = context;

    write_record(server, NULL, record);
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

static enum cask_log_level
level_of(int level)
{
    return level < CASK_LOG_EMERG ? CASK_LOG_EMERG : cask_log_level_of_number((uint32_t)level);
}

enum cask_log_level
cask_logsink_level(const server_rec *server)
{
    return level_of(ap_get_server_module_loglevel(server, APLOG_MODULE_INDEX));
}

enum cask_log_level
cask_logsink_request_level(const request_rec *r)
{
    return level_of(ap_get_request_module_loglevel(r, APLOG_MODULE_INDEX));
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
