/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_head.c - status and headers as an application gave them, checked and copied.
 *
 * Everything is checked while the application's call is on the stack, so that the traceback points
 * at it. What belongs to the connection and not to the reply is left out, with one line per script.
 *
 * Owns:    nothing; fills struct cask_wsgi_head.
 * Touches: request/.
 * Threads: any Python thread of the application.
 * Invariants:
 *   (1) a head that is set holds only what PEP 3333 and RFC 9110 allow;
 *   (2) Content-Length is never among the fields, hop-by-hop headers only as "Connection: close";
 *   (3) a head that is set fits the limits of request/reply.h.
 */
#include "interp/gil.h"

#include "gateway/wsgi_head.h"

#include "gateway/apps.h"
#include "gateway/wsgi_serve.h"
#include "request/reply.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Bytes of a Connection header, whose names are compared with all others. */
#define CONNECTION_LIMIT 1024

enum header_kind {
    HEADER_PLAIN,
    HEADER_CONTENT_LENGTH,
    HEADER_HOP_BY_HOP,
    HEADER_CONNECTION,
};

/* A head while it is being filled. */
struct filling {
    struct cask_wsgi_call *call; /* for messages */
    struct cask_wsgi_head *head;
    char *text;  /* where the next bytes go */
    bool hint;   /* for 103 Early Hints */
    bool closes; /* Connection: close is among the fields */
    bool names;  /* a Connection header names others */
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
    case 16:
        hop = same_name(name, len, "proxy-connection");
        break;
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
    if (PyUnicode_GET_LENGTH(object) > CASK_REPLY_HEAD_LIMIT) {
        PyErr_Format(PyExc_ValueError, "%s of %zd bytes is above the limit of 1 MiB", what,
                     PyUnicode_GET_LENGTH(object));
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
        PyErr_Format(PyExc_ValueError,
                     "status must be three digits, a space and a reason, not %.200R", status);
        return -1;
    }
    if (code < 200) {
        PyErr_Format(PyExc_ValueError,
                     "status %.200R is not that of a final reply, which an application has to "
                     "give; for 103 there is environ['wsgi.early_hints']",
                     status);
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
    if (!is_token(ret_name->data, ret_name->len) || ret_name->len > UINT16_MAX) {
        PyErr_Format(PyExc_ValueError,
                     "header name %.200R is empty, too long or has a character that names may "
                     "not have",
                     PyTuple_GET_ITEM(pair, 0));
        return -1;
    }
    if (!is_text(ret_value->data, ret_value->len)) {
        PyErr_Format(PyExc_ValueError, "the value of header %.200R has a control character: %.200R",
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

/* The next name of a comma-separated list; false at its end. */
static bool
next_token(struct cask_str *list, struct cask_str *ret_token)
{
    const char *end = list->data + list->len;
    const char *at = list->data;
    const char *last;

    while (at < end && (*at == ',' || *at == ' ' || *at == '\t')) {
        at++;
    }
    ret_token->data = at;
    while (at < end && *at != ',') {
        at++;
    }
    last = at;
    while (last > ret_token->data && (last[-1] == ' ' || last[-1] == '\t')) {
        last--;
    }
    ret_token->len = (uint32_t)(last - ret_token->data);
    list->data = at;
    list->len = (uint32_t)(end - at);
    return ret_token->len > 0;
}

static bool
is_close(const struct cask_str *token)
{
    return token->len == 5 && same_name(token->data, 5, "close");
}

CASK_GIL_HELD static void
warn_hop(const struct filling *filling, const struct cask_str *name)
{
    cask_apps_warn_hop(filling->call->app, filling->call->exchange->request, name);
}

/* Appends a header; its storage is large enough. */
static void
put_field(struct filling *filling, const struct cask_str *name, const struct cask_str *value)
{
    struct cask_field *field = &filling->head->fields[filling->head->n_fields];

    memcpy(filling->text, name->data, name->len);
    memcpy(filling->text + name->len, value->data, value->len);
    field->name.data = filling->text;
    field->name.len = name->len;
    field->value.data = filling->text + name->len;
    field->value.len = value->len;
    field->key = 0;
    filling->text += name->len + value->len;
    filling->head->n_fields += 1;
}

/* Of a Connection header only "close" is sent on. */
CASK_GIL_HELD static int
take_connection(struct filling *filling, const struct cask_str *name, const struct cask_str *value)
{
    struct cask_str list = *value;
    struct cask_str token;

    if (value->len > CONNECTION_LIMIT) {
        PyErr_SetString(PyExc_ValueError, "the value of header 'Connection' is too long");
        return -1;
    }
    while (next_token(&list, &token)) {
        if (!is_close(&token)) {
            filling->names = true;
            warn_hop(filling, name);
        } else if (!filling->closes) {
            filling->closes = true;
            put_field(filling, name, &token);
        }
    }
    return 0;
}

CASK_GIL_HELD static int
take_header(struct filling *filling, const struct cask_str *name, const struct cask_str *value)
{
    enum header_kind kind = find_kind(name->data, name->len);

    if (filling->hint && kind != HEADER_PLAIN) {
        PyErr_Format(PyExc_ValueError, "header '%.64s' cannot be an early hint", name->data);
        return -1;
    }
    switch (kind) {
    case HEADER_CONTENT_LENGTH:
        return parse_length(value, &filling->head->content_length);
    case HEADER_CONNECTION:
        return take_connection(filling, name, value);
    case HEADER_HOP_BY_HOP:
        warn_hop(filling, name);
        return 0;
    case HEADER_PLAIN:
        put_field(filling, name, value);
        break;
    }
    return 0;
}

/* Whether a Connection header (of the same list) names this field. */
CASK_GIL_HELD static bool
is_named(const struct cask_field *field, PyObject *headers)
{
    struct cask_str name;
    struct cask_str list;
    struct cask_str token;
    Py_ssize_t i;

    for (i = 0; i < PyList_GET_SIZE(headers); i++) {
        if (parse_pair(PyList_GET_ITEM(headers, i), &name, &list) != 0) {
            PyErr_Clear(); /* cannot be: it was checked */
            continue;
        }
        while (find_kind(name.data, name.len) == HEADER_CONNECTION && next_token(&list, &token)) {
            if (token.len == field->name.len &&
                strncasecmp(token.data, field->name.data, token.len) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Takes out the headers that a Connection header names: they are for one connection, too. */
CASK_GIL_HELD static void
drop_named(struct cask_wsgi_head *head, PyObject *headers)
{
    size_t n_kept = 0;
    size_t i;

    for (i = 0; i < head->n_fields; i++) {
        if (!is_named(&head->fields[i], headers)) {
            head->fields[n_kept] = head->fields[i];
            n_kept += 1;
        }
    }
    head->n_fields = n_kept;
}

void
cask_wsgi_head_init(struct cask_wsgi_head *head)
{
    head->text = head->inline_text;
    head->fields = head->inline_fields;
    cask_wsgi_head_done(head);
}

void
cask_wsgi_head_done(struct cask_wsgi_head *head)
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

/* Adds the bytes of all names and values; checks each item. Keeps (3). No Python code runs between
 * this and the copy. */
CASK_GIL_HELD static int
measure(PyObject *headers, size_t limit, size_t *total)
{
    size_t overhead = (size_t)PyList_GET_SIZE(headers) * CASK_REPLY_HEADER_OVERHEAD;
    struct cask_str name;
    struct cask_str value;
    Py_ssize_t i;

    if (PyList_GET_SIZE(headers) > CASK_REPLY_HEADERS_LIMIT) {
        PyErr_Format(PyExc_ValueError, "%zd headers are above the limit of %d",
                     PyList_GET_SIZE(headers), CASK_REPLY_HEADERS_LIMIT);
        return -1;
    }
    for (i = 0; i < PyList_GET_SIZE(headers); i++) {
        if (parse_pair(PyList_GET_ITEM(headers, i), &name, &value) != 0) {
            return -1;
        }
        *total += (size_t)name.len + value.len; /* at most HEADERS_LIMIT times HEAD_LIMIT */
    }
    if (*total + overhead > limit) {
        PyErr_Format(PyExc_ValueError, "status and headers of %zu bytes are above the limit of %zu",
                     *total + overhead, limit);
        return -1;
    }
    return 0;
}

CASK_GIL_HELD static int
reserve(struct cask_wsgi_head *head, size_t n_fields, size_t total)
{
    cask_wsgi_head_done(head);
    if (total > sizeof(head->inline_text)) {
        head->text = malloc(total);
    }
    if (n_fields > CASK_WSGI_HEAD_FIELDS) {
        head->fields = calloc(n_fields, sizeof(*head->fields));
    }
    if (head->text == NULL || head->fields == NULL) {
        cask_wsgi_head_done(head);
        (void)PyErr_NoMemory();
        return -1;
    }
    return 0;
}

/* Copies the reason and the headers. */
CASK_GIL_HELD static int
fill(struct filling *filling, const struct cask_str *reason, PyObject *headers)
{
    struct cask_wsgi_head *head = filling->head;
    struct cask_str name;
    struct cask_str value;
    size_t limit = filling->hint ? CASK_REPLY_HINT_LIMIT : CASK_REPLY_HEAD_LIMIT;
    size_t total = reason->len;
    Py_ssize_t i;

    if (!PyList_Check(headers)) {
        PyErr_Format(PyExc_TypeError, "headers must be a list, not %s", Py_TYPE(headers)->tp_name);
        return -1;
    }
    if (measure(headers, limit, &total) != 0 ||
        reserve(head, (size_t)PyList_GET_SIZE(headers), total) != 0) {
        return -1;
    }
    filling->text = head->text;
    if (reason->len > 0) {
        memcpy(filling->text, reason->data, reason->len);
    }
    head->reason.data = filling->text;
    head->reason.len = reason->len;
    filling->text += reason->len;
    for (i = 0; i < PyList_GET_SIZE(headers); i++) {
        PyObject *pair = PyList_GET_ITEM(headers, i); /* checked by measure() */

        if (latin1_of(PyTuple_GET_ITEM(pair, 0), "a header name", &name) != 0 ||
            latin1_of(PyTuple_GET_ITEM(pair, 1), "a header value", &value) != 0 ||
            take_header(filling, &name, &value) != 0) {
            cask_wsgi_head_done(head);
            return -1;
        }
    }
    if (filling->names) {
        drop_named(head, headers);
    }
    return 0;
}

int
cask_wsgi_head_fill(struct cask_wsgi_call *call, PyObject *status, PyObject *headers)
{
    struct filling filling = {.call = call, .head = &call->head};
    struct cask_str reason;
    int code;

    if (parse_status(status, &code, &reason) != 0 || fill(&filling, &reason, headers) != 0) {
        return -1;
    }
    call->head.status = code;
    call->head.set = true;
    return 0;
}

int
cask_wsgi_head_fill_hint(struct cask_wsgi_call *call, struct cask_wsgi_head *head,
                         PyObject *headers)
{
    struct filling filling = {.call = call, .head = head, .hint = true};
    const struct cask_str reason = {NULL, 0};

    if (fill(&filling, &reason, headers) != 0) {
        return -1;
    }
    head->status = 103;
    head->set = true;
    return 0;
}
