/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_input.c - wsgi.input: the body of the request as a file.
 *
 * Owns:    the input object and the bytes it has read ahead for lines.
 * Touches: request/body, platform/buf.
 * Threads: any Python thread, one at a time; the body is read without the GIL.
 * Invariants:
 *   (1) bytes in `ahead` come before anything the body still holds;
 *   (2) after a failed read every further one raises the same error;
 *   (3) `call` is NULL once the request is over.
 */
#include "interp/gil.h"

#include "gateway/wsgi_input.h"

#include "gateway/wsgi_serve.h"
#include "interp/pyerr.h"
#include "platform/buf.h"

#include <errno.h>
#include <string.h>

#define LINE_CHUNK  8192
#define FIRST_CHUNK (64 * 1024)
#define TRUSTED_LENGTH \
    (16 * 1024 * 1024) /* up to here Content-Length is allocated before the bytes are there */

struct input {
    PyObject_HEAD struct cask_wsgi_call *call;
    bool reading; /* a thread reads the body without the GIL: `ahead` is its own meanwhile */
    struct cask_buf ahead;
};

CASK_GIL_HELD static void
raise_body_error(const struct cask_wsgi_call *call)
{
    const struct cask_problem *problem = &call->body_problem;

    cask_pyerr_set_errno(problem->error != 0 ? problem->error : EIO,
                         problem->text[0] != '\0' ? problem->text
                                                  : "the request body cannot be read");
}

/* The request is not over; otherwise RuntimeError. */
CASK_GIL_HELD static bool
is_open(const struct input *self)
{
    if (self->call == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "wsgi.input was used after the end of its request");
    }
    return self->call != NULL;
}

/* The call, ready for a read. NULL with an exception: after the end of the request, while another
 * thread reads, or after a failed read, whatever is left in `ahead` (2). */
CASK_GIL_HELD static struct cask_wsgi_call *
input_call(const struct input *self)
{
    if (!is_open(self)) {
        return NULL;
    }
    if (self->reading) {
        PyErr_SetString(PyExc_RuntimeError, "wsgi.input is being read by another thread");
        return NULL;
    }
    if (self->call->body_failed) {
        raise_body_error(self->call);
        return NULL;
    }
    return self->call;
}

/* One read of the body without the GIL: bytes, 0 at the end, or -1 with OSError. Keeps (2). */
CASK_GIL_HELD static ssize_t
read_body(struct input *self, char *buffer, size_t size)
{
    struct cask_wsgi_call *call = self->call;
    const struct cask_exchange *exchange = call->exchange;
    struct cask_problem problem = {.number = 0};
    PyThreadState *state;
    ssize_t got;

    if (cask_wsgi_serve_begin_io(call) != 0) {
        return -1;
    }
    call->body_touched = true;
    self->reading = true;
    state = cask_gil_drop();
    got = exchange->body_ops->read(exchange->body, buffer, size, &problem);
    if (got < 0) {
        cask_problem_move(&call->body_problem, &problem);
        call->body_failed = true;
    }
    cask_gil_retake(state);
    self->reading = false;
    if (got < 0) {
        if (call->body_problem.error == 0) {
            call->body_problem.error = EIO;
        }
        raise_body_error(call);
    }
    cask_wsgi_serve_end_io(call);
    return got;
}

/* Takes up to size bytes read ahead. */
static size_t
take_ahead(struct input *self, char *out, size_t size)
{
    size_t len = cask_buf_len(&self->ahead);

    if (len > size) {
        len = size;
    }
    if (len > 0) {
        memcpy(out, cask_buf_at(&self->ahead, 0), len);
        cask_buf_consume(&self->ahead, len);
    }
    return len;
}

/* Size of the first buffer for a read of `limit` bytes (-1: all). */
static Py_ssize_t
first_size(const struct input *self, Py_ssize_t limit)
{
    int64_t length = self->call->exchange->request->content_length;
    Py_ssize_t size = FIRST_CHUNK;

    if (length >= 0 && length < TRUSTED_LENGTH) {
        size = (Py_ssize_t)length + 1; /* room to see the end */
    }
    if ((size_t)size < cask_buf_len(&self->ahead)) {
        size = (Py_ssize_t)cask_buf_len(&self->ahead);
    }
    return limit >= 0 && limit < size ? limit : size;
}

