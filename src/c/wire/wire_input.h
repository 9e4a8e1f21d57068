/* SPDX-License-Identifier: Apache-2.0 */
/* wire/wire_input.h - the request body inside a daemon: DATA frames from httpd, credit back. */
#ifndef CASK_WIRE_WIRE_INPUT_H
#define CASK_WIRE_WIRE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/buf.h"
#include "platform/problem.h"
#include "proto/frame.h"
#include "request/body.h"
#include "request/request.h"

struct cask_wire_output;

/* Part of a struct cask_wire_job; its thread only. */
struct cask_wire_input {
    struct cask_wire_output *output; /* for CREDIT */
    int64_t timeout_us;
    int fd;
    struct cask_str prefix; /* bytes inside HEAD, not yet taken */
    struct cask_buf buf;    /* frames behind HEAD, not yet taken */
    uint32_t frame_left;    /* bytes of the DATA frame whose header was taken */
    bool frame_last;
    bool ended;       /* LAST has been taken in */
    int64_t credit;   /* bytes httpd may still send */
    int64_t expected; /* bytes that credit has not been given for; INT64_MAX: unknown */
    uint64_t taken;   /* bytes the application has read */
    int error;        /* first failure, or 0 */
    struct cask_problem problem;
};

/* A new request; frame is its HEAD. 0, or EPROTO. */
int cask_wire_input_begin(struct cask_wire_input *input, int fd, const struct cask_request *request,
                          const struct cask_frame *frame, struct cask_str body);
void cask_wire_input_done(struct cask_wire_input *input);
const struct cask_body_ops *cask_wire_input_ops(void);

/* While a send waits: takes in what httpd has sent meanwhile, so that it never waits for us. 0;
 * EPIPE when the client or httpd has gone (ABORT or closed). */
int cask_wire_input_absorb(struct cask_wire_input *input);
/* There is room for more of that. */
bool cask_wire_input_has_room(const struct cask_wire_input *input);
/* The whole body has come, nothing else: the next frame is a HEAD. */
bool cask_wire_input_is_clean(struct cask_wire_input *input);

#endif
