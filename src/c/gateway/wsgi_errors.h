/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_errors.h - text that applications print: wsgi.errors, sys.stderr and sys.stdout. */
#ifndef CASK_GATEWAY_WSGI_ERRORS_H
#define CASK_GATEWAY_WSGI_ERRORS_H

#include "interp/gil.h"

struct cask_gate;

/* The type of the binary stream under the text; NULL with an exception. */
CASK_GIL_HELD PyTypeObject *cask_wsgi_errors_type(PyObject *module);
/* A text stream (io.TextIOWrapper) of that name over a new binary one; NULL with an exception. */
CASK_GIL_HELD PyObject *cask_wsgi_errors_stream(struct cask_gate *gate, const char *name);

#endif
