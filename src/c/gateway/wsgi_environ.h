/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_environ.h - the environ dict of a request. */
#ifndef CASK_GATEWAY_WSGI_ENVIRON_H
#define CASK_GATEWAY_WSGI_ENVIRON_H

#include "interp/gil.h"

struct cask_gate;
struct cask_request;

/* Makes the dict that every environ of the interpreter starts from. 0, or -1 with an exception. */
CASK_GIL_HELD int cask_wsgi_environ_prepare(struct cask_gate *gate);
/* New reference: the environ, a real dict, with the request's wsgi.input and wsgi.early_hints; NULL
 * with an exception. */
CASK_GIL_HELD PyObject *cask_wsgi_environ_new(struct cask_gate *gate,
                                              const struct cask_request *request, PyObject *input,
                                              PyObject *hints);
/* Adds apache.request_rec, for extension modules that know httpd, if the request has it. 0 and a
 * new reference to the capsule or NULL; -1 with an exception. */
CASK_GIL_HELD int cask_wsgi_environ_add_httpd(const struct cask_gate *gate,
                                              const struct cask_request *request, PyObject *dict,
                                              PyObject **ret_capsule);
/* At the end of the request: a capsule that somebody has kept is of no use any more. */
CASK_GIL_HELD void cask_wsgi_environ_end_httpd(PyObject *steal_capsule);

#endif
