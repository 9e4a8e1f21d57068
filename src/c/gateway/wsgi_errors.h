/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_errors.h - text that applications print: wsgi.errors, sys.stderr and sys.stdout. */
#ifndef CASK_GATEWAY_WSGI_ERRORS_H
#define CASK_GATEWAY_WSGI_ERRORS_H

#include "interp/gil.h"

#include "platform/log.h"

struct cask_gate;
struct cask_gateway;

/* Makes the key for unfinished lines; 0 or an errno. */
int cask_wsgi_errors_init(struct cask_gateway *gateway);
/* The type of the binary stream under the text; NULL with an exception. */
CASK_GIL_HELD PyTypeObject *cask_wsgi_errors_type(PyObject *module);
/* A text stream (io.TextIOWrapper) of that name over a new binary one; NULL with an exception. */
CASK_GIL_HELD PyObject *cask_wsgi_errors_stream(struct cask_gate *gate, const char *name);
/* Writes the calling thread's unfinished line to where lines go at this moment: at the start and at
 * the end of a request. */
void cask_wsgi_errors_flush(struct cask_gateway *gateway);
/* Lines of the text to the log of the request this thread serves, or to that of the process. */
void cask_wsgi_errors_log(struct cask_gateway *gateway, enum cask_log_level level, const char *text,
                          size_t len);

#endif
