/* SPDX-License-Identifier: Apache-2.0 */
/* interp/compat.h - everything that differs between CPython 3.10 and 3.14, and nothing else. */
#ifndef CASK_INTERP_COMPAT_H
#define CASK_INTERP_COMPAT_H

#include <Python.h>

#if PY_VERSION_HEX < 0x030a0000
#error "mod_cask needs CPython 3.10 or newer"
#endif

/* Takes the current exception, normalised and with its traceback attached. New reference; NULL when
 * there is none. */
static inline PyObject *
cask_compat_take_exception(void)
{
#if PY_VERSION_HEX >= 0x030c0000
    return PyErr_GetRaisedException();
#else
    PyObject *type = NULL;
    PyObject *value = NULL;
    PyObject *traceback = NULL;

    PyErr_Fetch(&type, &value, &traceback);
    if (type == NULL) {
        return NULL;
    }
    PyErr_NormalizeException(&type, &value, &traceback);
    if (value != NULL && traceback != NULL) {
        (void)PyException_SetTraceback(value, traceback);
    }
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
#endif
}

/* Raises it again. Consumes the reference. */
static inline void
cask_compat_raise(PyObject *steal_exception)
{
#if PY_VERSION_HEX >= 0x030c0000
    PyErr_SetRaisedException(steal_exception);
#else
    PyObject *type = (PyObject *)Py_TYPE(steal_exception);

    Py_INCREF(type);
    PyErr_Restore(type, steal_exception, PyException_GetTraceback(steal_exception));
#endif
}

/* 1 and a new reference, 0 without an exception when there is no such attribute, or -1. */
static inline int
cask_compat_lookup(PyObject *object, PyObject *name, PyObject **ret_value)
{
#if PY_VERSION_HEX >= 0x030d0000
    return PyObject_GetOptionalAttr(object, name, ret_value);
#else
    return _PyObject_LookupAttr(object, name, ret_value);
#endif
}

/* The same for a dict. */
static inline int
cask_compat_dict_get(PyObject *dict, PyObject *key, PyObject **ret_value)
{
#if PY_VERSION_HEX >= 0x030d0000
    return PyDict_GetItemRef(dict, key, ret_value);
#else
    PyObject *value = PyDict_GetItemWithError(dict, key);

    if (value == NULL) {
        *ret_value = NULL;
        return PyErr_Occurred() != NULL ? -1 : 0;
    }
    Py_INCREF(value);
    *ret_value = value;
    return 1;
#endif
}

/* The module, made from this definition, to which the type or one of its bases belongs; borrowed.
 */
static inline PyObject *
cask_compat_module_of(PyTypeObject *type, struct PyModuleDef *definition)
{
#if PY_VERSION_HEX >= 0x030b0000
    return PyType_GetModuleByDef(type, definition);
#else
    return _PyType_GetModuleByDef(type, definition);
#endif
}

/* Before a thread state is deleted by another thread than its own: 3.12 and later would otherwise
 * clear the PyGILState slot of the deleting thread. */
static inline void
cask_compat_unbind(PyThreadState *state)
{
#if PY_VERSION_HEX >= 0x030c0000
    state->_status.bound_gilstate = 0;
#else
    (void)state;
#endif
}

/* In a child that has just been forked, before Python looks after itself there: up to 3.11 it would
 * delete the sub-interpreters while it holds the lock that this takes. Forgotten ones are left
 * alone; their memory is the child's. */
#if PY_VERSION_HEX < 0x030c0000
#define Py_BUILD_CORE 1
#include <internal/pycore_interp.h>
#include <internal/pycore_runtime.h>
#undef Py_BUILD_CORE

static inline void
cask_compat_forget_subs(void)
{
    if (_PyRuntime.interpreters.main != NULL) {
        _PyRuntime.interpreters.head = _PyRuntime.interpreters.main;
        _PyRuntime.interpreters.main->next = NULL;
    }
}
#else
static inline void
cask_compat_forget_subs(void)
{
}
#endif

/* Slots of multi-phase modules that say where the module may run: with a shared GIL everywhere,
 * with one of its own not yet. */
#if PY_VERSION_HEX >= 0x030c0000
#define CASK_COMPAT_SLOT_INTERPRETERS \
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_SUPPORTED},
#else
#define CASK_COMPAT_SLOT_INTERPRETERS
#endif
#if PY_VERSION_HEX >= 0x030d0000
#define CASK_COMPAT_SLOT_GIL {Py_mod_gil, Py_MOD_GIL_USED},
#else
#define CASK_COMPAT_SLOT_GIL
#endif

#endif
