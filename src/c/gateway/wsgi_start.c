/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_start.c - start_response() and the write() it returns.
 *
 * Everything is checked when start_response() is called, so that the traceback points at the call.
 * Status and headers are copied into the call's head: no Python object has to outlive the GIL.
 *
 * Owns:    the start object; fills struct cask_wsgi_head.
 * Touches: request/.
 * Threads: any Python thread of the application.
 * Invariants:
 *   (1) a head that is set holds only what PEP 3333 and RFC 9110 allow;
 *   (2) Content-Length is never among the fields, hop-by-hop headers only as "Connection: close".
 */
#include "interp/gil.h"

#include "gateway/wsgi_start.h"

#include <structmember.h>

#include "gateway/apps.h"
#include "gateway/pymodule.h"
#include "gateway/wsgi_reply.h"
#include "gateway/wsgi_serve.h"
#include "request/request.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct start {
    PyObject_HEAD vectorcallfunc vectorcall;
    struct cask_wsgi_call *call; /* NULL once the request is over */
};

enum header_kind {
    HEADER_PLAIN,
    HEADER_CONTENT_LENGTH,
    HEADER_HOP_BY_HOP,
    HEADER_CONNECTION,
};

/* RFC 9110 token characters. */
static bool
is_token(const char *text, size_t len)
{
    static const uint64_t allowed[4] = {UINT64_C(0x03ff6cfa00000000), UINT64_C(0x57ffffffc7fffffe),
                                        0, 0};
    size_t i;

    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if ((allowed[c / 64] >> (c % 64) & 1) == 0) {
            return false;
        }
    }
    return len > 0;
}

/* No control character but the horizontal tab. */
static bool
is_text(const char *text, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool
same_name(const char *name, size_t len, const char *lower)
{
    return strncasecmp(name, lower, len) == 0;
}

static enum header_kind
find_kind(const char *name, size_t len)
{
    bool hop = false;

    switch (len) {
    case 2:
        hop = same_name(name, len, "te");
        break;
    case 7:
        hop = same_name(name, len, "upgrade") || same_name(name, len, "trailer");
        break;
    case 8:
        hop = same_name(name, len, "trailers");
        break;
    case 10:
        if (same_name(name, len, "connection")) {
            return HEADER_CONNECTION;
        }
        hop = same_name(name, len, "keep-alive");
        break;
    case 14:
        return same_name(name, len, "content-length") ? HEADER_CONTENT_LENGTH : HEADER_PLAIN;
    case 17:
        hop = same_name(name, len, "transfer-encoding");
        break;
    case 18:
        hop = same_name(name, len, "proxy-authenticate");
        break;
    case 19:
        hop = same_name(name, len, "proxy-authorization");
        break;
    default:
        break;
    }
    return hop ? HEADER_HOP_BY_HOP : HEADER_PLAIN;
}

/* The bytes of a str that fits latin-1, borrowed from it; -1 with an exception. */
CASK_GIL_HELD static int
latin1_of(PyObject *object, const char *what, struct cask_str *ret_text)
{
    PyObject *bytes;

    if (!PyUnicode_Check(object)) {
        PyErr_Format(PyExc_TypeError, "%s must be a str, not %s", what, Py_TYPE(object)->tp_name);
        return -1;
    }
#if PY_VERSION_HEX < 0x030c0000
    if (PyUnicode_READY(object) != 0) {
        return -1;
    }
#endif
    if (PyUnicode_KIND(object) != PyUnicode_1BYTE_KIND) {
        bytes = PyUnicode_AsLatin1String(object); /* raises the right UnicodeEncodeError */
        if (bytes != NULL) {
            Py_DECREF(bytes);
            PyErr_Format(PyExc_ValueError, "%s does not fit latin-1", what);
        }
        return -1;
    }
    if (PyUnicode_GET_LENGTH(object) > INT32_MAX) {
        PyErr_Format(PyExc_ValueError, "%s is too long", what);
        return -1;
    }
    ret_text->data = (const char *)PyUnicode_1BYTE_DATA(object);
    ret_text->len = (uint32_t)PyUnicode_GET_LENGTH(object);
    return 0;
}

/* "200 OK" or "200" → code and reason. */
CASK_GIL_HELD static int
parse_status(PyObject *status, int *ret_code, struct cask_str *ret_reason)
{
    struct cask_str text;
    int code = 0;
    int i;

    if (latin1_of(status, "status", &text) != 0) {
        return -1;
    }
    for (i = 0; i < 3 && text.len >= 3; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            break;
        }
        code = code * 10 + (text.data[i] - '0');
    }
    if (i != 3 || (text.len > 3 && text.data[3] != ' ') || !is_text(text.data, text.len)) {
        PyErr_Format(PyExc_ValueError, "status must be three digits, a space and a reason, not %R",
                     status);
        return -1;
    }
    if (code < 200) {
        PyErr_Format(PyExc_ValueError, "status %R cannot be sent by an application", status);
        return -1;
    }
    *ret_code = code;
    ret_reason->data = text.len > 4 ? text.data + 4 : NULL;
    ret_reason->len = text.len > 4 ? text.len - 4 : 0;
    return 0;
}

