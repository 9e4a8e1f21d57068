/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_environ.c - the environ dict of a request.
 *
 * Most values are the same as in the request before (the server's names, the browser's headers). A
 * value that came twice in a row goes into the template: while it stays the same it costs one
 * comparison of bytes, and no operation on the dict.
 *
 * Owns:    the template dict and the last value of each key (fields of the gate).
 * Touches: request/.
 * Threads: any that holds the GIL.
 * Invariants:
 *   (1) the environ is a fresh, plain dict; the template never leaves this file;
 *   (2) what is in the template is removed from the environ of a request that does not have it;
 *   (3) no wsgi.* key and none of ours can be set by a variable of the request.
 */
#include "interp/gil.h"

#include "gateway/wsgi_environ.h"

#include "gateway/engine.h"
#include "gateway/pymodule.h"
#include "interp/interp.h"
#include "platform/clock.h"
#include "request/request.h"

#include <string.h>

#define KEPT_VALUE_LIMIT 256 /* bytes; longer values are seldom sent twice */

CASK_GIL_HELD static int
set_steal(PyObject *dict, PyObject *key, PyObject *steal_value)
{
    int status = -1;

    if (steal_value != NULL) {
        status = PyDict_SetItem(dict, key, steal_value);
        Py_DECREF(steal_value);
    }
    return status;
}

CASK_GIL_HELD static int
set_bool(PyObject *dict, PyObject *key, bool value)
{
    return PyDict_SetItem(dict, key, value ? Py_True : Py_False);
}

CASK_GIL_HELD static int
fill_constants(struct cask_gate *gate, PyObject *dict)
{
    const struct cask_engine_config *config = gate->gateway->config;
    const struct cask_names *names = &gate->names;
    const char *group = config->process_group != NULL ? config->process_group : "";
    const int *httpd = config->httpd_version;

    if (set_steal(dict, names->name[CASK_NAME_WSGI_VERSION], Py_BuildValue("(ii)", 1, 0)) != 0 ||
        set_bool(dict, names->name[CASK_NAME_WSGI_MULTITHREAD], config->multithread) != 0 ||
        set_bool(dict, names->name[CASK_NAME_WSGI_MULTIPROCESS], config->multiprocess) != 0 ||
        set_bool(dict, names->name[CASK_NAME_WSGI_RUN_ONCE], config->run_once) != 0 ||
        set_bool(dict, names->name[CASK_NAME_WSGI_INPUT_TERMINATED], true) != 0 ||
        PyDict_SetItem(dict, names->name[CASK_NAME_WSGI_ERRORS], gate->errors) != 0 ||
        PyDict_SetItem(dict, names->name[CASK_NAME_WSGI_FILE_WRAPPER],
                       (PyObject *)gate->file_type) != 0 ||
        PyDict_SetItem(dict, names->name[CASK_NAME_WSGI_URL_SCHEME], names->name[CASK_NAME_HTTP]) !=
            0) {
        return -1;
    }
    if (set_steal(dict, names->name[CASK_NAME_APACHE_VERSION],
                  Py_BuildValue("(iii)", httpd[0], httpd[1], httpd[2])) != 0 ||
        set_steal(dict, names->name[CASK_NAME_MOD_WSGI_VERSION], Py_BuildValue("(iii)", 6, 1, 1)) !=
            0 ||
        set_steal(dict, names->key[CASK_KEY_WSGI_PROCESS_GROUP],
                  PyUnicode_DecodeFSDefault(group)) != 0 ||
        set_steal(dict, names->key[CASK_KEY_WSGI_APPLICATION_GROUP],
                  PyUnicode_DecodeFSDefault(gate->interp->name)) != 0) {
        return -1;
    }
    return 0;
}

int
cask_wsgi_environ_prepare(struct cask_gate *gate)
{
    static const enum cask_name times[] = {
        CASK_NAME_MOD_WSGI_REQUEST_START,
        CASK_NAME_MOD_WSGI_QUEUE_START,
        CASK_NAME_MOD_WSGI_DAEMON_START,
        CASK_NAME_MOD_WSGI_APPLICATION_START,
    };
    PyObject *dict = PyDict_New();
    size_t i;

    /* The first three are there to have a place. */
    if (dict == NULL || fill_constants(gate, dict) != 0 ||
        PyDict_SetItem(dict, gate->names.name[CASK_NAME_WSGI_INPUT], Py_None) != 0 ||
        PyDict_SetItem(dict, gate->names.name[CASK_NAME_WSGI_EARLY_HINTS], Py_None) != 0 ||
        PyDict_SetItem(dict, gate->names.name[CASK_NAME_MOD_WSGI_THREAD_ID], Py_None) != 0) {
        goto fail;
    }
    for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        if (set_steal(dict, gate->names.name[times[i]], PyFloat_FromDouble(0.0)) != 0) {
            goto fail;
        }
    }
    gate->template = dict;
    return 0;

fail:
    Py_XDECREF(dict);
    return -1;
}

