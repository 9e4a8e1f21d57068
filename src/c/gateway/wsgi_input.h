/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_input.h - wsgi.input: the body of the request as a file. */
#ifndef CASK_GATEWAY_WSGI_INPUT_H
#define CASK_GATEWAY_WSGI_INPUT_H

#include "interp/gil.h"

struct cask_wsgi_call;

/* The type of one interpreter, a heap type of the module; NULL with an exception. */
CASK_GIL_HELD PyTypeObject *cask_wsgi_input_type(PyObject *module);
/* The input of the call; NULL with an exception. */
CASK_GIL_HELD PyObject *cask_wsgi_input_new(PyTypeObject *type, struct cask_wsgi_call *call);
/* The request is over: every later use raises RuntimeError. */
CASK_GIL_HELD void cask_wsgi_input_detach(PyObject *input);

#endif
