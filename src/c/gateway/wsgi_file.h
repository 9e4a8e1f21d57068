/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_file.h - mod_wsgi.FileWrapper, which is wsgi.file_wrapper. */
#ifndef CASK_GATEWAY_WSGI_FILE_H
#define CASK_GATEWAY_WSGI_FILE_H

#include "interp/gil.h"

#include <stdint.h>

struct cask_gate;

/* The type of one interpreter; NULL with an exception. */
CASK_GIL_HELD PyTypeObject *cask_wsgi_file_type(PyObject *module);
/* Whether the iterable is a file wrapper over a regular file whose descriptor can be sent instead
 * of its bytes: 1 (descriptor, place to begin at, bytes from there to its end), 0, or -1 with an
 * exception. The descriptor stays the file's. */
CASK_GIL_HELD int cask_wsgi_file_open(const struct cask_gate *gate, PyObject *iterable, int *ret_fd,
                                      int64_t *ret_offset, int64_t *ret_length);

#endif
