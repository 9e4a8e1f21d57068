/* SPDX-License-Identifier: Apache-2.0 */
/* wire/wire_event.c - what a daemon says, checked.
 *
 * Owns nothing; any thread.
 * Touches: proto/, request/keys, platform/.
 * Invariant: nothing a daemon sends is believed: proto/ has checked lengths and bytes, here numbers
 * are checked against what they mean.
 */
#include "wire/wire_event.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "platform/problem.h"
#include "request/keys.h"
#include "wire/wire_fields.h"

const char *
cask_wire_event_out_of_order(const struct cask_wire_order *order, const struct cask_frame *frame)
{
    switch ((enum cask_frame_kind)frame->kind) {
    case CASK_FRAME_HINTS:
        if (order->replied) {
            return "HINTS after REPLY";
        }
        return order->n_hints >= CASK_REPLY_HINTS_LIMIT ? "too many HINTS" : NULL;
    case CASK_FRAME_REPLY:
        return order->replied ? "second REPLY" : NULL;
    case CASK_FRAME_DATA:
    case CASK_FRAME_FILE:
        if (!order->replied) {
            return "body before REPLY";
        }
        return order->data_done ? "body after its end" : NULL;
    case CASK_FRAME_END:
        return order->replied ? NULL : "END before REPLY";
    case CASK_FRAME_REFUSED:
        return order->replied || order->n_hints > 0 ? "REFUSED after HINTS or REPLY" : NULL;
    case CASK_FRAME_ABORT:
    case CASK_FRAME_CREDIT:
    case CASK_FRAME_GOAWAY:
    case CASK_FRAME_LOG:
        return NULL;
    case CASK_FRAME_HELLO:
    case CASK_FRAME_HEAD:
    case CASK_FRAME_UPGRADE:
        break;
    }
    return "a frame that daemons do not send";
}

/* Headers that the decoder has put into `fields`: each number is that of a header. */
static enum cask_frame_status
take_headers(struct cask_wire_fields *fields, uint32_t n_headers, struct cask_wire_event *event)
{
    for (uint32_t i = 0; i < n_headers; i++) {
        uint16_t key = fields->wire[i].key;

        if (key != CASK_KEY_NONE && cask_keys_header_name(key).len == 0) {
            return CASK_FRAME_BAD_PAYLOAD;
        }
    }
    cask_wire_fields_copy(fields, n_headers);
    event->head.headers = fields->fields;
    event->head.n_headers = n_headers;
    return CASK_FRAME_OK;
}

static enum cask_frame_status
decode_hints(const struct cask_frame *frame, const char *payload, struct cask_wire_fields *fields,
             struct cask_wire_event *event)
{
    uint32_t n_headers = 0;
    enum cask_frame_status defect;

    for (;;) {
        defect =
            cask_head_get_hints(payload, frame->payload_len, fields->wire, fields->max, &n_headers);
        if (defect != CASK_FRAME_TOO_MANY || fields->max >= CASK_WIRE_FIELDS_LIMIT) {
            break;
        }
        if (cask_wire_fields_grow(fields, fields->max * 2) != 0) {
            return CASK_FRAME_NO_SPACE;
        }
    }
    event->kind = CASK_WIRE_HINT;
    return defect == CASK_FRAME_OK ? take_headers(fields, n_headers, event) : defect;
}

static enum cask_frame_status
decode_reply(const struct cask_frame *frame, const char *payload, struct cask_wire_fields *fields,
             struct cask_wire_event *event)
{
    struct cask_head_reply head;
    enum cask_frame_status defect;

    for (;;) {
        defect = cask_head_get_reply(payload, frame->payload_len, &head, fields->wire, fields->max,
                                     &event->data);
        if (defect != CASK_FRAME_TOO_MANY || fields->max >= CASK_WIRE_FIELDS_LIMIT) {
            break;
        }
        if (cask_wire_fields_grow(fields, fields->max * 2) != 0) {
            return CASK_FRAME_NO_SPACE;
        }
    }
    if (defect != CASK_FRAME_OK) {
        return defect;
    }
    event->kind = CASK_WIRE_REPLY;
    event->head = (struct cask_reply_head){
        .status = (int)head.status,
        .reason = {.data = head.reason.data, .len = head.reason.len},
        .content_length = head.content_length,
    };
    event->data_len = head.body_len;
    event->last = (frame->flags & CASK_FRAME_LAST) != 0;
    event->file_next = (frame->flags & CASK_FRAME_FILE_NEXT) != 0;
    if (event->file_next && (event->last || head.body_len > 0)) {
        return CASK_FRAME_BAD_FLAGS;
    }
    return take_headers(fields, head.n_headers, event);
}

/* The outcomes that may come in an ABORT; FAILED for anything else. */
static enum cask_outcome
outcome_of(uint32_t number)
{
    switch (number) {
    case CASK_OUTCOME_CLIENT_GONE:
    case CASK_OUTCOME_BODY_BAD:
    case CASK_OUTCOME_UNAVAILABLE:
    case CASK_OUTCOME_TIMEOUT:
    case CASK_OUTCOME_LOST:
    case CASK_OUTCOME_MISSING:
        return (enum cask_outcome)number;
    default: /* a plain number from outside, not an enum switch */
        return CASK_OUTCOME_FAILED;
    }
}

