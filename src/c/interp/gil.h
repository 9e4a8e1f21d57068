/* SPDX-License-Identifier: Apache-2.0 */
/* interp/gil.h - who holds the GIL, as a capability that clang's -Wthread-safety follows.
 *
 * CASK_GIL_HELD and CASK_GIL_NOT_HELD stand in front of every prototype of interp/ and gateway/
 * that cares. The capability only says "entered": with free threading others run Python too.
 */
#ifndef CASK_INTERP_GIL_H
#define CASK_INTERP_GIL_H

#include <Python.h>

#include <stdbool.h>

#if defined(__clang__)
#define CASK_GIL_ATTRIBUTE(x) __attribute__((x))
#else
#define CASK_GIL_ATTRIBUTE(x)
#endif

struct CASK_GIL_ATTRIBUTE(capability("GIL")) cask_gil {
    char unused;
};
extern struct cask_gil cask_gil; /* never defined: it only names the capability */

#define CASK_GIL_HELD     CASK_GIL_ATTRIBUTE(requires_capability(cask_gil))
#define CASK_GIL_NOT_HELD CASK_GIL_ATTRIBUTE(locks_excluded(cask_gil))

struct cask_interp;
struct cask_thread;

/* Enters the interpreter on this thread; makes the thread's state there on first use. False only
 * when memory is out. Nested use on one thread is allowed once the outer one has dropped the GIL
 * (a sub-request made by an output filter). */
CASK_GIL_ATTRIBUTE(try_acquire_capability(true, cask_gil))
bool cask_gil_enter(struct cask_interp *interp, struct cask_thread *thread);
CASK_GIL_ATTRIBUTE(release_capability(cask_gil))
void cask_gil_leave(struct cask_interp *interp, struct cask_thread *thread);

/* Around something that blocks, inside code that was called by Python; any Python thread. */
CASK_GIL_ATTRIBUTE(release_capability(cask_gil))
CASK_GIL_ATTRIBUTE(no_thread_safety_analysis)
static inline PyThreadState *
cask_gil_drop(void)
{
    return PyEval_SaveThread();
}

CASK_GIL_ATTRIBUTE(acquire_capability(cask_gil))
CASK_GIL_ATTRIBUTE(no_thread_safety_analysis)
static inline void
cask_gil_retake(PyThreadState *state)
{
    PyEval_RestoreThread(state);
}

#endif
