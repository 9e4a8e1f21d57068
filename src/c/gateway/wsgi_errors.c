/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_errors.c - text that applications print: wsgi.errors, sys.stderr and sys.stdout.
 *
 * One stream object serves all requests of an interpreter: each write looks at the thread. On one
 * that serves a request, lines go to that request's log, on others to the log of the process.
 *
 * Owns:    the unfinished line of each thread (thread-specific data).
 * Touches: platform/log, request/.
 * Threads: any Python thread; lines leave without the GIL.
 * Fork:    in a child the application forked, bytes go to descriptor 2: httpd's log and the
 *          connection to it belong to the parent.
 */
#include "interp/gil.h"

#include "gateway/wsgi_errors.h"

#include "gateway/engine.h"
#include "gateway/pymodule.h"
#include "interp/threads.h"
#include "platform/buf.h"
#include "platform/process.h"
#include "request/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_LIMIT 8192 /* bytes; a longer line becomes several */

struct tail {
    struct cask_gateway *gateway;
    struct cask_buf line;
};

struct log {
    PyObject_HEAD struct cask_gateway *gateway;
    PyObject *name;
    PyObject *unsupported; /* io.UnsupportedOperation */
};

/* One line to where the calling thread's lines go. */
static void
write_line(const struct cask_gateway *gateway, enum cask_log_level level, const char *line,
           size_t len)
{
    const struct cask_thread *thread = cask_threads_known(gateway->runtime);
    const struct cask_exchange *exchange = thread != NULL ? thread->serving : NULL;

    if (len > 0 && line[len - 1] == '\r') {
        len -= 1;
    }
    if (exchange != NULL && exchange->request->log != NULL) {
        exchange->request->log->write(exchange->request->log_context, level, line, len);
    } else if (gateway->config->log != NULL) {
        gateway->config->log->write(gateway->config->log_context, level, line, len);
    } else {
        const struct cask_process *process = cask_process_get();

        process->sink->write(process->sink_context, level, line, len);
    }
}

static void
tail_flush(struct tail *tail)
{
    size_t len = cask_buf_len(&tail->line);

    if (len > 0) {
        write_line(tail->gateway, CASK_LOG_ERROR, tail->line.data + tail->line.begin, len);
        cask_buf_consume(&tail->line, len);
    }
}

/* A thread has ended. */
static void
tail_ended(void *data)
{
    struct tail *tail = data;

    tail_flush(tail);
    cask_buf_done(&tail->line);
    free(tail);
}

int
cask_wsgi_errors_init(struct cask_gateway *gateway)
{
    return pthread_key_create(&gateway->tail_key, tail_ended);
}

void
cask_wsgi_errors_flush(struct cask_gateway *gateway)
{
    struct tail *tail = pthread_getspecific(gateway->tail_key);

    if (tail != NULL) {
        tail_flush(tail);
    }
}

void
cask_wsgi_errors_log(struct cask_gateway *gateway, enum cask_log_level level, const char *text,
                     size_t len)
{
    while (len > 0) {
        const char *newline = memchr(text, '\n', len);
        size_t line = newline != NULL ? (size_t)(newline - text) : len;

        if (line > LINE_LIMIT) {
            line = LINE_LIMIT;
            newline = NULL;
        }
        write_line(gateway, level, text, line);
        line += newline != NULL ? 1 : 0;
        text += line;
        len -= line;
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

/* Appends text to the thread's line; whole lines leave. Without the GIL. 0 or ENOMEM. */
static int
write_text(struct cask_gateway *gateway, const char *text, size_t len)
{
    struct tail *tail = tail_get(gateway);

    while (tail != NULL && len > 0) {
        const char *newline = memchr(text, '\n', len);
        size_t part = newline != NULL ? (size_t)(newline - text) : len;
        size_t used = cask_buf_len(&tail->line);

        if (used + part > LINE_LIMIT) {
            part = LINE_LIMIT - used;
            newline = NULL;
        }
        if (cask_buf_add(&tail->line, text, part) != 0) {
            return ENOMEM;
        }
        if (newline != NULL && used + part == 0) {
            write_line(gateway, CASK_LOG_ERROR, "", 0);
        } else if (newline != NULL || used + part == LINE_LIMIT) {
            tail_flush(tail);
        }
        part += newline != NULL ? 1 : 0;
        text += part;
        len -= part;
    }
    return tail == NULL ? ENOMEM : 0;
}

/* A child of the application's: no log of ours is its own. */
static void
write_raw(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t done = write(STDERR_FILENO, text, len);

        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            break;
        }
        text += done;
        len -= (size_t)done;
    }
}

