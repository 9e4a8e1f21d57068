/* SPDX-License-Identifier: Apache-2.0 */
/* proto/head.c - payloads of HEAD, REPLY and HINTS: writing and checking them.
 *
 * Owns nothing; any thread. Views point into the payload. Outputs other than the caller's field
 * array are untouched unless the result is OK.
 *
 * HEAD: 7 u64 or i64 (script, length, times), 7 u32, then script, callable, group, fields, body
 * REPLY: 1 i64, 4 u32, then reason, fields, body
 * HINTS: 1 u32, then fields
 */
#include "proto/head.h"

#include <stdbool.h>
#include <string.h>

#define REQUEST_FIXED (7u * 8u + 7u * 4u)
#define REPLY_FIXED   (8u + 4u * 4u)
#define FIELD_FIXED   8u

/* Where reading a payload has come to. */
struct cursor {
    const char *at;
    size_t left;
};

static char *
put_bytes(char *out, const char *data, size_t len)
{
    if (len > 0) {
        memcpy(out, data, len);
    }
    return out + len;
}

static char *
put_u32(char *out, uint32_t value)
{
    return put_bytes(out, (const char *)&value, sizeof(value));
}

static char *
put_u64(char *out, uint64_t value)
{
    return put_bytes(out, (const char *)&value, sizeof(value));
}

/* The caller has checked that there are enough bytes for the next two. */
static uint32_t
take_u32(struct cursor *cursor)
{
    uint32_t value;

    memcpy(&value, cursor->at, sizeof(value));
    cursor->at += sizeof(value);
    cursor->left -= sizeof(value);
    return value;
}

static uint64_t
take_u64(struct cursor *cursor)
{
    uint64_t value;

    memcpy(&value, cursor->at, sizeof(value));
    cursor->at += sizeof(value);
    cursor->left -= sizeof(value);
    return value;
}

static enum cask_frame_status
take_bytes(struct cursor *cursor, uint32_t len, struct cask_head_bytes *ret_bytes)
{
    if (len > cursor->left) {
        return CASK_FRAME_BAD_PAYLOAD;
    }
    ret_bytes->data = cursor->at;
    ret_bytes->len = len;
    cursor->at += len;
    cursor->left -= len;
    return CASK_FRAME_OK;
}

static bool
has_nul(struct cask_head_bytes bytes)
{
    return bytes.len > 0 && memchr(bytes.data, '\0', bytes.len) != NULL;
}

