/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_origin.h - who prints: a handler of the package logging, warnings, or anybody.
 *
 * Applications log to sys.stderr by logging.StreamHandler, and Python's warnings go there, too: as
 * text, without their level. Both are recognised by the function that calls write(), so nothing of
 * them is changed or imported.
 */
#ifndef CASK_GATEWAY_WSGI_ORIGIN_H
#define CASK_GATEWAY_WSGI_ORIGIN_H

#include "interp/gil.h"

#include <stdbool.h>

#include "platform/log.h"

struct cask_wsgi_origin {
    enum cask_log_level level;
    uint32_t line;
    PyObject *file; /* bytes, owned; NULL unknown */
};

/* Looks at the calling Python function. false: the text is nobody's record. No exception is left
 * behind. */
CASK_GIL_HELD bool cask_wsgi_origin_find(struct cask_wsgi_origin *ret_origin);

#endif
