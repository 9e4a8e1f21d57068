/* SPDX-License-Identifier: Apache-2.0 */
/* proto/frame.c - frames between httpd and daemons: writing and checking them.
 *
 * Owns nothing; any thread. Outputs are untouched unless the result is OK.
 */
#include "proto/frame.h"

#include <string.h>

/* What a kind of frame may look like. */
struct kind_rule {
    uint32_t min_len;
    uint32_t max_len;
    uint8_t flags;
    uint8_t known;
};

#define ABORT_FIXED 20u
#define HINTS_FIXED 4u

static const struct kind_rule kind_rules[] = {
    [CASK_FRAME_HELLO] = {CASK_FRAME_HELLO_SIZE, CASK_FRAME_HELLO_SIZE, 0, 1},
    [CASK_FRAME_HEAD] = {1, CASK_FRAME_PAYLOAD_LIMIT, CASK_FRAME_LAST | CASK_FRAME_CONTINUE, 1},
    [CASK_FRAME_DATA] = {0, CASK_FRAME_DATA_LIMIT, CASK_FRAME_LAST, 1},
    [CASK_FRAME_CREDIT] = {4, 4, 0, 1},
    [CASK_FRAME_REPLY] = {1, CASK_FRAME_PAYLOAD_LIMIT, CASK_FRAME_LAST | CASK_FRAME_FILE_NEXT, 1},
    [CASK_FRAME_FILE] = {16, 16, 0, 1},
    [CASK_FRAME_END] = {CASK_FRAME_END_SIZE, CASK_FRAME_END_SIZE, 0, 1},
    [CASK_FRAME_ABORT] = {ABORT_FIXED, CASK_FRAME_ABORT_LIMIT, 0, 1},
    [CASK_FRAME_REFUSED] = {ABORT_FIXED, CASK_FRAME_ABORT_LIMIT, 0, 1},
    [CASK_FRAME_GOAWAY] = {4, 4, 0, 1},
    [CASK_FRAME_LOG] = {CASK_FRAME_LOG_FIXED, CASK_FRAME_LOG_LIMIT, 0, 1},
    [CASK_FRAME_HINTS] = {HINTS_FIXED, CASK_FRAME_HINTS_LIMIT, 0, 1},
};

const char *
cask_frame_status_text(enum cask_frame_status status)
{
    switch (status) {
    case CASK_FRAME_OK:
        return "correct";
    case CASK_FRAME_MORE:
        return "incomplete";
    case CASK_FRAME_BAD_KIND:
        return "unknown kind of frame";
    case CASK_FRAME_BAD_FLAGS:
        return "flags that this kind of frame does not have";
    case CASK_FRAME_BAD_RESERVED:
        return "reserved bytes are not zero";
    case CASK_FRAME_TOO_LARGE:
        return "frame above the size limit";
    case CASK_FRAME_BAD_PAYLOAD:
        return "lengths in a frame disagree with its size";
    case CASK_FRAME_BAD_MAGIC:
        return "no mod_cask at the other end";
    case CASK_FRAME_BAD_VERSION:
        return "another version of the protocol";
    case CASK_FRAME_BAD_TEXT:
        return "a byte that may not be there in a name, value or status";
    case CASK_FRAME_TOO_MANY:
        return "too many headers or variables";
    case CASK_FRAME_NO_SPACE:
        return "no space to write the frame";
    }
    return "unknown defect";
}

static char *
put_u32(char *out, uint32_t value)
{
    memcpy(out, &value, sizeof(value));
    return out + sizeof(value);
}

static uint32_t
get_u32(const char *data)
{
    uint32_t value;

    memcpy(&value, data, sizeof(value));
    return value;
}

static uint64_t
get_u64(const char *data)
{
    uint64_t value;

    memcpy(&value, data, sizeof(value));
    return value;
}

