/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/pymodule.c - the gateway's state in one interpreter, and the modules applications import.
 *
 * Owns:    struct cask_gate and all it refers to, until the process ends: it is a root (removing
 *          mod_wsgi from sys.modules must not take the gateway away), and bytes that were lent to
 *          a reply may come back late (wsgi_reply.c).
 * Touches: interp/.
 * Threads: set up once, by the thread that makes the interpreter.
 */
#include "interp/gil.h"

#include "gateway/pymodule.h"

#include "gateway/apps.h"
#include "gateway/engine.h"
#include "gateway/settings.h"
#include "gateway/wsgi_callable.h"
#include "gateway/wsgi_environ.h"
#include "gateway/wsgi_errors.h"
#include "gateway/wsgi_file.h"
#include "gateway/wsgi_input.h"
#include "gateway/wsgi_lines.h"
#include "interp/compat.h"
#include "interp/interp.h"

#include <stdlib.h>

struct module_state {
    struct cask_gate *gate; /* NULL until set up */
};

CASK_GIL_HELD static struct cask_gate *
gate_of_module(PyObject *module)
{
    const struct module_state *state = PyModule_GetState(module);

    if (state == NULL || state->gate == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the server has not set up this interpreter");
        return NULL;
    }
    return state->gate;
}

/* _log(level, text, file=None, line=0): a record at a level of httpd's error log, for LogHandler
 * and our own Python. */
CASK_GIL_HELD static PyObject *
module_log(PyObject *module, PyObject *args)
{
    const struct cask_gate *gate = gate_of_module(module);
    struct cask_log_record record = {.level = CASK_LOG_ERROR};
    PyThreadState *state;
    PyObject *text;
    PyObject *place = Py_None;
    PyObject *bytes;
    PyObject *file = NULL;
    int level;
    int line = 0;

    if (gate == NULL || PyArg_ParseTuple(args, "iU|Oi:_log", &level, &text, &place, &line) == 0) {
        return NULL;
    }
    if (level >= CASK_LOG_EMERG && level <= CASK_LOG_TRACE1) {
        record.level = (enum cask_log_level)level;
    }
    bytes = PyUnicode_AsEncodedString(text, "utf-8", "replace");
    if (bytes != NULL && PyUnicode_Check(place)) {
        file = PyUnicode_AsEncodedString(place, "utf-8", "replace");
    }
    if (bytes == NULL || PyErr_Occurred() != NULL) {
        Py_XDECREF(bytes);
        return NULL;
    }
    if (file != NULL) {
        record.file = PyBytes_AS_STRING(file);
        record.file_len = (size_t)PyBytes_GET_SIZE(file);
    }
    record.text = PyBytes_AS_STRING(bytes);
    record.text_len = (size_t)PyBytes_GET_SIZE(bytes);
    record.line = line > 0 ? (uint32_t)line : 0;
    state = cask_gil_drop();
    cask_wsgi_lines_log(gate->gateway, &record);
    cask_gil_retake(state);
    Py_DECREF(bytes);
    Py_XDECREF(file);
    Py_RETURN_NONE;
}

/* _log_level(): the LogLevel in force for records of the calling thread. */
CASK_GIL_HELD static PyObject *
module_log_level(PyObject *module, PyObject *unused)
{
    const struct cask_gate *gate = gate_of_module(module);

    (void)unused;
    return gate != NULL ? PyLong_FromLong((long)cask_wsgi_lines_level(gate->gateway)) : NULL;
}

/* Module attribute on demand: LogHandler needs the package logging, which not every application
 * wants in its memory. */
CASK_GIL_HELD static PyObject *
module_getattr(PyObject *module, PyObject *name)
{
    PyObject *source;
    PyObject *value = NULL;

    if (!PyUnicode_Check(name) || PyUnicode_CompareWithASCIIString(name, "LogHandler") != 0) {
        PyErr_Format(PyExc_AttributeError, "module 'mod_wsgi' has no attribute %R", name);
        return NULL;
    }
    source = PyImport_ImportModule("mod_cask.server.logging");
    if (source != NULL) {
        value = PyObject_GetAttr(source, name);
        Py_DECREF(source);
    }
    if (value != NULL && PyObject_SetAttr(module, name, value) != 0) {
        Py_CLEAR(value);
    }
    return value;
}

