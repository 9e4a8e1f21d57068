/* SPDX-License-Identifier: Apache-2.0 */
/* wire/wire_call.c - one request on its way from httpd to a daemon, and the reply back.
 *
 * Owns:    the buffers of a call, the descriptor of a FILE frame, the connection while attached.
 * Touches: proto/, request/keys, platform/.
 * Threads: the thread that serves the request.
 * Invariants:
 *   (1) frames leave whole and in order: while anything is kept in `out`, more is put behind it;
 *   (2) a reply is HINTS, REPLY, then DATA and FILE, then END; nothing but GOAWAY comes after the
 * end; (3) at most one descriptor waits for its FILE frame, all others are closed.
 */
#include "wire/wire_call.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "platform/clock.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "platform/process.h"
#include "proto/head.h"
#include "wire/wire_conn.h"
#include "wire/wire_fields.h"

#define ROOM         (64u * 1024u)
#define FIRST_FIELDS 64u
/* More credit than any daemon gives. */
#define CREDIT_LIMIT (64u * 1024u * 1024u)

struct cask_wire_call {
    const char *group; /* [init] */
    struct cask_wire_peer peer;
    struct cask_buf in;      /* received */
    size_t used;             /* bytes of it that the last event showed */
    struct cask_buf out;     /* kept for the socket */
    size_t head_kept;        /* of these, bytes of HEAD */
    struct cask_buf scratch; /* HEAD being built */
    struct cask_wire_fields fields;
    int file_fd; /* of the last FILE event (file_shown), or waiting for its frame; -1 */
    bool file_shown;
    size_t credit;
    struct cask_wire_order order;
    uint32_t data_left; /* of the DATA frame being received */
    bool data_last;
    bool body_done;   /* LAST was sent */
    bool sent_more;   /* something was sent after HEAD */
    bool deaf;        /* the daemon has closed: sends go nowhere */
    bool heard;       /* a frame other than GOAWAY came */
    bool over;        /* the last frame of the reply came */
    bool goaway;      /* no new requests on this connection */
    bool unaccepted;  /* GOAWAY said that ours was not taken */
    bool left_unread; /* the daemon closed before it had read what we sent */
};

int
cask_wire_call_new(struct cask_wire_call **ret_call, const char *group,
                   struct cask_problem *reterr_problem)
{
    struct cask_wire_call *call = calloc(1, sizeof(*call));

    if (call == NULL || cask_wire_fields_grow(&call->fields, FIRST_FIELDS) != 0) {
        cask_wire_call_free(call);
        return cask_problem_set(reterr_problem, ENOMEM, 700, "request to group '%s'", group);
    }
    call->group = group;
    call->peer.fd = -1;
    call->file_fd = -1;
    *ret_call = call;
    return 0;
}

struct cask_wire_call *
cask_wire_call_free(struct cask_wire_call *call)
{
    if (call != NULL) {
        cask_net_close(&call->peer.fd);
        cask_net_close(&call->file_fd);
        cask_buf_done(&call->in);
        cask_buf_done(&call->out);
        cask_buf_done(&call->scratch);
        cask_wire_fields_done(&call->fields);
        free(call);
    }
    return NULL;
}

void
cask_wire_call_attach(struct cask_wire_call *call, const struct cask_wire_peer *peer)
{
    cask_assert(call->peer.fd < 0);
    call->peer = *peer;
    call->used = 0;
    call->head_kept = 0;
    call->file_shown = false;
    call->credit = 0;
    call->data_left = 0;
    call->data_last = false;
    call->body_done = false;
    call->sent_more = false;
    call->deaf = false;
    call->heard = false;
    call->order = (struct cask_wire_order){0};
    call->over = false;
    call->goaway = false;
    call->unaccepted = false;
    call->left_unread = false;
}

struct cask_wire_peer
cask_wire_call_detach(struct cask_wire_call *call)
{
    struct cask_wire_peer peer = call->peer;

    call->peer.fd = -1;
    cask_net_close(&call->file_fd);
    cask_wire_conn_reset_buf(&call->in);
    cask_wire_conn_reset_buf(&call->out);
    cask_wire_conn_reset_buf(&call->scratch);
    return peer;
}

