/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_reply.c - what the application gives, on its way to the reply's owner.
 *
 * Parts of the body wait in the call until they are sent. Short ones are copied, so that the GIL
 * can be given up for good before the first byte leaves. Long ones are lent: who sends them gives
 * them back with release_bytes(), from any thread and without the GIL, and the next request of the
 * interpreter frees the objects.
 *
 * Owns:    the pieces of a call; the list of objects given back (gate->released).
 * Touches: request/.
 * Threads: the serving thread, or one that calls write(); release_bytes() any.
 * Invariants:
 *   (1) bytes handed over never exceed Content-Length;
 *   (2) after a failed operation no other is called.
 */
#include "interp/gil.h"

#include "gateway/wsgi_reply.h"

#include "gateway/apps.h"
#include "gateway/pymodule.h"
#include "gateway/wsgi_serve.h"
#include "interp/pyerr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A bytes object that is lent, and its place in the list once it came back. */
struct cask_released {
    struct cask_released *next;
    PyObject *object;
    struct cask_gate *gate;
};

/* struct cask_reply_ops.write's release: any thread, without the GIL. */
static void
release_bytes(void *owner)
{
    struct cask_released *released = owner;
    struct cask_gate *gate = released->gate;

    released->next = atomic_load_explicit(&gate->released, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&gate->released, &released->next, released,
                                                  memory_order_acq_rel, memory_order_relaxed)) {
    }
}

void
cask_wsgi_reply_reap(struct cask_gate *gate)
{
    struct cask_released *released = NULL;
    struct cask_released *next;

    if (atomic_load_explicit(&gate->released, memory_order_relaxed) != NULL) {
        released = atomic_exchange_explicit(&gate->released, NULL, memory_order_acq_rel);
    }
    for (; released != NULL; released = next) {
        next = released->next;
        Py_DECREF(released->object);
        free(released);
    }
}

static bool
is_head(const struct cask_wsgi_call *call)
{
    return (call->exchange->request->flags & CASK_REQUEST_HEAD) != 0;
}

int
cask_wsgi_reply_commit(struct cask_wsgi_call *call, int64_t length)
{
    const struct cask_wsgi_head *head = &call->head;
    struct cask_wsgi_reply *reply = &call->reply;

    if (reply->committed) {
        return 0;
    }
    if (!head->set) {
        PyErr_SetString(PyExc_RuntimeError,
                        "the application did not call start_response() before the reply's body");
        return -1;
    }
    reply->committed = true;
    reply->no_body = is_head(call) || head->status == 204 || head->status == 304;
    reply->length = head->content_length;
    if (head->status == 204) {
        reply->length = -1;
    } else if (reply->length < 0 && (!reply->no_body || (length > 0 && head->status != 304))) {
        reply->length = length;
    }
    return 0;
}

bool
cask_wsgi_reply_full(const struct cask_wsgi_call *call)
{
    return call->reply.length >= 0 && call->reply.given >= call->reply.length;
}

/* How much of len fits; the first time something does not, one line says so. Keeps (1). */
static size_t
cut(struct cask_wsgi_call *call, size_t len)
{
    struct cask_wsgi_reply *reply = &call->reply;

    if (reply->length >= 0 && (int64_t)len > reply->length - reply->given) {
        len = (size_t)(reply->length - reply->given);
        if (!reply->cut && !reply->no_body) {
            reply->cut = true;
            cask_request_log(call->exchange->request, 503,
                             "script '%s': the reply is longer than its Content-Length %lld; the "
                             "rest is dropped",
                             cask_apps_path(call->app), (long long)reply->length);
        }
    }
    reply->given += (int64_t)len;
    return len;
}

/* The bytes go into `small`, to the piece before when that ends there. */
static void
add_copy(struct cask_wsgi_reply *reply, const char *data, size_t len)
{
    struct cask_wsgi_piece *piece = NULL;
    char *place = reply->small + reply->small_len;

    if (reply->n_pieces > 0 && reply->pieces[reply->n_pieces - 1].owner == NULL) {
        piece = &reply->pieces[reply->n_pieces - 1];
        piece->len += len;
    } else {
        piece = &reply->pieces[reply->n_pieces];
        piece->owner = NULL;
        piece->data = place;
        piece->len = len;
        reply->n_pieces += 1;
    }
    memcpy(place, data, len);
    reply->small_len += len;
}

int
cask_wsgi_reply_add(struct cask_wsgi_call *call, PyObject *bytes)
{
    struct cask_wsgi_reply *reply = &call->reply;
    struct cask_released *owner;
    struct cask_wsgi_piece *piece;
    size_t len = (size_t)PyBytes_GET_SIZE(bytes);

    if (cask_wsgi_reply_commit(call, -1) != 0) {
        return -1;
    }
    len = cut(call, len);
    if (len == 0 || reply->no_body || reply->failed) {
        return 0;
    }
    if (reply->n_pieces == CASK_WSGI_PIECES && cask_wsgi_reply_send(call, false) != 0) {
        return -1;
    }
    if (len <= sizeof(reply->small) - reply->small_len) {
        add_copy(reply, PyBytes_AS_STRING(bytes), len);
        return 0;
    }
    owner = malloc(sizeof(*owner));
    if (owner == NULL) {
        (void)PyErr_NoMemory();
        return -1;
    }
    owner->gate = call->gate;
    owner->object = bytes;
    Py_INCREF(bytes);
    piece = &reply->pieces[reply->n_pieces];
    piece->data = PyBytes_AS_STRING(bytes);
    piece->len = len;
    piece->owner = owner;
    reply->n_pieces += 1;
    return 0;
}

