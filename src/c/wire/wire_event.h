/* SPDX-License-Identifier: Apache-2.0 */
/* wire/wire_event.h - what a daemon says, frame by frame, checked: the view httpd gets. */
#ifndef CASK_WIRE_WIRE_EVENT_H
#define CASK_WIRE_WIRE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/frame.h"
#include "request/exchange.h"

struct cask_problem;
struct cask_wire_fields;

enum cask_wire_event_kind {
    CASK_WIRE_HINT,    /* the headers of head: an early hint */
    CASK_WIRE_REPLY,   /* head; data_len bytes of body inside; last: complete, as with END;
                          file_next: a FILE comes next */
    CASK_WIRE_DATA,    /* body */
    CASK_WIRE_FILE,    /* fd, offset, length: a regular file that holds them; cask_wire_call keeps
                          the descriptor until the next receive */
    CASK_WIRE_CREDIT,  /* credit has grown */
    CASK_WIRE_LOG,     /* record */
    CASK_WIRE_END,     /* complete */
    CASK_WIRE_ABORT,   /* outcome, problem */
    CASK_WIRE_REFUSED, /* not started: outcome STALE or UNAVAILABLE, problem; the request may go to
                          another process */
    CASK_WIRE_GOAWAY,  /* no new requests on this connection; accepted: ours is one of the old */
};

/* All pointers are into the call's buffers, valid until the next receive. */
struct cask_wire_event {
    enum cask_wire_event_kind kind;
    struct cask_reply_head head;
    const char *data;
    size_t data_len;
    bool last;
    bool file_next;
    int fd;
    int64_t offset;
    int64_t length;
    struct cask_log_record record;
    enum cask_outcome outcome;
    bool accepted;
    uint32_t number; /* of CREDIT and GOAWAY, as sent */
};

/* How far the reply has come on its way. */
struct cask_wire_order {
    unsigned n_hints; /* HINTS frames */
    bool replied;     /* REPLY came */
    bool data_done;   /* DATA|LAST came */
};
/* May this kind of frame come now? NULL, or what is wrong. */
const char *cask_wire_event_out_of_order(const struct cask_wire_order *order,
                                         const struct cask_frame *frame);

/* A whole frame (for DATA: its header only) as an event; ABORT and REFUSED fill reterr_problem. Not
 * for HELLO, HEAD, UPGRADE. A status other than OK: the daemon broke the protocol, or NO_SPACE: out
 * of memory. */
enum cask_frame_status cask_wire_event_decode(const struct cask_frame *frame, const char *payload,
                                              struct cask_wire_fields *fields,
                                              struct cask_wire_event *ret_event,
                                              struct cask_problem *reterr_problem);
/* event->fd must be a regular file open for reading that holds the bytes promised. 0 or EBADF. */
int cask_wire_event_check_file(const struct cask_wire_event *event);

#endif