bool
cask_wire_call_is_reusable(const struct cask_wire_call *call)
{
    /* Bytes behind the last frame are GOAWAY or a mistake; neither leaves it usable. */
    return call->over && call->body_done && !call->goaway && !call->deaf &&
           cask_buf_len(&call->in) == call->used && cask_buf_len(&call->out) == 0;
}

const struct cask_wire_peer *
cask_wire_call_peer(const struct cask_wire_call *call)
{
    return &call->peer;
}

size_t
cask_wire_call_credit(const struct cask_wire_call *call)
{
    return call->deaf || call->body_done ? 0 : call->credit;
}

bool
cask_wire_call_is_pending(const struct cask_wire_call *call)
{
    return !call->deaf && cask_buf_len(&call->out) > 0;
}

bool
cask_wire_call_is_unstarted(const struct cask_wire_call *call)
{
    if (call->heard) {
        return false;
    }
    if (call->unaccepted || call->head_kept > 0) {
        return true;
    }
    /* HEAD was all we sent, and not all of it was read. */
    return call->left_unread && !call->sent_more;
}

/* ---- sending ---- */

/* Bytes of what is kept have left; HEAD's are the first. */
static void
out_sent(struct cask_wire_call *call, size_t len)
{
    call->head_kept = call->head_kept > len ? call->head_kept - len : 0;
    cask_buf_consume(&call->out, len);
}

int
cask_wire_call_flush(struct cask_wire_call *call, struct cask_problem *reterr_problem)
{
    size_t before = cask_buf_len(&call->out);
    struct iovec part = {.iov_base = cask_buf_at(&call->out, 0), .iov_len = before};
    struct iovec *parts = &part;
    int n_parts = 1;
    int status;

    if (call->deaf || before == 0) {
        return 0;
    }
    status = cask_wire_conn_send(call->peer.fd, &parts, &n_parts);
    out_sent(call, n_parts > 0 ? before - parts->iov_len : before);
    if (status == EPIPE || status == ECONNRESET) {
        call->deaf = true; /* what the daemon said before it closed is still to be read */
    } else if (status != 0 && status != EAGAIN) {
        return cask_problem_set(reterr_problem, status, 700, "request to group '%s'", call->group);
    }
    return 0;
}

/* Sends what the socket takes and keeps the rest (1). */
static int
push(struct cask_wire_call *call, struct iovec *parts, int n_parts,
     struct cask_problem *reterr_problem)
{
    int status = cask_wire_call_flush(call, reterr_problem);

    if (status != 0 || call->deaf) {
        return status;
    }
    if (cask_buf_len(&call->out) == 0) {
        status = cask_wire_conn_send(call->peer.fd, &parts, &n_parts);
    }
    if (status == EPIPE || status == ECONNRESET) {
        call->deaf = true;
        status = 0;
    }
    if (status == EAGAIN) {
        status = 0;
    }
    for (int i = 0; i < n_parts && status == 0; i++) {
        status = cask_buf_add(&call->out, parts[i].iov_base, parts[i].iov_len);
    }
    if (status != 0) {
        return cask_problem_set(reterr_problem, status, 700, "request to group '%s'", call->group);
    }
    return 0;
}

static void
put_header(char *out, enum cask_frame_kind kind, unsigned flags, size_t payload_len)
{
    const struct cask_frame frame = {
        .payload_len = (uint32_t)payload_len, .kind = (uint8_t)kind, .flags = (uint8_t)flags};

    cask_frame_put_header(out, &frame);
}

static struct cask_head_bytes
bytes_of(struct cask_str text)
{
    return (struct cask_head_bytes){.data = text.data, .len = text.len};
}

static struct cask_head_request
wire_head(const struct cask_request *request, size_t body_len)
{
    return (struct cask_head_request){
        .script_device = request->script_id.device,
        .script_inode = request->script_id.inode,
        .script_size = request->script_id.size,
        .script_mtime_ns = request->script_id.mtime_ns,
        .content_length = request->content_length,
        .start_us = request->start_us,
        .queue_us = request->queue_us,
        .request_flags = request->flags | (uint32_t)request->log_level << CASK_HEAD_LEVEL_SHIFT,
        .body_len = (uint32_t)body_len,
        .script = bytes_of(request->app.script),
        .callable = bytes_of(request->app.callable),
        .application_group = bytes_of(request->app.application_group),
        .n_vars = (uint32_t)request->n_vars,
        .n_headers = (uint32_t)request->n_headers,
    };
}