/* Name and value of one item of the list, borrowed from it. */
CASK_GIL_HELD static int
parse_pair(PyObject *pair, struct cask_str *ret_name, struct cask_str *ret_value)
{
    if (!PyTuple_Check(pair)) {
        PyErr_Format(PyExc_TypeError, "a header must be a tuple (name, value), not %s",
                     Py_TYPE(pair)->tp_name);
        return -1;
    }
    if (PyTuple_GET_SIZE(pair) != 2) {
        PyErr_Format(PyExc_ValueError, "a header must be a tuple (name, value), not one of %zd",
                     PyTuple_GET_SIZE(pair));
        return -1;
    }
    if (latin1_of(PyTuple_GET_ITEM(pair, 0), "a header name", ret_name) != 0 ||
        latin1_of(PyTuple_GET_ITEM(pair, 1), "a header value", ret_value) != 0) {
        return -1;
    }
    if (!is_token(ret_name->data, ret_name->len)) {
        PyErr_Format(PyExc_ValueError,
                     "header name %R is empty or has a character that names may "
                     "not have",
                     PyTuple_GET_ITEM(pair, 0));
        return -1;
    }
    if (!is_text(ret_value->data, ret_value->len)) {
        PyErr_Format(PyExc_ValueError, "the value of header %R has a control character: %R",
                     PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1));
        return -1;
    }
    return 0;
}

/* Digits only; twice is allowed with the same number. */
CASK_GIL_HELD static int
parse_length(const struct cask_str *value, int64_t *length)
{
    int64_t number = 0;
    uint32_t i;

    for (i = 0; i < value->len; i++) {
        char c = value->data[i];

        if (c < '0' || c > '9' || number > (INT64_MAX - 9) / 10) {
            break;
        }
        number = number * 10 + (c - '0');
    }
    if (value->len == 0 || i != value->len || (*length >= 0 && *length != number)) {
        PyErr_Format(PyExc_ValueError, "Content-Length must be one number, not '%.64s'",
                     value->len > 0 ? value->data : "");
        return -1;
    }
    *length = number;
    return 0;
}

/* Appends one header to the head, whose storage is large enough. */
CASK_GIL_HELD static int
add_field(struct cask_wsgi_call *call, struct cask_wsgi_head *head, const struct cask_str *name,
          const struct cask_str *value, char **text)
{
    struct cask_field *field = &head->fields[head->n_fields];

    switch (find_kind(name->data, name->len)) {
    case HEADER_CONTENT_LENGTH:
        return parse_length(value, &head->content_length);
    case HEADER_CONNECTION:
        if (value->len == 5 && same_name(value->data, 5, "close")) {
            break;
        }
        cask_apps_warn_hop(call->app, call->exchange->request, name);
        return 0;
    case HEADER_HOP_BY_HOP:
        cask_apps_warn_hop(call->app, call->exchange->request, name);
        return 0;
    case HEADER_PLAIN:
        break;
    }
    memcpy(*text, name->data, name->len);
    memcpy(*text + name->len, value->data, value->len);
    field->name.data = *text;
    field->name.len = name->len;
    field->value.data = *text + name->len;
    field->value.len = value->len;
    field->key = 0;
    *text += name->len + value->len;
    head->n_fields += 1;
    return 0;
}

void
cask_wsgi_start_done(struct cask_wsgi_head *head)
{
    if (head->text != head->inline_text) {
        free(head->text);
    }
    if (head->fields != head->inline_fields) {
        free(head->fields);
    }
    head->set = false;
    head->text = head->inline_text;
    head->fields = head->inline_fields;
    head->n_fields = 0;
    head->content_length = -1;
}

/* Bytes of all names and values; checks each item. No Python code runs between this and the copy.
 */
