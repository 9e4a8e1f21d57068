/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_serve.c - one request on its way through a WSGI application (PEP 3333).
 *
 * Steps: environ → call → items → close() → everything of Python's released → GIL dropped → sent.
 * A reply whose end is known without running the application again is sent only then, in one piece;
 * the blocks of generators leave one by one, each flushed.
 *
 * Owns:    struct cask_wsgi_call, on the stack.
 * Touches: request/, interp/threads.
 * Threads: the serving thread.
 * Invariants:
 *   (1) close() of what the application returned is called exactly once, whatever happened;
 *   (2) finish() is called only when the application ended well and gave all of Content-Length.
 */
#include "interp/gil.h"

#include "gateway/wsgi_serve.h"

#include "gateway/apps.h"
#include "gateway/forked.h"
#include "gateway/pymodule.h"
#include "gateway/wsgi_callable.h"
#include "gateway/wsgi_environ.h"
#include "gateway/wsgi_lines.h"
#include "gateway/wsgi_file.h"
#include "gateway/wsgi_head.h"
#include "gateway/wsgi_hints.h"
#include "gateway/wsgi_input.h"
#include "gateway/wsgi_reply.h"
#include "gateway/wsgi_start.h"
#include "interp/compat.h"
#include "interp/interp.h"
#include "interp/pyerr.h"
#include "interp/threads.h"
#include "platform/clock.h"

#include <errno.h>

#define HELD_LIMIT (256 * 1024) /* bytes; a longer last block is sent at once */

int
cask_wsgi_serve_begin_io(struct cask_wsgi_call *call)
{
    PyThreadState *state;

    if (cask_forked_is_child(call->gate->gateway)) {
        PyErr_SetString(PyExc_RuntimeError,
                        "the request belongs to the process that this one was forked from");
        return -1;
    }
    call->users += 1; /* with the GIL: who waits below reads only `busy` */
    if (call->busy) {
        state = cask_gil_drop();
        (void)pthread_mutex_lock(&call->mutex);
        while (call->busy) {
            (void)pthread_cond_wait(&call->idle, &call->mutex); /* as long as one read or write */
        }
        (void)pthread_mutex_unlock(&call->mutex);
        cask_gil_retake(state);
    }
    if (call->busy || call->over) {
        PyErr_SetString(PyExc_RuntimeError, "another thread uses the request, or it has ended");
        (void)pthread_mutex_lock(&call->mutex);
        call->users -= 1;
        (void)pthread_cond_broadcast(&call->idle);
        (void)pthread_mutex_unlock(&call->mutex);
        return -1;
    }
    call->busy = true;
    return 0;
}

void
cask_wsgi_serve_end_io(struct cask_wsgi_call *call)
{
    if (call->users == 1 && !call->over) {
        /* Nobody waits, call_close() neither, and nobody can come while we have the GIL. */
        call->busy = false;
        call->users = 0;
        return;
    }
    (void)pthread_mutex_lock(&call->mutex);
    call->busy = false;
    call->users -= 1;
    (void)pthread_cond_broadcast(&call->idle);
    (void)pthread_mutex_unlock(&call->mutex);
}

/* Cuts the Python objects off the call and waits for other threads that are in it. */
CASK_GIL_HELD static void
call_close(struct cask_wsgi_call *call)
{
    PyThreadState *state;

    call->over = true;
    if (call->input != NULL) {
        cask_wsgi_input_detach(call->input);
        Py_CLEAR(call->input);
    }
    if (call->start != NULL) {
        cask_wsgi_callable_end(&call->gate->spare_start, call->start);
        call->start = NULL;
    }
    if (call->capsule != NULL) {
        cask_wsgi_environ_end_httpd(call->capsule);
        call->capsule = NULL;
    }
    if (call->hints != NULL) {
        cask_wsgi_callable_end(&call->gate->spare_hints, call->hints);
        call->hints = NULL;
    }
    if (call->users > 0) {
        state = cask_gil_drop();
        (void)pthread_mutex_lock(&call->mutex);
        while (call->users > 0) {
            (void)pthread_cond_wait(&call->idle, &call->mutex); /* as long as one read or write */
        }
        (void)pthread_mutex_unlock(&call->mutex);
        cask_gil_retake(state);
    }
}

/* Large arrays are left as they are: their lengths say that they are empty. */
static void
call_init(struct cask_wsgi_call *call, struct cask_gate *gate, struct cask_thread *thread,
          struct cask_apps_entry *app, const struct cask_exchange *exchange)
{
    static const pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static const pthread_cond_t idle = PTHREAD_COND_INITIALIZER;

