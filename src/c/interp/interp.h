/* SPDX-License-Identifier: Apache-2.0 */
/* interp/interp.h - interpreters by name: the main one ("") and sub-interpreters made on demand. */
#ifndef CASK_INTERP_INTERP_H
#define CASK_INTERP_INTERP_H

#include "interp/gil.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct cask_problem;
struct cask_runtime;
struct cask_thread;

/* States: MAKING (one thread makes it, others wait) → READY, or → FAILED → MAKING again when asked
 * for. Transitions: cask_interp_get(). */
enum cask_interp_stage {
    CASK_INTERP_MAKING,
    CASK_INTERP_READY,
    CASK_INTERP_FAILED,
};

struct cask_interp {
    struct cask_runtime *runtime; /* [init] */
    unsigned index;               /* [init] place in each thread's table of states; 0 is main */
    char *name;                   /* [init] "" is the main interpreter */
    size_t name_len;              /* [init] */
    PyInterpreterState *state;    /* set while MAKING, then constant */
    enum cask_interp_stage stage; /* [lock:runtime->mutex] */
    atomic_uint n_gone;           /* [atomic] relaxed; states to be cleared by who enters next */
    PyObject *format_exception;   /* [gil] traceback.format_exception */
    void *gateway;                /* [gil] what gateway/ keeps per interpreter */
    struct cask_interp *next;     /* [lock:runtime->mutex] */
};

/* The interpreter of this name, made and set up when it is not there. Waits while another thread
 * makes it (at most a minute: EBUSY). EAGAIN, ENOMEM or EIO when it could not be made: the next
 * call tries again. */
CASK_GIL_NOT_HELD int cask_interp_get(struct cask_runtime *runtime, struct cask_thread *thread,
                                      const char *name, size_t name_len,
                                      struct cask_interp **ret_interp,
                                      struct cask_problem *reterr_problem);
/* The record of the main interpreter, whose state is `state`; for cask_runtime_start(). */
int cask_interp_new_main(struct cask_runtime *runtime, PyInterpreterState *state,
                         struct cask_interp **ret_interp);
/* Whether any thread state but the calling thread's is left in the current interpreter. */
CASK_GIL_HELD bool cask_interp_alone(const struct cask_interp *interp);
/* Joins threads and ends every sub-interpreter. Where one could not be ended its atexit functions
 * have run: ETIMEDOUT when threads outlived the deadline, EBUSY when only daemon threads are left.
 */
CASK_GIL_NOT_HELD int cask_interp_end_subs(struct cask_runtime *runtime, int64_t deadline_us);
/* Joins the current interpreter's threads that are not daemons, until deadline_us. */
CASK_GIL_HELD int cask_interp_join_threads(int64_t deadline_us);
/* Runs and forgets the current interpreter's atexit functions. */
CASK_GIL_HELD void cask_interp_run_atexit(void);

#endif
