/* SPDX-License-Identifier: Apache-2.0 */
/* wire/wire_output.c - the reply inside a daemon.
 *
 * Owns:    what is held back of a reply.
 * Touches: proto/, platform/, wire_input while a send waits.
 * Threads: the worker of the job.
 * Invariants:
 *   (1) frames leave whole and in order: what a LOG could not send at once goes out before anything
 *       else;
 *   (2) END leaves only for a reply that finish() was called for;
 *   (3) a wait for room also reads: httpd is never blocked by us, and an ABORT is noticed.
 */
#include "wire/wire_output.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

#include "platform/clock.h"
#include "platform/logtext.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "platform/process.h"
#include "proto/head.h"
#include "wire/wire_conn.h"
#include "wire/wire_fields.h"
#include "wire/wire_input.h"

/* Held back until flush or finish; more than this leaves at once. */
#define HOLD_LIMIT (16u * 1024u)
/* LOG bytes that wait for room in the socket. */
#define LOG_HOLD_LIMIT (64u * 1024u)
#define LOG_WAIT_US    CASK_CLOCK_SECOND
/* DATA frames in one message. */
#define FRAMES                    4
#define SMALL_FRAME(payload_size) (CASK_FRAME_HEADER_SIZE + (payload_size))

int
cask_wire_output_begin(struct cask_wire_output *output, int fd)
{
    cask_wire_conn_reset_buf(&output->out);
    cask_wire_conn_reset_buf(&output->first);
    output->fd = fd;
    output->held = 0;
    output->started = false;
    output->hinted = false;
    output->begun = false;
    output->finished = false;
    output->error = 0;
    output->log_stuck = false;
    return cask_buf_reserve(&output->out, CASK_FRAME_HEADER_SIZE);
}

void
cask_wire_output_done(struct cask_wire_output *output)
{
    cask_buf_done(&output->out);
    cask_buf_done(&output->first);
}

/* ---- sending ---- */

