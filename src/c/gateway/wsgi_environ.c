/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_environ.c - the environ dict of a request.
 *
 * Owns:    the template dict and the last value of each key (fields of the gate).
 * Touches: request/.
 * Threads: any that holds the GIL.
 * Invariants:
 *   (1) the environ is a fresh, plain dict; the template never leaves this file;
 *   (2) no wsgi.* key and none of ours can be set by a variable of the request.
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
#define NAME_LIMIT       256 /* bytes of a header name that has no row in keys.def */

/* Always there, so the template reserves their places. */
static const uint16_t usual_keys[] = {
    CASK_KEY_REQUEST_METHOD,
    CASK_KEY_SCRIPT_NAME,
    CASK_KEY_PATH_INFO,
    CASK_KEY_QUERY_STRING,
    CASK_KEY_REQUEST_URI,
    CASK_KEY_SERVER_NAME,
    CASK_KEY_SERVER_PORT,
    CASK_KEY_SERVER_ADDR,
    CASK_KEY_SERVER_PROTOCOL,
    CASK_KEY_SERVER_SOFTWARE,
    CASK_KEY_SERVER_ADMIN,
    CASK_KEY_REMOTE_ADDR,
    CASK_KEY_REMOTE_PORT,
    CASK_KEY_DOCUMENT_ROOT,
    CASK_KEY_CONTEXT_PREFIX,
    CASK_KEY_CONTEXT_DOCUMENT_ROOT,
    CASK_KEY_SCRIPT_FILENAME,
    CASK_KEY_REQUEST_SCHEME,
    CASK_KEY_WSGI_CALLABLE_OBJECT,
    CASK_KEY_WSGI_REQUEST_HANDLER,
    CASK_KEY_WSGI_HANDLER_SCRIPT,
    CASK_KEY_WSGI_SCRIPT_NAME,
    CASK_KEY_WSGI_PATH_INFO,
    CASK_KEY_WSGI_LISTENER_HOST,
    CASK_KEY_WSGI_LISTENER_PORT,
    CASK_KEY_WSGI_REQUEST_ID,
    CASK_KEY_WSGI_SERVER_PID,
    CASK_KEY_HOST,
};

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
    static const enum cask_name filled_later[] = {
        CASK_NAME_WSGI_INPUT,
        CASK_NAME_MOD_WSGI_THREAD_ID,
        CASK_NAME_MOD_WSGI_REQUEST_START,
        CASK_NAME_MOD_WSGI_QUEUE_START,
        CASK_NAME_MOD_WSGI_DAEMON_START,
        CASK_NAME_MOD_WSGI_APPLICATION_START,
    };
    PyObject *dict = PyDict_New();
    size_t i;

    if (dict == NULL || fill_constants(gate, dict) != 0) {
        goto fail;
    }
    for (i = 0; i < sizeof(filled_later) / sizeof(filled_later[0]); i++) {
        if (PyDict_SetItem(dict, gate->names.name[filled_later[i]], Py_None) != 0) {
            goto fail;
        }
    }
    for (i = 0; i < sizeof(usual_keys) / sizeof(usual_keys[0]); i++) {
        uint16_t key = usual_keys[i];

        if (PyDict_SetItem(dict, gate->names.key[key], Py_None) != 0) {
            goto fail;
        }
        gate->placeholders[key / 64] |= UINT64_C(1) << (key % 64);
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

/* The value as str; the last one of this key again when the bytes are the same. New reference. */
CASK_GIL_HELD static PyObject *
make_value(struct cask_gate *gate, uint16_t key, const struct cask_str *value)
{
    PyObject *last = gate->last[key];
    bool is_path = key == CASK_KEY_DOCUMENT_ROOT || key == CASK_KEY_SCRIPT_FILENAME;

    if (last != NULL && (size_t)PyUnicode_GET_LENGTH(last) == value->len &&
        memcmp(PyUnicode_1BYTE_DATA(last), value->data, value->len) == 0) {
        Py_INCREF(last);
        return last;
    }
    last = is_path ? PyUnicode_DecodeFSDefaultAndSize(value->data, (Py_ssize_t)value->len)
                   : PyUnicode_DecodeLatin1(value->data, (Py_ssize_t)value->len, NULL);
    if (last != NULL && value->len > 0 && value->len <= KEPT_VALUE_LIMIT && !is_secret(key) &&
        (!is_path || PyUnicode_IS_ASCII(last))) {
        Py_INCREF(last);
        Py_XSETREF(gate->last[key], last);
    }
    return last;
}

/* A variable that has no row: SetEnv and the like. It never replaces anything; keeps (2). */
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

/* A header that has no row: HTTP_ and its name in upper case. Names with other characters than
 * letters, digits and "-" could pass for another header and are left out. */
CASK_GIL_HELD static int
set_other_header(PyObject *dict, const struct cask_field *field)
{
    char text[5 + NAME_LIMIT] = {'H', 'T', 'T', 'P', '_'};
    PyObject *name;
    int status;
    uint32_t i;

    if (field->name.len == 0 || field->name.len > NAME_LIMIT) {
        return 0;
    }
    for (i = 0; i < field->name.len; i++) {
        char c = field->name.data[i];

        if (c >= 'a' && c <= 'z') {
            text[5 + i] = (char)(c - 'a' + 'A');
        } else if ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
            text[5 + i] = c;
        } else if (c == '-') {
            text[5 + i] = '_';
        } else {
            return 0;
        }
    }
    name = PyUnicode_DecodeLatin1(text, 5 + (Py_ssize_t)field->name.len, NULL);
    if (name == NULL) {
        return -1;
    }
    status = set_steal(
        dict, name, PyUnicode_DecodeLatin1(field->value.data, (Py_ssize_t)field->value.len, NULL));
    Py_DECREF(name);
    return status;
}

