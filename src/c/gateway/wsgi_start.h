/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_start.h - start_response() and the write() it returns. */
#ifndef CASK_GATEWAY_WSGI_START_H
#define CASK_GATEWAY_WSGI_START_H

#include "interp/gil.h"

struct cask_gate;
struct cask_wsgi_call;

/* New reference: start_response for the call, to be given to cask_wsgi_callable_end(); NULL with an
 * exception. */
CASK_GIL_HELD PyObject *cask_wsgi_start_new(struct cask_gate *gate, struct cask_wsgi_call *call);

#endif