void
cask_wsgi_reply_drop(struct cask_wsgi_call *call)
{
    struct cask_wsgi_reply *reply = &call->reply;
    unsigned i;

    for (i = 0; i < reply->n_pieces; i++) {
        if (reply->pieces[i].owner != NULL) {
            release_bytes(reply->pieces[i].owner);
        }
    }
    reply->n_pieces = 0;
    reply->small_len = 0;
}

static int
start_reply(struct cask_wsgi_call *call)
{
    const struct cask_exchange *exchange = call->exchange;
    struct cask_reply_head head = {
        .status = call->head.status,
        .reason = call->head.reason,
        .headers = call->head.fields,
        .n_headers = call->head.n_fields,
        .content_length = call->reply.length,
    };

    call->reply.started = true;
    return exchange->reply_ops->start(exchange->reply, &head, &call->reply_problem);
}

/* A failure is final, and has an errno even where the owner of the reply filled in none. */
static int
note_status(struct cask_wsgi_call *call, int status)
{
    if (status != 0) {
        call->reply.failed = true;
        if (call->reply_problem.error == 0) {
            call->reply_problem.error = status;
        }
    }
    return status;
}

/* Starts the reply unless it has been, and hands over the pieces. Without the GIL. Keeps (2). */
static int
send_pieces(struct cask_wsgi_call *call)
{
    const struct cask_exchange *exchange = call->exchange;
    struct cask_wsgi_reply *reply = &call->reply;
    int status = 0;
    unsigned i;

    if (reply->failed) {
        status = EPIPE;
    } else if (!reply->started) {
        status = start_reply(call);
    }
    for (i = 0; i < reply->n_pieces && status == 0; i++) {
        struct cask_wsgi_piece *piece = &reply->pieces[i];
        struct cask_released *owner = piece->owner;

        piece->owner = NULL; /* given back by write(), also when it fails */
        status = exchange->reply_ops->write(exchange->reply, piece->data, piece->len,
                                            owner != NULL ? release_bytes : NULL, owner,
                                            &call->reply_problem);
    }
    cask_wsgi_reply_drop(call);
    return note_status(call, status);
}

static int
flush_reply(struct cask_wsgi_call *call)
{
    return note_status(
        call, call->exchange->reply_ops->flush(call->exchange->reply, &call->reply_problem));
}

/* Ends what cask_wsgi_serve_begin_io() began. 0; -1 with an exception that says what went wrong. */
CASK_GIL_HELD static int
end_io(struct cask_wsgi_call *call, int status)
{
    if (status != 0) {
        const char *text = call->reply_problem.text;

        cask_pyerr_set_errno(status, text[0] != '\0' ? text : "the client has gone");
    }
    cask_wsgi_serve_end_io(call);
    return status != 0 ? -1 : 0;
}

int
cask_wsgi_reply_hint(struct cask_wsgi_call *call, const struct cask_wsgi_head *hint)
{
    const struct cask_exchange *exchange = call->exchange;
    PyThreadState *state;
    int status = 0;

    if (cask_wsgi_serve_begin_io(call) != 0) {
        return -1;
    }
    if (!call->reply.committed) {
        state = cask_gil_drop();
        status = call->reply.failed
                     ? EPIPE
                     : note_status(call,
                                   exchange->reply_ops->hint(exchange->reply, hint->fields,
                                                             hint->n_fields, &call->reply_problem));
        cask_gil_retake(state);
    }
    return end_io(call, status);
}

int
cask_wsgi_reply_send(struct cask_wsgi_call *call, bool flush)
{
    PyThreadState *state;
    int status;

    if (cask_wsgi_reply_commit(call, -1) != 0 || cask_wsgi_serve_begin_io(call) != 0) {
        return -1;
    }
    state = cask_gil_drop();
    status = send_pieces(call);
    if (status == 0 && flush && !call->reply.no_body) {
        status = flush_reply(call);
    }
    cask_gil_retake(state);
    cask_wsgi_reply_reap(call->gate); /* a long stream must not pile up until its end */
    return end_io(call, status);
}

int
cask_wsgi_reply_send_file(struct cask_wsgi_call *call, int fd, int64_t offset, int64_t length)
{
    const struct cask_exchange *exchange = call->exchange;
    PyThreadState *state;
    int status;

    length = (int64_t)cut(call, (size_t)length);
    if (cask_wsgi_serve_begin_io(call) != 0) {
        return -1;
    }
    state = cask_gil_drop();
    status = send_pieces(call);
    /* Also for HEAD: httpd says what it would say of the file, and leaves out the bytes. */
    if (status == 0 && length > 0 && (!call->reply.no_body || is_head(call))) {
        status = exchange->reply_ops->send_file(exchange->reply, fd, offset, length,
                                                &call->reply_problem);
        (void)note_status(call, status);
    }
    cask_gil_retake(state);
    return end_io(call, status);
}

int
cask_wsgi_reply_finish(struct cask_wsgi_call *call)
{
    int status = send_pieces(call);

    if (status == 0) {
        status = note_status(
            call, call->exchange->reply_ops->finish(call->exchange->reply, &call->reply_problem));
    }
    return status;
}

void
cask_wsgi_reply_break(struct cask_wsgi_call *call)
{
    if (send_pieces(call) == 0) {
        (void)flush_reply(call);
    }
}