CASK_GIL_HELD static int
measure(PyObject *headers, size_t *total)
{
    struct cask_str name;
    struct cask_str value;
    Py_ssize_t i;

    for (i = 0; i < PyList_GET_SIZE(headers); i++) {
        if (parse_pair(PyList_GET_ITEM(headers, i), &name, &value) != 0) {
            return -1;
        }
        *total += (size_t)name.len + value.len;
    }
    return 0;
}

CASK_GIL_HELD static int
reserve(struct cask_wsgi_head *head, size_t n_fields, size_t total)
{
    cask_wsgi_start_done(head);
    if (total > sizeof(head->inline_text)) {
        head->text = malloc(total);
    }
    if (n_fields > CASK_WSGI_HEAD_FIELDS) {
        head->fields = calloc(n_fields, sizeof(*head->fields));
    }
    if (head->text == NULL || head->fields == NULL) {
        cask_wsgi_start_done(head);
        (void)PyErr_NoMemory();
        return -1;
    }
    return 0;
}

/* Checks and copies status and headers. On failure the head is unset. */
CASK_GIL_HELD static int
fill_head(struct cask_wsgi_call *call, PyObject *status, PyObject *headers)
{
    struct cask_wsgi_head *head = &call->head;
    struct cask_str reason;
    struct cask_str name;
    struct cask_str value;
    size_t total;
    char *text;
    int code;
    Py_ssize_t i;

    if (parse_status(status, &code, &reason) != 0) {
        return -1;
    }
    if (!PyList_Check(headers)) {
        PyErr_Format(PyExc_TypeError, "headers must be a list, not %s", Py_TYPE(headers)->tp_name);
        return -1;
    }
    total = reason.len;
    if (measure(headers, &total) != 0 ||
        reserve(head, (size_t)PyList_GET_SIZE(headers), total) != 0) {
        return -1;
    }
    text = head->text;
    if (reason.len > 0) {
        memcpy(text, reason.data, reason.len);
    }
    head->reason.data = text;
    head->reason.len = reason.len;
    text += reason.len;
    for (i = 0; i < PyList_GET_SIZE(headers); i++) {
        PyObject *pair = PyList_GET_ITEM(headers, i); /* checked by measure() */

        if (latin1_of(PyTuple_GET_ITEM(pair, 0), "a header name", &name) != 0 ||
            latin1_of(PyTuple_GET_ITEM(pair, 1), "a header value", &value) != 0 ||
            add_field(call, head, &name, &value, &text) != 0) {
            cask_wsgi_start_done(head);
            return -1;
        }
    }
    head->status = code;
    head->set = true;
    return 0;
}

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
    struct cask_wsgi_call *call = ((struct start *)object)->call;

    if (call == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "write() was called after the end of its request");
        return NULL;
    }
    if (!PyBytes_Check(data)) {
        PyErr_Format(PyExc_TypeError, "write() takes bytes, not %s", Py_TYPE(data)->tp_name);
        return NULL;
    }
    if (cask_wsgi_reply_add(call, data) != 0 || cask_wsgi_reply_send(call, true) != 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef write_method = {"write", write_call, METH_O, NULL};

CASK_GIL_HELD static PyObject *
start_call(PyObject *object, PyObject *const *args, size_t flags, PyObject *names)
{
    struct cask_wsgi_call *call = ((struct start *)object)->call;
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
    if (check_order(call, exc_info) != 0 || fill_head(call, args[0], args[1]) != 0) {
        return NULL;
    }
    return PyCFunction_NewEx(&write_method, object, NULL);
}

static void
start_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    PyObject_Free(object);
    Py_DECREF(type);
}

static PyMemberDef start_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(struct start, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot start_slots[] = {
    {Py_tp_dealloc, start_dealloc},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_members, start_members},
    {0, NULL},
};

static PyType_Spec start_spec = {
    .name = "mod_wsgi.StartResponse",
    .basicsize = sizeof(struct start),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_HAVE_VECTORCALL,
    .slots = start_slots,
};

PyTypeObject *
cask_wsgi_start_type(PyObject *module)
{
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &start_spec, NULL);
}

PyObject *
cask_wsgi_start_new(PyTypeObject *type, struct cask_wsgi_call *call)
{
    struct start *self = PyObject_New(struct start, type);

    if (self != NULL) {
        self->vectorcall = start_call;
        self->call = call;
    }
    return (PyObject *)self;
}

void
cask_wsgi_start_detach(PyObject *start)
{
    ((struct start *)start)->call = NULL;
}
