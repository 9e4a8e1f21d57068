/* SPDX-License-Identifier: Apache-2.0 */
/* proto/frame.h - frames between httpd and daemons (design: docs/internals/wire.md). Pure
 * functions: no I/O, no clock, no allocation.
 *
 * Host byte order, one machine. A frame is a header of 8 bytes and a payload. One request at a time
 * on a connection.
 */
#ifndef CASK_PROTO_FRAME_H
#define CASK_PROTO_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define CASK_FRAME_MAGIC       0x4b534143u /* "CASK" */
#define CASK_FRAME_VERSION     1u
#define CASK_FRAME_HEADER_SIZE 8u
#define CASK_FRAME_SECRET_SIZE 32u
/* Payload of one DATA frame, and of a body inside HEAD or REPLY. */
#define CASK_FRAME_DATA_LIMIT    (256u * 1024u)
#define CASK_FRAME_HEAD_LIMIT    (1024u * 1024u) /* fields of one HEAD or REPLY */
#define CASK_FRAME_PAYLOAD_LIMIT (CASK_FRAME_HEAD_LIMIT + CASK_FRAME_DATA_LIMIT)
#define CASK_FRAME_ABORT_LIMIT   (128u * 1024u) /* payload of one ABORT or REFUSED */
#define CASK_FRAME_HINTS_LIMIT   (64u * 1024u)  /* payload of one HINTS */
#define CASK_FRAME_LOG_LIMIT                                             \
    (64u * 1024u) /* payload of one LOG; longer texts are several frames \
                   */
/* Body bytes httpd may send before the first CREDIT (none with Expect: 100-continue). */
#define CASK_FRAME_FIRST_CREDIT (16u * 1024u)

enum cask_frame_kind {
    CASK_FRAME_HELLO = 1,
    CASK_FRAME_HEAD = 2,
    CASK_FRAME_DATA = 3,
    CASK_FRAME_CREDIT = 4,
    CASK_FRAME_REPLY = 5,
    CASK_FRAME_FILE = 6,
    CASK_FRAME_END = 7,
    CASK_FRAME_ABORT = 8,
    CASK_FRAME_UPGRADE = 9, /* reserved for WebSocket; refused as unknown until then */
    CASK_FRAME_REFUSED = 10,
    CASK_FRAME_GOAWAY = 11,
    CASK_FRAME_LOG = 12,
    CASK_FRAME_HINTS = 13,
};

enum cask_frame_flag {
    CASK_FRAME_LAST = 1u << 0, /* HEAD, REPLY: the whole body is inside; DATA: no body after it. On
                                  REPLY it also means END. */
    CASK_FRAME_CONTINUE = 1u << 1,  /* HEAD: the client waits for 100 Continue: first credit is 0 */
    CASK_FRAME_FILE_NEXT = 1u << 2, /* REPLY without body: a FILE follows at once, which belongs to
                                       it */
};

struct cask_frame {
    uint32_t payload_len;
    uint8_t kind;
    uint8_t flags;
};

enum cask_frame_status {
    CASK_FRAME_OK = 0,
    CASK_FRAME_MORE, /* not enough bytes yet */
    CASK_FRAME_BAD_KIND,
    CASK_FRAME_BAD_FLAGS,
    CASK_FRAME_BAD_RESERVED,
    CASK_FRAME_TOO_LARGE,
    CASK_FRAME_BAD_PAYLOAD, /* lengths inside disagree with the payload */
    CASK_FRAME_BAD_MAGIC,
    CASK_FRAME_BAD_VERSION,
    CASK_FRAME_BAD_TEXT, /* a byte that may not be there: control character, ":" in a name … */
    CASK_FRAME_TOO_MANY, /* more fields than the caller's array */
    CASK_FRAME_NO_SPACE, /* encoder: the buffer is too small */
};
/* One short phrase for a log line. Never NULL. */
const char *cask_frame_status_text(enum cask_frame_status status);