/* Exactly `limit` bytes unless the body ends first; -1: to its end. New reference. */
CASK_GIL_HELD static PyObject *
read_many(struct input *self, Py_ssize_t limit)
{
    Py_ssize_t size = first_size(self, limit);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, size);
    Py_ssize_t used;

    if (bytes == NULL) {
        return NULL;
    }
    used = (Py_ssize_t)take_ahead(self, PyBytes_AS_STRING(bytes), (size_t)size);
    while (limit < 0 || used < limit) {
        ssize_t got;

        if (used == size) {
            size += size / 2 > FIRST_CHUNK ? size / 2 : FIRST_CHUNK;
            size = limit >= 0 && size > limit ? limit : size;
            if (_PyBytes_Resize(&bytes, size) != 0) {
                return NULL;
            }
        }
        if (input_call(self) == NULL) { /* it may have ended meanwhile */
            Py_DECREF(bytes);
            return NULL;
        }
        got = read_body(self, PyBytes_AS_STRING(bytes) + used, (size_t)(size - used));
        if (got < 0) {
            Py_DECREF(bytes);
            return NULL;
        }
        if (got == 0) {
            break;
        }
        used += got;
    }
    if (used != size && _PyBytes_Resize(&bytes, used) != 0) {
        return NULL;
    }
    return bytes;
}

/* size as applications give it: none, None or negative means -1. */
CASK_GIL_HELD static int
parse_size(PyObject *const *args, Py_ssize_t n_args, Py_ssize_t *ret_size)
{
    Py_ssize_t size = -1;

    if (n_args > 1) {
        PyErr_Format(PyExc_TypeError, "at most 1 argument expected, got %zd", n_args);
        return -1;
    }
    if (n_args == 1 && args[0] != Py_None) {
        size = PyNumber_AsSsize_t(args[0], PyExc_OverflowError);
        if (size == -1 && PyErr_Occurred() != NULL) {
            return -1;
        }
    }
    *ret_size = size < 0 ? -1 : size;
    return 0;
}

CASK_GIL_HELD static PyObject *
input_read(PyObject *object, PyObject *const *args, Py_ssize_t n_args)
{
    struct input *self = (struct input *)object;
    char nothing;
    Py_ssize_t size;

    if (input_call(self) == NULL || parse_size(args, n_args, &size) != 0) {
        return NULL;
    }
    if (size == 0 && !self->call->body_touched && read_body(self, &nothing, 0) < 0) {
        return NULL;
    }
    return read_many(self, size);
}

/* What is there, after at most one read of the body. */
CASK_GIL_HELD static Py_ssize_t
read_some(struct input *self, char *out, size_t size)
{
    size_t used = take_ahead(self, out, size);

    if (used > 0 || size == 0) {
        return (Py_ssize_t)used;
    }
    return read_body(self, out, size);
}

CASK_GIL_HELD static PyObject *
input_read1(PyObject *object, PyObject *const *args, Py_ssize_t n_args)
{
    struct input *self = (struct input *)object;
    PyObject *bytes;
    Py_ssize_t size;
    Py_ssize_t used;

    if (input_call(self) == NULL || parse_size(args, n_args, &size) != 0) {
        return NULL;
    }
    if (size < 0 || size > FIRST_CHUNK) {
        size = FIRST_CHUNK;
    }
    bytes = PyBytes_FromStringAndSize(NULL, size);
    if (bytes == NULL) {
        return NULL;
    }
    used = read_some(self, PyBytes_AS_STRING(bytes), (size_t)size);
    if (used < 0) {
        Py_DECREF(bytes);
        return NULL;
    }
    if (used != size && _PyBytes_Resize(&bytes, used) != 0) {
        return NULL;
    }
    return bytes;
}

/* Fills the buffer as far as the body reaches (readinto), or with what one read gives (readinto1).
 */
CASK_GIL_HELD static PyObject *
read_into(struct input *self, PyObject *target, bool once)
{
    Py_buffer buffer;
    Py_ssize_t used = 0;
    Py_ssize_t got = 0;

    if (input_call(self) == NULL) {
        return NULL;
    }
    if (PyObject_GetBuffer(target, &buffer, PyBUF_WRITABLE) != 0) {
        PyErr_Format(PyExc_TypeError, "a writable bytes-like object is needed, not %s",
                     Py_TYPE(target)->tp_name);
        return NULL;
    }
    do {
        if (input_call(self) == NULL) {
            got = -1;
            break;
        }
        got = read_some(self, (char *)buffer.buf + used, (size_t)(buffer.len - used));
        used += got > 0 ? got : 0;
    } while (got > 0 && used < buffer.len && !once);
    PyBuffer_Release(&buffer);
    return got < 0 ? NULL : PyLong_FromSsize_t(used);
}

