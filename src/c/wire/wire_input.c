/* SPDX-License-Identifier: Apache-2.0 */
/* wire/wire_input.c - the request body inside a daemon.
 *
 * Owns:    the bytes received and not yet taken.
 * Touches: proto/, platform/, wire_output for CREDIT.
 * Threads: the worker of the job.
 * Invariants:
 *   (1) credit granted minus bytes received is never negative: a peer that sends more is cut off;
 *   (2) credit and bytes held together never pass WINDOW;
 *   (3) after an error every read fails alike.
 */
#include "wire/wire_input.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "platform/clock.h"
#include "platform/net.h"
#include "platform/process.h"
#include "request/exchange.h"
#include "wire/wire_conn.h"
#include "wire/wire_output.h"

#define WINDOW (256 * 1024)
#define ROOM   (32u * 1024u)

int
cask_wire_input_begin(struct cask_wire_input *input, int fd, const struct cask_request *request,
                      const struct cask_frame *frame, struct cask_str body)
{
    int64_t first = (frame->flags & CASK_FRAME_CONTINUE) != 0 ? 0 : CASK_FRAME_FIRST_CREDIT;

    cask_wire_conn_reset_buf(&input->buf);
    cask_problem_done(&input->problem);
    input->fd = fd;
    input->prefix = body;
    input->frame_left = 0;
    input->frame_last = false;
    input->ended = (frame->flags & CASK_FRAME_LAST) != 0;
    input->taken = 0;
    input->error = 0;
    input->credit = first - body.len;
    if (request->content_length < 0) {
        input->expected = INT64_MAX;
    } else {
        input->expected = request->content_length > first ? request->content_length - first : 0;
    }
    return input->credit < 0 ? EPROTO : 0; /* keeps (1) */
}

void
cask_wire_input_done(struct cask_wire_input *input)
{
    cask_buf_done(&input->buf);
    cask_problem_done(&input->problem);
}

/* ---- frames ---- */

static int
broken_off(struct cask_wire_input *input, int error)
{
    if (error == EPIPE || error == ECONNRESET) {
        error = ECONNRESET;
        cask_problem_set(&input->problem, 0, 715, "request body: httpd closed the connection");
    } else if (error == ETIMEDOUT) {
        cask_problem_set(&input->problem, 0, 715, "request body: nothing came from httpd in time");
    } else if (error == EPROTO) {
        cask_problem_set(&input->problem, 0, 704, "request body: httpd broke the protocol");
    } else {
        cask_problem_set(&input->problem, error, 715, "request body");
    }
    input->problem.error = error;
    return error;
}

/* ABORT from httpd: the body ends here, with the error that httpd met. */
static int
take_abort(struct cask_wire_input *input, const char *payload, size_t len)
{
    struct cask_frame_abort abort_;

    if (cask_frame_get_abort(payload, len, &abort_) != CASK_FRAME_OK) {
        return broken_off(input, EPROTO);
    }
    cask_problem_set(&input->problem, 0, abort_.number, "%.*s", (int)abort_.text_len, abort_.text);
    switch (abort_.error) {
    case ECONNRESET:
    case ETIMEDOUT:
    case EBADMSG:
    case EFBIG:
    case EACCES:
        input->problem.error = (int)abort_.error;
        break;
    default: /* whatever else: the reader knows no other */
        input->problem.error = EIO;
        break;
    }
    return input->problem.error;
}

/* Takes the next frame's header out of the buffer. 0, EAGAIN when more bytes are needed, or the
 * error that ends the body. */