    call->exchange = exchange;
    call->gate = gate;
    call->thread = thread;
    call->app = app;
    call->input = NULL;
    call->start = NULL;
    call->capsule = NULL;
    call->hints = NULL;
    call->n_hints = 0;
    call->body_touched = false;
    call->body_failed = false;
    call->busy = false;
    call->over = false;
    call->users = 0;
    call->mutex = mutex;
    call->idle = idle;
    call->body_problem.error = 0;
    call->body_problem.number = 0;
    call->body_problem.text[0] = '\0';
    call->body_problem.detail = NULL;
    call->reply_problem.error = 0;
    call->reply_problem.number = 0;
    call->reply_problem.text[0] = '\0';
    call->reply_problem.detail = NULL;
    cask_wsgi_head_init(&call->head);
    call->reply.committed = false;
    call->reply.started = false;
    call->reply.no_body = false;
    call->reply.cut = false;
    call->reply.failed = false;
    call->reply.length = -1;
    call->reply.given = 0;
    call->reply.n_pieces = 0;
    call->reply.small_len = 0;
}

/* One item of the iterable, borrowed; empty ones only have to be bytes. */
CASK_GIL_HELD static int
add_item(struct cask_wsgi_call *call, PyObject *item)
{
    if (!PyBytes_Check(item)) {
        PyErr_Format(PyExc_TypeError, "the application's iterable must yield bytes, not %s",
                     Py_TYPE(item)->tp_name);
        return -1;
    }
    return PyBytes_GET_SIZE(item) > 0 ? cask_wsgi_reply_add(call, item) : 0;
}

/* A list or tuple: everything is there, no code of the application runs in between. */
CASK_GIL_HELD static int
take_sequence(struct cask_wsgi_call *call, PyObject *items)
{
    Py_ssize_t n = PySequence_Fast_GET_SIZE(items);
    Py_ssize_t i;

    if (n <= 1 && call->head.set) {
        PyObject *item = n == 1 ? PySequence_Fast_GET_ITEM(items, 0) : NULL;

        if (item == NULL || PyBytes_Check(item)) {
            if (cask_wsgi_reply_commit(call, item != NULL ? PyBytes_GET_SIZE(item) : 0) != 0) {
                return -1;
            }
        }
    }
    for (i = 0; i < PySequence_Fast_GET_SIZE(items); i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(items, i);
        int status;

        Py_INCREF(item); /* sending drops the GIL: the list may change */
        status = add_item(call, item);
        Py_DECREF(item);
        if (status != 0) {
            return -1;
        }
    }
    return 0;
}

/* Whether the item just added may wait for the end of the iteration. */
CASK_GIL_HELD static bool
may_hold(const struct cask_wsgi_call *call, PyObject *item)
{
    return cask_wsgi_reply_full(call) && PyBytes_GET_SIZE(item) <= HELD_LIMIT &&
           !cask_apps_is_slow(call->app);
}

/* Any other iterable. *ret_held_us: when a last block began to wait, or 0. */
CASK_GIL_HELD static int
take_iterator(struct cask_wsgi_call *call, PyObject *iterable, int64_t *ret_held_us)
{
    PyObject *iterator = PyObject_GetIter(iterable);
    PyObject *item = NULL;
    bool lazy;
    int status = 0;

    if (iterator == NULL) {
        return -1;
    }
    /* Their items are there already, as in take_sequence(). */
    lazy = !Py_IS_TYPE(iterator, &PyListIter_Type) && !Py_IS_TYPE(iterator, &PyTupleIter_Type);
    while (status == 0) {
        item = PyIter_Next(iterator);
        if (item == NULL) {
            status = PyErr_Occurred() != NULL ? -1 : 0;
            break;
        }
        status = add_item(call, item);
        if (status == 0 && lazy && PyBytes_GET_SIZE(item) > 0) {
            if (may_hold(call, item)) {
                *ret_held_us = *ret_held_us != 0 ? *ret_held_us : cask_clock_mono_us();
            } else {
                status = cask_wsgi_reply_send(call, true);
                *ret_held_us = cask_wsgi_reply_full(call) ? cask_clock_mono_us() : 0;
            }
        }
        Py_DECREF(item);
    }
    Py_DECREF(iterator);
    return status;
}

/* A file wrapper over a regular file: its descriptor goes instead of its bytes. 1 when that was
 * done, 0 when it cannot be, -1. */