void
cask_frame_put_header(char out[CASK_FRAME_HEADER_SIZE], const struct cask_frame *frame)
{
    (void)put_u32(out, frame->payload_len);
    out[4] = (char)frame->kind;
    out[5] = (char)frame->flags;
    out[6] = 0;
    out[7] = 0;
}

enum cask_frame_status
cask_frame_get_header(const char *data, size_t len, struct cask_frame *ret_frame)
{
    const struct kind_rule *rule;
    struct cask_frame frame;

    if (len < CASK_FRAME_HEADER_SIZE) {
        return CASK_FRAME_MORE;
    }
    frame.payload_len = get_u32(data);
    frame.kind = (uint8_t)data[4];
    frame.flags = (uint8_t)data[5];
    if (frame.kind >= sizeof(kind_rules) / sizeof(kind_rules[0])) {
        return CASK_FRAME_BAD_KIND;
    }
    rule = &kind_rules[frame.kind];
    if (!rule->known) {
        return CASK_FRAME_BAD_KIND;
    }
    if ((frame.flags & ~rule->flags) != 0) {
        return CASK_FRAME_BAD_FLAGS;
    }
    if (data[6] != 0 || data[7] != 0) {
        return CASK_FRAME_BAD_RESERVED;
    }
    if (frame.payload_len > rule->max_len) {
        return CASK_FRAME_TOO_LARGE;
    }
    if (frame.payload_len < rule->min_len) {
        return CASK_FRAME_BAD_PAYLOAD;
    }
    *ret_frame = frame;
    return CASK_FRAME_OK;
}

void
cask_frame_put_hello(char out[CASK_FRAME_HELLO_SIZE], const struct cask_frame_hello *hello)
{
    char *at = put_u32(out, CASK_FRAME_MAGIC);

    at = put_u32(at, CASK_FRAME_VERSION);
    memcpy(at, hello->secret, CASK_FRAME_SECRET_SIZE);
    at += CASK_FRAME_SECRET_SIZE;
    at = put_u32(at, hello->row);
    at = put_u32(at, hello->generation);
    at = put_u32(at, hello->threads);
    at = put_u32(at, hello->python_version);
    (void)put_u32(at, (uint32_t)hello->pid);
}

enum cask_frame_status
cask_frame_get_hello(const char *payload, size_t len, struct cask_frame_hello *ret_hello)
{
    const char *at = payload + 8 + CASK_FRAME_SECRET_SIZE;

    if (len != CASK_FRAME_HELLO_SIZE) {
        return CASK_FRAME_BAD_PAYLOAD;
    }
    if (get_u32(payload) != CASK_FRAME_MAGIC) {
        return CASK_FRAME_BAD_MAGIC;
    }
    if (get_u32(payload + 4) != CASK_FRAME_VERSION) {
        return CASK_FRAME_BAD_VERSION;
    }
    memcpy(ret_hello->secret, payload + 8, CASK_FRAME_SECRET_SIZE);
    ret_hello->row = get_u32(at);
    ret_hello->generation = get_u32(at + 4);
    ret_hello->threads = get_u32(at + 8);
    ret_hello->python_version = get_u32(at + 12);
    ret_hello->pid = (int32_t)get_u32(at + 16);
    return CASK_FRAME_OK;
}

size_t
cask_frame_abort_size(const struct cask_frame_abort *abort_)
{
    return ABORT_FIXED + (size_t)abort_->text_len + abort_->detail_len;
}

void
cask_frame_put_abort(char *out, const struct cask_frame_abort *abort_)
{
    char *at = put_u32(out, abort_->outcome);

    at = put_u32(at, abort_->error);
    at = put_u32(at, abort_->number);
    at = put_u32(at, abort_->text_len);
    at = put_u32(at, abort_->detail_len);
    if (abort_->text_len > 0) {
        memcpy(at, abort_->text, abort_->text_len);
    }
    if (abort_->detail_len > 0) {
        memcpy(at + abort_->text_len, abort_->detail, abort_->detail_len);
    }
}

