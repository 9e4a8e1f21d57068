/* SPDX-License-Identifier: Apache-2.0 */
/* interp/pyerr.h - a Python exception becomes a problem: one line of text, the traceback as detail.
 */
#ifndef CASK_INTERP_PYERR_H
#define CASK_INTERP_PYERR_H

#include "interp/gil.h"

struct cask_interp;
struct cask_problem;

/* Takes the current exception; the problem's text is the prefix and "Type: message", its
 * detail the formatted traceback with those of its causes. error is 0. */
CASK_GIL_HELD void cask_pyerr_fill(const struct cask_interp *interp, struct cask_problem *problem,
                                   unsigned number, const char *prefix, ...)
    __attribute__((format(printf, 4, 5)));
/* The exit status that a SystemExit stands for: 1 where its code is neither None nor a number. */
CASK_GIL_HELD int cask_pyerr_exit_status(PyObject *exception);
/* Raises the OSError subclass of the errno, with this text. */
CASK_GIL_HELD void cask_pyerr_set_errno(int error, const char *text);

#endif
