/* SPDX-License-Identifier: Apache-2.0 */
/* interp/threads.c - operating-system threads and their Python thread states.
 *
 * Owns:    struct cask_thread, one per thread that entered Python through us, and its states.
 * Touches: platform/.
 * Threads: any; a record belongs to its thread until that ends (the key's destructor).
 * Fork:    the child's only thread keeps its record; those of the others are lost with them.
 * Invariants:
 *   (1) a thread that has any state has one of the main interpreter, made first;
 *   (2) a record on the list `gone` has at least one state, and each such state is counted in
 *       its interpreter's n_gone.
 */
#include "interp/gil.h"

#include "interp/threads.h"

#include "interp/compat.h"
#include "interp/interp.h"

#include <errno.h>
#include <stdlib.h>

/* Runs when a thread ends. It must not wait for the GIL, so the states are left to the next thread
 * that enters their interpreter. */
static void
thread_ended(void *data)
{
    struct cask_thread *thread = data;
    struct cask_runtime *runtime = thread->runtime;
    struct cask_thread **link;
    struct cask_interp *interp;
    bool any = false;

    (void)pthread_mutex_lock(&runtime->mutex);
    for (link = &runtime->threads; *link != NULL; link = &(*link)->next) {
        if (*link == thread) {
            *link = thread->next;
            break;
        }
    }
    for (interp = runtime->interps; interp != NULL; interp = interp->next) {
        if (interp->index < thread->n_states && thread->states[interp->index] != NULL) {
            (void)atomic_fetch_add_explicit(&interp->n_gone, 1, memory_order_relaxed);
            any = true;
        }
    }
    if (any) {
        thread->next = runtime->gone;
        runtime->gone = thread;
    }
    (void)pthread_mutex_unlock(&runtime->mutex);
    if (!any) {
        free(thread->states);
        free(thread);
    }
}

int
cask_threads_init(struct cask_runtime *runtime)
{
    return pthread_key_create(&runtime->key, thread_ended);
}

int
cask_threads_current(struct cask_runtime *runtime, struct cask_thread **ret_thread)
{
    struct cask_thread *thread = cask_threads_known(runtime);

    if (thread == NULL) {
        thread = calloc(1, sizeof(*thread));
        if (thread == NULL) {
            return ENOMEM;
        }
        thread->runtime = runtime;
        thread->ident = PyThread_get_thread_ident();
        if (pthread_setspecific(runtime->key, thread) != 0) {
            free(thread);
            return ENOMEM;
        }
        (void)pthread_mutex_lock(&runtime->mutex);
        thread->next = runtime->threads;
        runtime->threads = thread;
        (void)pthread_mutex_unlock(&runtime->mutex);
    }
    *ret_thread = thread;
    return 0;
}

int
cask_threads_adopt(struct cask_thread *thread, unsigned index, PyThreadState *state)
{
    if (index >= thread->n_states) {
        unsigned n_states = index + 4;
        PyThreadState **states = realloc(thread->states, n_states * sizeof(PyThreadState *));

        if (states == NULL) {
            return ENOMEM;
        }
        while (thread->n_states < n_states) {
            states[thread->n_states] = NULL;
            thread->n_states += 1;
        }
        thread->states = states;
    }
    thread->states[index] = state;
    return 0;
}

PyThreadState *
cask_threads_find_state(PyInterpreterState *interpreter)
{
    unsigned long ident = PyThread_get_thread_ident();
    PyThreadState *state = PyInterpreterState_ThreadHead(interpreter);

    while (state != NULL && state->thread_id != ident) {
        state = PyThreadState_Next(state);
    }
    return state;
}

/* Makes this thread's state for the interpreter; keeps (1). No GIL needed. */
static PyThreadState *
thread_new_state(struct cask_thread *thread, const struct cask_interp *interp)
{
    const struct cask_interp *main = thread->runtime->main;
    PyThreadState *state;

    if (interp != main && (thread->n_states == 0 || thread->states[main->index] == NULL)) {
        state = thread_new_state(thread, main);
        if (state == NULL) {
            return NULL;
        }
    }
    if (cask_threads_adopt(thread, interp->index, NULL) != 0) {
        return NULL;
    }
    state = PyThreadState_New(interp->state);
    thread->states[interp->index] = state;
    return state;
}

CASK_GIL_ATTRIBUTE(no_thread_safety_analysis)
bool
cask_gil_enter(struct cask_interp *interp, struct cask_thread *thread)
{
    PyThreadState *state = NULL;

    if (interp->index < thread->n_states) {
        state = thread->states[interp->index];
    }
    if (state == NULL) {
        state = thread_new_state(thread, interp);
        if (state == NULL) {
            return false;
        }
    }
    PyEval_RestoreThread(state);
    if (atomic_load_explicit(&interp->n_gone, memory_order_relaxed) != 0) {
        cask_threads_sweep(interp);
    }
    return true;
}

CASK_GIL_ATTRIBUTE(no_thread_safety_analysis)
void
cask_gil_leave(struct cask_interp *interp, struct cask_thread *thread)
{
    (void)interp;
    (void)thread;
    (void)PyEval_SaveThread();
}

/* One state of an ended thread, taken out of its record; NULL when there is none left. */
static PyThreadState *
take_gone_state(struct cask_interp *interp)
{
    struct cask_runtime *runtime = interp->runtime;
    struct cask_thread **link;
    struct cask_thread *thread = NULL;
    PyThreadState *state = NULL;
    unsigned left = 0;
    unsigned i;

    (void)pthread_mutex_lock(&runtime->mutex);
    for (link = &runtime->gone; *link != NULL; link = &(*link)->next) {
        thread = *link;
        if (interp->index < thread->n_states && thread->states[interp->index] != NULL) {
            state = thread->states[interp->index];
            thread->states[interp->index] = NULL;
            (void)atomic_fetch_sub_explicit(&interp->n_gone, 1, memory_order_relaxed);
            break;
        }
    }
    if (state != NULL) {
        for (i = 0; i < thread->n_states; i++) {
            left += thread->states[i] != NULL ? 1u : 0u;
        }
        if (left == 0) {
            *link = thread->next;
            free(thread->states);
            free(thread);
        }
    }
    (void)pthread_mutex_unlock(&runtime->mutex);
    return state;
}

void
cask_threads_sweep(struct cask_interp *interp)
{
    PyThreadState *state = take_gone_state(interp);

    while (state != NULL) {
        PyThreadState_Clear(state); /* runs destructors of thread-local objects */
        cask_compat_unbind(state);
        PyThreadState_Delete(state);
        state = take_gone_state(interp);
    }
}

int
cask_threads_interrupt(struct cask_interp *interp, uint32_t serving_id, PyObject *type)
{
    struct cask_runtime *runtime = interp->runtime;
    struct cask_thread *thread;
    unsigned long ident = 0;

    (void)pthread_mutex_lock(&runtime->mutex);
    for (thread = runtime->threads; thread != NULL; thread = thread->next) {
        if (thread->inside == interp && thread->serving_id == serving_id) {
            thread->interrupted = true;
            ident = thread->ident;
            break;
        }
    }
    (void)pthread_mutex_unlock(&runtime->mutex);
    if (thread == NULL || PyThreadState_SetAsyncExc(ident, type) == 0) {
        return ESRCH;
    }
    return 0;
}

void
cask_threads_calm(struct cask_thread *thread)
{
    thread->interrupted = false;
    (void)PyThreadState_SetAsyncExc(thread->ident, NULL);
}