enum cask_frame_status
cask_frame_get_abort(const char *payload, size_t len, struct cask_frame_abort *ret_abort)
{
    uint32_t text_len;
    uint32_t detail_len;

    if (len < ABORT_FIXED) {
        return CASK_FRAME_BAD_PAYLOAD;
    }
    text_len = get_u32(payload + 12);
    detail_len = get_u32(payload + 16);
    if ((uint64_t)text_len + detail_len != len - ABORT_FIXED) {
        return CASK_FRAME_BAD_PAYLOAD;
    }
    ret_abort->outcome = get_u32(payload);
    ret_abort->error = get_u32(payload + 4);
    ret_abort->number = get_u32(payload + 8);
    ret_abort->text = payload + ABORT_FIXED;
    ret_abort->text_len = text_len;
    ret_abort->detail = payload + ABORT_FIXED + text_len;
    ret_abort->detail_len = detail_len;
    return CASK_FRAME_OK;
}

void
cask_frame_put_end(char out[CASK_FRAME_END_SIZE], const struct cask_frame_end *end)
{
    memcpy(out, &end->application_us, 8);
    memcpy(out + 8, &end->body_read, 8);
}

enum cask_frame_status
cask_frame_get_end(const char *payload, size_t len, struct cask_frame_end *ret_end)
{
    if (len != CASK_FRAME_END_SIZE) {
        return CASK_FRAME_BAD_PAYLOAD;
    }
    ret_end->application_us = get_u64(payload);
    ret_end->body_read = get_u64(payload + 8);
    return CASK_FRAME_OK;
}

void
cask_frame_put_log(char out[CASK_FRAME_LOG_FIXED], const struct cask_frame_log *log)
{
    out = put_u32(out, log->level);
    out = put_u32(out, log->printed);
    out = put_u32(out, log->line);
    (void)put_u32(out, log->file_len);
}

enum cask_frame_status
cask_frame_get_log(const char *payload, size_t len, struct cask_frame_log *ret_log)
{
    struct cask_frame_log log;

    if (len < CASK_FRAME_LOG_FIXED) {
        return CASK_FRAME_BAD_PAYLOAD;
    }
    log.level = get_u32(payload);
    log.printed = get_u32(payload + 4);
    log.line = get_u32(payload + 8);
    log.file_len = get_u32(payload + 12);
    len -= CASK_FRAME_LOG_FIXED;
    if (log.printed > 1 || log.file_len > CASK_FRAME_LOG_FILE_LIMIT || log.file_len > len ||
        len > CASK_FRAME_LOG_LIMIT) {
        return CASK_FRAME_BAD_PAYLOAD;
    }
    log.file = payload + CASK_FRAME_LOG_FIXED;
    log.text = log.file + log.file_len;
    log.text_len = (uint32_t)(len - log.file_len);
    *ret_log = log;
    return CASK_FRAME_OK;
}

void
cask_frame_put_u32(char out[4], uint32_t value)
{
    (void)put_u32(out, value);
}

enum cask_frame_status
cask_frame_get_u32(const char *payload, size_t len, uint32_t *ret_value)
{
    if (len != 4) {
        return CASK_FRAME_BAD_PAYLOAD;
    }
    *ret_value = get_u32(payload);
    return CASK_FRAME_OK;
}

void
cask_frame_put_file(char out[16], uint64_t offset, uint64_t length)
{
    memcpy(out, &offset, 8);
    memcpy(out + 8, &length, 8);
}

enum cask_frame_status
cask_frame_get_file(const char *payload, size_t len, uint64_t *ret_offset, uint64_t *ret_length)
{
    uint64_t offset;
    uint64_t length;

    if (len != 16) {
        return CASK_FRAME_BAD_PAYLOAD;
    }
    offset = get_u64(payload);
    length = get_u64(payload + 8);
    if (offset > INT64_MAX || length > INT64_MAX - offset) {
        return CASK_FRAME_TOO_LARGE;
    }
    *ret_offset = offset;
    *ret_length = length;
    return CASK_FRAME_OK;
}
