/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_callable.c - what an application may call as long as its request runs.
 *
 * Each request needs such objects and few applications keep them: one that nobody has kept serves
 * the next request, so that they cost next to nothing.
 *
 * Owns:    the objects, and the spare one of each kind.
 * Touches: nothing of ours but the call.
 * Threads: any that holds the GIL.
 */
#include "interp/gil.h"

#include "gateway/wsgi_callable.h"

#include <structmember.h>

#include <stddef.h>

static void
callable_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    PyObject_Free(object);
    Py_DECREF(type);
}

static PyMemberDef callable_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(struct cask_wsgi_callable, vectorcall), READONLY,
     NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot callable_slots[] = {
    {Py_tp_dealloc, callable_dealloc},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_members, callable_members},
    {0, NULL},
};

PyTypeObject *
cask_wsgi_callable_type(PyObject *module, const char *name)
{
    PyType_Spec spec = {
        .name = name,
        .basicsize = sizeof(struct cask_wsgi_callable),
        .flags =
            Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_HAVE_VECTORCALL,
        .slots = callable_slots,
    };

    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}

PyObject *
cask_wsgi_callable_new(PyTypeObject *type, PyObject **spare, vectorcallfunc function,
                       struct cask_wsgi_call *call)
{
    struct cask_wsgi_callable *self = (struct cask_wsgi_callable *)*spare;

    *spare = NULL;
    if (self == NULL) {
        self = PyObject_New(struct cask_wsgi_callable, type);
    }
    if (self != NULL) {
        self->vectorcall = function;
        self->call = call;
    }
    return (PyObject *)self;
}

void
cask_wsgi_callable_end(PyObject **spare, PyObject *steal_callable)
{
    ((struct cask_wsgi_callable *)steal_callable)->call = NULL;
    if (Py_REFCNT(steal_callable) == 1 && *spare == NULL) {
        *spare = steal_callable;
    } else {
        Py_DECREF(steal_callable);
    }
}
