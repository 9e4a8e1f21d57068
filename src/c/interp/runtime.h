/* SPDX-License-Identifier: Apache-2.0 */
/* interp/runtime.h - CPython in this process: started here or found running, and its end.
 *
 * One per process. The struct is open to the files of this room only.
 */
#ifndef CASK_INTERP_RUNTIME_H
#define CASK_INTERP_RUNTIME_H

#include "interp/gil.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cask_interp;
struct cask_problem;
struct cask_thread;

/* Prepares a fresh interpreter for applications, with the GIL held and its state current. 0, or -1
 * with a Python exception. */
typedef int cask_runtime_setup_fn(struct cask_interp *interp, void *context);

struct cask_runtime_config {
    bool embedded;            /* start Python; else take over the running one */
    const char *program;      /* embedded: the interpreter's path, or NULL */
    const char *python_home;  /* embedded, without program */
    int optimize;             /* embedded: at least this level */
    bool random_seed;         /* embedded: at random, whatever PYTHONHASHSEED says */
    int64_t hash_seed;        /* embedded, unless random: below 0: Python's own choice */
    bool dont_write_bytecode; /* embedded */
    const char *warnings;     /* embedded: a line for each `-W`; NULL */
    cask_runtime_setup_fn *setup;
    void *setup_context;
};

struct cask_runtime {
    pid_t owner;                  /* [init] process that may use it */
    bool embedded;                /* [init] */
    cask_runtime_setup_fn *setup; /* [init] */
    void *setup_context;          /* [init] */
    pthread_key_t key;            /* [init] a thread's struct cask_thread */
    bool key_made;                /* [init] */
    struct cask_thread *opener;   /* [init] Python's main thread */
    struct cask_interp *main;     /* [init] */
    pthread_mutex_t mutex;        /* a leaf: nothing waits and no Python runs inside */
    pthread_cond_t changed;       /* an interpreter is no longer being made */
    struct cask_interp *interps;  /* [lock:mutex] newest first; none goes before the end */
    unsigned n_interps;           /* [lock:mutex] */
    struct cask_thread *threads;  /* [lock:mutex] alive */
    struct cask_thread *gone;     /* [lock:mutex] ended, states still to be cleared */
};

/* Starts or adopts Python and prepares the main interpreter; returns without the GIL. The calling
 * thread becomes (or is) Python's main thread. EEXIST: embedded, but another module has started a
 * Python here. */
CASK_GIL_NOT_HELD int cask_runtime_start(struct cask_runtime **ret_runtime,
                                         const struct cask_runtime_config *config,
                                         struct cask_problem *reterr_problem);
/* Ends everything, on the thread that started: joins threads until deadline_us (monotonic), ends
 * sub-interpreters, then finalises. 0, or ETIMEDOUT when threads are left: atexit functions have
 * run, Python has not been finalised. The runtime must not be used afterwards; its memory stays,
 * for threads that end later. */
CASK_GIL_NOT_HELD int cask_runtime_stop(struct cask_runtime *runtime, int64_t deadline_us);

#endif
