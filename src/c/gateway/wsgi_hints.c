/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_hints.c - environ["wsgi.early_hints"]: 103 Early Hints before the reply.
 *
 * A callable that takes a list of (name, value), like start_response(). Few applications call it,
 * so it must cost the others nothing: an object that nobody has kept serves the next request.
 *
 * Owns:    the callable; gate->spare_hints.
 * Touches: nothing of ours but the call.
 * Threads: any Python thread of the application.
 */
#include "interp/gil.h"

#include "gateway/wsgi_hints.h"

#include <structmember.h>

#include "gateway/pymodule.h"
#include "gateway/wsgi_head.h"
#include "gateway/wsgi_reply.h"
#include "gateway/wsgi_serve.h"

#include <stddef.h>

struct hints {
    PyObject_HEAD vectorcallfunc vectorcall;
    struct cask_wsgi_call *call; /* NULL once the request is over */
};

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
    struct cask_wsgi_call *call = ((struct hints *)object)->call;

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

static void
hints_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    PyObject_Free(object);
    Py_DECREF(type);
}

static PyMemberDef hints_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(struct hints, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot hints_slots[] = {
    {Py_tp_dealloc, hints_dealloc},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_members, hints_members},
    {0, NULL},
};

static PyType_Spec hints_spec = {
    .name = "mod_wsgi.EarlyHints",
    .basicsize = sizeof(struct hints),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_HAVE_VECTORCALL,
    .slots = hints_slots,
};

PyTypeObject *
cask_wsgi_hints_type(PyObject *module)
{
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &hints_spec, NULL);
}

PyObject *
cask_wsgi_hints_new(struct cask_gate *gate, struct cask_wsgi_call *call)
{
    struct hints *self = (struct hints *)gate->spare_hints;

    gate->spare_hints = NULL;
    if (self == NULL) {
        self = PyObject_New(struct hints, gate->hints_type);
    }
    if (self != NULL) {
        self->vectorcall = hints_call;
        self->call = call;
    }
    return (PyObject *)self;
}

void
cask_wsgi_hints_end(struct cask_gate *gate, PyObject *steal_hints)
{
    ((struct hints *)steal_hints)->call = NULL;
    if (Py_REFCNT(steal_hints) == 1 && gate->spare_hints == NULL) {
        gate->spare_hints = steal_hints;
    } else {
        Py_DECREF(steal_hints);
    }
}
