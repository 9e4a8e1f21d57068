/* SPDX-License-Identifier: Apache-2.0 */
/* interp/interp.c - interpreters by name: the main one ("") and sub-interpreters made on demand.
 *
 * Owns:    struct cask_interp; records live until the process ends.
 * Touches: platform/.
 * Threads: any. The table's mutex is never held while Python runs or the GIL is waited for, so
 *          making one interpreter does not hold up requests of the others.
 * Fork:    a fork deletes sub-interpreters in the child; only the main one is used there.
 */
#include "interp/gil.h"

#include "interp/interp.h"

#include "interp/compat.h"
#include "interp/pyerr.h"
#include "interp/runtime.h"
#include "interp/threads.h"
#include "platform/clock.h"
#include "platform/problem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAKING_LIMIT_US (60 * CASK_CLOCK_SECOND)

static struct cask_interp *
interp_new(struct cask_runtime *runtime, const char *name, size_t name_len)
{
    struct cask_interp *interp = calloc(1, sizeof(*interp));

    if (interp == NULL) {
        return NULL;
    }
    interp->name = malloc(name_len + 1);
    if (interp->name == NULL) {
        free(interp);
        return NULL;
    }
    if (name_len > 0) {
        memcpy(interp->name, name, name_len);
    }
    interp->name[name_len] = '\0';
    interp->name_len = name_len;
    interp->runtime = runtime;
    interp->index = runtime->n_interps;
    interp->next = runtime->interps;
    runtime->interps = interp;
    runtime->n_interps += 1;
    return interp;
}

int
cask_interp_new_main(struct cask_runtime *runtime, PyInterpreterState *state,
                     struct cask_interp **ret_interp)
{
    struct cask_interp *interp = interp_new(runtime, "", 0);

    if (interp == NULL) {
        return ENOMEM;
    }
    interp->state = state;
    interp->stage = CASK_INTERP_READY;
    *ret_interp = interp;
    return 0;
}

/* Makes the sub-interpreter unless an earlier, failed try left it, and sets it up. Its first thread
 * state is the calling thread's. */
CASK_GIL_ATTRIBUTE(no_thread_safety_analysis)
static int
interp_make(struct cask_interp *interp, struct cask_thread *thread,
            struct cask_problem *reterr_problem)
{
    struct cask_runtime *runtime = interp->runtime;
    PyThreadState *state;
    int status = 0;

    if (interp->state == NULL) {
        if (!cask_gil_enter(runtime->main, thread)) {
            return cask_problem_set(reterr_problem, ENOMEM, 603, "interpreter '%s'", interp->name);
        }
        state = Py_NewInterpreter();
        if (state == NULL) {
            PyErr_Clear();
            cask_gil_leave(runtime->main, thread);
            return cask_problem_set(reterr_problem, EAGAIN, 603,
                                    "interpreter '%s' could not be made", interp->name);
        }
        interp->state = PyThreadState_GetInterpreter(state);
        if (cask_threads_adopt(thread, interp->index, state) != 0) {
            status = ENOMEM;
        }
    } else if (!cask_gil_enter(interp, thread)) {
        return cask_problem_set(reterr_problem, ENOMEM, 603, "interpreter '%s'", interp->name);
    }
    if (status != 0) {
        cask_problem_set(reterr_problem, status, 603, "interpreter '%s'", interp->name);
    } else if (runtime->setup(interp, runtime->setup_context) != 0) {
        cask_pyerr_fill(interp, reterr_problem, 603,
                        "interpreter '%s' could not be set up: ", interp->name);
        status = EIO;
    }
    (void)PyEval_SaveThread();
    return status;
}

/* With the mutex held: the record, or NULL. */
static struct cask_interp *
interp_find(const struct cask_runtime *runtime, const char *name, size_t name_len)
{
    struct cask_interp *interp;

    for (interp = runtime->interps; interp != NULL; interp = interp->next) {
        if (interp->name_len == name_len &&
            (name_len == 0 || memcmp(interp->name, name, name_len) == 0)) {
            return interp;
        }
    }
    return NULL;
}

int
cask_interp_get(struct cask_runtime *runtime, struct cask_thread *thread, const char *name,
                size_t name_len, struct cask_interp **ret_interp,
                struct cask_problem *reterr_problem)
{
    struct cask_interp *interp = thread->recent;
    int64_t deadline_us;
    struct timespec until;
    int status = 0;

