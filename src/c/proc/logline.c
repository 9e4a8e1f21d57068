/* SPDX-License-Identifier: Apache-2.0 */
/* proc/logline.c - lines of the supervisor and of daemons on their way into an ErrorLog.
 *
 * Owns:    nothing.
 * Touches: platform/clock, platform/log, platform/net.
 * Threads: the supervisor's only one; cask_logline_mark() any.
 * Invariants:
 *   (1) what is written to a log is whole lines without control characters;
 *   (2) no write waits longer than WRITE_US: a stuck log program costs lines, not the supervisor.
 */
#include "proc/logline.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "platform/buf.h"
#include "platform/clock.h"
#include "platform/logtext.h"
#include "platform/net.h"

#define MARK       '\001'
#define JOIN       '\002' /* between the lines of one record */
#define WRITE_US   CASK_CLOCK_SECOND
#define READ_LIMIT (64u * 1024u)
#define BATCH_SIZE (64u * 1024u)
#define PIPE_SIZE  4096u /* PIPE_BUF: what a pipe takes in one piece once it is writable */

void
cask_logline_mark(enum cask_log_level level, char ret_mark[CASK_LOGLINE_MARK_SIZE])
{
    ret_mark[0] = MARK;
    ret_mark[1] = (char)('0' + (int)level);
}

int
cask_logline_encode(struct cask_buf *line, const struct cask_log_record *record)
{
    const char *text = record->text;
    size_t left = record->text_len;
    char mark[CASK_LOGLINE_MARK_SIZE];

    if (cask_buf_reserve(line, sizeof(mark) + left * CASK_LOGTEXT_GROWTH + 1) != 0) {
        return ENOMEM;
    }
    cask_logline_mark(record->level, mark);
    (void)cask_buf_add(line, mark, sizeof(mark));
    while (left > 0) {
        const char *newline = memchr(text, '\n', left);
        size_t len = newline != NULL ? (size_t)(newline - text) : left;

        (void)cask_logtext_put(line->data, line->capacity, &line->end, text, len);
        if (newline != NULL) {
            line->data[line->end++] = JOIN;
            len++;
        }
        text += len;
        left -= len;
    }
    line->data[line->end++] = '\n';
    return 0;
}

/* "[Fri Nov 21 08:10:11.123456 2025] [wsgi:notice] [pid 123] " as httpd's default ErrorLogFormat.
 */
static size_t
put_prefix(char *out, size_t size, enum cask_log_level level, pid_t pid, bool for_syslog)
{
    int64_t now_us = cask_clock_wall_us();
    time_t seconds = (time_t)(now_us / CASK_CLOCK_SECOND);
    char day[40];
    char year[8];
    struct tm tm;
    int len;

    (void)localtime_r(&seconds, &tm);
    (void)strftime(day, sizeof(day), "%a %b %d %H:%M:%S", &tm);
    (void)strftime(year, sizeof(year), "%Y", &tm);
    if (for_syslog) { /* which has a time of its own */
        len = snprintf(out, size, "[wsgi:%s] [pid %ld] ", cask_log_level_name(level), (long)pid);
        return len > 0 && (size_t)len < size ? (size_t)len : 0;
    }
    len = snprintf(out, size, "[%s.%06d %s] [wsgi:%s] [pid %ld] ", day,
                   (int)(now_us % CASK_CLOCK_SECOND), year, cask_log_level_name(level), (long)pid);
    return len > 0 && (size_t)len < size ? (size_t)len : 0;
}

static void
put_out(int fd, enum cask_log_level level, const char *text, size_t len)
{
    size_t done = 0;

    if (fd < 0) {
        syslog(level > CASK_LOG_DEBUG ? LOG_DEBUG : (int)level, "%.*s", (int)len, text);
        return;
    }
    while (done < len) {
        ssize_t wrote;

        if (cask_net_wait(fd, POLLOUT, cask_clock_deadline(WRITE_US), NULL) != 0) {
            return; /* keeps (2) */
        }
        wrote = write(fd, text + done, len - done);
        if (wrote < 0 && errno != EINTR && errno != EAGAIN) {
            return;
        }
        done += wrote > 0 ? (size_t)wrote : 0;
    }
}

/* Lines that leave together. */
struct batch {
    int fd;
    enum cask_log_level level;
    char prefix[128];
    size_t prefix_len;
    size_t size; /* of text that may be used */
    size_t len;
    char text[BATCH_SIZE];
};

static void
batch_flush(struct batch *batch)
{
    if (batch->len > 0) {
        put_out(batch->fd, batch->level, batch->text, batch->len);
        batch->len = 0;
    }
}

/* Behind the others if it fits, else alone; a line that is longer than that becomes several. */
static void
batch_line(struct batch *batch, const char *line, size_t len)
{
    do {
        size_t begin = batch->len;
        size_t used = 0;

        if (begin + batch->prefix_len + CASK_LOGTEXT_GROWTH + 1 < batch->size) {
            memcpy(batch->text + begin, batch->prefix, batch->prefix_len);
            batch->len += batch->prefix_len;
            used = cask_logtext_put(batch->text, batch->size - 1, &batch->len, line, len); /* (1) */
        }
        if (used < len && begin > 0) {
            batch->len = begin;
            batch_flush(batch);
            continue;
        }
        if (batch->fd >= 0) {
            batch->text[batch->len++] = '\n';
        }
        if (used < len || batch->fd < 0) { /* syslog takes one line at a time */
            batch_flush(batch);
        }
        line += used;
        len -= used;
    } while (len > 0);
}

