/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_hints.c - environ["wsgi.early_hints"]: 103 Early Hints before the reply.
 *
 * A callable that takes a list of (name, value), like start_response().
 *
 * Owns:    nothing; the object is one of wsgi_callable.c.
 * Touches: nothing of ours but the call.
 * Threads: any Python thread of the application.
 */
#include "interp/gil.h"

#include "gateway/wsgi_hints.h"

#include "gateway/pymodule.h"
#include "gateway/wsgi_callable.h"
#include "gateway/wsgi_head.h"
#include "gateway/wsgi_reply.h"
#include "gateway/wsgi_serve.h"

CASK_GIL_HELD static int
send_hint(struct cask_wsgi_call *call, PyObject *headers)
{
    struct cask_wsgi_head head;
    int status;

    cask_wsgi_head_init(&head);
    status = cask_wsgi_head_fill_hint(call, &head, headers);
    if (status == 0 && head.n_fields > 0 && !call->reply.committed) {
        if (call->n_hints == CASK_REPLY_HINTS_LIMIT) {
            PyErr_Format(PyExc_RuntimeError, "a request cannot have more than %d early hints",
                         CASK_REPLY_HINTS_LIMIT);
            status = -1;
        } else {
            call->n_hints += 1;
            status = cask_wsgi_reply_hint(call, &head);
        }
    }
    cask_wsgi_head_done(&head);
    return status;
}

CASK_GIL_HELD static PyObject *
hints_call(PyObject *object, PyObject *const *args, size_t flags, PyObject *names)
{
    struct cask_wsgi_call *call = ((const struct cask_wsgi_callable *)object)->call;

    if (PyVectorcall_NARGS(flags) != 1 || (names != NULL && PyTuple_GET_SIZE(names) != 0)) {
        PyErr_SetString(PyExc_TypeError, "wsgi.early_hints takes one list of (name, value)");
        return NULL;
    }
    if (call == NULL) {
        PyErr_SetString(PyExc_RuntimeError,
                        "wsgi.early_hints was called after the end of its request");
        return NULL;
    }
    if (send_hint(call, args[0]) != 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyObject *
cask_wsgi_hints_new(struct cask_gate *gate, struct cask_wsgi_call *call)
{
    return cask_wsgi_callable_new(gate->hints_type, &gate->spare_hints, hints_call, call);
}