    if (interp != NULL && interp->name_len == name_len &&
        (name_len == 0 || memcmp(interp->name, name, name_len) == 0)) {
        *ret_interp = interp;
        return 0;
    }
    deadline_us = cask_clock_deadline(MAKING_LIMIT_US);
    until.tv_sec = (time_t)(deadline_us / CASK_CLOCK_SECOND);
    until.tv_nsec = (long)(deadline_us % CASK_CLOCK_SECOND) * 1000;
    (void)pthread_mutex_lock(&runtime->mutex);
    interp = interp_find(runtime, name, name_len);
    while (interp != NULL && interp->stage == CASK_INTERP_MAKING && status == 0) {
        status = pthread_cond_timedwait(&runtime->changed, &runtime->mutex, &until);
    }
    if (interp != NULL && interp->stage == CASK_INTERP_READY) {
        (void)pthread_mutex_unlock(&runtime->mutex);
    } else if (status != 0) {
        (void)pthread_mutex_unlock(&runtime->mutex);
        return cask_problem_set(reterr_problem, EBUSY, 603,
                                "interpreter '%.*s' is still being made", (int)name_len, name);
    } else {
        if (interp == NULL) {
            interp = interp_new(runtime, name, name_len);
        }
        if (interp == NULL) {
            (void)pthread_mutex_unlock(&runtime->mutex);
            return cask_problem_set(reterr_problem, ENOMEM, 603, "interpreter '%.*s'",
                                    (int)name_len, name);
        }
        interp->stage = CASK_INTERP_MAKING;
        (void)pthread_mutex_unlock(&runtime->mutex);
        status = interp_make(interp, thread, reterr_problem);
        (void)pthread_mutex_lock(&runtime->mutex);
        interp->stage = status == 0 ? CASK_INTERP_READY : CASK_INTERP_FAILED;
        (void)pthread_cond_broadcast(&runtime->changed);
        (void)pthread_mutex_unlock(&runtime->mutex);
    }
    if (status == 0) {
        thread->recent = interp;
        *ret_interp = interp;
    }
    return status;
}

bool
cask_interp_alone(const struct cask_interp *interp)
{
    PyThreadState *state = PyInterpreterState_ThreadHead(interp->state);

    return state == PyThreadState_Get() && PyThreadState_Next(state) == NULL;
}

/* Calls `name` of an imported module without arguments; exceptions are of no use to anybody now. */
CASK_GIL_HELD static void
call_quietly(const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *result = NULL;

    if (module != NULL) {
        result = PyObject_CallMethod(module, name, NULL);
    }
    Py_XDECREF(module);
    Py_XDECREF(result);
    PyErr_Clear();
}

void
cask_interp_run_atexit(void)
{
    call_quietly("atexit", "_run_exitfuncs");
}

/* threading._shutdown() joins without a limit; ours has one and leaves it nothing to wait for. */
int
cask_interp_join_threads(int64_t deadline_us)
{
    double seconds = (double)(deadline_us - cask_clock_mono_us()) / (double)CASK_CLOCK_SECOND;
    PyObject *module = PyImport_ImportModule("mod_cask.server.interpreter");
    PyObject *result = NULL;
    int status = 0;

    if (module != NULL) {
        result = PyObject_CallMethod(module, "join_threads", "d", seconds > 0.0 ? seconds : 0.0);
    }
    if (result == Py_False) {
        status = ETIMEDOUT;
    }
    PyErr_Clear();
    Py_XDECREF(result);
    Py_XDECREF(module);
    return status;
}

/* Ends one sub-interpreter. Where a thread is left (a daemon one, or one that would not end)
 * CPython would abort the process, so its atexit functions are all that can be done. */
CASK_GIL_ATTRIBUTE(no_thread_safety_analysis)
static int
interp_end(struct cask_interp *interp, struct cask_thread *thread, int64_t deadline_us)
{
    struct cask_runtime *runtime = interp->runtime;
    PyThreadState *main_state = thread->states[runtime->main->index];
    int status;

    if (interp->state == NULL || !cask_gil_enter(interp, thread)) {
        return 0;
    }
    status = cask_interp_join_threads(deadline_us);
    cask_threads_sweep(interp);
    if (status != 0 || !cask_interp_alone(interp)) {
        cask_interp_run_atexit();
        cask_gil_leave(interp, thread);
        return status != 0 ? status : EBUSY;
    }
    Py_EndInterpreter(PyThreadState_Get());
    thread->states[interp->index] = NULL;
    interp->state = NULL;
    (void)PyThreadState_Swap(main_state);
    (void)PyEval_SaveThread();
    return 0;
}

int
cask_interp_end_subs(struct cask_runtime *runtime, int64_t deadline_us)
{
    struct cask_interp *interp;
    int result = 0;
    int status;

    (void)pthread_mutex_lock(&runtime->mutex);
    interp = runtime->interps;
    (void)pthread_mutex_unlock(&runtime->mutex);
    for (; interp != NULL; interp = interp->next) {
        if (interp != runtime->main) {
            status = interp_end(interp, runtime->opener, deadline_us);
            result = status != 0 && result != ETIMEDOUT ? status : result;
        }
    }
    return result;
}
