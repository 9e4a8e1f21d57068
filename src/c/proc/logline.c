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
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "platform/clock.h"
#include "platform/net.h"

#define MARK       '\001'
#define WRITE_US   CASK_CLOCK_SECOND
#define READ_LIMIT (64u * 1024u)
#define LINE_SIZE  4096u /* PIPE_BUF: one write of it is never mixed with others */

void
cask_logline_mark(enum cask_log_level level, char ret_mark[CASK_LOGLINE_MARK_SIZE])
{
    ret_mark[0] = MARK;
    ret_mark[1] = (char)('0' + (int)level);
}

/* "[Fri Nov 21 08:10:11.123456 2025] [wsgi:notice] [pid 123] " as httpd's default ErrorLogFormat.
 */
static size_t
put_prefix(char *out, size_t size, enum cask_log_level level, pid_t pid)
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
    len = snprintf(out, size, "[%s.%06d %s] [wsgi:%s] [pid %ld] ", day,
                   (int)(now_us % CASK_CLOCK_SECOND), year, cask_log_level_name(level), (long)pid);
    return len > 0 && (size_t)len < size ? (size_t)len : 0;
}

/* Copies as much of the line as fits, escaped; returns the bytes of `line` used. */
static size_t
put_text(char *out, size_t size, size_t *out_len, const char *line, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    size_t used = 0;

    for (; used < len && *out_len + 4 < size; used++) {
        unsigned char c = (unsigned char)line[used];

        if ((c >= 0x20 && c != 0x7f) || c == '\t') {
            out[(*out_len)++] = (char)c;
        } else { /* keeps (1) */
            out[(*out_len)++] = '\\';
            out[(*out_len)++] = 'x';
            out[(*out_len)++] = hex[c >> 4];
            out[(*out_len)++] = hex[c & 15];
        }
    }
    return used;
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

void
cask_logline_write(int fd, enum cask_log_level level, pid_t pid, const char *line, size_t len)
{
    do {
        char out[LINE_SIZE];
        size_t out_len = fd >= 0 ? put_prefix(out, sizeof(out), level, pid) : 0;
        size_t used = put_text(out, sizeof(out) - 1, &out_len, line, len);

        if (fd >= 0) {
            out[out_len++] = '\n';
        }
        put_out(fd, level, out, out_len);
        line += used;
        len -= used;
    } while (len > 0);
}

/* Keeps the line, without control characters, as the last one. */
static void
remember(struct cask_logline_reader *reader, const char *line, size_t len)
{
    size_t kept = 0;

    (void)put_text(reader->last, sizeof(reader->last) - 1, &kept, line, len);
    reader->last[kept] = '\0';
}

static void
write_line(struct cask_logline_reader *reader, int log_fd, const char *line, size_t len)
{
    enum cask_log_level level = CASK_LOG_ERROR;

    if (len >= CASK_LOGLINE_MARK_SIZE && line[0] == MARK && line[1] >= '0' &&
        line[1] <= '0' + (int)CASK_LOG_TRACE1) {
        level = cask_log_level_of_peer((uint32_t)(line[1] - '0'));
        line += CASK_LOGLINE_MARK_SIZE;
        len -= CASK_LOGLINE_MARK_SIZE;
    }
    while (len > 0 && line[len - 1] == '\r') {
        len--;
    }
    if (len > 0) {
        cask_logline_write(log_fd, level, reader->pid, line, len);
        remember(reader, line, len);
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
        write_line(reader, log_fd, reader->text + begin, len);
        begin += len + 1;
    }
    if (begin == 0 && reader->used == sizeof(reader->text)) {
        write_line(reader, log_fd, reader->text, reader->used);
        begin = reader->used;
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
    write_line(reader, log_fd, reader->text, reader->used);
    reader->used = 0;
}
