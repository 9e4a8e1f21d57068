/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_reply.h - what the application gives, on its way to the reply's owner. */
#ifndef CASK_GATEWAY_WSGI_REPLY_H
#define CASK_GATEWAY_WSGI_REPLY_H

#include "interp/gil.h"

#include <stdbool.h>
#include <stdint.h>

struct cask_gate;
struct cask_wsgi_call;
struct cask_wsgi_head;

/* Fixes status and headers. With length >= 0 that is the Content-Length unless the application gave
 * one. 0, or -1 with an exception when start_response() has not been called. Once; later calls do
 * nothing. */
CASK_GIL_HELD int cask_wsgi_reply_commit(struct cask_wsgi_call *call, int64_t length);
/* Takes bytes (a bytes object; empty ones commit, too) to be sent later: copied when short, else by
 * reference. What is over Content-Length is dropped. 0, or -1 with an exception. Sends first when
 * there is no room. */
CASK_GIL_HELD int cask_wsgi_reply_add(struct cask_wsgi_call *call, PyObject *bytes);
/* Sends an early hint; nothing when the reply has begun or the client takes none. 0, or -1 with an
 * exception. */
CASK_GIL_HELD int cask_wsgi_reply_hint(struct cask_wsgi_call *call,
                                       const struct cask_wsgi_head *hint);
/* Sends what was added; with flush it leaves at once. Drops the GIL meanwhile. 0, or -1 with
 * OSError. */
CASK_GIL_HELD int cask_wsgi_reply_send(struct cask_wsgi_call *call, bool flush);
/* Sends part of a file after what was added. 0, or -1 with OSError. */
CASK_GIL_HELD int cask_wsgi_reply_send_file(struct cask_wsgi_call *call, int fd, int64_t offset,
                                            int64_t length);
/* Whether a given Content-Length has been reached. */
bool cask_wsgi_reply_full(const struct cask_wsgi_call *call);
/* The last step, after the application has ended: sends the rest and finishes; 0 or an errno, with
 * the call's reply_problem. */
CASK_GIL_NOT_HELD int cask_wsgi_reply_finish(struct cask_wsgi_call *call);
/* Sends the rest and leaves the reply open: the caller breaks it off. */
CASK_GIL_NOT_HELD void cask_wsgi_reply_break(struct cask_wsgi_call *call);
/* Forgets what was added and not sent. */
void cask_wsgi_reply_drop(struct cask_wsgi_call *call);
/* Frees objects whose bytes have been sent since the last call. */
CASK_GIL_HELD void cask_wsgi_reply_reap(struct cask_gate *gate);

#endif
