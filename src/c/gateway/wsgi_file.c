/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_file.c - mod_wsgi.FileWrapper, which is wsgi.file_wrapper.
 *
 * Owns:    the wrapper object, its reference to the file-like object.
 * Touches: nothing of ours but the gate.
 * Threads: any that holds the GIL.
 */
#include "interp/gil.h"

#include "gateway/wsgi_file.h"

#include "gateway/pymodule.h"
#include "interp/compat.h"

#include <sys/stat.h>

#define DEFAULT_BLOCK 8192

struct file {
    PyObject_HEAD PyObject *filelike; /* NULL once closed */
    PyObject *size;                   /* int, block size */
};

static int
file_traverse(PyObject *object, visitproc visit, void *arg)
{
    struct file *self = (struct file *)object;

    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->filelike);
    return 0;
}

static int
file_clear(PyObject *object)
{
    Py_CLEAR(((struct file *)object)->filelike);
    return 0;
}

static void
file_dealloc(PyObject *object)
{
    struct file *self = (struct file *)object;
    PyTypeObject *type = Py_TYPE(object);

    PyObject_GC_UnTrack(object);
    Py_CLEAR(self->filelike);
    Py_CLEAR(self->size);
    type->tp_free(object);
    Py_DECREF(type);
}

CASK_GIL_HELD static int
file_init(PyObject *object, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"filelike", "blksize", NULL};
    struct file *self = (struct file *)object;
    PyObject *filelike;
    PyObject *number;
    Py_ssize_t size = DEFAULT_BLOCK;

    if (PyArg_ParseTupleAndKeywords(args, kwargs, "O|n:FileWrapper", (char **)names, &filelike,
                                    &size) == 0) {
        return -1;
    }
    if (size < 0) {
        PyErr_SetString(PyExc_ValueError, "blksize must not be negative");
        return -1;
    }
    number = PyLong_FromSsize_t(size);
    if (number == NULL) {
        return -1;
    }
    Py_INCREF(filelike);
    Py_XSETREF(self->filelike, filelike);
    Py_XSETREF(self->size, number);
    return 0;
}

CASK_GIL_HELD static PyObject *
file_next(PyObject *object)
{
    struct file *self = (struct file *)object;
    const struct cask_gate *gate = cask_pymodule_gate(Py_TYPE(object));
    PyObject *block;

    if (gate == NULL) {
        return NULL;
    }
    if (self->filelike == NULL) {
        PyErr_SetString(PyExc_ValueError, "the file wrapper is closed");
        return NULL;
    }
    block = PyObject_CallMethodOneArg(self->filelike, gate->names.name[CASK_NAME_READ], self->size);
    if (block == NULL) {
        return NULL;
    }
    if (!PyBytes_Check(block)) {
        PyErr_Format(PyExc_TypeError,
                     "read() of a wsgi.file_wrapper file must return bytes, not %s",
                     Py_TYPE(block)->tp_name);
        Py_DECREF(block);
        return NULL;
    }
    if (PyBytes_GET_SIZE(block) == 0) {
        Py_DECREF(block);
        return NULL;
    }
    return block;
}

/* Closes the file if it can be closed; what its close() raises is of no use to anybody. */
CASK_GIL_HELD static PyObject *
file_close(PyObject *object, PyObject *unused)
{
    struct file *self = (struct file *)object;
    PyObject *filelike = self->filelike;
    PyObject *result;

    (void)unused;
    self->filelike = NULL;
    if (filelike != NULL) {
        result = PyObject_CallMethod(filelike, "close", NULL);
        if (result == NULL && PyErr_ExceptionMatches(PyExc_Exception) == 0) {
            Py_DECREF(filelike);
            return NULL; /* KeyboardInterrupt, RequestTimeout */
        }
        PyErr_Clear();
        Py_XDECREF(result);
        Py_DECREF(filelike);
    }
    Py_RETURN_NONE;
}

CASK_GIL_HELD static PyObject *
file_get_filelike(PyObject *object, void *unused)
{
    PyObject *filelike = ((struct file *)object)->filelike;

    (void)unused;
    filelike = filelike != NULL ? filelike : Py_None;
    Py_INCREF(filelike);
    return filelike;
}

CASK_GIL_HELD static PyObject *
file_get_size(PyObject *object, void *unused)
{
    PyObject *size = ((struct file *)object)->size;

    (void)unused;
    size = size != NULL ? size : Py_None;
    Py_INCREF(size);
    return size;
}

