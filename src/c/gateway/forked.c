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
#include "interp/pyerr.h"
#include "platform/process.h"

#include <unistd.h>

bool
cask_forked_is_child(const struct cask_gateway *gateway)
{
    return getpid() != gateway->owner;
}

/* sys.exit("text") prints the text, as at Python's own end. */
CASK_GIL_HELD static void
print_code(PyObject *exception)
{
    PyObject *code = PyObject_GetAttrString(exception, "code");
    PyObject *errors = PySys_GetObject("stderr"); /* borrowed */

    if (code != NULL && code != Py_None && !PyLong_Check(code) && errors != NULL) {
        (void)PyFile_WriteObject(code, errors, Py_PRINT_RAW);
        PyErr_Clear();
        (void)PyFile_WriteString("\n", errors);
    }
    PyErr_Clear();
    Py_XDECREF(code);
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
        print_code(exception);
        status = cask_pyerr_exit_status(exception);
    } else {
        cask_compat_raise(exception);
        PyErr_PrintEx(0);
    }
    cask_process_exit(status);
}
