/* SPDX-License-Identifier: Apache-2.0 */
/* apache/logrecord.c - one record into httpd's error log, without changing its text.
 *
 * Owns:    nothing beyond a call.
 * Touches: httpd's tables of ErrorLogFormat, the error log's file, syslog.
 * Threads: any; each record, or 64 KiB of it, is one write.
 * Invariant: what came from the application cannot begin a line of the log: only the newlines that
 *            separate the lines of the record do, and each of those begins like any line of httpd.
 */
#include "apache/logrecord.h"

#include "apache/config.h"
#include "platform/buf.h"
#include "platform/logtext.h"

#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <apr_file_io.h>
#include <apr_strings.h>

#include <errno.h>
#include <string.h>
#include <syslog.h>

APLOG_USE_MODULE(wsgi);

/* What a line has around its text; httpd's own limit for a whole line. */
#define FRAME_SIZE MAX_STRING_LEN
#define WRITE_SIZE (64u * 1024u)

/* A line of the log: `before` bytes, the text, the rest. */
struct frame {
    char text[FRAME_SIZE];
    size_t before;
    size_t len; /* 0: the line is left out */
};

/* ---- the format ---- */

/* What httpd writes without ErrorLogFormat; syslog has a time of its own. */
#define TIME_FORMAT "[%{u}t] "
#define DEFAULT_FORMAT \
    "[%-m:%-l] [pid %P:tid %{g}T] %7F: %E: [client\\ %a] %M% ,\\ referer:\\ %{Referer}i"

const apr_array_header_t *
cask_logrecord_format(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *main_server,
                      bool for_syslog)
{
    const command_rec *command = ap_find_command("ErrorLogFormat", core_module.cmds);
    core_server_config *core = apr_pcalloc(ptemp, sizeof(*core));
    ap_conf_vector_t *configs = ap_create_conn_config(ptemp); /* an empty vector */
    server_rec *server = apr_pmemdup(ptemp, main_server, sizeof(*main_server));
    ap_directive_t directive = {.directive = "ErrorLogFormat", .args = ""};
    cmd_parms parms = {.pool = pconf,
                       .temp_pool = ptemp,
                       .server = server,
                       .cmd = command,
                       .directive = &directive,
                       .override = RSRC_CONF};

    if (command == NULL || command->args_how != TAKE12) {
        return NULL;
    }
    ap_set_core_module_config(configs, core);
    server->module_config = configs;
    if (command->AP_TAKE2(&parms, NULL, for_syslog ? DEFAULT_FORMAT : TIME_FORMAT DEFAULT_FORMAT,
                          NULL) != NULL) {
        return NULL;
    }
    return core->error_log_format;
}

/* One item of the format; false: its field is to be left out. */
static bool
put_item(const ap_errorlog_format_item *item, const ap_errorlog_info *info, struct frame *frame)
{
    int room = (int)(sizeof(frame->text) - frame->len);
    int len;

    if (info->level != -1 && (int)item->min_loglevel > info->level) {
        return false;
    }
    len = item->func(info, item->arg, frame->text + frame->len, room);
    if (len == 0 && (item->flags & AP_ERRORLOG_FLAG_NULL_AS_HYPHEN) != 0 && room > 1) {
        frame->text[frame->len] = '-';
        len = 1;
    }
    if (len > 0) {
        frame->len += (size_t)(len < room ? len : room - 1);
    }
    return len != 0;
}

/* What the format says around the text. A format without %M shows none. */
static void
put_frame(const apr_array_header_t *format, const ap_errorlog_info *info, struct frame *frame,
          bool *ret_shows_text)
{
    const ap_errorlog_format_item *items = (const ap_errorlog_format_item *)format->elts;
    size_t field = 0;
    bool skipping = false;
    bool shows_text = false;
    bool text_in_field = false;

    frame->len = 0;
    frame->before = 0;
    for (int i = 0; i < format->nelts; i++) {
        const ap_errorlog_format_item *item = &items[i];

        if ((item->flags & AP_ERRORLOG_FLAG_FIELD_SEP) != 0) {
            field = skipping ? field : frame->len;
            skipping = false;
            text_in_field = false;
        }
        if ((item->flags & AP_ERRORLOG_FLAG_MESSAGE) != 0) {
            frame->before = frame->len;
            shows_text = true;
            text_in_field = true;
        } else if (!skipping && !put_item(item, info, frame)) {
            if ((item->flags & AP_ERRORLOG_FLAG_REQUIRED) != 0) {
                frame->len = 0;
                frame->before = 0;
                break;
            }
            frame->len = field;
            shows_text = shows_text && !text_in_field;
            frame->before = frame->before < field ? frame->before : field;
            skipping = true;
        }
    }
    *ret_shows_text = shows_text;
}

/* ---- writing ---- */

struct output {
    const server_rec *server;
    int level;
    struct cask_buf buf;
    int error;
};

