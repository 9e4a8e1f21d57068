/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_start.h - start_response() and the write() it returns. */
#ifndef CASK_GATEWAY_WSGI_START_H
#define CASK_GATEWAY_WSGI_START_H

#include "interp/gil.h"

struct cask_gate;
struct cask_wsgi_call;

/* The type of one interpreter; NULL with an exception. */
CASK_GIL_HELD PyTypeObject *cask_wsgi_start_type(PyObject *module);
/* start_response for the call; NULL with an exception. */
CASK_GIL_HELD PyObject *cask_wsgi_start_new(struct cask_gate *gate, struct cask_wsgi_call *call);
/* The request is over: later calls raise RuntimeError. */
CASK_GIL_HELD void cask_wsgi_start_end(struct cask_gate *gate, PyObject *steal_start);

#endif
