/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_start.c - start_response() and the write() it returns.
 *
 * The rules of PEP 3333 about calling it again. What status and headers may be: wsgi_head.c.
 *
 * Owns:    nothing; the object is one of wsgi_callable.c.
 * Touches: nothing of ours but the call.
 * Threads: any Python thread of the application.
 */
#include "interp/gil.h"

#include "gateway/wsgi_start.h"

#include "gateway/pymodule.h"
#include "gateway/wsgi_callable.h"
#include "gateway/wsgi_head.h"
#include "gateway/wsgi_reply.h"
#include "gateway/wsgi_serve.h"

/* Raises what exc_info holds: the reply has begun, nothing else can be done with it. */
CASK_GIL_HELD static void
raise_again(PyObject *exc_info)
{
    PyObject *type = NULL;
    PyObject *value = NULL;
    PyObject *traceback = NULL;

    if (PyTuple_GET_SIZE(exc_info) == 3) {
        type = PyTuple_GET_ITEM(exc_info, 0);
        value = PyTuple_GET_ITEM(exc_info, 1);
        traceback = PyTuple_GET_ITEM(exc_info, 2);
    }
    if (type == NULL || !PyExceptionClass_Check(type)) {
        PyErr_SetString(PyExc_RuntimeError,
                        "start_response(): headers have been sent, and exc_info has no exception");
        return;
    }
    Py_INCREF(type);
    value = value != Py_None ? value : NULL;
    Py_XINCREF(value);
    traceback = PyTraceBack_Check(traceback) ? traceback : NULL;
    Py_XINCREF(traceback);
    PyErr_Restore(type, value, traceback);
}

/* The rules of PEP 3333 for calling it again. 0: go on. */
CASK_GIL_HELD static int
check_order(const struct cask_wsgi_call *call, PyObject *exc_info)
{
    if (exc_info != NULL && exc_info != Py_None) {
        if (!PyTuple_Check(exc_info)) {
            PyErr_Format(PyExc_RuntimeError, "exc_info must be a tuple, not %s",
                         Py_TYPE(exc_info)->tp_name);
            return -1;
        }
        if (call->reply.committed) {
            raise_again(exc_info);
            return -1;
        }
    } else if (call->reply.committed) {
        PyErr_SetString(PyExc_RuntimeError, "start_response(): headers have been sent already");
        return -1;
    } else if (call->head.set) {
        PyErr_SetString(PyExc_AssertionError, "start_response() was called again without exc_info");
        return -1;
    }
    return 0;
}

CASK_GIL_HELD static PyObject *
write_call(PyObject *object, PyObject *data)
{
    struct cask_wsgi_call *call = ((const struct cask_wsgi_callable *)object)->call;

    if (call == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "write() was called after the end of its request");
        return NULL;
    }
    if (!PyBytes_Check(data)) {
        PyErr_Format(PyExc_TypeError, "write() takes bytes, not %s", Py_TYPE(data)->tp_name);
        return NULL;
    }
    if (cask_wsgi_reply_add(call, data) != 0) {
        return NULL;
    }
    /* Without a byte only the head is settled: the application may still fail with a 500. */
    if (PyBytes_GET_SIZE(data) > 0 && cask_wsgi_reply_send(call, true) != 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef write_method = {"write", write_call, METH_O, NULL};

CASK_GIL_HELD static PyObject *
start_call(PyObject *object, PyObject *const *args, size_t flags, PyObject *names)
{
    struct cask_wsgi_call *call = ((const struct cask_wsgi_callable *)object)->call;
    Py_ssize_t n_args = PyVectorcall_NARGS(flags);
    Py_ssize_t n_names = names != NULL ? PyTuple_GET_SIZE(names) : 0;
    PyObject *exc_info = n_args > 2 ? args[2] : NULL;

    if (n_names == 1 && n_args == 2 &&
        PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "exc_info") == 0) {
        exc_info = args[2];
    } else if (n_names != 0 || n_args < 2 || n_args > 3) {
        PyErr_SetString(PyExc_TypeError,
                        "start_response() takes (status, headers[, exc_info]) by position");
        return NULL;
    }
    if (call == NULL) {
        PyErr_SetString(PyExc_RuntimeError,
                        "start_response() was called after the end of its request");
        return NULL;
    }
    if (check_order(call, exc_info) != 0 || cask_wsgi_head_fill(call, args[0], args[1]) != 0) {
        return NULL;
    }
    return PyCFunction_NewEx(&write_method, object, NULL);
}

PyObject *
cask_wsgi_start_new(struct cask_gate *gate, struct cask_wsgi_call *call)
{
    return cask_wsgi_callable_new(gate->start_type, &gate->spare_start, start_call, call);
}