/* Bytes in the socket that httpd has not read yet. */
static int
unread_bytes(int fd)
{
    int bytes = 0;

    return ioctl(fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

/* Waits until the socket takes more, or the peer has read nothing for the whole timeout. */
static int
wait_for_room(struct cask_wire_output *output)
{
    int64_t deadline_us = cask_clock_deadline(output->timeout_us);
    int unread = unread_bytes(output->fd);

    for (;;) {
        bool listen = cask_wire_input_has_room(output->input);
        short events = (short)(POLLOUT | (listen ? POLLIN : 0));
        short revents = 0;
        int status = cask_net_wait(output->fd, events, deadline_us, &revents);

        if (status == ETIMEDOUT && unread_bytes(output->fd) < unread) {
            /* A slow client behind httpd: Linux says POLLOUT late, but it moves. */
            unread = unread_bytes(output->fd);
            deadline_us = cask_clock_deadline(output->timeout_us);
            continue;
        }
        if (status != 0) {
            return status;
        }
        if (listen && (revents & ~POLLOUT) != 0) {
            status = cask_wire_input_absorb(output->input); /* keeps (3) */
            if (status != 0) {
                return status;
            }
        }
        if ((revents & POLLOUT) != 0) {
            return 0;
        }
        if (!listen && (revents & (POLLERR | POLLHUP)) != 0) {
            return EPIPE;
        }
    }
}

/* One message; fd goes along with its first byte unless it is -1. */
static int
send_waiting(struct cask_wire_output *output, struct iovec *parts, int n_parts, int fd)
{
    while (n_parts > 0) {
        int status = 0;

        if (fd >= 0) {
            size_t sent = 0;

            status = cask_net_send_fds(output->fd, parts, 1, &fd, 1, &sent);
            if (status == 0) {
                fd = -1;
                parts->iov_base = (char *)parts->iov_base + sent;
                parts->iov_len -= sent;
            }
        } else {
            status = cask_wire_conn_send(output->fd, &parts, &n_parts);
        }
        if (status == EAGAIN) {
            status = wait_for_room(output);
        }
        if (status != 0) {
            output->error = status == ECONNRESET ? EPIPE : status;
            return output->error;
        }
    }
    return 0;
}

static int
send_parts(struct cask_wire_output *output, struct iovec *parts, int n_parts, int fd)
{
    if (output->error != 0) {
        return output->error;
    }
    if (cask_buf_len(&output->first) > 0) { /* keeps (1) */
        struct iovec part = {.iov_base = cask_buf_at(&output->first, 0),
                             .iov_len = cask_buf_len(&output->first)};
        int status = send_waiting(output, &part, 1, -1);

        if (status != 0) {
            return status;
        }
        cask_buf_consume(&output->first, cask_buf_len(&output->first));
    }
    return send_waiting(output, parts, n_parts, fd);
}

static void
put_header(char *out, enum cask_frame_kind kind, unsigned flags, size_t payload_len)
{
    const struct cask_frame frame = {
        .payload_len = (uint32_t)payload_len, .kind = (uint8_t)kind, .flags = (uint8_t)flags};

    cask_frame_put_header(out, &frame);
}

/* Completes the frame in `out` (REPLY, or DATA after it) for a body of held + more bytes. */
static struct iovec
close_held(struct cask_wire_output *output, unsigned flags, size_t more)
{
    struct iovec part = {.iov_base = output->out.data, .iov_len = output->out.end};
    size_t payload = output->out.end - CASK_FRAME_HEADER_SIZE + more;

    if (!output->begun) {
        cask_head_set_reply_body(output->out.data + CASK_FRAME_HEADER_SIZE,
                                 (uint32_t)(output->held + more));
    }
    put_header(output->out.data, output->begun ? CASK_FRAME_DATA : CASK_FRAME_REPLY, flags,
               payload);
    return part;
}

/* Makes `out` an empty DATA frame. */
static void
begin_held(struct cask_wire_output *output)
{
    output->begun = true;
    output->held = 0;
    output->out.begin = 0;
    output->out.end = CASK_FRAME_HEADER_SIZE;
}

/* Sends all that is held back, and len bytes more. */
static int
send_held(struct cask_wire_output *output, const char *data, size_t len)
{
    if (output->begun && output->held == 0 && len == 0) {
        return 0;
    }
    do {
        char headers[FRAMES][CASK_FRAME_HEADER_SIZE];
        struct iovec parts[2 * FRAMES + 2];
        int n_parts = 0;
        size_t part = CASK_FRAME_DATA_LIMIT - output->held;
        int status;

        part = part < len ? part : len;
        parts[n_parts++] = close_held(output, 0, part);
        for (int i = 0; i <= FRAMES && part > 0; i++) {
            /* The bytes are only read. */
            parts[n_parts++] = (struct iovec){.iov_base = (char *)(uintptr_t)data, .iov_len = part};
            data += part;
            len -= part;
            part = len < CASK_FRAME_DATA_LIMIT ? len : CASK_FRAME_DATA_LIMIT;
            if (i < FRAMES && part > 0) {
                put_header(headers[i], CASK_FRAME_DATA, 0, part);
                parts[n_parts++] =
                    (struct iovec){.iov_base = headers[i], .iov_len = CASK_FRAME_HEADER_SIZE};
            }
        }
        status = send_parts(output, parts, n_parts, -1);
        if (status != 0) {
            return status;
        }
        begin_held(output);
    } while (len > 0);
    return 0;
}

/* ---- the seam ---- */

static int
say(int status, struct cask_problem *reterr_problem)
{
    if (status == 0) {
        return 0;
    }
    if (status == EPIPE) {
        cask_problem_set(reterr_problem, 0, 714, "the client has gone");
    } else if (status == ETIMEDOUT) {
        cask_problem_set(reterr_problem, 0, 716, "httpd did not take the reply in time");
    } else {
        return cask_problem_set(reterr_problem, status, 716, "the reply could not be sent");
    }
    if (reterr_problem != NULL) {
        reterr_problem->error = status; /* without strerror's words in the text */
    }
    return status;
}

static int
output_hint(void *reply, const struct cask_field *headers, size_t n_headers,
            struct cask_problem *reterr_problem)
{
    struct cask_wire_output *output = reply;
    size_t size = cask_wire_fields_size(headers, n_headers, CASK_HEAD_HINTS_SIZE);
    struct cask_buf message = {0};
    struct iovec part;
    char *at;
    int status;

    cask_assert(!output->begun && !output->finished && size <= CASK_FRAME_HINTS_LIMIT);
    status = cask_buf_reserve(&message, CASK_FRAME_HEADER_SIZE + size);
    if (status == 0) {
        put_header(message.data, CASK_FRAME_HINTS, 0, size);
        at = cask_head_put_hints(message.data + CASK_FRAME_HEADER_SIZE, (uint32_t)n_headers);
        (void)cask_wire_fields_put(at, headers, n_headers);
        part.iov_base = message.data;
        part.iov_len = CASK_FRAME_HEADER_SIZE + size;
        output->hinted = true;
        status = send_parts(output, &part, 1, -1);
    }
    cask_buf_done(&message);
    return say(status, reterr_problem);
}

static int
output_start(void *reply, const struct cask_reply_head *head, struct cask_problem *reterr_problem)
{
    struct cask_wire_output *output = reply;
    struct cask_head_reply wire = {
        .status = (uint32_t)head->status,
        .content_length = head->content_length,
        .reason = {.data = head->reason.data, .len = head->reason.len},
        .n_headers = (uint32_t)head->n_headers,
    };
    size_t size =
        cask_wire_fields_size(head->headers, head->n_headers, cask_head_reply_size(&wire));
    char *at;

    cask_assert(!output->started);
    if (size == SIZE_MAX) {
        return cask_problem_set(reterr_problem, EMSGSIZE, 712,
                                "reply with %zu headers is above the limit of 1 MiB and %u",
                                head->n_headers, CASK_WIRE_FIELDS_LIMIT);
    }
    output->out.end = CASK_FRAME_HEADER_SIZE;
    if (cask_buf_reserve(&output->out, size) != 0) {
        return cask_problem_set(reterr_problem, ENOMEM, 716, "the reply could not be sent");
    }
    at = cask_head_put_reply(output->out.data + output->out.end, &wire);
    (void)cask_wire_fields_put(at, head->headers, head->n_headers);
    output->out.end += size;
    output->started = true;
    return 0;
}

static int
output_write(void *reply, const char *data, size_t len, void (*release)(void *owner), void *owner,
             struct cask_problem *reterr_problem)
{
    struct cask_wire_output *output = reply;
    int status = output->error;

    cask_assert(output->started && !output->finished);
    if (status == 0 && len > 0) {
        if (len <= HOLD_LIMIT - output->held) {
            status = cask_buf_add(&output->out, data, len);
            output->held += status == 0 ? len : 0;
        } else {
            status = send_held(output, data, len);
        }
    }
    if (release != NULL) {
        release(owner);
    }
    return say(status, reterr_problem);
}

static int
output_send_file(void *reply, int fd, int64_t offset, int64_t length,
                 struct cask_problem *reterr_problem)
{
    struct cask_wire_output *output = reply;
    char message[SMALL_FRAME(16)];
    struct iovec part = {.iov_base = message, .iov_len = sizeof(message)};
    int status = 0;

    cask_assert(output->started && !output->finished);
    if (length <= 0) {
        return 0;
    }
    put_header(message, CASK_FRAME_FILE, 0, 16);
    cask_frame_put_file(message + CASK_FRAME_HEADER_SIZE, (uint64_t)offset, (uint64_t)length);
    if (!output->begun && output->held == 0) {
        /* The whole reply may be this file: httpd gets both at once, to look at ranges. */
        part = close_held(output, CASK_FRAME_FILE_NEXT, 0);
        status = cask_buf_add(&output->out, message, sizeof(message));
        part.iov_base = output->out.data;
        part.iov_len += sizeof(message);
    } else {
        status = send_held(output, NULL, 0);
    }
    if (status == 0) {
        status = send_parts(output, &part, 1, fd);
    }
    if (status == 0 && !output->begun) {
        begin_held(output);
    }
    return say(status, reterr_problem);
}

static int
output_flush(void *reply, struct cask_problem *reterr_problem)
{
    struct cask_wire_output *output = reply;

    cask_assert(output->started && !output->finished);
    return say(send_held(output, NULL, 0), reterr_problem);
}

static int
output_finish(void *reply, struct cask_problem *reterr_problem)
{
    struct cask_wire_output *output = reply;
    int status = 0;

    cask_assert(output->started && !output->finished);
    if (output->begun) { /* else the whole reply leaves in one piece when the request ends */
        status = send_held(output, NULL, 0);
    }
    output->finished = status == 0;
    return say(status, reterr_problem);
}

const struct cask_reply_ops *
cask_wire_output_ops(void)
{
    static const struct cask_reply_ops ops = {
        .hint = output_hint,
        .start = output_start,
        .write = output_write,
        .send_file = output_send_file,
        .flush = output_flush,
        .finish = output_finish,
    };

    return &ops;
}

/* ---- other frames ---- */

int
cask_wire_output_credit(struct cask_wire_output *output, uint32_t bytes)
{
    char message[SMALL_FRAME(4)];
    struct iovec part = {.iov_base = message, .iov_len = sizeof(message)};

    put_header(message, CASK_FRAME_CREDIT, 0, 4);
    cask_frame_put_u32(message + CASK_FRAME_HEADER_SIZE, bytes);
    return send_parts(output, &part, 1, -1);
}

/* Sends what the socket takes now, keeps the rest. */
static int
send_or_keep(struct cask_wire_output *output, struct iovec *parts, int n_parts)
{
    int status = EAGAIN;

    if (cask_buf_len(&output->first) == 0) {
        status = cask_wire_conn_send(output->fd, &parts, &n_parts);
    }
    if (status != EAGAIN) {
        return status;
    }
    for (int i = 0; i < n_parts; i++) {
        status = cask_buf_add(&output->first, parts[i].iov_base, parts[i].iov_len);
        if (status != 0) {
            output->error = status; /* half a frame is worse than none */
            return status;
        }
    }
    return 0;
}

/* Room for a LOG frame behind those that are kept. httpd may be busy with a slow client: who may
 * wait, waits once. */
static int
make_log_room(struct cask_wire_output *output, size_t size, bool may_wait)
{
    int64_t deadline_us = cask_clock_deadline(LOG_WAIT_US);

    while (cask_buf_len(&output->first) > 0 &&
           cask_buf_len(&output->first) + size > LOG_HOLD_LIMIT) {
        size_t before = cask_buf_len(&output->first);
        struct iovec part = {.iov_base = cask_buf_at(&output->first, 0), .iov_len = before};
        struct iovec *parts = &part;
        int n_parts = 1;
        int status = EAGAIN;

        if (!may_wait || output->log_stuck) {
            return ENOBUFS;
        }
        status = cask_wire_conn_send(output->fd, &parts, &n_parts);
        cask_buf_consume(&output->first, n_parts > 0 ? before - parts->iov_len : before);
        if (status == EAGAIN) {
            status = cask_net_wait(output->fd, POLLOUT, deadline_us, NULL);
            output->log_stuck = status == ETIMEDOUT;
        }
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

int
cask_wire_output_log(struct cask_wire_output *output, const struct cask_log_record *record)
{
    struct cask_frame_log log = {
        .level = (uint32_t)record->level,
        .printed = record->printed,
        .line = record->line,
        .file = record->file,
        .file_len = record->file_len <= CASK_FRAME_LOG_FILE_LIMIT ? (uint32_t)record->file_len : 0u,
    };
    const size_t fixed = CASK_FRAME_LOG_FIXED + log.file_len;
    const char *text = record->text;
    size_t left = record->text_len;

    do {
        char header[SMALL_FRAME(CASK_FRAME_LOG_FIXED)];
        size_t part = cask_logtext_cut(text, left, CASK_FRAME_LOG_LIMIT - fixed);
        struct iovec parts[3] = {
            {.iov_base = header, .iov_len = sizeof(header)},
            {.iov_base = (char *)(uintptr_t)log.file, .iov_len = log.file_len}, /* only read */
            {.iov_base = (char *)(uintptr_t)text, .iov_len = part},
        };
        int status;

        if (output->error != 0) {
            return output->error;
        }
        status = make_log_room(output, fixed + part, record->may_wait);
        if (status != 0) {
            return status;
        }
        put_header(header, CASK_FRAME_LOG, 0, fixed + part);
        cask_frame_put_log(header + CASK_FRAME_HEADER_SIZE, &log);
        status = send_or_keep(output, parts, 3);
        if (status != 0) {
            return status;
        }
        text += part;
        left -= part;
    } while (left > 0);
    return 0;
}

static void
put_goaway(char out[SMALL_FRAME(4)], uint32_t accepted)
{
    put_header(out, CASK_FRAME_GOAWAY, 0, 4);
    cask_frame_put_u32(out + CASK_FRAME_HEADER_SIZE, accepted);
}

/* The last frame, after GOAWAY where there is one: one message. */
static int
send_last(struct cask_wire_output *output, struct iovec last, const uint32_t *goaway)
{
    char message[SMALL_FRAME(4)];
    struct iovec parts[2];
    int n_parts = 0;

    if (goaway != NULL) {
        put_goaway(message, *goaway);
        parts[n_parts++] = (struct iovec){.iov_base = message, .iov_len = sizeof(message)};
    }
    parts[n_parts++] = last;
    return send_parts(output, parts, n_parts, -1);
}

int
cask_wire_output_end(struct cask_wire_output *output, const struct cask_frame_end *figures,
                     const uint32_t *goaway)
{
    char message[SMALL_FRAME(CASK_FRAME_END_SIZE)];
    struct iovec part = {.iov_base = message, .iov_len = sizeof(message)};

    cask_assert(output->finished); /* keeps (2) */
    if (!output->begun) {
        return send_last(output, close_held(output, CASK_FRAME_LAST, 0), goaway);
    }
    put_header(message, CASK_FRAME_END, 0, CASK_FRAME_END_SIZE);
    cask_frame_put_end(message + CASK_FRAME_HEADER_SIZE, figures);
    return send_last(output, part, goaway);
}

int
cask_wire_output_abort(struct cask_wire_output *output, enum cask_outcome outcome,
                       const struct cask_problem *problem, const uint32_t *goaway)
{
    bool refused = !output->begun && !output->hinted &&
                   (outcome == CASK_OUTCOME_STALE || outcome == CASK_OUTCOME_UNAVAILABLE);
    struct cask_frame_abort abort_ = {.outcome = (uint32_t)outcome};
    size_t size;

    if (problem != NULL) {
        abort_.error = (uint32_t)problem->error;
        abort_.number = problem->number;
        abort_.text = problem->text;
        abort_.text_len = (uint32_t)strlen(problem->text);
        if (problem->detail != NULL) {
            abort_.detail = problem->detail;
            abort_.detail_len = (uint32_t)strnlen(problem->detail, CASK_PROBLEM_DETAIL_LIMIT);
        }
    }
    /* What was held back of the reply is worth nothing now. */
    cask_buf_consume(&output->out, cask_buf_len(&output->out));
    size = CASK_FRAME_HEADER_SIZE + cask_frame_abort_size(&abort_);
    if (cask_buf_reserve(&output->out, size) != 0) {
        return ENOMEM;
    }
    put_header(output->out.data, refused ? CASK_FRAME_REFUSED : CASK_FRAME_ABORT, 0,
               size - CASK_FRAME_HEADER_SIZE);
    cask_frame_put_abort(output->out.data + CASK_FRAME_HEADER_SIZE, &abort_);
    return send_last(output, (struct iovec){.iov_base = output->out.data, .iov_len = size}, goaway);
}

void
cask_wire_output_goaway(int fd, uint32_t accepted)
{
    char message[SMALL_FRAME(4)];
    struct iovec part = {.iov_base = message, .iov_len = sizeof(message)};
    struct iovec *parts = &part;
    int n_parts = 1;

    put_goaway(message, accepted);
    (void)cask_wire_conn_send(fd, &parts, &n_parts); /* a peer that has gone needs none */
}
