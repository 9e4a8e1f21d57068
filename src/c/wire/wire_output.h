/* SPDX-License-Identifier: Apache-2.0 */
/* wire/wire_output.h - the reply inside a daemon: HINTS, REPLY, DATA, FILE, LOG frames to httpd.
 *
 * States: nothing → started (held back in `out`) → begun (something was sent); finished when
 * finish() was called. A reply that is finished before it has begun leaves as one REPLY|LAST when
 * the request ends.
 */
#ifndef CASK_WIRE_WIRE_OUTPUT_H
#define CASK_WIRE_WIRE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/buf.h"
#include "platform/log.h"
#include "proto/frame.h"
#include "request/exchange.h"

struct cask_problem;
struct cask_wire_input;

/* Part of a struct cask_wire_job; its thread only. */
struct cask_wire_output {
    struct cask_wire_input *input; /* read while a send waits */
    int64_t timeout_us;
    int fd;
    struct cask_buf out;   /* room for a frame header, then what is held back of its payload */
    struct cask_buf first; /* LOG bytes that must leave before anything else */
    size_t held;           /* body bytes in `out` */
    bool hinted;           /* an early hint was sent */
    bool started;
    bool begun;
    bool finished;
    bool log_stuck; /* LOG frames have waited for httpd in vain */
    int error;      /* first failure of a send, or 0: nothing more goes out */
};

/* A new request on fd. 0 or ENOMEM. */
int cask_wire_output_begin(struct cask_wire_output *output, int fd);
void cask_wire_output_done(struct cask_wire_output *output);
const struct cask_reply_ops *cask_wire_output_ops(void);

int cask_wire_output_credit(struct cask_wire_output *output, uint32_t bytes);
/* One LOG frame, or several for a long text. An errno when httpd cannot get it (now). */
int cask_wire_output_log(struct cask_wire_output *output, const struct cask_log_record *record);
/* The last message of a request. goaway: NULL, or the number of requests accepted. 0 or errno. */
int cask_wire_output_end(struct cask_wire_output *output, const struct cask_frame_end *figures,
                         const uint32_t *goaway);
int cask_wire_output_abort(struct cask_wire_output *output, enum cask_outcome outcome,
                           const struct cask_problem *problem, const uint32_t *goaway);
/* Alone on an idle connection, without waiting. */
void cask_wire_output_goaway(int fd, uint32_t accepted);

#endif