static int
next_frame(struct cask_wire_input *input)
{
    const char *at = cask_buf_at(&input->buf, 0);
    size_t len = cask_buf_len(&input->buf);
    struct cask_frame frame;
    enum cask_frame_status defect;
    int error;

    if (len == 0) {
        return EAGAIN;
    }
    defect = cask_frame_get_header(at, len, &frame);
    if (defect == CASK_FRAME_MORE) {
        return EAGAIN;
    }
    if (defect != CASK_FRAME_OK || input->ended) {
        return broken_off(input, EPROTO);
    }
    if (frame.kind == CASK_FRAME_ABORT) {
        if (len < CASK_FRAME_HEADER_SIZE + frame.payload_len) {
            return EAGAIN;
        }
        error = take_abort(input, at + CASK_FRAME_HEADER_SIZE, frame.payload_len);
        cask_buf_consume(&input->buf, CASK_FRAME_HEADER_SIZE + frame.payload_len);
        return error;
    }
    if (frame.kind != CASK_FRAME_DATA || frame.payload_len > input->credit) { /* keeps (1) */
        return broken_off(input, EPROTO);
    }
    input->credit -= frame.payload_len;
    input->frame_left = frame.payload_len;
    input->frame_last = (frame.flags & CASK_FRAME_LAST) != 0;
    input->ended = frame.payload_len == 0 && input->frame_last;
    cask_buf_consume(&input->buf, CASK_FRAME_HEADER_SIZE);
    return 0;
}

/* Marks len bytes of the current DATA frame as taken. */
static void
frame_taken(struct cask_wire_input *input, size_t len)
{
    input->frame_left -= (uint32_t)len;
    input->taken += len;
    if (input->frame_left == 0 && input->frame_last) {
        input->ended = true;
    }
}

/* ---- receiving ---- */

/* Lets httpd send more, when that is worth a message. */
static int
grant(struct cask_wire_input *input)
{
    int64_t bytes = WINDOW - input->credit - (int64_t)cask_buf_len(&input->buf);

    if (input->expected == 0 && input->credit == 0) {
        input->expected = INT64_MAX; /* longer than it said: an input filter has inflated it */
    }
    if (input->ended || input->expected == 0 || bytes < WINDOW / 2) { /* keeps (2) */
        return 0;
    }
    if (bytes > input->expected) {
        bytes = input->expected;
    }
    if (input->expected != INT64_MAX) {
        input->expected -= bytes;
    }
    input->credit += bytes;
    return cask_wire_output_credit(input->output, (uint32_t)bytes);
}

/* One recvmsg: into the reader's own buffer as far as the current frame goes, and the header of the
 * next one into ours (more would have to be copied again). *ret_len: bytes for the reader. */
static int
receive_direct(struct cask_wire_input *input, char *buffer, size_t size, size_t *ret_len)
{
    size_t wanted = size < input->frame_left ? size : input->frame_left;
    struct iovec parts[2] = {{.iov_base = buffer, .iov_len = wanted}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 1};
    ssize_t len;

    if (wanted == input->frame_left) { /* the next frame may be there already */
        int status = cask_buf_reserve(&input->buf, CASK_FRAME_HEADER_SIZE);

        if (status != 0) {
            return status;
        }
        parts[1].iov_base = input->buf.data + input->buf.end;
        parts[1].iov_len = CASK_FRAME_HEADER_SIZE;
        message.msg_iovlen = 2;
    }
    do {
        len = recvmsg(input->fd, &message, MSG_DONTWAIT);
    } while (len < 0 && errno == EINTR);
    if (len < 0) {
        return errno;
    }
    if (len == 0) {
        return EPIPE;
    }
    if ((size_t)len > wanted) {
        input->buf.end += (size_t)len - wanted;
        len = (ssize_t)wanted;
    }
    *ret_len = (size_t)len;
    return 0;
}

/* Bytes of the current DATA frame. */
static int
read_frame(struct cask_wire_input *input, char *buffer, size_t size, size_t *ret_len)
{
    size_t len = cask_buf_len(&input->buf);

    if (len == 0) {
        int status = receive_direct(input, buffer, size, ret_len);

        if (status == 0) {
            frame_taken(input, *ret_len);
        }
        return status;
    }
    len = len < input->frame_left ? len : input->frame_left;
    len = len < size ? len : size;
    memcpy(buffer, cask_buf_at(&input->buf, 0), len);
    cask_buf_consume(&input->buf, len);
    frame_taken(input, len);
    *ret_len = len;
    return 0;
}

/* Receives the header of the next frame. For a reader with room only that: the bytes then go where
 * they shall be. */
static int
receive_header(struct cask_wire_input *input, size_t size)
{
    bool alone = size >= ROOM && cask_buf_len(&input->buf) < CASK_FRAME_HEADER_SIZE;

    return cask_wire_conn_receive(input->fd, &input->buf, alone ? CASK_FRAME_HEADER_SIZE : ROOM);
}

