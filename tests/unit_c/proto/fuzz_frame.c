/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/proto/fuzz_frame.c - feeds bytes to the decoders of proto/ (libFuzzer's entry point).
 *
 * The input is a stream: frames one behind the other, as they come from a socket. What was decoded
 * is read completely and, where it is the only spelling of its meaning, encoded again and compared.
 * test_frame.c runs the same function over tests/corpus/proto and over changed copies of it.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "proto/frame.h"
#include "proto/head.h"

#define MAX_FIELDS 64

static char *
put_fields(char *out, const struct cask_head_field *fields, size_t n_fields)
{
    for (size_t i = 0; i < n_fields; i++) {
        out = cask_head_put_field(out, fields[i].key, fields[i].name.data, fields[i].name.len,
                                  fields[i].value.data, fields[i].value.len);
    }
    return out;
}

static size_t
fields_size(const struct cask_head_field *fields, size_t n_fields)
{
    size_t size = 0;

    for (size_t i = 0; i < n_fields; i++) {
        read_all(fields[i].name.data, fields[i].name.len);
        read_all(fields[i].value.data, fields[i].value.len);
        size += cask_head_field_size(fields[i].key, fields[i].name.len, fields[i].value.len);
    }
    return size;
}

static void
check_request(const char *payload, size_t len)
{
    struct cask_head_field fields[MAX_FIELDS];
    struct cask_head_request head;
    const char *body;
    size_t n_fields;
    size_t size;
    char *copy;

    if (cask_head_get_request(payload, len, &head, fields, MAX_FIELDS, &body) != CASK_FRAME_OK) {
        return;
    }
    n_fields = (size_t)head.n_vars + head.n_headers;
    must(n_fields <= MAX_FIELDS && head.content_length >= -1);
    read_all(head.script.data, head.script.len);
    read_all(head.callable.data, head.callable.len);
    read_all(head.application_group.data, head.application_group.len);
    read_all(body, head.body_len);
    size = cask_head_request_size(&head) + fields_size(fields, n_fields);
    must(size + head.body_len == len);
    copy = malloc(size);
    must(copy != NULL);
    must(put_fields(cask_head_put_request(copy, &head), fields, n_fields) == copy + size);
    must(memcmp(copy, payload, size) == 0);
    free(copy);
}

static void
check_reply(const char *payload, size_t len)
{
    struct cask_head_field fields[MAX_FIELDS];
    struct cask_head_reply head;
    const char *body;
    size_t size;
    char *copy;

    if (cask_head_get_reply(payload, len, &head, fields, MAX_FIELDS, &body) != CASK_FRAME_OK) {
        return;
    }
    must(head.n_headers <= MAX_FIELDS && head.status >= 200 && head.status <= 999);
    read_all(head.reason.data, head.reason.len);
    read_all(body, head.body_len);
    for (size_t i = 0; i < head.n_headers; i++) {
        must((fields[i].key == 0) == (fields[i].name.len > 0));
        must(memchr(fields[i].value.data, '\n', fields[i].value.len) == NULL);
    }
    size = cask_head_reply_size(&head) + fields_size(fields, head.n_headers);
    must(size + head.body_len == len);
    copy = malloc(size);
    must(copy != NULL);
    must(put_fields(cask_head_put_reply(copy, &head), fields, head.n_headers) == copy + size);
    must(memcmp(copy, payload, size) == 0);
    free(copy);
}

static void
check_hints(const char *payload, size_t len)
{
    struct cask_head_field fields[MAX_FIELDS];
    uint32_t n_headers;
    size_t size;
    char *copy;

    if (cask_head_get_hints(payload, len, fields, MAX_FIELDS, &n_headers) != CASK_FRAME_OK) {
        return;
    }
    must(n_headers <= MAX_FIELDS);
    size = CASK_HEAD_HINTS_SIZE + fields_size(fields, n_headers);
    must(size == len);
    copy = malloc(size);
    must(copy != NULL);
    must(put_fields(cask_head_put_hints(copy, n_headers), fields, n_headers) == copy + size);
    must(memcmp(copy, payload, size) == 0);
    free(copy);
}

static void
check_abort(const char *payload, size_t len)
{
    struct cask_frame_abort abort_;

    if (cask_frame_get_abort(payload, len, &abort_) == CASK_FRAME_OK) {
        read_all(abort_.text, abort_.text_len);
        read_all(abort_.detail, abort_.detail_len);
        must(cask_frame_abort_size(&abort_) == len);
    }
}

static void
check_log(const char *payload, size_t len)
{
    struct cask_frame_log log;
    char again[CASK_FRAME_LOG_FIXED];

    if (cask_frame_get_log(payload, len, &log) == CASK_FRAME_OK) {
        cask_frame_put_log(again, &log);
        must(memcmp(again, payload, sizeof(again)) == 0);
        read_all(log.file, log.file_len);
        read_all(log.text, log.text_len);
        must(sizeof(again) + log.file_len + log.text_len == len);
    }
}

static void
check_payload(const struct cask_frame *frame, const char *payload)
{
    size_t len = frame->payload_len;
    struct cask_frame_hello hello;
    struct cask_frame_end end;
    char again[CASK_FRAME_HELLO_SIZE];
    uint64_t offset;
    uint64_t length;
    uint32_t value;

    switch ((enum cask_frame_kind)frame->kind) {
    case CASK_FRAME_HELLO:
        if (cask_frame_get_hello(payload, len, &hello) == CASK_FRAME_OK) {
            cask_frame_put_hello(again, &hello);
            must(memcmp(again, payload, len) == 0);
        }
        break;
    case CASK_FRAME_HEAD:
        check_request(payload, len);
        break;
    case CASK_FRAME_REPLY:
        check_reply(payload, len);
        break;
    case CASK_FRAME_HINTS:
        check_hints(payload, len);
        break;
    case CASK_FRAME_ABORT:
    case CASK_FRAME_REFUSED:
        check_abort(payload, len);
        break;
    case CASK_FRAME_END:
        must(cask_frame_get_end(payload, len, &end) == CASK_FRAME_OK);
        break;
    case CASK_FRAME_FILE:
        if (cask_frame_get_file(payload, len, &offset, &length) == CASK_FRAME_OK) {
            must((int64_t)offset >= 0 && (int64_t)(offset + length) >= 0);
        }
        break;
    case CASK_FRAME_CREDIT:
    case CASK_FRAME_GOAWAY:
        must(cask_frame_get_u32(payload, len, &value) == CASK_FRAME_OK);
        break;
    case CASK_FRAME_LOG:
        check_log(payload, len);
        break;
    case CASK_FRAME_DATA:
        read_all(payload, len);
        break;
    case CASK_FRAME_UPGRADE:
        abort(); /* refused as unknown */
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *at = (const char *)data;
    struct cask_frame frame;

    while (cask_frame_get_header(at, size, &frame) == CASK_FRAME_OK) {
        char header[CASK_FRAME_HEADER_SIZE];
        char *payload;

        cask_frame_put_header(header, &frame);
        must(memcmp(header, at, sizeof(header)) == 0);
        at += CASK_FRAME_HEADER_SIZE;
        size -= CASK_FRAME_HEADER_SIZE;
        if (frame.payload_len > size) {
            break;
        }
        payload = malloc(frame.payload_len + (size_t)(frame.payload_len == 0));
        must(payload != NULL); /* a copy of its exact size, so that reading beyond it shows */
        memcpy(payload, at, frame.payload_len);
        check_payload(&frame, payload);
        free(payload);
        at += frame.payload_len;
        size -= frame.payload_len;
    }
    return 0;
}
