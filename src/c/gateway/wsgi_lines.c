/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_lines.c - what threads print, from bytes to records of the log.
 *
 * On a thread that serves a request records go to that request's log, on others to the log of the
 * process.
 *
 * Owns:    the unfinished text of each thread (thread-specific data).
 * Touches: platform/log, request/.
 * Threads: any Python thread; records leave without the GIL.
 * Invariant: nothing is lost: what is longer than a record becomes several.
 */
#include "interp/gil.h"

#include "gateway/wsgi_lines.h"

#include "gateway/engine.h"
#include "gateway/pymodule.h"
#include "interp/threads.h"
#include "platform/buf.h"
#include "platform/logtext.h"
#include "platform/process.h"
#include "request/exchange.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char TRACEBACK[] = "Traceback (most recent call last):";

struct tail {
    struct cask_gateway *gateway;
    struct cask_buf text;
};

static const struct cask_exchange *
serving(const struct cask_gateway *gateway)
{
    const struct cask_thread *thread = cask_threads_known(gateway->runtime);

    return thread != NULL ? thread->serving : NULL;
}

/* One record to where the calling thread's go. */
static void
write_record(const struct cask_gateway *gateway, const struct cask_log_record *record)
{
    const struct cask_exchange *exchange = serving(gateway);

    if (exchange != NULL && exchange->request->log != NULL) {
        exchange->request->log->write(exchange->request->log_context, record);
    } else if (gateway->config->log != NULL) {
        gateway->config->log->write(gateway->config->log_context, record);
    } else {
        const struct cask_process *process = cask_process_get();

        process->sink->write(process->sink_context, record);
    }
}

static void
write_text(const struct cask_gateway *gateway, const char *text, size_t len)
{
    const struct cask_log_record record = {
        .level = CASK_LOG_ERROR, .printed = true, .may_wait = true, .text = text, .text_len = len};

    write_record(gateway, &record);
}

/* The first len bytes leave; a newline at their end is no line of its own. */
static void
tail_send(struct tail *tail, size_t len)
{
    const char *text = cask_buf_at(&tail->text, 0);
    size_t shown = len > 0 && text[len - 1] == '\n' ? len - 1 : len;

    if (shown > 0 && text[shown - 1] == '\r') {
        shown -= 1;
    }
    write_text(tail->gateway, text, shown);
    cask_buf_consume(&tail->text, len);
}

static void
tail_flush(struct tail *tail)
{
    size_t len = cask_buf_len(&tail->text);

    if (len > 0) {
        tail_send(tail, len);
    }
}

/* A thread has ended. */
static void
tail_ended(void *data)
{
    struct tail *tail = data;

    tail_flush(tail);
    cask_buf_done(&tail->text);
    free(tail);
}

int
cask_wsgi_lines_init(struct cask_gateway *gateway)
{
    return pthread_key_create(&gateway->tail_key, tail_ended);
}

void
cask_wsgi_lines_flush(struct cask_gateway *gateway)
{
    struct tail *tail = pthread_getspecific(gateway->tail_key);

    if (tail != NULL) {
        tail_flush(tail);
    }
}

static struct tail *
tail_get(struct cask_gateway *gateway)
{
    struct tail *tail = pthread_getspecific(gateway->tail_key);

    if (tail == NULL) {
        tail = calloc(1, sizeof(*tail));
        if (tail == NULL) {
            return NULL;
        }
        tail->gateway = gateway;
        if (pthread_setspecific(gateway->tail_key, tail) != 0) {
            free(tail);
            return NULL;
        }
    }
    return tail;
}

/* Python prints a traceback in pieces: a head, indented lines, and a last line that is not. Where
 * does one begin that has not ended? len: it has. */
static size_t
open_traceback(const char *text, size_t len)
{
    size_t begin = len;
    size_t at = 0;

    while (at < len) {
        const char *newline = memchr(text + at, '\n', len - at);
        size_t line = newline != NULL ? (size_t)(newline - text) - at : len - at;

        if (line == sizeof(TRACEBACK) - 1 && memcmp(text + at, TRACEBACK, line) == 0) {
            begin = at;
        } else if (begin < len && line > 0 && text[at] != ' ' && text[at] != '\t') {
            begin = len;
        }
        at += line + 1;
    }
    return begin;
}

/* Bytes that may leave: up to the last newline, without a traceback that goes on. */
static size_t
complete(const struct tail *tail)
{
    const char *text = cask_buf_at(&tail->text, 0);
    const char *newline = memrchr(text, '\n', cask_buf_len(&tail->text));

    return newline != NULL ? open_traceback(text, (size_t)(newline - text) + 1) : 0;
}

int
cask_wsgi_lines_add(struct cask_gateway *gateway, const char *text, size_t len)
{
    struct tail *tail = tail_get(gateway);

    while (tail != NULL && len > 0) {
        size_t used = cask_buf_len(&tail->text);
        size_t part = len < CASK_LOG_RECORD_LIMIT - used ? len : CASK_LOG_RECORD_LIMIT - used;
        size_t ready;

        if (cask_buf_add(&tail->text, text, part) != 0) {
            return ENOMEM;
        }
        text += part;
        len -= part;
        ready = complete(tail);
        if (ready == 0 && used + part == CASK_LOG_RECORD_LIMIT) {
            ready = cask_logtext_cut(cask_buf_at(&tail->text, 0), used + part, used + part - 4);
        }
        if (ready > 0) {
            tail_send(tail, ready);
        }
    }
    return tail == NULL ? ENOMEM : 0;
}

void
cask_wsgi_lines_log(struct cask_gateway *gateway, const struct cask_log_record *record)
{
    struct cask_log_record part = *record;
    size_t left = record->text_len;

    cask_wsgi_lines_flush(gateway);
    part.may_wait = true;
    while (left > 0 && part.text[left - 1] == '\n') {
        left--;
    }
    do {
        part.text_len = cask_logtext_cut(part.text, left, CASK_LOG_RECORD_LIMIT);
        write_record(gateway, &part);
        part.text += part.text_len;
        left -= part.text_len;
    } while (left > 0);
}

enum cask_log_level
cask_wsgi_lines_level(const struct cask_gateway *gateway)
{
    const struct cask_exchange *exchange = serving(gateway);

    return exchange != NULL ? exchange->request->log_level : gateway->config->log_level;
}