/* 1 or more bytes; 0 in *ret_len at the end of the body. Waits. */
static int
read_some(struct cask_wire_input *input, char *buffer, size_t size, size_t *ret_len)
{
    for (;;) {
        int status = EAGAIN;

        if (input->frame_left > 0) {
            status = read_frame(input, buffer, size, ret_len);
        } else if (input->ended) {
            *ret_len = 0;
            return 0;
        } else {
            status = next_frame(input);
            if (status == 0) {
                continue;
            }
            if (status == EAGAIN) {
                status = receive_header(input, size);
                if (status == 0) {
                    continue;
                }
            }
        }
        if (status != EAGAIN) {
            return status;
        }
        status = grant(input);
        if (status == 0) {
            status = cask_net_wait(input->fd, POLLIN, cask_clock_deadline(input->timeout_us), NULL);
        }
        if (status != 0) {
            return status;
        }
    }
}

static ssize_t
fail(const struct cask_wire_input *input, struct cask_problem *reterr_problem)
{
    cask_problem_set(reterr_problem, 0, input->problem.number, "%s", input->problem.text);
    if (reterr_problem != NULL) {
        reterr_problem->error = input->error;
    }
    return -1;
}

static ssize_t
input_read(void *body, char *buffer, size_t size, struct cask_problem *reterr_problem)
{
    struct cask_wire_input *input = body;
    size_t len = 0;
    int status = 0;

    if (input->error != 0) { /* keeps (3) */
        return fail(input, reterr_problem);
    }
    status = grant(input);
    if (status == 0 && input->prefix.len > 0 && size > 0) {
        len = size < input->prefix.len ? size : input->prefix.len;
        memcpy(buffer, input->prefix.data, len);
        input->prefix.data += len;
        input->prefix.len -= (uint32_t)len;
        input->taken += len;
        return (ssize_t)len;
    }
    if (status == 0 && size > 0) {
        status = read_some(input, buffer, size, &len);
    }
    if (status != 0) {
        input->error =
            input->problem.number != 0 ? input->problem.error : broken_off(input, status);
        return fail(input, reterr_problem);
    }
    return (ssize_t)len;
}

const struct cask_body_ops *
cask_wire_input_ops(void)
{
    static const struct cask_body_ops ops = {.read = input_read};

    return &ops;
}

/* ---- what others need to know ---- */

/* Looks for an ABORT behind the bytes of body, without taking anything. */
static bool
holds_client_gone(const struct cask_wire_input *input)
{
    size_t at = input->buf.begin + input->frame_left;
    struct cask_frame_abort abort_;
    struct cask_frame frame;

    while (at < input->buf.end && cask_frame_get_header(input->buf.data + at, input->buf.end - at,
                                                        &frame) == CASK_FRAME_OK) {
        at += CASK_FRAME_HEADER_SIZE;
        if (frame.kind == CASK_FRAME_ABORT && input->buf.end - at >= frame.payload_len) {
            return cask_frame_get_abort(input->buf.data + at, frame.payload_len, &abort_) ==
                       CASK_FRAME_OK &&
                   abort_.outcome == CASK_OUTCOME_CLIENT_GONE;
        }
        at += frame.payload_len;
    }
    return false;
}

int
cask_wire_input_absorb(struct cask_wire_input *input)
{
    int status = cask_wire_conn_receive(input->fd, &input->buf, ROOM);

    if (status == EAGAIN) {
        return 0;
    }
    if (status != 0) {
        return status == ENOMEM ? ENOMEM : EPIPE;
    }
    return holds_client_gone(input) ? EPIPE : 0;
}

bool
cask_wire_input_has_room(const struct cask_wire_input *input)
{
    return cask_buf_len(&input->buf) < 2 * WINDOW;
}

bool
cask_wire_input_is_clean(struct cask_wire_input *input)
{
    while (!input->ended && input->frame_left == 0 && input->error == 0) {
        int status = next_frame(input);

        if (status == EAGAIN) { /* the end marker may be on its way */
            status = cask_wire_conn_receive(input->fd, &input->buf, ROOM);
        }
        if (status != 0) {
            return false;
        }
    }
    return input->ended && input->error == 0 && cask_buf_len(&input->buf) == 0;
}
