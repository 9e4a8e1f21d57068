/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_errors.c - text that applications print: wsgi.errors, sys.stderr and sys.stdout.
 *
 * One stream object serves all requests of an interpreter: each write looks at the thread
 * (wsgi_lines.c) and at who prints (wsgi_origin.c).
 *
 * Owns:    the stream objects.
 * Touches: wsgi_lines, wsgi_origin.
 * Threads: any Python thread.
 * Fork:    in a child the application forked, bytes go to descriptor 2: httpd's log and the
 *          connection to it belong to the parent.
 */
#include "interp/gil.h"

#include "gateway/wsgi_errors.h"

#include "gateway/engine.h"
#include "gateway/pymodule.h"
#include "gateway/wsgi_lines.h"
#include "gateway/wsgi_origin.h"

#include <errno.h>
#include <unistd.h>

struct log {
    PyObject_HEAD struct cask_gateway *gateway;
    PyObject *name;
    PyObject *unsupported; /* io.UnsupportedOperation */
};

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

/* A record of the package logging, or a warning: it is whole, and it has a level and a place. */
CASK_GIL_HELD static bool
write_record(struct cask_gateway *gateway, const Py_buffer *text)
{
    struct cask_wsgi_origin origin = {.file = NULL};
    struct cask_log_record record = {
        .printed = true, .text = text->buf, .text_len = (size_t)text->len};
    PyThreadState *state;

    if (gateway->config->printed_as_errors || record.text_len == 0 ||
        record.text[record.text_len - 1] != '\n' || !cask_wsgi_origin_find(&origin)) {
        return false;
    }
    record.level = origin.level;
    record.line = origin.line;
    if (origin.file != NULL) {
        record.file = PyBytes_AS_STRING(origin.file);
        record.file_len = (size_t)PyBytes_GET_SIZE(origin.file);
    }
    state = cask_gil_drop();
    cask_wsgi_lines_log(gateway, &record);
    cask_gil_retake(state);
    Py_XDECREF(origin.file);
    return true;
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
    if (getpid() != self->gateway->owner) {
        state = cask_gil_drop();
        write_raw(buffer.buf, (size_t)buffer.len);
        cask_gil_retake(state);
    } else if (!write_record(self->gateway, &buffer)) {
        state = cask_gil_drop();
        status = cask_wsgi_lines_add(self->gateway, buffer.buf, (size_t)buffer.len);
        cask_gil_retake(state);
    }
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
        cask_wsgi_lines_flush(self->gateway);
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