static PyMethodDef module_methods[] = {
    {"_log", module_log, METH_VARARGS, NULL},
    {"_log_level", module_log_level, METH_NOARGS, NULL},
    {"__getattr__", module_getattr, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {
    CASK_COMPAT_SLOT_INTERPRETERS CASK_COMPAT_SLOT_GIL{0, NULL},
};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "mod_wsgi",
    .m_doc = "The server's side of a WSGI application behind Apache httpd.",
    .m_size = sizeof(struct module_state),
    .m_methods = module_methods,
    .m_slots = module_slots,
};

struct cask_gate *
cask_pymodule_gate(PyTypeObject *type)
{
    PyObject *module = cask_compat_module_of(type, &module_definition);

    return module != NULL ? gate_of_module(module) : NULL;
}

/* The module object with its state pointing to the gate, in sys.modules. */
CASK_GIL_HELD static int
make_module(struct cask_gate *gate)
{
    PyObject *machinery = PyImport_ImportModule("importlib.machinery");
    PyObject *spec = NULL;
    struct module_state *state;
    int status = -1;

    if (machinery == NULL) {
        return -1;
    }
    spec = PyObject_CallMethod(machinery, "ModuleSpec", "sO", "mod_wsgi", Py_None);
    if (spec == NULL) {
        goto done;
    }
    gate->module = PyModule_FromDefAndSpec(&module_definition, spec);
    if (gate->module == NULL || PyModule_ExecDef(gate->module, &module_definition) != 0) {
        goto done;
    }
    state = PyModule_GetState(gate->module);
    state->gate = gate;
    status = PyDict_SetItemString(PyImport_GetModuleDict(), "mod_wsgi", gate->module);

done:
    Py_XDECREF(spec);
    Py_DECREF(machinery);
    return status;
}

CASK_GIL_HELD static int
make_types(struct cask_gate *gate)
{
    gate->input_type = cask_wsgi_input_type(gate->module);
    gate->start_type = gate->input_type != NULL
                           ? cask_wsgi_callable_type(gate->module, "mod_wsgi.StartResponse")
                           : NULL;
    gate->log_type = gate->start_type != NULL ? cask_wsgi_errors_type(gate->module) : NULL;
    gate->file_type = gate->log_type != NULL ? cask_wsgi_file_type(gate->module) : NULL;
    gate->hints_type = gate->file_type != NULL
                           ? cask_wsgi_callable_type(gate->module, "mod_wsgi.EarlyHints")
                           : NULL;
    if (gate->hints_type == NULL) {
        return -1;
    }
    gate->request_timeout =
        PyErr_NewException("mod_wsgi.RequestTimeout", PyExc_BaseException, NULL);
    return gate->request_timeout != NULL ? 0 : -1;
}

/* Types of io that wsgi_file.c compares with. */
CASK_GIL_HELD static int
find_io(struct cask_gate *gate)
{
    PyObject *io = PyImport_ImportModule("io");
    PyObject *reader = NULL;
    PyObject *random = NULL;
    PyObject *raw = NULL;
    PyObject *text = NULL;

    if (io != NULL) {
        gate->io_base = PyObject_GetAttrString(io, "IOBase");
        reader = gate->io_base != NULL ? PyObject_GetAttrString(io, "BufferedReader") : NULL;
        random = reader != NULL ? PyObject_GetAttrString(io, "BufferedRandom") : NULL;
        raw = random != NULL ? PyObject_GetAttrString(io, "FileIO") : NULL;
        text = raw != NULL ? PyObject_GetAttrString(io, "TextIOWrapper") : NULL;
        gate->file_types = text != NULL ? PyTuple_Pack(4, reader, random, raw, text) : NULL;
    }
    Py_XDECREF(text);
    Py_XDECREF(raw);
    Py_XDECREF(random);
    Py_XDECREF(reader);
    Py_XDECREF(io);
    return gate->file_types != NULL ? 0 : -1;
}

CASK_GIL_HELD static int
make_streams(struct cask_gate *gate)
{
    PyObject *traceback = PyImport_ImportModule("traceback");
    PyObject *out = NULL;
    PyObject *err = NULL;
    int status = -1;

    if (traceback == NULL) {
        return -1;
    }
    gate->interp->format_exception = PyObject_GetAttrString(traceback, "format_exception");
    Py_DECREF(traceback);
    if (gate->interp->format_exception == NULL) {
        return -1;
    }
    gate->errors = cask_wsgi_errors_stream(gate, "<wsgi.errors>");
    err = gate->errors != NULL ? cask_wsgi_errors_stream(gate, "<stderr>") : NULL;
    out = err != NULL ? cask_wsgi_errors_stream(gate, "<stdout>") : NULL;
    if (out != NULL && PySys_SetObject("stderr", err) == 0) {
        /* `httpd -X`: a debugger works on the terminal. */
        status = gate->gateway->config->terminal ? 0 : PySys_SetObject("stdout", out);
    }
    Py_XDECREF(out);
    Py_XDECREF(err);
    return status;
}

/* The attributes of mod_wsgi that do not change. */
CASK_GIL_HELD static int
add_attributes(struct cask_gate *gate)
{
    const struct cask_engine_config *config = gate->gateway->config;
    PyObject *attributes = Py_BuildValue(
        "{s(iii)sssssisisOsO}", "version", 6, 1, 1, "process_group",
        config->process_group != NULL ? config->process_group : "", "application_group",
        gate->interp->name, "maximum_processes", config->processes > 1 ? config->processes : 1,
        "threads_per_process", config->threads, "FileWrapper", gate->file_type, "RequestTimeout",
        gate->request_timeout);
    int status = -1;

    if (attributes != NULL) {
        status = PyDict_Update(PyModule_GetDict(gate->module), attributes);
        Py_DECREF(attributes);
    }
    return status;
}

/* Makes `import mod_cask` work by the package's path, then prepares the interpreter. A daemon's
 * boot.py has done the first already. */
CASK_GIL_HELD static int
run_prepare(struct cask_gate *gate)
{
    static const char program[] =
        "import sys\n"
        "from importlib.util import module_from_spec, spec_from_file_location\n"
        "if 'mod_cask' not in sys.modules:\n"
        "    spec = spec_from_file_location('mod_cask', package_dir + '/__init__.py',\n"
        "                                   submodule_search_locations=[package_dir])\n"
        "    package = module_from_spec(spec)\n"
        "    sys.modules['mod_cask'] = package\n"
        "    spec.loader.exec_module(package)\n"
        "from mod_cask.server.interpreter import prepare\n"
        "prepare(module, settings)\n";
    const struct cask_engine_config *config = gate->gateway->config;
    PyObject *settings = cask_settings_new(config, gate->interp->name);
    PyObject *globals = NULL;
    PyObject *result = NULL;

    if (settings != NULL) {
        globals = Py_BuildValue("{sOsOsOsN}", "__builtins__", PyEval_GetBuiltins(), "module",
                                gate->module, "settings", settings, "package_dir",
                                PyUnicode_DecodeFSDefault(config->package_dir));
    }
    if (globals != NULL) {
        result = PyRun_String(program, Py_file_input, globals, globals);
    }
    Py_XDECREF(result);
    Py_XDECREF(globals);
    Py_XDECREF(settings);
    return result != NULL ? 0 : -1;
}

int
cask_pymodule_setup(struct cask_interp *interp, void *context)
{
    struct cask_gate *gate = interp->gateway;

    if (gate == NULL) {
        gate = calloc(1, sizeof(*gate));
        if (gate == NULL) {
            (void)PyErr_NoMemory();
            return -1;
        }
        gate->gateway = context;
        gate->interp = interp;
        interp->gateway = gate;
        if (cask_names_init(&gate->names) != 0 || make_module(gate) != 0 || make_types(gate) != 0 ||
            find_io(gate) != 0) {
            return -1;
        }
    }
    if (make_streams(gate) != 0 || add_attributes(gate) != 0 || run_prepare(gate) != 0) {
        return -1;
    }
    return cask_wsgi_environ_prepare(gate);
}
