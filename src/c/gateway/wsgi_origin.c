/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_origin.c - who prints: a handler of the package logging, warnings, or anybody.
 *
 * Owns:    nothing.
 * Touches: the calling frame.
 * Threads: any that holds the GIL.
 */
#include "interp/gil.h"

#include "gateway/wsgi_origin.h"

#include "interp/compat.h"

/* A function of the standard library that prints something with a level. */
struct printer {
    const char *module;
    const char *function;
    const char *local; /* its variable that knows more */
    const char *level; /* attribute of that; NULL: a warning */
    const char *file;
    const char *line;
};

static const struct printer printers[] = {
    {"logging", "emit", "record", "levelno", "pathname", "lineno"},
    {"warnings", "_showwarnmsg_impl", "msg", NULL, "filename", "lineno"},
};

/* The level of httpd for one of the package logging; as in server/logging.py. */
static enum cask_log_level
httpd_level(long python_level)
{
    if (python_level >= 50) {
        return CASK_LOG_CRIT;
    }
    if (python_level >= 40) {
        return CASK_LOG_ERROR;
    }
    if (python_level >= 30) {
        return CASK_LOG_WARNING;
    }
    return python_level >= 20 ? CASK_LOG_INFO : CASK_LOG_DEBUG;
}

/* Does the code object, with these globals, belong to one of them? */
CASK_GIL_HELD static const struct printer *
find_printer(PyCodeObject *code, PyObject *frame)
{
    const struct printer *printer = NULL;
    PyObject *globals = NULL;
    PyObject *module;

    for (size_t i = 0; i < sizeof(printers) / sizeof(printers[0]); i++) {
        if (PyUnicode_CompareWithASCIIString(code->co_name, printers[i].function) == 0) {
            printer = &printers[i];
        }
    }
    if (printer != NULL) {
        globals = PyObject_GetAttrString(frame, "f_globals");
    }
    if (globals == NULL || !PyDict_Check(globals)) {
        Py_XDECREF(globals);
        return NULL;
    }
    module = PyMapping_GetItemString(globals, "__name__");
    if (module == NULL || !PyUnicode_Check(module) ||
        PyUnicode_CompareWithASCIIString(module, printer->module) != 0) {
        printer = NULL;
    }
    Py_XDECREF(module);
    Py_DECREF(globals);
    return printer;
}

/* An attribute as a number; -1 when it is none. */
CASK_GIL_HELD static long
number_of(PyObject *object, const char *name)
{
    PyObject *value = PyObject_GetAttrString(object, name);
    long number = value != NULL && PyLong_Check(value) ? PyLong_AsLong(value) : -1;

    Py_XDECREF(value);
    return number;
}

CASK_GIL_HELD static PyObject *
path_of(PyObject *object, const char *name)
{
    PyObject *value = PyObject_GetAttrString(object, name);
    PyObject *bytes = NULL;

    if (value != NULL && PyUnicode_Check(value)) {
        bytes = PyUnicode_AsEncodedString(value, "utf-8", "replace");
    }
    Py_XDECREF(value);
    return bytes;
}

CASK_GIL_HELD static bool
read_local(PyObject *frame, const struct printer *printer, struct cask_wsgi_origin *ret_origin)
{
    PyObject *locals = PyObject_GetAttrString(frame, "f_locals");
    PyObject *local = NULL;
    long level = 30;
    long line;

    if (locals != NULL) {
        local = PyMapping_GetItemString(locals, printer->local);
        Py_DECREF(locals);
    }
    if (local != NULL && printer->level != NULL) {
        level = number_of(local, printer->level);
    }
    if (local == NULL || level < 0) {
        Py_XDECREF(local);
        return false;
    }
    line = number_of(local, printer->line);
    ret_origin->level = httpd_level(level);
    ret_origin->line = line > 0 && line <= INT32_MAX ? (uint32_t)line : 0;
    ret_origin->file = path_of(local, printer->file);
    Py_DECREF(local);
    return true;
}

bool
cask_wsgi_origin_find(struct cask_wsgi_origin *ret_origin)
{
    PyFrameObject *frame = PyThreadState_GetFrame(PyThreadState_Get());
    PyObject *pending;
    PyCodeObject *code;
    const struct printer *printer;
    bool found = false;

    if (frame == NULL) {
        return false;
    }
    pending = cask_compat_take_exception(); /* write() may be called while one is raised */
    code = PyFrame_GetCode(frame);
    printer = find_printer(code, (PyObject *)frame);
    if (printer != NULL) {
        found = read_local((PyObject *)frame, printer, ret_origin);
    }
    PyErr_Clear();
    if (pending != NULL) {
        cask_compat_raise(pending);
    }
    Py_DECREF(code);
    Py_DECREF(frame);
    return found;
}
