/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_callable.h - what an application may call as long as its request runs:
 * start_response, wsgi.early_hints.
 */
#ifndef CASK_GATEWAY_WSGI_CALLABLE_H
#define CASK_GATEWAY_WSGI_CALLABLE_H

#include "interp/gil.h"

struct cask_wsgi_call;

struct cask_wsgi_callable {
    PyObject_HEAD vectorcallfunc vectorcall;
    struct cask_wsgi_call *call; /* NULL once the request is over */
};

/* A type of this name; NULL with an exception. */
CASK_GIL_HELD PyTypeObject *cask_wsgi_callable_type(PyObject *module, const char *name);
/* New reference: the function for the call, in an object that an earlier request has left behind
 * (spare) or a new one; NULL with an exception. */
CASK_GIL_HELD PyObject *cask_wsgi_callable_new(PyTypeObject *type, PyObject **spare,
                                               vectorcallfunc function,
                                               struct cask_wsgi_call *call);
/* The request is over. An object that nobody has kept becomes the spare one. */
CASK_GIL_HELD void cask_wsgi_callable_end(PyObject **spare, PyObject *steal_callable);

#endif
