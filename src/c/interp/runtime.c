/* SPDX-License-Identifier: Apache-2.0 */
/* interp/runtime.c - CPython in this process: started here or found running, and its end.
 *
 * Owns:    struct cask_runtime.
 * Touches: platform/.
 * Threads: start and stop on one thread, which is Python's main thread.
 * Fork:    started after the fork (httpd child) or the exec (daemon) that made the process.
 * Children of the application have the main interpreter only.
 */
#include "interp/gil.h"

#include "interp/runtime.h"

#include "interp/compat.h"
#include "interp/interp.h"
#include "interp/pyerr.h"
#include "interp/threads.h"
#include "platform/clock.h"
#include "platform/problem.h"
#include "platform/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Each line as `python -W` takes it. */
static PyStatus
add_warnings(PyConfig *python, const char *warnings)
{
    PyStatus status = PyStatus_Ok();
    const char *line = warnings;

    while (line != NULL && *line != '\0' && !PyStatus_Exception(status)) {
        const char *end = strchr(line, '\n');
        char *text = end != NULL ? strndup(line, (size_t)(end - line)) : strdup(line);
        wchar_t *wide = text != NULL ? Py_DecodeLocale(text, NULL) : NULL;

        free(text);
        if (wide == NULL) {
            return PyStatus_NoMemory();
        }
        status = PyWideStringList_Append(&python->warnoptions, wide);
        PyMem_RawFree(wide);
        line = end != NULL ? end + 1 : NULL;
    }
    return status;
}

static void
set_flags(PyConfig *python, const struct cask_runtime_config *config)
{
    python->optimization_level = config->optimize;
    if (config->dont_write_bytecode) {
        python->write_bytecode = 0;
    }
    if (config->random_seed || config->hash_seed >= 0) {
        python->use_hash_seed = config->random_seed ? 0 : 1;
        python->hash_seed = config->random_seed ? 0 : (unsigned long)config->hash_seed;
    }
}

/* Initialises Python as the `python` command would, but for arguments and signal handlers. */
static int
start_python(const struct cask_runtime_config *config, struct cask_problem *reterr_problem)
{
    const char *where = config->program != NULL ? config->program : config->python_home;
    char name[] = "mod_wsgi";
    char *arguments[] = {name};
    PyConfig python;
    PyStatus status;

    PyConfig_InitPythonConfig(&python);
    python.parse_argv = 0;
    python.install_signal_handlers = 0;
    set_flags(&python, config);
    status = PyConfig_SetBytesArgv(&python, 1, arguments);
    if (!PyStatus_Exception(status)) {
        status = add_warnings(&python, config->warnings);
    }
    if (!PyStatus_Exception(status) && config->program != NULL) {
        status = PyConfig_SetBytesString(&python, &python.program_name, config->program);
    }
    if (!PyStatus_Exception(status) && config->program == NULL && config->python_home != NULL) {
        status = PyConfig_SetBytesString(&python, &python.home, config->python_home);
    }
    if (!PyStatus_Exception(status)) {
        status = Py_InitializeFromConfig(&python);
    }
    PyConfig_Clear(&python);
    if (PyStatus_Exception(status)) {
        return cask_problem_set(reterr_problem, EIO, 601, "Python of '%s' cannot start: %s",
                                where != NULL ? where : "",
                                status.err_msg != NULL ? status.err_msg : "it wanted to exit");
    }
    return 0;
}

/* The parts that need no Python. */
static int
runtime_new(struct cask_runtime **ret_runtime, const struct cask_runtime_config *config)
{
    struct cask_runtime *runtime = calloc(1, sizeof(*runtime));
    pthread_condattr_t attributes;
    int status;

    if (runtime == NULL) {
        return ENOMEM;
    }
    runtime->owner = getpid();
    runtime->embedded = config->embedded;
    runtime->setup = config->setup;
    runtime->setup_context = config->setup_context;
    (void)pthread_mutex_init(&runtime->mutex, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&runtime->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    status = cask_threads_init(runtime);
    if (status != 0) {
        free(runtime);
        return status;
    }
    *ret_runtime = runtime;
    return 0;
}

/* Makes the opener's record and the main interpreter's around the thread's current state. */
static int
runtime_adopt(struct cask_runtime *runtime, PyThreadState *state)
{
    int status = cask_interp_new_main(runtime, PyInterpreterState_Main(), &runtime->main);

    if (status == 0) {
        status = cask_threads_current(runtime, &runtime->opener);
    }
    if (status == 0) {
        status = cask_threads_adopt(runtime->opener, runtime->main->index, state);
    }
    return status;
}

CASK_GIL_ATTRIBUTE(no_thread_safety_analysis)
int
cask_runtime_start(struct cask_runtime **ret_runtime, const struct cask_runtime_config *config,
                   struct cask_problem *reterr_problem)
{
    struct cask_runtime *runtime = NULL;
    PyThreadState *state = NULL;
    int status;

    if (config->embedded && Py_IsInitialized() != 0) {
        return cask_problem_set(reterr_problem, EEXIST, 602,
                                "another module has started a Python in this httpd process");
    }
    status = runtime_new(&runtime, config);
    if (status == 0) {
        status = pthread_atfork(NULL, NULL, cask_compat_forget_subs);
    }
    if (status != 0) {
        return cask_problem_set(reterr_problem, status, 601, "Python cannot start");
    }
    if (config->embedded) {
        status = start_python(config, reterr_problem);
        if (status != 0) {
            return status;
        }
        state = PyThreadState_Get();
    } else {
        state = cask_threads_find_state(PyInterpreterState_Main());
        if (state == NULL) {
            return cask_problem_set(reterr_problem, EINVAL, 601,
                                    "this thread is not Python's main thread");
        }
        PyEval_RestoreThread(state);
    }
    status = runtime_adopt(runtime, state);
    if (status != 0) {
        cask_problem_set(reterr_problem, status, 601, "Python cannot start");
    } else if (runtime->setup(runtime->main, runtime->setup_context) != 0) {
        cask_pyerr_fill(runtime->main, reterr_problem, 601,
                        "Python has started but could not be set up: ");
        status = EIO;
    }
    (void)PyEval_SaveThread();
    if (status == 0) {
        *ret_runtime = runtime;
    }
    return status;
}

CASK_GIL_ATTRIBUTE(no_thread_safety_analysis)
int
cask_runtime_stop(struct cask_runtime *runtime, int64_t deadline_us)
{
    struct cask_interp *main = runtime->main;
    int64_t left_us = deadline_us - cask_clock_mono_us();
    int status;
    int main_status;

    cask_assert_owner(runtime->owner);
    cask_assert(cask_threads_known(runtime) == runtime->opener);
    /* A fifth of the time is for atexit functions and finalisers. */
    deadline_us -= left_us > 0 ? left_us / 5 : 0;
    status = cask_interp_end_subs(runtime, deadline_us);
    if (!cask_gil_enter(main, runtime->opener)) {
        return ENOMEM;
    }
    main_status = cask_interp_join_threads(deadline_us);
    (void)pthread_key_delete(runtime->key);
    if (main_status != 0 || status != 0) {
        /* CPython aborts when it is finalised with a sub-interpreter left. The GIL is kept: nothing
         * of the application runs any more. */
        cask_interp_run_atexit();
        return main_status != 0 || status == ETIMEDOUT ? ETIMEDOUT : 0;
    }
    (void)Py_FinalizeEx();
    return 0;
}