CASK_GIL_HELD static int
take_file(struct cask_wsgi_call *call, PyObject *result)
{
    int64_t offset;
    int64_t length;
    int fd;
    int found;

    if (!PyObject_TypeCheck(result, call->gate->file_type)) {
        return 0;
    }
    call->reply.cut = true; /* part of a file is meant: no line about the rest */
    if (!call->head.set || call->reply.given > 0) {
        return 0;
    }
    found = cask_wsgi_file_open(call->gate, result, &fd, &offset, &length);
    if (found <= 0) {
        return found;
    }
    if (cask_wsgi_reply_commit(call, length) != 0 ||
        cask_wsgi_reply_send_file(call, fd, offset, length) != 0) {
        return -1;
    }
    return 1;
}

/* close() of what the application returned. What it raises is logged: the reply stands. Keeps an
 * exception that is set. */
CASK_GIL_HELD static void
close_result(struct cask_wsgi_call *call, PyObject *result)
{
    PyObject *pending = cask_compat_take_exception();
    PyObject *method = NULL;
    PyObject *value = NULL;
    int found = cask_compat_lookup(result, call->gate->names.name[CASK_NAME_CLOSE], &method);

    if (found > 0) {
        value = PyObject_CallNoArgs(method);
        Py_DECREF(method);
    }
    if (found < 0 || (found > 0 && value == NULL)) {
        const struct cask_request *request = call->exchange->request;
        struct cask_problem problem = {.number = 0};

        cask_pyerr_fill(call->gate->interp, &problem, 505,
                        "script '%s': close() of the application's iterable raised ",
                        cask_apps_path(call->app));
        if (request->log != NULL) {
            cask_log_problem_to(request->log, request->log_context, &problem);
        } else {
            cask_log_problem(&problem);
        }
        cask_problem_done(&problem);
    }
    Py_XDECREF(value);
    if (pending != NULL) {
        cask_compat_raise(pending);
    }
}

/* The application's answer, taken item by item, and its end. 0, or -1 with an exception. */
CASK_GIL_HELD static int
take_result(struct cask_wsgi_call *call, PyObject *steal_result)
{
    int64_t held_us = 0;
    int status;

    if (PyList_CheckExact(steal_result) || PyTuple_CheckExact(steal_result)) {
        status = take_sequence(call, steal_result);
        Py_DECREF(steal_result);
        return status;
    }
    status = take_file(call, steal_result);
    if (status == 0) {
        status = take_iterator(call, steal_result, &held_us);
    }
    close_result(call, steal_result);
    Py_DECREF(steal_result);
    if (held_us != 0) {
        cask_apps_note_tail(call->app, cask_clock_mono_us() - held_us);
    }
    return status < 0 ? -1 : 0;
}