static enum cask_frame_status
decode_abort(const struct cask_frame *frame, const char *payload, struct cask_wire_event *event,
             struct cask_problem *reterr_problem)
{
    struct cask_frame_abort abort_;
    enum cask_frame_status defect = cask_frame_get_abort(payload, frame->payload_len, &abort_);

    if (defect != CASK_FRAME_OK) {
        return defect;
    }
    if (frame->kind == CASK_FRAME_ABORT) {
        event->kind = CASK_WIRE_ABORT;
        event->outcome = outcome_of(abort_.outcome);
    } else {
        event->kind = CASK_WIRE_REFUSED;
        event->outcome = (enum cask_outcome)abort_.outcome;
        if (abort_.outcome != CASK_OUTCOME_STALE && abort_.outcome != CASK_OUTCOME_UNAVAILABLE) {
            return CASK_FRAME_BAD_PAYLOAD;
        }
    }
    if (abort_.number == 0 || abort_.number > 9999) {
        cask_problem_set(reterr_problem, 0, 717, "the application's process gave no reason");
    } else {
        cask_problem_set(reterr_problem, 0, abort_.number, "%.*s", (int)abort_.text_len,
                         abort_.text);
    }
    if (reterr_problem != NULL) {
        reterr_problem->error = abort_.error <= 4095 ? (int)abort_.error : EIO;
        cask_problem_detail(reterr_problem, abort_.detail, abort_.detail_len);
    }
    return CASK_FRAME_OK;
}

static enum cask_frame_status
decode_log(const struct cask_frame *frame, const char *payload, struct cask_wire_event *event)
{
    struct cask_frame_log log;
    enum cask_frame_status defect = cask_frame_get_log(payload, frame->payload_len, &log);

    if (defect == CASK_FRAME_OK) {
        event->kind = CASK_WIRE_LOG;
        event->record = (struct cask_log_record){
            .level = cask_log_level_of_peer(log.level),
            .printed = log.printed != 0,
            .text = log.text,
            .text_len = log.text_len,
            .file = log.file_len > 0 ? log.file : NULL,
            .file_len = log.file_len,
            .line = log.line,
        };
    }
    return defect;
}

static enum cask_frame_status
decode_file(const struct cask_frame *frame, const char *payload, struct cask_wire_event *event)
{
    uint64_t offset;
    uint64_t length;
    enum cask_frame_status defect =
        cask_frame_get_file(payload, frame->payload_len, &offset, &length);

    if (defect == CASK_FRAME_OK) {
        event->kind = CASK_WIRE_FILE;
        event->offset = (int64_t)offset;
        event->length = (int64_t)length;
    }
    return defect;
}

static enum cask_frame_status
decode_number(const struct cask_frame *frame, const char *payload, enum cask_wire_event_kind kind,
              struct cask_wire_event *event)
{
    enum cask_frame_status defect = cask_frame_get_u32(payload, frame->payload_len, &event->number);

    event->kind = kind;
    return defect;
}

enum cask_frame_status
cask_wire_event_decode(const struct cask_frame *frame, const char *payload,
                       struct cask_wire_fields *fields, struct cask_wire_event *ret_event,
                       struct cask_problem *reterr_problem)
{
    struct cask_frame_end figures;

    switch ((enum cask_frame_kind)frame->kind) {
    case CASK_FRAME_HINTS:
        return decode_hints(frame, payload, fields, ret_event);
    case CASK_FRAME_REPLY:
        return decode_reply(frame, payload, fields, ret_event);
    case CASK_FRAME_DATA:
        ret_event->kind = CASK_WIRE_DATA;
        ret_event->last = (frame->flags & CASK_FRAME_LAST) != 0;
        return CASK_FRAME_OK;
    case CASK_FRAME_FILE:
        return decode_file(frame, payload, ret_event);
    case CASK_FRAME_END:
        ret_event->kind = CASK_WIRE_END;
        return cask_frame_get_end(payload, frame->payload_len, &figures);
    case CASK_FRAME_ABORT:
    case CASK_FRAME_REFUSED:
        return decode_abort(frame, payload, ret_event, reterr_problem);
    case CASK_FRAME_CREDIT:
        return decode_number(frame, payload, CASK_WIRE_CREDIT, ret_event);
    case CASK_FRAME_GOAWAY:
        return decode_number(frame, payload, CASK_WIRE_GOAWAY, ret_event);
    case CASK_FRAME_LOG:
        return decode_log(frame, payload, ret_event);
    case CASK_FRAME_HELLO:
    case CASK_FRAME_HEAD:
    case CASK_FRAME_UPGRADE:
        break;
    }
    return CASK_FRAME_BAD_KIND;
}

int
cask_wire_event_check_file(const struct cask_wire_event *event)
{
    struct stat status;
    int flags;

    if (event->fd < 0 || fstat(event->fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        return EBADF;
    }
    flags = fcntl(event->fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY || (flags & O_PATH) != 0) {
        return EBADF;
    }
    return event->offset <= status.st_size && event->length <= status.st_size - event->offset
               ? 0
               : EBADF;
}