int
cask_wire_call_send_head(struct cask_wire_call *call, const struct cask_request *request,
                         const char *body, size_t body_len, bool last, bool wants_continue,
                         struct cask_problem *reterr_problem)
{
    const struct cask_head_request head = wire_head(request, body_len);
    unsigned flags = (last ? CASK_FRAME_LAST : 0u) | (wants_continue ? CASK_FRAME_CONTINUE : 0u);
    size_t first_credit = wants_continue ? 0 : CASK_FRAME_FIRST_CREDIT;
    struct iovec parts[2];
    size_t size;
    char *at;
    int status;

    cask_assert(body_len <= first_credit);
    size = cask_wire_fields_size(request->vars, request->n_vars, cask_head_request_size(&head));
    if (size != SIZE_MAX) {
        size = cask_wire_fields_size(request->headers, request->n_headers, size);
    }
    if (size == SIZE_MAX || request->n_vars + request->n_headers > CASK_WIRE_FIELDS_LIMIT) {
        return cask_problem_set(reterr_problem, EMSGSIZE, 718,
                                "request to group '%s' with %zu variables and headers is above "
                                "the limit of 1 MiB and %u",
                                call->group, request->n_vars + request->n_headers,
                                CASK_WIRE_FIELDS_LIMIT);
    }
    cask_wire_conn_reset_buf(&call->scratch);
    if (cask_buf_reserve(&call->scratch, CASK_FRAME_HEADER_SIZE + size) != 0) {
        return cask_problem_set(reterr_problem, ENOMEM, 700, "request to group '%s'", call->group);
    }
    put_header(call->scratch.data, CASK_FRAME_HEAD, flags, size + body_len);
    at = cask_head_put_request(call->scratch.data + CASK_FRAME_HEADER_SIZE, &head);
    at = cask_wire_fields_put(at, request->vars, request->n_vars);
    (void)cask_wire_fields_put(at, request->headers, request->n_headers);
    parts[0] =
        (struct iovec){.iov_base = call->scratch.data, .iov_len = CASK_FRAME_HEADER_SIZE + size};
    parts[1] = (struct iovec){.iov_base = (char *)(uintptr_t)body, .iov_len = body_len};
    call->peer.served++;
    call->credit = first_credit - body_len;
    call->body_done = last;
    status = push(call, parts, body_len > 0 ? 2 : 1, reterr_problem);
    /* Deaf: nobody will ever read the whole of it. */
    call->head_kept = call->deaf ? 1 : cask_buf_len(&call->out);
    return status;
}

int
cask_wire_call_send_body(struct cask_wire_call *call, const char *body, size_t body_len, bool last,
                         struct cask_problem *reterr_problem)
{
    char header[CASK_FRAME_HEADER_SIZE];
    struct iovec parts[2] = {
        {.iov_base = header, .iov_len = sizeof(header)},
        {.iov_base = (char *)(uintptr_t)body, .iov_len = body_len}, /* only read */
    };

    cask_assert(!call->body_done && (call->deaf || body_len <= call->credit) &&
                body_len <= CASK_FRAME_DATA_LIMIT);
    put_header(header, CASK_FRAME_DATA, last ? CASK_FRAME_LAST : 0u, body_len);
    call->credit -= call->deaf ? 0 : body_len;
    call->body_done = last;
    call->sent_more = true;
    return push(call, parts, body_len > 0 ? 2 : 1, reterr_problem);
}

