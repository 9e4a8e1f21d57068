/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/pymodule.h - the gateway's state in one interpreter, and the modules applications import
 * (mod_wsgi, apache).
 */
#ifndef CASK_GATEWAY_PYMODULE_H
#define CASK_GATEWAY_PYMODULE_H

#include "interp/gil.h"

#include "gateway/names.h"
#include "platform/log.h"
#include "request/request.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

struct cask_apps;
struct cask_engine_config;
struct cask_interp;
struct cask_released;
struct cask_runtime;

/* What is the same in all interpreters of the process. Owned by the engine; its strings too. */
struct cask_gateway {
    const struct cask_engine_config *config; /* [init] */
    struct cask_runtime *runtime;            /* [init] */
    pthread_key_t tail_key;                  /* [init] a thread's unfinished text, wsgi_lines.c */
    pid_t owner;                             /* [init] */
    struct cask_apps *apps;                  /* [init] what is loaded, for the next generation */
};

/* One per interpreter; interp->gateway. Everything [gil] unless said otherwise. */
struct cask_gate {
    struct cask_gateway *gateway; /* [init] */
    struct cask_interp *interp;   /* [init] */
    struct cask_names names;      /* [init] */
    PyObject *module;             /* [init] mod_wsgi */
    PyTypeObject *input_type;     /* [init] */
    PyTypeObject *start_type;     /* [init] */
    PyTypeObject *log_type;       /* [init] */
    PyTypeObject *file_type;      /* [init] mod_wsgi.FileWrapper */
    PyTypeObject *hints_type;     /* [init] of wsgi.early_hints */
    PyObject *spare_hints;        /* one of a request that is over, for the next; or NULL */
    PyObject *spare_start;        /* the same of start_response */
    PyObject *request_timeout;    /* [init] mod_wsgi.RequestTimeout */
    PyObject *io_base;            /* [init] io.IOBase */
    PyObject *file_types;    /* [init] tuple: files whose bytes are those of their descriptor */
    PyObject *errors;        /* [init] wsgi.errors, sys.stderr and sys.stdout */
    PyObject *template;      /* dict every environ starts from; wsgi_environ.c */
    uint64_t in_template[2]; /* keys of keys.def in it that a request must have or lose */
    PyObject *shown[CASK_KEY_LIMIT];          /* their values in it, borrowed */
    PyObject *last[CASK_KEY_LIMIT];           /* last value of each key, where it may be kept */
    struct cask_apps_entry *scripts[64];      /* table of apps.c */
    _Atomic(struct cask_released *) released; /* [atomic] acq_rel; wsgi_reply.c */
};

/* Prepares an interpreter: the runtime's setup function; context is the struct cask_gateway. */
CASK_GIL_HELD int cask_pymodule_setup(struct cask_interp *interp, void *context);
/* The gate of the interpreter that is running, from the module a type belongs to. */
CASK_GIL_HELD struct cask_gate *cask_pymodule_gate(PyTypeObject *type);

#endif