CASK_GIL_HELD static PyObject *
log_write(PyObject *object, PyObject *data)
{
    struct log *self = (struct log *)object;
    PyThreadState *state;
    Py_buffer buffer;
    int status = 0;

    if (PyObject_GetBuffer(data, &buffer, PyBUF_SIMPLE) != 0) {
        return NULL;
    }
    state = cask_gil_drop();
    if (getpid() != self->gateway->owner) {
        write_raw(buffer.buf, (size_t)buffer.len);
    } else {
        status = write_text(self->gateway, buffer.buf, (size_t)buffer.len);
    }
    cask_gil_retake(state);
    PyBuffer_Release(&buffer);
    return status != 0 ? PyErr_NoMemory() : PyLong_FromSsize_t(buffer.len);
}

CASK_GIL_HELD static PyObject *
log_flush(PyObject *object, PyObject *unused)
{
    struct log *self = (struct log *)object;
    PyThreadState *state;

    (void)unused;
    if (getpid() == self->gateway->owner) {
        state = cask_gil_drop();
        cask_wsgi_errors_flush(self->gateway);
        cask_gil_retake(state);
    }
    Py_RETURN_NONE;
}

CASK_GIL_HELD static PyObject *
log_none(PyObject *object, PyObject *unused)
{
    (void)object;
    (void)unused;
    Py_RETURN_NONE;
}

CASK_GIL_HELD static PyObject *
log_true(PyObject *object, PyObject *unused)
{
    (void)object;
    (void)unused;
    Py_RETURN_TRUE;
}

CASK_GIL_HELD static PyObject *
log_false(PyObject *object, PyObject *unused)
{
    (void)object;
    (void)unused;
    Py_RETURN_FALSE;
}

CASK_GIL_HELD static PyObject *
log_fileno(PyObject *object, PyObject *unused)
{
    (void)unused;
    PyErr_SetString(((struct log *)object)->unsupported, "the error log has no file descriptor");
    return NULL;
}

CASK_GIL_HELD static PyObject *
log_closed(PyObject *object, void *unused)
{
    (void)object;
    (void)unused;
    Py_RETURN_FALSE;
}

CASK_GIL_HELD static PyObject *
log_name(PyObject *object, void *unused)
{
    PyObject *name = ((struct log *)object)->name;

    (void)unused;
    Py_INCREF(name);
    return name;
}

static void
log_dealloc(PyObject *object)
{
    struct log *self = (struct log *)object;
    PyTypeObject *type = Py_TYPE(object);

    Py_CLEAR(self->name);
    Py_CLEAR(self->unsupported);
    PyObject_Free(object);
    Py_DECREF(type);
}

static PyMethodDef log_methods[] = {
    {"write", log_write, METH_O, NULL},
    {"flush", log_flush, METH_NOARGS, NULL},
    {"close", log_none, METH_NOARGS, NULL},
    {"readable", log_false, METH_NOARGS, NULL},
    {"writable", log_true, METH_NOARGS, NULL},
    {"seekable", log_false, METH_NOARGS, NULL},
    {"isatty", log_false, METH_NOARGS, NULL},
    {"fileno", log_fileno, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef log_getset[] = {
    {"closed", log_closed, NULL, NULL, NULL},
    {"name", log_name, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot log_slots[] = {
    {Py_tp_dealloc, log_dealloc},
    {Py_tp_methods, log_methods},
    {Py_tp_getset, log_getset},
    {0, NULL},
};

static PyType_Spec log_spec = {
    .name = "mod_wsgi.Log",
    .basicsize = sizeof(struct log),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = log_slots,
};

PyTypeObject *
cask_wsgi_errors_type(PyObject *module)
{
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &log_spec, NULL);
}

PyObject *
cask_wsgi_errors_stream(struct cask_gate *gate, const char *name)
{
    PyObject *io = PyImport_ImportModule("io");
    PyObject *wrapper = NULL;
    PyObject *arguments = NULL;
    PyObject *settings = NULL;
    PyObject *stream = NULL;
    struct log *log = NULL;

    if (io == NULL) {
        return NULL;
    }
    log = PyObject_New(struct log, gate->log_type);
    if (log == NULL) {
        goto done;
    }
    log->gateway = gate->gateway;
    log->name = PyUnicode_FromString(name);
    log->unsupported = PyObject_GetAttrString(io, "UnsupportedOperation");
    wrapper = PyObject_GetAttrString(io, "TextIOWrapper");
    if (log->name == NULL || log->unsupported == NULL || wrapper == NULL) {
        goto done;
    }
    arguments = PyTuple_Pack(1, (PyObject *)log);
    settings = Py_BuildValue("{sssssssO}", "encoding", "utf-8", "errors", "replace", "newline",
                             "\n", "write_through", Py_True);
    if (settings != NULL && arguments != NULL) {
        stream = PyObject_Call(wrapper, arguments, settings);
    }

done:
    Py_XDECREF(settings);
    Py_XDECREF(arguments);
    Py_XDECREF(wrapper);
    Py_XDECREF((PyObject *)log);
    Py_DECREF(io);
    return stream;
}