static PyMethodDef file_methods[] = {
    {"close", file_close, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef file_getset[] = {
    {"filelike", file_get_filelike, NULL, NULL, NULL},
    {"blksize", file_get_size, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot file_slots[] = {
    {Py_tp_dealloc, file_dealloc}, {Py_tp_traverse, file_traverse}, {Py_tp_clear, file_clear},
    {Py_tp_init, file_init},       {Py_tp_iter, PyObject_SelfIter}, {Py_tp_iternext, file_next},
    {Py_tp_methods, file_methods}, {Py_tp_getset, file_getset},     {0, NULL},
};

static PyType_Spec file_spec = {
    .name = "mod_wsgi.FileWrapper",
    .basicsize = sizeof(struct file),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = file_slots,
};

PyTypeObject *
cask_wsgi_file_type(PyObject *module)
{
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &file_spec, NULL);
}

/* Whether a class reads as one of io's does: it is that class, or a child with the same read(). */
CASK_GIL_HELD static int
reads_like(const struct cask_gate *gate, PyTypeObject *type, PyObject *base)
{
    PyObject *name = gate->names.name[CASK_NAME_READ];
    PyObject *own = NULL;
    PyObject *other = NULL;
    int same = -1;

    if ((PyObject *)type == base) {
        return 1;
    }
    if (!PyType_IsSubtype(type, (PyTypeObject *)base)) {
        return 0;
    }
    own = PyObject_GetAttr((PyObject *)type, name);
    other = own != NULL ? PyObject_GetAttr(base, name) : NULL;
    if (other != NULL) {
        same = own == other;
    }
    Py_XDECREF(other);
    Py_XDECREF(own);
    return same;
}

/* Whether the bytes of the descriptor are those that read() gives: true for the files of io and for
 * proxies that are no io class themselves (tempfile's), not for gzip.GzipFile and the like. */
CASK_GIL_HELD static int
is_plain_file(const struct cask_gate *gate, PyObject *filelike)
{
    int found = 0;
    Py_ssize_t i;

    for (i = 0; i < PyTuple_GET_SIZE(gate->file_types) && found == 0; i++) {
        found = reads_like(gate, Py_TYPE(filelike), PyTuple_GET_ITEM(gate->file_types, i));
    }
    if (found != 0) {
        return found;
    }
    found = PyObject_IsInstance(filelike, gate->io_base);
    return found < 0 ? -1 : !found;
}

/* filelike.name() as int: 1, 0 when there is no such method, it raises an Exception, or the result
 * is no int; -1 when something else was raised. */
CASK_GIL_HELD static int
call_for_int(PyObject *filelike, PyObject *name, int64_t *ret_value)
{
    PyObject *result = NULL;
    PyObject *method = NULL;
    int found = cask_compat_lookup(filelike, name, &method);

    if (found > 0) {
        result = PyObject_CallNoArgs(method);
        Py_DECREF(method);
    }
    if (result != NULL && PyLong_Check(result)) {
        *ret_value = PyLong_AsLongLong(result);
        found = *ret_value >= 0 ? 1 : 0;
    } else {
        found = 0;
    }
    Py_XDECREF(result);
    if (PyErr_Occurred() != NULL) {
        if (PyErr_ExceptionMatches(PyExc_Exception) == 0) {
            return -1;
        }
        PyErr_Clear();
        found = 0;
    }
    return found;
}

int
cask_wsgi_file_open(const struct cask_gate *gate, PyObject *iterable, int *ret_fd,
                    int64_t *ret_offset, int64_t *ret_length)
{
    const struct file *self = (const struct file *)iterable;
    PyObject *filelike;
    struct stat status;
    int64_t offset = 0;
    int64_t fd = -1;
    int found;

    if (!PyObject_TypeCheck(iterable, gate->file_type) ||
        Py_TYPE(iterable)->tp_iternext != file_next || self->filelike == NULL) {
        return 0;
    }
    filelike = self->filelike;
    Py_INCREF(filelike);
    found = is_plain_file(gate, filelike);
    if (found > 0) {
        found = call_for_int(filelike, gate->names.name[CASK_NAME_FILENO], &fd);
    }
    if (found > 0 && (fstat((int)fd, &status) != 0 || !S_ISREG(status.st_mode))) {
        found = 0;
    }
    if (found > 0) {
        found = call_for_int(filelike, gate->names.name[CASK_NAME_TELL], &offset);
    }
    if (found > 0) {
        *ret_fd = (int)fd;
        *ret_offset = offset;
        *ret_length = status.st_size > offset ? (int64_t)status.st_size - offset : 0;
    }
    Py_DECREF(filelike);
    return found;
}