/* Calls the application and takes its answer. 0, or -1 with an exception. */
CASK_GIL_HELD static int
call_application(struct cask_wsgi_call *call, PyObject *callable)
{
    struct cask_gate *gate = call->gate;
    PyObject *arguments[3] = {NULL, NULL, NULL};
    PyObject *result = NULL;

    call->input = cask_wsgi_input_new(gate->input_type, call);
    if (call->input == NULL) {
        return -1;
    }
    call->start = cask_wsgi_start_new(gate, call);
    if (call->start == NULL) {
        return -1;
    }
    call->hints = cask_wsgi_hints_new(gate, call);
    if (call->hints == NULL) {
        return -1;
    }
    arguments[1] = cask_wsgi_environ_new(gate, call->exchange->request, call->input, call->hints);
    if (arguments[1] == NULL) {
        return -1;
    }
    if (cask_wsgi_environ_add_httpd(gate, call->exchange->request, arguments[1], &call->capsule) !=
        0) {
        Py_DECREF(arguments[1]);
        return -1;
    }
    arguments[2] = call->start;
    result = PyObject_Vectorcall(callable, arguments + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_DECREF(arguments[1]);
    if (result == NULL) {
        return -1;
    }
    if (result == Py_None) {
        Py_DECREF(result);
        PyErr_SetString(PyExc_TypeError, "the application returned None, not an iterable of bytes");
        return -1;
    }
    if (take_result(call, result) != 0) {
        return -1;
    }
    return cask_wsgi_reply_commit(call, -1);
}

static bool
is_client_gone(int error)
{
    return error == EPIPE || error == ECONNRESET || error == ETIMEDOUT;
}

/* What an exception means for the request. Takes the exception. */
CASK_GIL_HELD static enum cask_outcome
judge_exception(struct cask_wsgi_call *call, struct cask_problem *reterr_problem)
{
    if (PyErr_ExceptionMatches(PyExc_OSError) != 0) {
        if (call->reply.failed && is_client_gone(call->reply_problem.error)) {
            PyErr_Clear();
            cask_problem_move(reterr_problem, &call->reply_problem);
            return CASK_OUTCOME_CLIENT_GONE;
        }
        if (call->body_failed) {
            PyErr_Clear();
            cask_problem_move(reterr_problem, &call->body_problem);
            return reterr_problem->error == ECONNRESET || reterr_problem->error == EPIPE
                       ? CASK_OUTCOME_CLIENT_GONE
                       : CASK_OUTCOME_BODY_BAD;
        }
    }
    if (PyErr_ExceptionMatches(call->gate->request_timeout) != 0) {
        cask_pyerr_fill(call->gate->interp, reterr_problem, 508,
                        "script '%s': the request was interrupted: ", cask_apps_path(call->app));
        return CASK_OUTCOME_TIMEOUT;
    }
    cask_pyerr_fill(call->gate->interp, reterr_problem, 501, "script '%s': application raised ",
                    cask_apps_path(call->app));
    return CASK_OUTCOME_FAILED;
}

/* Everything that needs the GIL. */
CASK_GIL_HELD static enum cask_outcome
call_run(struct cask_wsgi_call *call, PyObject *steal_callable, struct cask_problem *reterr_problem)
{
    struct cask_thread *thread = call->thread;
    enum cask_outcome outcome = CASK_OUTCOME_DONE;
    uint32_t outer_id = thread->serving_id;
    struct cask_interp *outer_interp = thread->inside;
    int status;

    cask_wsgi_reply_reap(call->gate);
    thread->serving_id = call->exchange->request->thread_id;
    thread->inside = call->gate->interp;
    status = call_application(call, steal_callable);
    cask_forked_leave(call->gate->gateway);
    if (status != 0) {
        outcome = judge_exception(call, reterr_problem);
    }
    Py_DECREF(steal_callable);
    call_close(call);
    thread->serving_id = outer_id;
    thread->inside = outer_interp;
    if (thread->interrupted) {
        cask_threads_calm(thread);
    }
    return outcome;
}

/* What is left after the GIL was dropped. */
CASK_GIL_NOT_HELD static enum cask_outcome
call_end(struct cask_wsgi_call *call, enum cask_outcome outcome,
         struct cask_problem *reterr_problem)
{
    const struct cask_wsgi_reply *reply = &call->reply;

    if (outcome == CASK_OUTCOME_DONE && !reply->failed && !reply->no_body && reply->length >= 0 &&
        reply->given < reply->length) {
        cask_wsgi_reply_break(call);
        (void)cask_problem_set(reterr_problem, 0, 502,
                               "script '%s': the reply ended after %lld of the %lld bytes its "
                               "Content-Length promised",
                               cask_apps_path(call->app), (long long)reply->given,
                               (long long)reply->length);
        outcome = CASK_OUTCOME_FAILED;
    } else if (outcome == CASK_OUTCOME_DONE &&
               (reply->failed || cask_wsgi_reply_finish(call) != 0)) {
        outcome = is_client_gone(call->reply_problem.error) ? CASK_OUTCOME_CLIENT_GONE
                                                            : CASK_OUTCOME_FAILED;
        cask_problem_move(reterr_problem, &call->reply_problem);
    }
    cask_wsgi_reply_drop(call);
    cask_wsgi_head_done(&call->head);
    cask_problem_done(&call->body_problem);
    cask_problem_done(&call->reply_problem);
    return outcome;
}

CASK_GIL_ATTRIBUTE(no_thread_safety_analysis)
enum cask_outcome
cask_wsgi_serve(struct cask_gate *gate, struct cask_thread *thread, struct cask_apps_entry *app,
                PyObject *steal_callable, const struct cask_exchange *exchange,
                struct cask_problem *reterr_problem)
{
    struct cask_wsgi_call call;
    enum cask_outcome outcome;

    call_init(&call, gate, thread, app, exchange);
    outcome = call_run(&call, steal_callable, reterr_problem);
    cask_gil_leave(gate->interp, thread);
    cask_wsgi_lines_flush(gate->gateway); /* before the end of the reply ends the request */
    return call_end(&call, outcome, reterr_problem);
}