void
cask_logline_write(int fd, enum cask_log_level level, pid_t pid, const char *text, size_t len)
{
    struct batch batch;
    struct stat status;

    batch.fd = fd;
    batch.level = level;
    batch.len = 0;
    batch.prefix_len = put_prefix(batch.prefix, sizeof(batch.prefix), level, pid, fd < 0);
    batch.size = fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? sizeof(batch.text)
                                                                               : PIPE_SIZE;
    for (;;) {
        const char *newline = len > 0 ? memchr(text, '\n', len) : NULL;

        batch_line(&batch, text, newline != NULL ? (size_t)(newline - text) : len);
        if (newline == NULL) {
            break;
        }
        len -= (size_t)(newline - text) + 1;
        text = newline + 1;
    }
    batch_flush(&batch);
}

/* Keeps the line, without control characters, as the last one. */
static void
remember(struct cask_logline_reader *reader, const char *line, size_t len)
{
    size_t kept = 0;

    (void)cask_logtext_put(reader->last, sizeof(reader->last) - 1, &kept, line, len);
    reader->last[kept] = '\0';
}

void
cask_logline_give_stacks(struct cask_logline_reader *reader, int log_fd)
{
    if (reader->n_stacks > 0) {
        cask_logline_write(log_fd, CASK_LOG_ERROR, reader->pid, reader->stacks,
                           reader->n_stacks - 1);
        reader->n_stacks = 0;
    }
    reader->crashing = false;
}

/* What faulthandler writes at a crash is kept for the line about it, as far as there is room: true.
 * It begins with these words, and nothing comes after it. */
static bool
keep_stack(struct cask_logline_reader *reader, int log_fd, const char *line, size_t len)
{
    static const char begin[] = "Fatal Python error: ";

    if (!reader->crashing && len >= sizeof(begin) - 1 &&
        memcmp(line, begin, sizeof(begin) - 1) == 0) {
        reader->crashing = true;
    }
    if (reader->crashing && reader->n_stacks + len + 1 > sizeof(reader->stacks)) {
        cask_logline_give_stacks(reader, log_fd);
    }
    if (reader->crashing) {
        memcpy(reader->stacks + reader->n_stacks, line, len);
        reader->n_stacks += len;
        reader->stacks[reader->n_stacks++] = '\n';
    }
    return reader->crashing;
}

/* A line, or what the buffer holds of one: then `more` follows, at the same level. */
static void
write_line(struct cask_logline_reader *reader, int log_fd, char *line, size_t len, bool more)
{
    enum cask_log_level level = reader->more ? reader->level : CASK_LOG_ERROR;
    bool marked = false;

    if (!reader->more && len >= CASK_LOGLINE_MARK_SIZE && line[0] == MARK && line[1] >= '0' &&
        line[1] <= '0' + (int)CASK_LOG_TRACE1) {
        level = cask_log_level_of_peer((uint32_t)(line[1] - '0'));
        line += CASK_LOGLINE_MARK_SIZE;
        len -= CASK_LOGLINE_MARK_SIZE;
        marked = true;
    }
    reader->level = level;
    reader->more = more;
    for (size_t i = 0; i < len; i++) {
        if (line[i] == JOIN) {
            line[i] = '\n';
        }
    }
    while (len > 0 && line[len - 1] == '\r') {
        len--;
    }
    if (len > 0 && !marked && keep_stack(reader, log_fd, line, len)) {
        return;
    }
    if (len > 0) {
        const char *last = memrchr(line, '\n', len);

        cask_logline_write(log_fd, level, reader->pid, line, len);
        last = last != NULL ? last + 1 : line;
        remember(reader, last, len - (size_t)(last - line));
    }
}

/* Writes the whole lines of the buffer and moves the rest to its beginning. */
static void
flush_lines(struct cask_logline_reader *reader, int log_fd)
{
    size_t begin = 0;

    for (;;) {
        const char *newline = memchr(reader->text + begin, '\n', reader->used - begin);
        size_t len;

        if (newline == NULL) {
            break;
        }
        len = (size_t)(newline - reader->text) - begin;
        write_line(reader, log_fd, reader->text + begin, len, false);
        begin += len + 1;
    }
    if (begin == 0 && reader->used == sizeof(reader->text)) {
        begin = cask_logtext_cut(reader->text, reader->used, reader->used - 4);
        write_line(reader, log_fd, reader->text, begin, true);
    }
    memmove(reader->text, reader->text + begin, reader->used - begin);
    reader->used -= begin;
}

int
cask_logline_read(struct cask_logline_reader *reader, int log_fd)
{
    size_t total = 0;

    while (total < READ_LIMIT) {
        ssize_t got =
            read(reader->fd, reader->text + reader->used, sizeof(reader->text) - reader->used);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0 && errno == EAGAIN) {
            return 0;
        }
        if (got <= 0) {
            cask_logline_finish(reader, log_fd);
            return ECONNRESET;
        }
        reader->used += (size_t)got;
        total += (size_t)got;
        flush_lines(reader, log_fd);
    }
    return 0;
}

void
cask_logline_finish(struct cask_logline_reader *reader, int log_fd)
{
    write_line(reader, log_fd, reader->text, reader->used, false);
    reader->used = 0;
}