int
cask_wire_call_send_abort(struct cask_wire_call *call, enum cask_outcome outcome,
                          const struct cask_problem *why, struct cask_problem *reterr_problem)
{
    const struct cask_frame_abort abort_ = {
        .outcome = outcome,
        .error = (uint32_t)why->error,
        .number = why->number,
        .text = why->text,
        .text_len = (uint32_t)strlen(why->text),
    };
    char message[CASK_FRAME_HEADER_SIZE + 64 + CASK_PROBLEM_TEXT_SIZE];
    size_t size = CASK_FRAME_HEADER_SIZE + cask_frame_abort_size(&abort_);
    struct iovec part = {.iov_base = message, .iov_len = size};

    cask_assert(size <= sizeof(message));
    put_header(message, CASK_FRAME_ABORT, 0, size - CASK_FRAME_HEADER_SIZE);
    cask_frame_put_abort(message + CASK_FRAME_HEADER_SIZE, &abort_);
    call->credit = 0;
    call->sent_more = true;
    call->goaway = true; /* the daemon closes after such a request */
    return push(call, &part, 1, reterr_problem);
}

/* ---- receiving ---- */

static int
breach(const struct cask_wire_call *call, const char *what, struct cask_problem *reterr_problem)
{
    cask_problem_set(reterr_problem, 0, 704, "group '%s': process %d broke the protocol: %s",
                     call->group, (int)call->peer.pid, what);
    if (reterr_problem != NULL) {
        reterr_problem->error = EPROTO;
    }
    return EPROTO;
}

/* The daemon has closed the connection and everything before that has been read. */
static int
closed(struct cask_wire_call *call, int error, struct cask_problem *reterr_problem)
{
    call->deaf = true;
    call->left_unread = error == ECONNRESET;
    cask_problem_set(reterr_problem, 0, 705, "group '%s': process %d closed the connection %s",
                     call->group, (int)call->peer.pid,
                     call->order.replied ? "in the middle of its reply" : "without a reply");
    if (reterr_problem != NULL) {
        reterr_problem->error = error;
    }
    return error;
}

/* Receives once; descriptors go to file_fd (3). 0, EAGAIN, EPIPE, ECONNRESET, EPROTO, ENOMEM. */
static int
fill(struct cask_wire_call *call, size_t room)
{
    int fds[2];
    int n_fds = 0;
    size_t len = 0;
    int status = cask_buf_reserve(&call->in, room);

    if (status == 0) {
        status = cask_net_recv_fds(call->peer.fd, call->in.data + call->in.end, room, &len, fds, 2,
                                   &n_fds);
    }
    if (status == EMSGSIZE) {
        return EPROTO;
    }
    if (status != 0) {
        return status;
    }
    call->in.end += len;
    for (int i = 0; i < n_fds; i++) {
        if (i == 0 && call->file_fd < 0) {
            call->file_fd = fds[i];
        } else {
            cask_net_close(&fds[i]);
        }
    }
    return len > 0 ? 0 : EPIPE;
}

/* Shows bytes of the current DATA frame. */
static int
show_data(struct cask_wire_call *call, struct cask_wire_event *ret_event)
{
    size_t len = cask_buf_len(&call->in) - call->used;

    if (len == 0) {
        return EAGAIN;
    }
    len = len < call->data_left ? len : call->data_left;
    ret_event->kind = CASK_WIRE_DATA;
    ret_event->data = cask_buf_at(&call->in, call->used);
    ret_event->data_len = len;
    call->data_left -= (uint32_t)len;
    call->used += len;
    ret_event->last = call->data_last && call->data_left == 0;
    return 0;
}

/* Does what the frame says, as far as it concerns the call itself. */
static int
take_in(struct cask_wire_call *call, const struct cask_frame *frame, struct cask_wire_event *event,
        struct cask_problem *reterr_problem)
{
    uint32_t number = event->number;

    call->heard = call->heard || event->kind != CASK_WIRE_GOAWAY;
    switch (event->kind) {
    case CASK_WIRE_HINT:
        call->order.n_hints += 1;
        break;
    case CASK_WIRE_REPLY:
        call->order.replied = true;
        call->over = event->last;
        break;
    case CASK_WIRE_CREDIT:
        if (number > CREDIT_LIMIT || call->credit > CREDIT_LIMIT - number) {
            return breach(call, "too much CREDIT", reterr_problem);
        }
        call->credit += number;
        break;
    case CASK_WIRE_GOAWAY:
        event->accepted = number >= call->peer.served;
        call->goaway = true;
        call->unaccepted = !event->accepted;
        break;
    case CASK_WIRE_FILE:
        event->fd = call->file_fd;
        call->file_shown = true;
        if (cask_wire_event_check_file(event) != 0) {
            return breach(call, "FILE without a regular file that holds the bytes", reterr_problem);
        }
        break;
    case CASK_WIRE_END:
    case CASK_WIRE_ABORT:
    case CASK_WIRE_REFUSED:
        call->over = true;
        break;
    case CASK_WIRE_DATA:
        call->data_left = frame->payload_len;
        call->data_last = event->last;
        call->order.data_done = event->last;
        break;
    case CASK_WIRE_LOG:
        break;
    }
    return 0;
}

