/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_hints.h - environ["wsgi.early_hints"]: 103 Early Hints before the reply. */
#ifndef CASK_GATEWAY_WSGI_HINTS_H
#define CASK_GATEWAY_WSGI_HINTS_H

#include "interp/gil.h"

struct cask_gate;
struct cask_wsgi_call;

/* New reference: the callable for the call, to be given to cask_wsgi_callable_end(); NULL with an
 * exception. */
CASK_GIL_HELD PyObject *cask_wsgi_hints_new(struct cask_gate *gate, struct cask_wsgi_call *call);

#endif
