/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/forked.c - the end of a child that the application forked.
 *
 * Owns:    nothing.
 * Touches: sys.stderr, which in a child is descriptor 2 (wsgi_errors.c).
 * Threads: the thread that forked, in the child.
 */
#include "gateway/forked.h"

#include "gateway/pymodule.h"
#include "interp/compat.h"
#include "platform/process.h"

#include <unistd.h>

bool
cask_forked_is_child(const struct cask_gateway *gateway)
{
    return getpid() != gateway->owner;
}

/* The status for SystemExit.code, as Python's own end has it. */
CASK_GIL_HELD static int
status_of(PyObject *exception)
{
    PyObject *code = PyObject_GetAttrString(exception, "code");
    PyObject *errors = PySys_GetObject("stderr"); /* borrowed */
    int status = 1;

    if (code == Py_None) {
        status = 0;
    } else if (code != NULL && PyLong_Check(code)) {
        status = (int)PyLong_AsLong(code);
    } else if (code != NULL && errors != NULL) {
        (void)PyFile_WriteObject(code, errors, Py_PRINT_RAW);
        PyErr_Clear();
        (void)PyFile_WriteString("\n", errors);
    }
    PyErr_Clear();
    Py_XDECREF(code);
    return status;
}

void
cask_forked_leave(const struct cask_gateway *gateway)
{
    PyObject *exception;
    int status = 1;

    if (!cask_forked_is_child(gateway)) {
        return;
    }
    exception = cask_compat_take_exception();
    if (exception == NULL) {
        cask_log(513,
                 "process %ld, forked by an application, came back out of it and was ended; "
                 "a forked process must end itself with os._exit()",
                 (long)getpid());
    } else if (PyErr_GivenExceptionMatches(exception, PyExc_SystemExit) != 0) {
        status = status_of(exception);
    } else {
        cask_compat_raise(exception);
        PyErr_PrintEx(0);
    }
    cask_process_exit(status);
}