CASK_GIL_HELD static PyObject *
input_readinto(PyObject *object, PyObject *target)
{
    return read_into((struct input *)object, target, false);
}

CASK_GIL_HELD static PyObject *
input_readinto1(PyObject *object, PyObject *target)
{
    return read_into((struct input *)object, target, true);
}

/* One line with its end, at most limit bytes (-1: no limit); b"" at the end of the body. */
CASK_GIL_HELD static PyObject *
read_line(struct input *self, Py_ssize_t limit)
{
    size_t searched = 0;
    PyObject *line;
    size_t len;

    for (;;) {
        const char *begin = cask_buf_at(&self->ahead, 0);
        const char *newline = NULL;
        ssize_t got;

        len = cask_buf_len(&self->ahead);
        if (len > searched) {
            newline = memchr(begin + searched, '\n', len - searched);
        }
        if (newline != NULL) {
            len = (size_t)(newline - begin) + 1;
        }
        if (limit >= 0 && len >= (size_t)limit) {
            len = (size_t)limit;
            break;
        }
        if (newline != NULL) {
            break;
        }
        searched = len;
        if (cask_buf_reserve(&self->ahead, LINE_CHUNK) != 0) {
            return PyErr_NoMemory();
        }
        if (input_call(self) == NULL) {
            return NULL;
        }
        got = read_body(self, self->ahead.data + self->ahead.end, LINE_CHUNK);
        if (got < 0) {
            return NULL;
        }
        if (got == 0) {
            break;
        }
        self->ahead.end += (size_t)got;
    }
    line =
        PyBytes_FromStringAndSize(len > 0 ? cask_buf_at(&self->ahead, 0) : NULL, (Py_ssize_t)len);
    if (line != NULL) {
        cask_buf_consume(&self->ahead, len);
    }
    return line;
}

CASK_GIL_HELD static PyObject *
input_readline(PyObject *object, PyObject *const *args, Py_ssize_t n_args)
{
    struct input *self = (struct input *)object;
    Py_ssize_t size;

    if (input_call(self) == NULL || parse_size(args, n_args, &size) != 0) {
        return NULL;
    }
    return read_line(self, size);
}

CASK_GIL_HELD static PyObject *
input_readlines(PyObject *object, PyObject *const *args, Py_ssize_t n_args)
{
    struct input *self = (struct input *)object;
    PyObject *lines;
    Py_ssize_t hint;
    Py_ssize_t total = 0;

    if (input_call(self) == NULL || parse_size(args, n_args, &hint) != 0) {
        return NULL;
    }
    lines = PyList_New(0);
    while (lines != NULL) {
        PyObject *line = read_line(self, -1);
        Py_ssize_t len = line != NULL ? PyBytes_GET_SIZE(line) : -1;

        if (len <= 0 || PyList_Append(lines, line) != 0) {
            Py_XDECREF(line);
            if (len != 0) {
                Py_CLEAR(lines);
            }
            break;
        }
        Py_DECREF(line);
        total += len;
        if (hint > 0 && total >= hint) {
            break;
        }
    }
    return lines;
}

CASK_GIL_HELD static PyObject *
input_next(PyObject *object)
{
    struct input *self = (struct input *)object;
    PyObject *line = NULL;

    if (input_call(self) != NULL) {
        line = read_line(self, -1);
    }
    if (line != NULL && PyBytes_GET_SIZE(line) == 0) {
        Py_CLEAR(line);
    }
    return line;
}

/* close() does nothing: who wraps wsgi.input in a file of the library closes it unawares, perhaps
 * long after the request. */
CASK_GIL_HELD static PyObject *
input_nothing(PyObject *object, PyObject *unused)
{
    (void)object;
    (void)unused;
    Py_RETURN_NONE;
}

CASK_GIL_HELD static PyObject *
input_enter(PyObject *object, PyObject *unused)
{
    (void)unused;
    return is_open((struct input *)object) ? Py_NewRef(object) : NULL;
}

CASK_GIL_HELD static PyObject *
input_true(PyObject *object, PyObject *unused)
{
    (void)unused;
    return is_open((struct input *)object) ? Py_NewRef(Py_True) : NULL;
}

CASK_GIL_HELD static PyObject *
input_false(PyObject *object, PyObject *unused)
{
    (void)unused;
    return is_open((struct input *)object) ? Py_NewRef(Py_False) : NULL;
}

