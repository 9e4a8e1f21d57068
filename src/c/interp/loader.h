/* SPDX-License-Identifier: Apache-2.0 */
/* interp/loader.h - runs a script file as a module, and again when it is asked to.
 *
 * One struct per script and interpreter. The previous module stays in service until a newer one has
 * been executed to its end. A script that failed is tried again after a delay that grows from 1 s
 * to 30 s, or at once when the caller knows that the file has changed.
 */
#ifndef CASK_INTERP_LOADER_H
#define CASK_INTERP_LOADER_H

#include "interp/gil.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct cask_interp;
struct cask_problem;

struct cask_loader_script {
    struct cask_interp *interp; /* [init] */
    char *path;                 /* [init] */
    PyObject *path_object;      /* [init] str, file system encoding */
    PyObject *name;             /* [init] str: "_mod_wsgi_" and the MD5 of the path */
    PyObject *module;           /* [gil] the one in service, or NULL */
    struct stat loaded;         /* [gil] the file it came from */
    struct stat tried;          /* [gil] the file of the last attempt */
    bool was_tried;             /* [gil] `tried` is set */
    int64_t delay_us;           /* [gil] between attempts after a failure; 0: last one was good */
    int64_t retry_us;           /* [gil] monotonic: no attempt before */
    int64_t retry_wall_us;      /* [gil] the same on the wall clock, for the log */
    int exit_status;            /* [gil] after ECANCELED: what SystemExit stands for */
    unsigned attempts;          /* [gil] */
    bool loading;               /* [gil, and mutex for writing] a thread is at it */
    pthread_mutex_t mutex;      /* a leaf */
    pthread_cond_t changed;     /* loading has become false */
};

/* A script that has not been run yet. With lower_case its module name is made of the path in lower
 * case (WSGICaseSensitivity Off). NULL with an exception. */
CASK_GIL_HELD struct cask_loader_script *
cask_loader_new(struct cask_interp *interp, const char *path, size_t path_len, bool lower_case);
CASK_GIL_HELD struct cask_loader_script *cask_loader_free(struct cask_loader_script *script);

/* Runs the script, or waits for the thread that does so (at most a minute). 0: script->module is
 * new. ENOENT: no such file. EIO: it failed; the problem has the traceback unless another thread
 * met the failure. ECANCELED: likewise, with SystemExit. EBUSY: still loading. */
CASK_GIL_HELD int cask_loader_load(struct cask_loader_script *script,
                                   struct cask_problem *reterr_problem);
/* Whether an attempt is allowed now; if not, the problem names the time of the next one. */
CASK_GIL_HELD bool cask_loader_may_try(const struct cask_loader_script *script,
                                       struct cask_problem *reterr_problem);

#endif