/* Variables or headers; the bits of the keys that were set are added to seen. */
CASK_GIL_HELD static int
set_fields(struct cask_gate *gate, PyObject *dict, const struct cask_field *fields, size_t n,
           bool headers, uint64_t seen[2])
{
    size_t i;

    for (i = 0; i < n; i++) {
        const struct cask_field *field = &fields[i];
        uint16_t key = field->key;
        PyObject *name = key < CASK_KEY_LIMIT ? gate->names.key[key] : NULL;
        int status;

        if (name != NULL) {
            status = set_steal(dict, name, make_value(gate, key, &field->value));
            seen[key / 64] |= UINT64_C(1) << (key % 64);
        } else if (headers) {
            status = set_other_header(dict, field);
        } else {
            status = set_other_variable(dict, field);
        }
        if (status != 0) {
            return -1;
        }
    }
    return 0;
}

/* Removes the places of usual keys that this request does not have. */
CASK_GIL_HELD static int
drop_unset(struct cask_gate *gate, PyObject *dict, const uint64_t seen[2])
{
    uint16_t key;
    int word;

    for (word = 0; word < 2; word++) {
        uint64_t left = gate->placeholders[word] & ~seen[word];

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

CASK_GIL_HELD static int
set_time(PyObject *dict, PyObject *key, int64_t time_us)
{
    return set_steal(dict, key, PyFloat_FromDouble((double)time_us / 1e6));
}

PyObject *
cask_wsgi_environ_new(struct cask_gate *gate, const struct cask_request *request, PyObject *input)
{
    PyObject *const *name = gate->names.name;
    PyObject *dict = PyDict_Copy(gate->template);
    uint64_t seen[2] = {0, 0};

    if (dict == NULL) {
        return NULL;
    }
    if (set_fields(gate, dict, request->vars, request->n_vars, false, seen) != 0 ||
        set_fields(gate, dict, request->headers, request->n_headers, true, seen) != 0 ||
        drop_unset(gate, dict, seen) != 0 ||
        PyDict_SetItem(dict, name[CASK_NAME_WSGI_INPUT], input) != 0 ||
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