/* Values of these keys are secrets of one client: no copy outlives the request. */
static bool
is_secret(uint16_t key)
{
    return key == CASK_KEY_COOKIE || key == CASK_KEY_AUTHORIZATION;
}

static bool
is_path(uint16_t key)
{
    return key == CASK_KEY_DOCUMENT_ROOT || key == CASK_KEY_SCRIPT_FILENAME;
}

/* Whether a kept str (one byte per character) has these bytes. */
static inline bool
has_bytes(PyObject *kept, const struct cask_str *value)
{
    return kept != NULL && (size_t)PyUnicode_GET_LENGTH(kept) == value->len &&
           memcmp(PyUnicode_1BYTE_DATA(kept), value->data, value->len) == 0;
}

/* Puts a value that came twice into the template. Failing to is no failure of the request. */
CASK_GIL_HELD static void
show(struct cask_gate *gate, uint16_t key, PyObject *value)
{
    if (PyDict_SetItem(gate->template, gate->names.key[key], value) == 0) {
        gate->shown[key] = value;
        gate->in_template[key / 64] |= UINT64_C(1) << (key % 64);
    } else {
        PyErr_Clear();
    }
}

/* A variable or header with a row. */
CASK_GIL_HELD static int
set_known(struct cask_gate *gate, PyObject *dict, uint16_t key, const struct cask_str *value,
          bool again)
{
    PyObject *text = gate->last[key];
    bool keep = value->len > 0 && value->len <= KEPT_VALUE_LIMIT && !is_secret(key);

    if (has_bytes(gate->shown[key], value) && !again) {
        return 0;
    }
    if (has_bytes(text, value)) {
        show(gate, key, text);
        return PyDict_SetItem(dict, gate->names.key[key], text);
    }
    text = is_path(key) ? PyUnicode_DecodeFSDefaultAndSize(value->data, (Py_ssize_t)value->len)
                        : PyUnicode_DecodeLatin1(value->data, (Py_ssize_t)value->len, NULL);
    if (text == NULL) {
        return -1;
    }
    if ((keep || value->len == 0) && (!is_path(key) || PyUnicode_IS_ASCII(text))) {
        Py_INCREF(text);
        Py_XSETREF(gate->last[key], text);
    }
    return set_steal(dict, gate->names.key[key], text);
}

/* A variable that has no row: SetEnv and the like. It never replaces anything; keeps (3). */
CASK_GIL_HELD static int
set_other_variable(PyObject *dict, const struct cask_field *field)
{
    PyObject *name = PyUnicode_DecodeLatin1(field->name.data, (Py_ssize_t)field->name.len, NULL);
    PyObject *value = NULL;
    int status = -1;

    if (name == NULL) {
        return -1;
    }
    if (field->value.data == NULL) {
        value = Py_None;
        Py_INCREF(value);
    } else {
        value = PyUnicode_DecodeLatin1(field->value.data, (Py_ssize_t)field->value.len, NULL);
    }
    if (value != NULL && PyDict_SetDefault(dict, name, value) != NULL) {
        status = 0;
    }
    Py_XDECREF(value);
    Py_DECREF(name);
    return status;
}

/* The environ name of a header that has no row: HTTP_ and the name in upper case. Names with other
 * characters than letters, digits and "-" could pass for another header. New reference; NULL with
 * an exception, or without one for such a name. */
CASK_GIL_HELD static PyObject *
environ_name(const struct cask_str *header)
{
    static const char prefix[] = {'H', 'T', 'T', 'P', '_'};
    PyObject *name = PyUnicode_New((Py_ssize_t)(sizeof(prefix) + header->len), 'z');
    Py_UCS1 *out;

    if (name == NULL) {
        return NULL;
    }
    out = PyUnicode_1BYTE_DATA(name);
    memcpy(out, prefix, sizeof(prefix));
    out += sizeof(prefix);
    for (uint32_t i = 0; i < header->len; i++) {
        char c = header->data[i];

        if (c >= 'a' && c <= 'z') {
            out[i] = (Py_UCS1)(c - 'a' + 'A');
        } else if ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
            out[i] = (Py_UCS1)c;
        } else if (c == '-') {
            out[i] = '_';
        } else {
            Py_DECREF(name);
            return NULL;
        }
    }
    return name;
}

CASK_GIL_HELD static int
set_other_header(PyObject *dict, const struct cask_field *field)
{
    PyObject *name;
    int status;

    if (field->name.len == 0) {
        return 0;
    }
    name = environ_name(&field->name);
    if (name == NULL) {
        return PyErr_Occurred() != NULL ? -1 : 0;
    }
    status = set_steal(
        dict, name, PyUnicode_DecodeLatin1(field->value.data, (Py_ssize_t)field->value.len, NULL));
    Py_DECREF(name);
    return status;
}