static void
flush(struct output *output)
{
    size_t len = cask_buf_len(&output->buf);

    if (len > 0 && output->server->error_log != NULL) {
        (void)apr_file_write_full(output->server->error_log, cask_buf_at(&output->buf, 0), len,
                                  NULL);
    } else if (len > 0) { /* one line, as for httpd */
        syslog(output->level > APLOG_DEBUG ? LOG_DEBUG : output->level, "%.*s", (int)len,
               cask_buf_at(&output->buf, 0));
    }
    cask_buf_consume(&output->buf, len);
}

static void
put_line(struct output *output, const struct frame *frame, const char *text, size_t len)
{
    struct cask_buf *buf = &output->buf;
    size_t most = frame->len + len * CASK_LOGTEXT_GROWTH + 1;

    if (cask_buf_len(buf) > 0 && cask_buf_len(buf) + most > WRITE_SIZE) {
        flush(output);
    }
    if (cask_buf_reserve(buf, most) != 0) {
        output->error = ENOMEM;
        return;
    }
    (void)cask_buf_add(buf, frame->text, frame->before);
    (void)cask_logtext_put(buf->data, buf->capacity, &buf->end, text, len);
    (void)cask_buf_add(buf, frame->text + frame->before, frame->len - frame->before);
    if (output->server->error_log != NULL) {
        (void)cask_buf_add(buf, "\n", 1);
    } else {
        flush(output);
    }
}

/* Modules that watch the error log see the lines as well. */
static void
tell_watchers(const ap_errorlog_info *info, const char *text, size_t len)
{
    struct cask_buf line = {0};

    if (cask_buf_reserve(&line, len * CASK_LOGTEXT_GROWTH + 1) == 0) {
        (void)cask_logtext_put(line.data, len * CASK_LOGTEXT_GROWTH, &line.end, text, len);
        line.data[line.end] = '\0';
        ap_run_error_log(info, line.data);
    }
    cask_buf_done(&line);
}

/* Lines that a format writes once, before the first of a connection or request. */
static void
put_once(struct output *output, const apr_array_header_t *formats, ap_errorlog_info info)
{
    struct frame frame;
    bool shows_text;

    info.file = NULL;
    info.line = 0;
    info.level = -1;
    info.module_index = APLOG_NO_MODULE;
    for (int i = 0; formats != NULL && i < formats->nelts; i++) {
        put_frame(((apr_array_header_t **)formats->elts)[i], &info, &frame, &shows_text);
        if (frame.len > 0) {
            put_line(output, &frame, "", 0);
        }
    }
}

/* The ids that %L shows; httpd makes them at the first line of a connection and of a request. */
static void
put_ids(struct output *output, const core_server_config *core, const ap_errorlog_info *info)
{
    const conn_rec *c = info->c;

    if (c != NULL && c->log_id == NULL) {
        (void)ap_run_generate_log_id(c, NULL, (const char **)(uintptr_t)&c->log_id);
        put_once(output, core->error_log_conn, *info);
    }
    if (info->rmain != NULL && info->rmain->log_id == NULL) {
        (void)ap_run_generate_log_id(c, info->rmain,
                                     (const char **)(uintptr_t)&info->rmain->log_id);
        put_once(output, core->error_log_req, *info);
    }
}

static void
put_lines(struct output *output, const struct frame *frame, bool shows_text,
          const struct cask_log_record *record)
{
    const char *text = record->text;
    size_t left = record->text_len;

    do {
        const char *newline = left > 0 ? memchr(text, '\n', left) : NULL;
        size_t len = newline != NULL ? (size_t)(newline - text) : left;

        put_line(output, frame, text, shows_text ? len : 0);
        len += newline != NULL;
        text += len;
        left -= len;
    } while (left > 0);
}

int
cask_logrecord_write(const server_rec *server, request_rec *r,
                     const apr_array_header_t *default_format, const struct cask_log_record *record,
                     const char *file)
{
    const core_server_config *core = ap_get_core_module_config(server->module_config);
    const apr_array_header_t *format =
        core->error_log_format != NULL ? core->error_log_format : default_format;
    struct output output = {.server = server, .level = (int)record->level};
    struct frame frame;
    bool shows_text;
    const ap_errorlog_info info = {
        .s = server,
        .c = r != NULL ? r->connection : NULL,
        .r = r,
        .rmain = r != NULL && r->main != NULL ? r->main : r,
        .file = file,
        .line = (int)(record->line & INT32_MAX),
        .module_index = APLOG_MODULE_INDEX,
        .level = (int)record->level,
        .using_syslog = server->error_log == NULL,
        .format = "%s",
    };

    if (format == NULL) {
        return ENOTSUP;
    }
    put_ids(&output, core, &info);
    put_frame(format, &info, &frame, &shows_text);
    if (frame.len > 0 || shows_text) {
        put_lines(&output, &frame, shows_text, record);
    }
    flush(&output);
    cask_buf_done(&output.buf);
    if (output.error == 0) {
        tell_watchers(&info, record->text, record->text_len);
    }
    return output.error;
}
