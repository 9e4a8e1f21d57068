/* SPDX-License-Identifier: Apache-2.0 */
/* interp/threads.h - operating-system threads and their Python thread states.
 *
 * A thread has one state per interpreter it has entered, kept for the thread's life. Its first one
 * is always the main interpreter's, so that PyGILState_* of extensions finds it.
 */
#ifndef CASK_INTERP_THREADS_H
#define CASK_INTERP_THREADS_H

#include "interp/gil.h"

#include <stdint.h>

struct cask_interp;
struct cask_runtime;

struct cask_thread {
    struct cask_runtime *runtime; /* [init] */
    unsigned long ident;          /* [init] as threading.get_ident() */
    PyThreadState **states;       /* [owner] by index of the interpreter */
    unsigned n_states;            /* [owner] */
    struct cask_interp *recent;   /* [owner] interpreter of its last request */
    const void *serving;          /* [owner] the exchange it serves or loads for, or NULL */
    uint32_t serving_id;          /* [gil] thread_id of the request, while inside */
    struct cask_interp *inside;   /* [gil] the application runs, in this interpreter */
    bool interrupted;             /* [gil] an exception was sent to it */
    struct cask_thread *next;     /* [lock:runtime->mutex] */
};

/* Once, by the runtime: makes the key. 0 or an errno. */
int cask_threads_init(struct cask_runtime *runtime);
/* The record of the calling thread, made on first use; ENOMEM. Any thread. */
int cask_threads_current(struct cask_runtime *runtime, struct cask_thread **ret_thread);
/* The same, or NULL when the thread has none. */
static inline struct cask_thread *cask_threads_known(const struct cask_runtime *runtime);
/* Gives the thread a state that exists already. 0 or ENOMEM. */
int cask_threads_adopt(struct cask_thread *thread, unsigned index, PyThreadState *state);
/* The state with which the calling thread entered Python outside of this room, or NULL. */
PyThreadState *cask_threads_find_state(PyInterpreterState *interpreter);
/* Clears the states of ended threads in this interpreter. */
CASK_GIL_HELD void cask_threads_sweep(struct cask_interp *interp);
/* Raises type in the thread that serves with this id inside interp; 0 or ESRCH. */
CASK_GIL_HELD int cask_threads_interrupt(struct cask_interp *interp, uint32_t serving_id,
                                         PyObject *type);
/* Forgets an exception that was sent but not raised; for the thread itself. */
CASK_GIL_HELD void cask_threads_calm(struct cask_thread *thread);

#include "interp/runtime.h"

static inline struct cask_thread *
cask_threads_known(const struct cask_runtime *runtime)
{
    return (struct cask_thread *)pthread_getspecific(runtime->key);
}

#endif