/* The fields with a row; their bits are added to seen. *ret_others counts the rest. */
CASK_GIL_HELD static int
set_fields(struct cask_gate *gate, PyObject *dict, const struct cask_field *fields, size_t n,
           uint64_t seen[2], size_t *ret_others)
{
    size_t i;

    for (i = 0; i < n; i++) {
        uint16_t key = fields[i].key;
        uint64_t bit = UINT64_C(1) << (key % 64);

        if (key >= CASK_KEY_LIMIT || gate->names.key[key] == NULL) {
            *ret_others += 1;
            continue;
        }
        /* Came twice: the template's value may have been replaced in the dict. */
        if (set_known(gate, dict, key, &fields[i].value, (seen[key / 64] & bit) != 0) != 0) {
            return -1;
        }
        seen[key / 64] |= bit;
    }
    return 0;
}

CASK_GIL_HELD static int
set_others(const struct cask_gate *gate, PyObject *dict, const struct cask_request *request)
{
    size_t i;

    for (i = 0; i < request->n_headers; i++) {
        const struct cask_field *field = &request->headers[i];

        if ((field->key >= CASK_KEY_LIMIT || gate->names.key[field->key] == NULL) &&
            set_other_header(dict, field) != 0) {
            return -1;
        }
    }
    for (i = 0; i < request->n_vars; i++) {
        const struct cask_field *field = &request->vars[i];

        if ((field->key >= CASK_KEY_LIMIT || gate->names.key[field->key] == NULL) &&
            set_other_variable(dict, field) != 0) {
            return -1;
        }
    }
    return 0;
}

/* Removes what the template has and this request has not; keeps (2). */
CASK_GIL_HELD static int
drop_unset(struct cask_gate *gate, PyObject *dict, const uint64_t seen[2])
{
    uint16_t key;
    int word;

    for (word = 0; word < 2; word++) {
        uint64_t left = gate->in_template[word] & ~seen[word];

        while (left != 0) {
            key = (uint16_t)(word * 64 + __builtin_ctzll(left));
            left &= left - 1;
            if (PyDict_DelItem(dict, gate->names.key[key]) != 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* 0 stands in the template. */
CASK_GIL_HELD static int
set_time(PyObject *dict, PyObject *key, int64_t time_us)
{
    return time_us == 0 ? 0 : set_steal(dict, key, PyFloat_FromDouble((double)time_us / 1e6));
}

PyObject *
cask_wsgi_environ_new(struct cask_gate *gate, const struct cask_request *request, PyObject *input,
                      PyObject *hints)
{
    PyObject *const *name = gate->names.name;
    PyObject *dict = PyDict_Copy(gate->template);
    uint64_t seen[2] = {0, 0};
    size_t n_others = 0;

    if (dict == NULL) {
        return NULL;
    }
    if (set_fields(gate, dict, request->vars, request->n_vars, seen, &n_others) != 0 ||
        set_fields(gate, dict, request->headers, request->n_headers, seen, &n_others) != 0 ||
        drop_unset(gate, dict, seen) != 0 ||
        (n_others > 0 && set_others(gate, dict, request) != 0) ||
        PyDict_SetItem(dict, name[CASK_NAME_WSGI_INPUT], input) != 0 ||
        PyDict_SetItem(dict, name[CASK_NAME_WSGI_EARLY_HINTS], hints) != 0 ||
        ((request->flags & CASK_REQUEST_HTTPS) != 0 &&
         PyDict_SetItem(dict, name[CASK_NAME_WSGI_URL_SCHEME], name[CASK_NAME_HTTPS]) != 0) ||
        set_steal(dict, name[CASK_NAME_MOD_WSGI_THREAD_ID],
                  PyLong_FromUnsignedLong(request->thread_id)) != 0 ||
        set_time(dict, name[CASK_NAME_MOD_WSGI_REQUEST_START], request->start_us) != 0 ||
        set_time(dict, name[CASK_NAME_MOD_WSGI_QUEUE_START], request->queue_us) != 0 ||
        set_time(dict, name[CASK_NAME_MOD_WSGI_DAEMON_START], request->daemon_us) != 0 ||
        set_time(dict, name[CASK_NAME_MOD_WSGI_APPLICATION_START], cask_clock_wall_us()) != 0) {
        Py_DECREF(dict);
        return NULL;
    }
    return dict;
}

int
cask_wsgi_environ_add_httpd(const struct cask_gate *gate, const struct cask_request *request,
                            PyObject *dict, PyObject **ret_capsule)
{
    PyObject *capsule;

    if (request->httpd_request == NULL) {
        *ret_capsule = NULL;
        return 0;
    }
    capsule = PyCapsule_New(request->httpd_request, NULL, NULL);
    if (capsule == NULL) {
        return -1;
    }
    if (PyDict_SetItem(dict, gate->names.name[CASK_NAME_APACHE_REQUEST_REC], capsule) != 0) {
        Py_DECREF(capsule);
        return -1;
    }
    *ret_capsule = capsule;
    return 0;
}

void
cask_wsgi_environ_end_httpd(PyObject *steal_capsule)
{
    if (steal_capsule != NULL) {
        /* Under another name than before nobody gets the pointer out of it. */
        (void)PyCapsule_SetName(steal_capsule, "the request has ended");
        Py_DECREF(steal_capsule);
    }
}