/* What a stream that comes over a network cannot do. */
CASK_GIL_HELD static PyObject *
input_unsupported(PyObject *object, PyObject *args, PyObject *keywords)
{
    PyObject *io = PyImport_ImportModule("io");
    PyObject *type = NULL;

    (void)object;
    (void)args;
    (void)keywords;
    if (io != NULL) {
        type = PyObject_GetAttrString(io, "UnsupportedOperation");
    }
    if (type != NULL) {
        PyErr_SetString(type, "wsgi.input can be read once, from its beginning to its end");
    }
    Py_XDECREF(type);
    Py_XDECREF(io);
    return NULL;
}

CASK_GIL_HELD static PyObject *
input_closed(PyObject *object, void *unused)
{
    (void)unused;
    return PyBool_FromLong(((struct input *)object)->call == NULL);
}

static void
input_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    cask_buf_done(&((struct input *)object)->ahead);
    PyObject_Free(object);
    Py_DECREF(type);
}

#define INPUT_UNSUPPORTED(name)                                                                    \
    {                                                                                              \
        (name), (PyCFunction)(void (*)(void))input_unsupported, METH_VARARGS | METH_KEYWORDS, NULL \
    }
static PyMethodDef input_methods[] = {
    {"read", (PyCFunction)(void (*)(void))input_read, METH_FASTCALL, NULL},
    {"read1", (PyCFunction)(void (*)(void))input_read1, METH_FASTCALL, NULL},
    {"readinto", input_readinto, METH_O, NULL},
    {"readinto1", input_readinto1, METH_O, NULL},
    {"readline", (PyCFunction)(void (*)(void))input_readline, METH_FASTCALL, NULL},
    {"readlines", (PyCFunction)(void (*)(void))input_readlines, METH_FASTCALL, NULL},
    {"__enter__", input_enter, METH_NOARGS, NULL},
    {"__exit__", input_nothing, METH_VARARGS, NULL},
    {"close", input_nothing, METH_NOARGS, NULL},
    {"flush", input_nothing, METH_NOARGS, NULL},
    {"readable", input_true, METH_NOARGS, NULL},
    {"writable", input_false, METH_NOARGS, NULL},
    {"seekable", input_false, METH_NOARGS, NULL},
    {"isatty", input_false, METH_NOARGS, NULL},
    INPUT_UNSUPPORTED("detach"),
    INPUT_UNSUPPORTED("fileno"),
    INPUT_UNSUPPORTED("seek"),
    INPUT_UNSUPPORTED("tell"),
    INPUT_UNSUPPORTED("truncate"),
    INPUT_UNSUPPORTED("write"),
    INPUT_UNSUPPORTED("writelines"),
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef input_getset[] = {
    {"closed", input_closed, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot input_slots[] = {
    {Py_tp_dealloc, input_dealloc}, {Py_tp_iter, PyObject_SelfIter}, {Py_tp_iternext, input_next},
    {Py_tp_methods, input_methods}, {Py_tp_getset, input_getset},    {0, NULL},
};

static PyType_Spec input_spec = {
    .name = "mod_wsgi.Input",
    .basicsize = sizeof(struct input),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = input_slots,
};

/* For isinstance(): io.BufferedIOBase.register(type). */
CASK_GIL_HELD static int
call_it_buffered(PyObject *type)
{
    PyObject *io = PyImport_ImportModule("io");
    PyObject *base = NULL;
    PyObject *done = NULL;

    if (io != NULL) {
        base = PyObject_GetAttrString(io, "BufferedIOBase");
    }
    if (base != NULL) {
        done = PyObject_CallMethod(base, "register", "O", type);
    }
    Py_XDECREF(io);
    Py_XDECREF(base);
    Py_XDECREF(done);
    return done != NULL ? 0 : -1;
}

PyTypeObject *
cask_wsgi_input_type(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &input_spec, NULL);

    if (type != NULL && call_it_buffered(type) != 0) {
        Py_CLEAR(type);
    }
    return (PyTypeObject *)type;
}

PyObject *
cask_wsgi_input_new(PyTypeObject *type, struct cask_wsgi_call *call)
{
    struct input *self = PyObject_New(struct input, type);

    if (self != NULL) {
        self->call = call;
        self->reading = false;
        memset(&self->ahead, 0, sizeof(self->ahead));
    }
    return (PyObject *)self;
}

void
cask_wsgi_input_detach(PyObject *input)
{
    ((struct input *)input)->call = NULL;
}