/* Writes 8 bytes. payload_len must be within CASK_FRAME_PAYLOAD_LIMIT. */
void cask_frame_put_header(char out[CASK_FRAME_HEADER_SIZE], const struct cask_frame *frame);
/* Reads and checks 8 bytes of `data`; MORE when len < 8. Checks kind, flags allowed for the kind,
 * reserved, size limit of the kind. */
enum cask_frame_status cask_frame_get_header(const char *data, size_t len,
                                             struct cask_frame *ret_frame);

/* HELLO, httpd to daemon, and daemon to httpd. */
struct cask_frame_hello {
    unsigned char secret[CASK_FRAME_SECRET_SIZE]; /* from httpd; zeros from the daemon */
    uint32_t row;                                 /* from the daemon: its row on the board */
    uint32_t generation;                          /* from the daemon */
    uint32_t threads;                             /* from the daemon */
    uint32_t python_version;                      /* from the daemon: PY_VERSION_HEX */
    int32_t pid;                                  /* sender */
};
#define CASK_FRAME_HELLO_SIZE (8u + CASK_FRAME_SECRET_SIZE + 20u)
void cask_frame_put_hello(char out[CASK_FRAME_HELLO_SIZE], const struct cask_frame_hello *hello);
enum cask_frame_status cask_frame_get_hello(const char *payload, size_t len,
                                            struct cask_frame_hello *ret_hello);

/* ABORT: how the request came out (enum cask_outcome of request/exchange.h as a number), the errno
 * and number of the problem, its text and detail. END: figures for logs and metrics. REFUSED
 * carries the same as ABORT (outcome STALE or UNAVAILABLE). GOAWAY: how many requests were accepted
 * on this connection. CREDIT: bytes. FILE: offset and length of the
 * descriptor sent along. */
struct cask_frame_abort {
    uint32_t outcome;
    uint32_t error;
    uint32_t number;
    const char *text;
    uint32_t text_len;
    const char *detail;
    uint32_t detail_len;
};
size_t cask_frame_abort_size(const struct cask_frame_abort *abort_);
void cask_frame_put_abort(char *out, const struct cask_frame_abort *abort_);
enum cask_frame_status cask_frame_get_abort(const char *payload, size_t len,
                                            struct cask_frame_abort *ret_abort);

struct cask_frame_end {
    uint64_t application_us; /* wall time inside the application */
    uint64_t body_read;      /* bytes of the request body the application read */
};
#define CASK_FRAME_END_SIZE 16u
void cask_frame_put_end(char out[CASK_FRAME_END_SIZE], const struct cask_frame_end *end);
enum cask_frame_status cask_frame_get_end(const char *payload, size_t len,
                                          struct cask_frame_end *ret_end);

/* LOG: one record for the error log (struct cask_log_record of platform/log.h). The text is
 * whatever the daemon says. */
struct cask_frame_log {
    uint32_t level;
    uint32_t printed; /* 0 or 1 */
    uint32_t line;
    uint32_t file_len;
    const char *file;
    const char *text;
    uint32_t text_len;
};
#define CASK_FRAME_LOG_FIXED      16u
#define CASK_FRAME_LOG_FILE_LIMIT 1024u
/* The fixed part; file and text follow. */
void cask_frame_put_log(char out[CASK_FRAME_LOG_FIXED], const struct cask_frame_log *log);
enum cask_frame_status cask_frame_get_log(const char *payload, size_t len,
                                          struct cask_frame_log *ret_log);

/* CREDIT, GOAWAY: one u32. FILE: two u64 whose sum fits an off_t (TOO_LARGE otherwise). */
void cask_frame_put_u32(char out[4], uint32_t value);
enum cask_frame_status cask_frame_get_u32(const char *payload, size_t len, uint32_t *ret_value);
void cask_frame_put_file(char out[16], uint64_t offset, uint64_t length);
enum cask_frame_status cask_frame_get_file(const char *payload, size_t len, uint64_t *ret_offset,
                                           uint64_t *ret_length);

#endif
