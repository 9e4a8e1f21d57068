/* SPDX-License-Identifier: Apache-2.0 */
/* proto/head.h - payloads of HEAD (a request), REPLY (status and headers) and HINTS (headers of 103
 * Early Hints), as fields. Pure functions.
 *
 * proto/ ranks below request/, so it has its own view types; wire/ copies between them and struct
 * cask_request. A field on the wire: {u16 key, u16 name_len, u32 value_len, name, value}. key 0:
 * the name follows; else name_len is 0.
 */
#ifndef CASK_PROTO_HEAD_H
#define CASK_PROTO_HEAD_H

#include "proto/frame.h"

#include <stddef.h>
#include <stdint.h>

struct cask_head_bytes {
    const char *data;
    uint32_t len;
};
struct cask_head_field {
    struct cask_head_bytes name;
    struct cask_head_bytes value;
    uint16_t key;
};

/* request_flags: flags of struct cask_request; its last byte is the log level. */
#define CASK_HEAD_LEVEL_SHIFT 24u
#define CASK_HEAD_FLAGS_MASK  0x00ffffffu

/* Fixed part of HEAD; fields follow (vars, then headers), then the body bytes sent along. */
struct cask_head_request {
    uint64_t script_device, script_inode, script_size;
    int64_t script_mtime_ns;
    int64_t content_length;
    int64_t start_us, queue_us;
    uint32_t request_flags;
    uint32_t body_len; /* bytes of body at the end of this payload */
    struct cask_head_bytes script, callable, application_group;
    uint32_t n_vars, n_headers;
};
struct cask_head_reply {
    uint32_t status;
    int64_t content_length;
    uint32_t body_len;
    struct cask_head_bytes reason;
    uint32_t n_headers;
};

/* Sizes are exact: size + put never fail. Encoding writes into out (of that size) and returns a
 * pointer behind the last byte; the caller appends body_len bytes of body. */
/* A name has at most 65535 bytes, a value fits u32: the caller checks. */
size_t cask_head_field_size(uint16_t key, size_t name_len, size_t value_len);
char *cask_head_put_field(char *out, uint16_t key, const char *name, size_t name_len,
                          const char *value, size_t value_len);
size_t cask_head_request_size(const struct cask_head_request *head); /* without fields and body */
char *cask_head_put_request(char *out, const struct cask_head_request *head);
size_t cask_head_reply_size(const struct cask_head_reply *head);
char *cask_head_put_reply(char *out, const struct cask_head_reply *head);
/* Sets body_len in a reply that has been put already. */
void cask_head_set_reply_body(char *payload, uint32_t body_len);
/* HINTS: u32 count, then the fields. Returns a pointer behind the count. */
#define CASK_HEAD_HINTS_SIZE 4u
char *cask_head_put_hints(char out[CASK_HEAD_HINTS_SIZE], uint32_t n_headers);

/* Decoding: checks every length against the payload, then each field. ret_fields holds at most
 * max_fields. ret_body points at the body bytes. */
enum cask_frame_status cask_head_get_request(const char *payload, size_t len,
                                             struct cask_head_request *ret_head,
                                             struct cask_head_field *ret_fields, size_t max_fields,
                                             const char **ret_body);
/* Also checks what a daemon, less trusted than httpd, sent: status 200..999, names are RFC 9110
 * tokens, values without CR, LF, NUL. */
enum cask_frame_status cask_head_get_reply(const char *payload, size_t len,
                                           struct cask_head_reply *ret_head,
                                           struct cask_head_field *ret_fields, size_t max_fields,
                                           const char **ret_body);
/* The fields are checked like those of a REPLY. */
enum cask_frame_status cask_head_get_hints(const char *payload, size_t len,
                                           struct cask_head_field *ret_fields, size_t max_fields,
                                           uint32_t *ret_n_headers);

#endif