/* RFC 9110 tchar. */
static bool
is_token_byte(unsigned char byte)
{
    if ((byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
        (byte >= 'a' && byte <= 'z')) {
        return true;
    }
    return byte != '\0' && strchr("!#$%&'*+-.^_`|~", byte) != NULL;
}

static bool
is_token(struct cask_head_bytes bytes)
{
    for (uint32_t i = 0; i < bytes.len; i++) {
        if (!is_token_byte((unsigned char)bytes.data[i])) {
            return false;
        }
    }
    return bytes.len > 0;
}

static bool
has_line_break(struct cask_head_bytes bytes)
{
    for (uint32_t i = 0; i < bytes.len; i++) {
        char byte = bytes.data[i];

        if (byte == '\r' || byte == '\n' || byte == '\0') {
            return true;
        }
    }
    return false;
}

size_t
cask_head_field_size(uint16_t key, size_t name_len, size_t value_len)
{
    return FIELD_FIXED + (key == 0 ? name_len : 0) + value_len;
}

char *
cask_head_put_field(char *out, uint16_t key, const char *name, size_t name_len, const char *value,
                    size_t value_len)
{
    uint16_t named = key == 0 ? (uint16_t)name_len : 0;

    out = put_bytes(out, (const char *)&key, sizeof(key));
    out = put_bytes(out, (const char *)&named, sizeof(named));
    out = put_u32(out, (uint32_t)value_len);
    out = put_bytes(out, name, named);
    return put_bytes(out, value, value_len);
}

size_t
cask_head_request_size(const struct cask_head_request *head)
{
    return REQUEST_FIXED + (size_t)head->script.len + head->callable.len +
           head->application_group.len;
}

char *
cask_head_put_request(char *out, const struct cask_head_request *head)
{
    out = put_u64(out, head->script_device);
    out = put_u64(out, head->script_inode);
    out = put_u64(out, head->script_size);
    out = put_u64(out, (uint64_t)head->script_mtime_ns);
    out = put_u64(out, (uint64_t)head->content_length);
    out = put_u64(out, (uint64_t)head->start_us);
    out = put_u64(out, (uint64_t)head->queue_us);
    out = put_u32(out, head->request_flags);
    out = put_u32(out, head->body_len);
    out = put_u32(out, head->script.len);
    out = put_u32(out, head->callable.len);
    out = put_u32(out, head->application_group.len);
    out = put_u32(out, head->n_vars);
    out = put_u32(out, head->n_headers);
    out = put_bytes(out, head->script.data, head->script.len);
    out = put_bytes(out, head->callable.data, head->callable.len);
    return put_bytes(out, head->application_group.data, head->application_group.len);
}

size_t
cask_head_reply_size(const struct cask_head_reply *head)
{
    return REPLY_FIXED + (size_t)head->reason.len;
}

char *
cask_head_put_reply(char *out, const struct cask_head_reply *head)
{
    out = put_u64(out, (uint64_t)head->content_length);
    out = put_u32(out, head->status);
    out = put_u32(out, head->body_len);
    out = put_u32(out, head->reason.len);
    out = put_u32(out, head->n_headers);
    return put_bytes(out, head->reason.data, head->reason.len);
}

void
cask_head_set_reply_body(char *payload, uint32_t body_len)
{
    /* behind content_length and status, see cask_head_put_reply() */
    (void)put_u32(payload + 8 + 4, body_len);
}

char *
cask_head_put_hints(char out[CASK_HEAD_HINTS_SIZE], uint32_t n_headers)
{
    return put_u32(out, n_headers);
}

static enum cask_frame_status
take_field(struct cursor *cursor, struct cask_head_field *ret_field)
{
    enum cask_frame_status status;
    uint16_t name_len;
    uint32_t value_len;

    if (cursor->left < FIELD_FIXED) {
        return CASK_FRAME_BAD_PAYLOAD;
    }
    memcpy(&ret_field->key, cursor->at, sizeof(ret_field->key));
    memcpy(&name_len, cursor->at + 2, sizeof(name_len));
    memcpy(&value_len, cursor->at + 4, sizeof(value_len));
    cursor->at += FIELD_FIXED;
    cursor->left -= FIELD_FIXED;
    if ((ret_field->key != 0) != (name_len == 0)) { /* a number or a name, never both or neither */
        return CASK_FRAME_BAD_PAYLOAD;
    }
    status = take_bytes(cursor, name_len, &ret_field->name);
    if (status != CASK_FRAME_OK) {
        return status;
    }
    return take_bytes(cursor, value_len, &ret_field->value);
}

/* Reads n_fields fields, then checks that exactly body_len bytes are left. */
static enum cask_frame_status
take_fields(struct cursor *cursor, uint32_t n_fields, uint32_t body_len,
            struct cask_head_field *ret_fields)
{
    for (uint32_t i = 0; i < n_fields; i++) {
        enum cask_frame_status status = take_field(cursor, &ret_fields[i]);

        if (status != CASK_FRAME_OK) {
            return status;
        }
    }
    return cursor->left == body_len ? CASK_FRAME_OK : CASK_FRAME_BAD_PAYLOAD;
}

/* The limits that HEAD and REPLY share; len includes the body. */
static enum cask_frame_status
check_sizes(size_t len, uint32_t body_len)
{
    if (body_len > len) {
        return CASK_FRAME_BAD_PAYLOAD;
    }
    if (body_len > CASK_FRAME_DATA_LIMIT || len - body_len > CASK_FRAME_HEAD_LIMIT) {
        return CASK_FRAME_TOO_LARGE;
    }
    return CASK_FRAME_OK;
}

static enum cask_frame_status
check_request_text(const struct cask_head_request *head, const struct cask_head_field *fields)
{
    if (has_nul(head->script) || has_nul(head->callable) || has_nul(head->application_group)) {
        return CASK_FRAME_BAD_TEXT;
    }
    for (uint32_t i = 0; i < head->n_vars + head->n_headers; i++) {
        if (has_nul(fields[i].name) || has_nul(fields[i].value)) {
            return CASK_FRAME_BAD_TEXT;
        }
    }
    return CASK_FRAME_OK;
}

enum cask_frame_status
cask_head_get_request(const char *payload, size_t len, struct cask_head_request *ret_head,
                      struct cask_head_field *ret_fields, size_t max_fields, const char **ret_body)
{
    struct cursor cursor = {.at = payload, .left = len};
    struct cask_head_request head;
    enum cask_frame_status status;
    uint32_t script_len;
    uint32_t callable_len;
    uint32_t group_len;

    if (len < REQUEST_FIXED) {
        return CASK_FRAME_BAD_PAYLOAD;
    }
    head.script_device = take_u64(&cursor);
    head.script_inode = take_u64(&cursor);
    head.script_size = take_u64(&cursor);
    head.script_mtime_ns = (int64_t)take_u64(&cursor);
    head.content_length = (int64_t)take_u64(&cursor);
    head.start_us = (int64_t)take_u64(&cursor);
    head.queue_us = (int64_t)take_u64(&cursor);
    head.request_flags = take_u32(&cursor);
    head.body_len = take_u32(&cursor);
    script_len = take_u32(&cursor);
    callable_len = take_u32(&cursor);
    group_len = take_u32(&cursor);
    head.n_vars = take_u32(&cursor);
    head.n_headers = take_u32(&cursor);
    status = check_sizes(len, head.body_len);
    if (status != CASK_FRAME_OK) {
        return status;
    }
    if (head.content_length < -1) {
        return CASK_FRAME_BAD_PAYLOAD;
    }
    if (head.n_vars > max_fields || head.n_headers > max_fields - head.n_vars) {
        return CASK_FRAME_TOO_MANY;
    }
    status = take_bytes(&cursor, script_len, &head.script);
    if (status == CASK_FRAME_OK) {
        status = take_bytes(&cursor, callable_len, &head.callable);
    }
    if (status == CASK_FRAME_OK) {
        status = take_bytes(&cursor, group_len, &head.application_group);
    }
    if (status == CASK_FRAME_OK) {
        status = take_fields(&cursor, head.n_vars + head.n_headers, head.body_len, ret_fields);
    }
    if (status == CASK_FRAME_OK) {
        status = check_request_text(&head, ret_fields);
    }
    if (status != CASK_FRAME_OK) {
        return status;
    }
    *ret_head = head;
    *ret_body = cursor.at;
    return CASK_FRAME_OK;
}

/* What a daemon may send as headers. */
static enum cask_frame_status
check_header_text(const struct cask_head_field *fields, uint32_t n_headers)
{
    for (uint32_t i = 0; i < n_headers; i++) {
        if ((fields[i].key == 0 && !is_token(fields[i].name)) || has_line_break(fields[i].value)) {
            return CASK_FRAME_BAD_TEXT;
        }
    }
    return CASK_FRAME_OK;
}

enum cask_frame_status
cask_head_get_reply(const char *payload, size_t len, struct cask_head_reply *ret_head,
                    struct cask_head_field *ret_fields, size_t max_fields, const char **ret_body)
{
    struct cursor cursor = {.at = payload, .left = len};
    struct cask_head_reply head;
    enum cask_frame_status status;
    uint32_t reason_len;

    if (len < REPLY_FIXED) {
        return CASK_FRAME_BAD_PAYLOAD;
    }
    head.content_length = (int64_t)take_u64(&cursor);
    head.status = take_u32(&cursor);
    head.body_len = take_u32(&cursor);
    reason_len = take_u32(&cursor);
    head.n_headers = take_u32(&cursor);
    status = check_sizes(len, head.body_len);
    if (status != CASK_FRAME_OK) {
        return status;
    }
    if (head.content_length < -1) {
        return CASK_FRAME_BAD_PAYLOAD;
    }
    if (head.status < 200 || head.status > 999) {
        return CASK_FRAME_BAD_TEXT;
    }
    if (head.n_headers > max_fields) {
        return CASK_FRAME_TOO_MANY;
    }
    status = take_bytes(&cursor, reason_len, &head.reason);
    if (status == CASK_FRAME_OK && has_line_break(head.reason)) {
        status = CASK_FRAME_BAD_TEXT;
    }
    if (status == CASK_FRAME_OK) {
        status = take_fields(&cursor, head.n_headers, head.body_len, ret_fields);
    }
    if (status == CASK_FRAME_OK) {
        status = check_header_text(ret_fields, head.n_headers);
    }
    if (status != CASK_FRAME_OK) {
        return status;
    }
    *ret_head = head;
    *ret_body = cursor.at;
    return CASK_FRAME_OK;
}

enum cask_frame_status
cask_head_get_hints(const char *payload, size_t len, struct cask_head_field *ret_fields,
                    size_t max_fields, uint32_t *ret_n_headers)
{
    struct cursor cursor = {.at = payload, .left = len};
    enum cask_frame_status status;
    uint32_t n_headers;

    if (len < CASK_HEAD_HINTS_SIZE) {
        return CASK_FRAME_BAD_PAYLOAD;
    }
    n_headers = take_u32(&cursor);
    if (n_headers > max_fields) {
        return CASK_FRAME_TOO_MANY;
    }
    status = take_fields(&cursor, n_headers, 0, ret_fields);
    if (status == CASK_FRAME_OK) {
        status = check_header_text(ret_fields, n_headers);
    }
    if (status == CASK_FRAME_OK) {
        *ret_n_headers = n_headers;
    }
    return status;
}
