/* SPDX-License-Identifier: Apache-2.0 */
/* entry/entry.c - the two ways into the engine: as a Python module (a daemon) and as a table of
 * functions (an httpd child).
 *
 * Touches: proc/daemon, gateway/engine.
 * Threads: serve_daemon() on Python's main thread.
 */
#include <Python.h>

#include "gateway/engine.h"
#include "interp/compat.h"
#include "platform/process.h"
#include "proc/daemon.h"

PyMODINIT_FUNC PyInit__engine(void);

/* serve_daemon(fd): serves until told to stop and ends the process; never returns. */
static PyObject *
serve_daemon(PyObject *module, PyObject *argument)
{
    long fd = PyLong_AsLong(argument);
    int status;

    (void)module;
    if (fd < 0 || fd > INT32_MAX) {
        if (PyErr_Occurred() == NULL) {
            PyErr_SetString(PyExc_ValueError, "serve_daemon() takes a file descriptor");
        }
        return NULL;
    }
    (void)PyEval_SaveThread();
    status = cask_daemon_main((int)fd, cask_engine_entry(CASK_ENGINE_ABI));
    /* Python has been ended: nothing of it may run any more, so nobody can be returned to. */
    cask_process_exit(status);
}

static PyMethodDef module_methods[] = {
    {"serve_daemon", serve_daemon, METH_O, "Serves as a daemon of the group described on fd."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {
    CASK_COMPAT_SLOT_INTERPRETERS CASK_COMPAT_SLOT_GIL{0, NULL},
};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_engine",
    .m_doc = "Engine of mod_cask for one version of CPython.",
    .m_methods = module_methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit__engine(void)
{
    return PyModuleDef_Init(&module_definition);
}
