/* SPDX-License-Identifier: Apache-2.0 */
/* interp/pyerr.c - a Python exception becomes a problem: one line of text, the traceback as detail.
 *
 * Touches: platform/problem.
 * Threads: any that holds the GIL.
 */
#include "interp/gil.h"

#include "interp/pyerr.h"

#include "interp/compat.h"
#include "interp/interp.h"
#include "platform/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* "module.Type", or "Type" for a builtin one. Never fails; cut at the end. */
CASK_GIL_HELD static void
write_type(PyObject *exception, char *out, size_t size)
{
    PyObject *type = (PyObject *)Py_TYPE(exception);
    PyObject *module = PyObject_GetAttrString(type, "__module__");
    PyObject *name = PyObject_GetAttrString(type, "__qualname__");
    const char *module_text = NULL;
    const char *name_text = NULL;

    if (module != NULL && PyUnicode_Check(module)) {
        module_text = PyUnicode_AsUTF8(module);
    }
    if (name != NULL && PyUnicode_Check(name)) {
        name_text = PyUnicode_AsUTF8(name);
    }
    if (name_text == NULL) {
        name_text = Py_TYPE(exception)->tp_name;
    }
    if (module_text == NULL || strcmp(module_text, "builtins") == 0 ||
        strcmp(module_text, "__main__") == 0) {
        (void)snprintf(out, size, "%s", name_text);
    } else {
        (void)snprintf(out, size, "%s.%s", module_text, name_text);
    }
    PyErr_Clear();
    Py_XDECREF(module);
    Py_XDECREF(name);
}

/* The first line of str(exception); empty when that raises. */
CASK_GIL_HELD static void
write_message(PyObject *exception, char *out, size_t size)
{
    PyObject *text = PyObject_Str(exception);
    PyObject *bytes = NULL;

    out[0] = '\0';
    if (text != NULL) {
        bytes = PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace");
    }
    if (bytes != NULL) {
        (void)snprintf(out, size, "%s", PyBytes_AS_STRING(bytes));
        out[strcspn(out, "\r\n")] = '\0';
    }
    PyErr_Clear();
    Py_XDECREF(bytes);
    Py_XDECREF(text);
}

/* The formatted traceback; without one when formatting itself fails. */
CASK_GIL_HELD static void
add_traceback(const struct cask_interp *interp, PyObject *exception, struct cask_problem *problem)
{
    PyObject *lines = NULL;
    PyObject *empty = NULL;
    PyObject *text = NULL;
    PyObject *bytes = NULL;

    if (interp->format_exception == NULL) {
        return;
    }
    lines = PyObject_CallOneArg(interp->format_exception, exception);
    empty = PyUnicode_New(0, 0);
    if (lines == NULL || empty == NULL) {
        goto done;
    }
    text = PyUnicode_Join(empty, lines);
    if (text == NULL) {
        goto done;
    }
    bytes = PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace");
    if (bytes != NULL) {
        cask_problem_detail(problem, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    }

done:
    PyErr_Clear();
    Py_XDECREF(bytes);
    Py_XDECREF(text);
    Py_XDECREF(empty);
    Py_XDECREF(lines);
}

void
cask_pyerr_fill(const struct cask_interp *interp, struct cask_problem *problem, unsigned number,
                const char *prefix, ...)
{
    PyObject *exception = cask_compat_take_exception();
    char before[384];
    char type[128];
    char message[256];
    va_list arguments;

    va_start(arguments, prefix);
    (void)vsnprintf(before, sizeof(before), prefix, arguments);
    va_end(arguments);
    if (exception == NULL) {
        (void)cask_problem_set(problem, 0, number, "%s", before);
        return;
    }
    write_type(exception, type, sizeof(type));
    write_message(exception, message, sizeof(message));
    (void)cask_problem_set(problem, 0, number, "%s%s%s%s", before, type,
                           message[0] != '\0' ? ": " : "", message);
    if (problem != NULL) {
        add_traceback(interp, exception, problem);
    }
    Py_DECREF(exception);
    PyErr_Clear();
}

int
cask_pyerr_exit_status(PyObject *exception)
{
    PyObject *code = PyObject_GetAttrString(exception, "code");
    int status = 1;

    if (code == Py_None) {
        status = 0;
    } else if (code != NULL && PyLong_Check(code)) {
        status = (int)PyLong_AsLong(code);
    }
    PyErr_Clear();
    Py_XDECREF(code);
    return status;
}

/* An instance, not type and arguments: up to 3.11 `except` looks at the type that was set. */
void
cask_pyerr_set_errno(int error, const char *text)
{
    PyObject *exception = PyObject_CallFunction(PyExc_OSError, "is", error, text);

    if (exception != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
        Py_DECREF(exception);
    }
}