/* The next event out of the buffer. EAGAIN: *ret_room more bytes are needed. */
static int
next_event(struct cask_wire_call *call, struct cask_wire_event *ret_event, size_t *ret_room,
           struct cask_problem *reterr_problem)
{
    const char *at = cask_buf_at(&call->in, call->used);
    size_t len = cask_buf_len(&call->in) - call->used;
    enum cask_frame_status defect;
    struct cask_frame frame;
    const char *wrong;
    size_t whole;
    int status;

    *ret_room = ROOM;
    if (len < CASK_FRAME_HEADER_SIZE) {
        return EAGAIN;
    }
    defect = cask_frame_get_header(at, len, &frame);
    if (defect != CASK_FRAME_OK) {
        return breach(call, cask_frame_status_text(defect), reterr_problem);
    }
    wrong = cask_wire_event_out_of_order(&call->order, &frame); /* keeps (2) */
    if (wrong != NULL) {
        return breach(call, wrong, reterr_problem);
    }
    /* DATA is shown as it comes, everything else when it is whole. */
    whole = CASK_FRAME_HEADER_SIZE + (frame.kind == CASK_FRAME_DATA ? 0 : frame.payload_len);
    if (len < whole) {
        *ret_room = whole - len > ROOM ? whole - len : ROOM;
        return EAGAIN;
    }
    defect = cask_wire_event_decode(&frame, at + CASK_FRAME_HEADER_SIZE, &call->fields, ret_event,
                                    reterr_problem);
    if (defect != CASK_FRAME_OK) {
        return breach(call, cask_frame_status_text(defect), reterr_problem);
    }
    call->used += whole;
    status = take_in(call, &frame, ret_event, reterr_problem);
    if (status == 0 && frame.kind == CASK_FRAME_DATA && frame.payload_len > 0) {
        status = show_data(call, ret_event);
    }
    return status;
}

/* What the last event showed is no longer needed. */
static void
forget_event(struct cask_wire_call *call)
{
    /* Not in the middle of a message: a descriptor may be ahead of its frame. */
    if (call->file_fd >= 0 && call->file_shown) {
        cask_net_close(&call->file_fd);
        call->file_shown = false;
    }
    cask_buf_consume(&call->in, call->used);
    call->used = 0;
}

int
cask_wire_call_receive(struct cask_wire_call *call, int64_t deadline_us,
                       struct cask_wire_event *ret_event, struct cask_problem *reterr_problem)
{
    forget_event(call);
    memset(ret_event, 0, sizeof(*ret_event));
    ret_event->fd = -1;
    for (;;) {
        size_t room = ROOM;
        int status = call->data_left > 0 ? show_data(call, ret_event)
                                         : next_event(call, ret_event, &room, reterr_problem);

        if (status != EAGAIN) {
            return status;
        }
        status = cask_wire_call_flush(call, reterr_problem);
        if (status == 0) {
            status = fill(call, room);
        }
        if (status == EAGAIN && deadline_us != 0) {
            short events = (short)(POLLIN | (cask_wire_call_is_pending(call) ? POLLOUT : 0));

            status = cask_net_wait(call->peer.fd, events, deadline_us, NULL);
        }
        if (status == EPIPE || status == ECONNRESET) {
            return closed(call, status, reterr_problem);
        }
        if (status == EPROTO) {
            return breach(call, "too many descriptors", reterr_problem);
        }
        if (status == ENOMEM) {
            return cask_problem_set(reterr_problem, status, 700, "request to group '%s'",
                                    call->group);
        }
        if (status != 0) {
            return status;
        }
    }
}
