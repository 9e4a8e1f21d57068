/* SPDX-License-Identifier: Apache-2.0 */
/* request/reply.h - seam: how a gateway answers.
 *
 * Filled by apache/reply_sink (brigades), wire/wire_server (frames) and test fakes. The order is
 * any number of hint, start, any number of write/send_file/flush, then finish; whoever does not
 * call finish has broken the reply off, and the client will see that. All calls: serving thread,
 * without the GIL, may block while the client or httpd is slow. A failure (positive errno, problem
 * filled) is final; EPIPE: the client has gone.
 *
 * An implementation may hold back what start and write gave it until flush or finish, so that a
 * short reply leaves in one piece.
 */
#ifndef CASK_REQUEST_REPLY_H
#define CASK_REQUEST_REPLY_H

#include "request/request.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct cask_problem;

/* Status and headers of one reply: how many headers, and how many bytes of reason, names and values
 * with the overhead of each header. The gateway checks them, so that both modes have the same ones:
 * those of a frame between daemon and httpd (1 MiB and 16384, proto/frame.h). */
#define CASK_REPLY_HEADERS_LIMIT   16384
#define CASK_REPLY_HEADER_OVERHEAD 8
#define CASK_REPLY_HEAD_LIMIT      (1024 * 1024 - 64)
/* Early hints of one request, and bytes of one of them, counted alike. */
#define CASK_REPLY_HINTS_LIMIT 16
#define CASK_REPLY_HINT_LIMIT  65536

struct cask_reply_head {
    int status;                       /* 200..999; checked by the gateway */
    struct cask_str reason;           /* may be empty */
    const struct cask_field *headers; /* names as the application gave them, tokens only, no CR LF
                                         NUL in values; in order, repeats kept */
    size_t n_headers;
    int64_t content_length; /* bytes, from the application or known to the gateway; -1 unknown.
                               Never in headers. */
};

struct cask_reply_ops {
    /* Sends a 103 Early Hints with these headers (checked like those of a head) before start(), at
     * most CASK_REPLY_HINTS_LIMIT times. Nothing happens for a client that takes none. */
    int (*hint)(void *reply, const struct cask_field *headers, size_t n_headers,
                struct cask_problem *reterr_problem);
    /* Copies the head. At most once. */
    int (*start)(void *reply, const struct cask_reply_head *head,
                 struct cask_problem *reterr_problem);
    /* Sends len bytes. release(owner) is called exactly once, from any thread without the GIL, when
     * data is no longer needed, also on failure; with release NULL the bytes are copied (or sent)
     * before the call returns. */
    int (*write)(void *reply, const char *data, size_t len, void (*release)(void *owner),
                 void *owner, struct cask_problem *reterr_problem);
    /* Sends length bytes of a regular file from offset; the caller has checked that they exist. fd
     * stays the caller's and may be closed after the call. */
    int (*send_file)(void *reply, int fd, int64_t offset, int64_t length,
                     struct cask_problem *reterr_problem);
    /* What was held back leaves for the client now. */
    int (*flush)(void *reply, struct cask_problem *reterr_problem);
    /* The reply is complete. */
    int (*finish)(void *reply, struct cask_problem *reterr_problem);
};

#endif
