/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_head.h - status and headers as an application gave them, checked and copied.
 *
 * Python objects on one side, struct cask_field on the other: no Python object has to outlive the
 * GIL.
 */
#ifndef CASK_GATEWAY_WSGI_HEAD_H
#define CASK_GATEWAY_WSGI_HEAD_H

#include "interp/gil.h"

struct cask_wsgi_call;
struct cask_wsgi_head;

/* Unset, and without anything on the heap: for storage that is new. */
void cask_wsgi_head_init(struct cask_wsgi_head *head);
/* Releases what the head holds on the heap and makes it unset. */
void cask_wsgi_head_done(struct cask_wsgi_head *head);
/* Fills the call's head with the arguments of start_response(). 0, or -1 with an exception, and the
 * head is unset. */
CASK_GIL_HELD int cask_wsgi_head_fill(struct cask_wsgi_call *call, PyObject *status,
                                      PyObject *headers);
/* Fills another head with the headers of an early hint: the same checks, and none that speaks of a
 * body or of the connection. 0, or -1 with an exception, and the head is unset. */
CASK_GIL_HELD int cask_wsgi_head_fill_hint(struct cask_wsgi_call *call, struct cask_wsgi_head *head,
                                           PyObject *headers);

#endif
