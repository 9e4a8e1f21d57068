/* SPDX-License-Identifier: Apache-2.0 */
/* interp/loader.c - runs a script file as a module, and again when it is asked to.
 *
 * Owns:    struct cask_loader_script and its module.
 * Touches: platform/.
 * Threads: any with the GIL. No lock is held while the script runs: the thread that loads sets
 *          `loading`, the others wait for it without the GIL.
 * Invariants:
 *   (1) module is NULL or has been executed to its end without an exception;
 *   (2) sys.modules holds the module in service, or the one being executed, or neither.
 */
#include "interp/gil.h"

#include "interp/loader.h"

#include "interp/compat.h"
#include "interp/interp.h"
#include "interp/pyerr.h"
#include "platform/clock.h"
#include "platform/problem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SOURCE_LIMIT   (64 * 1024 * 1024)
#define DELAY_FIRST_US (1 * CASK_CLOCK_SECOND)
#define DELAY_LAST_US  (30 * CASK_CLOCK_SECOND)
#define WAIT_LIMIT_US  (60 * CASK_CLOCK_SECOND)

/* "_mod_wsgi_" and the MD5 of the path in hex: mod_wsgi's name, which applications may know. */
CASK_GIL_HELD static PyObject *
module_name(const char *path, size_t path_len, bool lower_case)
{
    PyObject *hashlib = NULL;
    PyObject *function = NULL;
    PyObject *arguments = NULL;
    PyObject *settings = NULL;
    PyObject *hash = NULL;
    PyObject *digest = NULL;
    PyObject *bytes = PyBytes_FromStringAndSize(path, (Py_ssize_t)path_len);
    PyObject *name = NULL;

    if (bytes != NULL && lower_case) {
        PyObject *lower = PyObject_CallMethod(bytes, "lower", NULL);

        Py_DECREF(bytes);
        bytes = lower;
    }
    hashlib = bytes != NULL ? PyImport_ImportModule("hashlib") : NULL;
    function = hashlib != NULL ? PyObject_GetAttrString(hashlib, "md5") : NULL;
    arguments = function != NULL ? PyTuple_Pack(1, bytes) : NULL;
    settings = arguments != NULL ? Py_BuildValue("{sO}", "usedforsecurity", Py_False) : NULL;
    hash = settings != NULL ? PyObject_Call(function, arguments, settings) : NULL;
    digest = hash != NULL ? PyObject_CallMethod(hash, "hexdigest", NULL) : NULL;
    name = digest != NULL ? PyUnicode_FromFormat("_mod_wsgi_%U", digest) : NULL;
    Py_XDECREF(digest);
    Py_XDECREF(hash);
    Py_XDECREF(settings);
    Py_XDECREF(arguments);
    Py_XDECREF(function);
    Py_XDECREF(hashlib);
    Py_XDECREF(bytes);
    return name;
}

struct cask_loader_script *
cask_loader_new(struct cask_interp *interp, const char *path, size_t path_len, bool lower_case)
{
    struct cask_loader_script *script = calloc(1, sizeof(*script));
    pthread_condattr_t attributes;

    if (script == NULL) {
        (void)PyErr_NoMemory();
        return NULL;
    }
    (void)pthread_mutex_init(&script->mutex, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&script->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    script->interp = interp;
    script->path = malloc(path_len + 1);
    if (script->path == NULL) {
        (void)PyErr_NoMemory();
        return cask_loader_free(script);
    }
    memcpy(script->path, path, path_len);
    script->path[path_len] = '\0';
    script->path_object = PyUnicode_DecodeFSDefaultAndSize(path, (Py_ssize_t)path_len);
    script->name = module_name(path, path_len, lower_case);
    if (script->path_object == NULL || script->name == NULL) {
        return cask_loader_free(script);
    }
    return script;
}

struct cask_loader_script *
cask_loader_free(struct cask_loader_script *script)
{
    if (script != NULL) {
        Py_CLEAR(script->module);
        Py_CLEAR(script->name);
        Py_CLEAR(script->path_object);
        (void)pthread_cond_destroy(&script->changed);
        (void)pthread_mutex_destroy(&script->mutex);
        free(script->path);
        free(script);
    }
    return NULL;
}

/* Reads the whole open file; NUL-terminated heap memory. Without the GIL. */
static int
read_all(int fd, size_t size, char **ret_text)
{
    size_t used = 0;
    ssize_t got;
    char *text = malloc(size + 1);

    if (text == NULL) {
        return ENOMEM;
    }
    while (used < size) {
        got = read(fd, text + used, size - used);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            int error = errno;

            free(text);
            return error;
        }
        if (got == 0) {
            break;
        }
        used += (size_t)got;
    }
    text[used] = '\0';
    *ret_text = text;
    return 0;
}

/* The file's text and what it was when it was opened. Without the GIL. */
static int
read_script(const char *path, char **ret_text, struct stat *ret_status)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int status = 0;

    if (fd < 0) {
        return errno;
    }
    if (fstat(fd, ret_status) != 0) {
        status = errno;
    } else if (S_ISDIR(ret_status->st_mode)) {
        status = EISDIR;
    } else if (!S_ISREG(ret_status->st_mode)) {
        status = EINVAL;
    } else if (ret_status->st_size > SOURCE_LIMIT) {
        status = EFBIG;
    } else {
        status = read_all(fd, (size_t)ret_status->st_size, ret_text);
    }
    (void)close(fd);
    return status;
}

/* Puts the previous module back into sys.modules, or nothing. Keeps the current exception. */
CASK_GIL_HELD static void
restore_module(const struct cask_loader_script *script)
{
    PyObject *exception = cask_compat_take_exception();
    PyObject *modules = PyImport_GetModuleDict();

    if (script->module != NULL) {
        (void)PyObject_SetItem(modules, script->name, script->module);
    } else {
        (void)PyObject_DelItem(modules, script->name);
    }
    PyErr_Clear();
    if (exception != NULL) {
        cask_compat_raise(exception);
    }
}

/* Executes the text as a fresh module. New reference. */
CASK_GIL_HELD static PyObject *
run_script(const struct cask_loader_script *script, const char *text)
{
    PyObject *code = NULL;
    PyObject *module = NULL;
    PyObject *mtime = NULL;

    code = Py_CompileStringObject(text, script->path_object, Py_file_input, NULL, -1);
    if (code == NULL) {
        return NULL;
    }
    if (script->module != NULL && PyObject_DelItem(PyImport_GetModuleDict(), script->name) != 0) {
        PyErr_Clear(); /* the application has removed it */
    }
    module = PyImport_ExecCodeModuleObject(script->name, code, script->path_object, NULL);
    Py_DECREF(code);
    if (module == NULL) {
        restore_module(script);
        return NULL;
    }
    mtime = PyLong_FromLongLong((long long)script->tried.st_mtim.tv_sec * 1000000 +
                                script->tried.st_mtim.tv_nsec / 1000);
    if (mtime == NULL || PyObject_SetAttrString(module, "__mtime__", mtime) != 0) {
        PyErr_Clear();
    }
    Py_XDECREF(mtime);
    return module;
}

CASK_GIL_HELD static void
note_failure(struct cask_loader_script *script)
{
    script->delay_us = script->delay_us == 0 ? DELAY_FIRST_US : script->delay_us * 2;
    if (script->delay_us > DELAY_LAST_US) {
        script->delay_us = DELAY_LAST_US;
    }
    script->retry_us = cask_clock_deadline(script->delay_us);
    script->retry_wall_us = cask_clock_wall_us() + script->delay_us;
}

bool
cask_loader_may_try(const struct cask_loader_script *script, struct cask_problem *reterr_problem)
{
    int64_t left_us;
    struct tm when;
    time_t seconds;
    char text[16];

    if (script->delay_us == 0 || script->loading) {
        return true;
    }
    left_us = script->retry_us - cask_clock_mono_us();
    if (left_us <= 0) {
        return true;
    }
    seconds = (time_t)((script->retry_wall_us + CASK_CLOCK_SECOND - 1) / CASK_CLOCK_SECOND);
    if (localtime_r(&seconds, &when) == NULL ||
        strftime(text, sizeof(text), "%H:%M:%S", &when) == 0) {
        text[0] = '\0';
    }
    (void)cask_problem_set(reterr_problem, 0, 607,
                           "script '%s' could not be loaded (see the traceback above); next try at "
                           "%s, or when the file changes",
                           script->path, text);
    return false;
}

/* Whether the current exception is SystemExit; it stays. */
CASK_GIL_HELD static bool
note_exit(struct cask_loader_script *script)
{
    PyObject *exception = cask_compat_take_exception();
    bool ended = exception != NULL && PyErr_GivenExceptionMatches(exception, PyExc_SystemExit) != 0;

    script->exit_status = ended ? cask_pyerr_exit_status(exception) : 0;
    if (exception != NULL) {
        cask_compat_raise(exception);
    }
    return ended;
}

CASK_GIL_HELD static int
load_now(struct cask_loader_script *script, struct cask_problem *reterr_problem)
{
    PyThreadState *state;
    PyObject *module;
    struct stat tried;
    char *text = NULL;
    int status;

    memset(&tried, 0, sizeof(tried));
    state = cask_gil_drop();
    status = read_script(script->path, &text, &tried);
    cask_gil_retake(state);
    script->tried = tried;
    script->was_tried = true;
    if (status == ENOENT || status == ENOTDIR) {
        script->was_tried = false;
        (void)cask_problem_set(reterr_problem, 0, 604, "script '%s' does not exist", script->path);
        return ENOENT;
    }
    if (status != 0) {
        note_failure(script);
        (void)cask_problem_set(reterr_problem, status, 605, "script '%s' cannot be read",
                               script->path);
        return EIO;
    }
    module = run_script(script, text);
    free(text);
    if (module == NULL) {
        bool ended = note_exit(script);

        note_failure(script);
        cask_pyerr_fill(script->interp, reterr_problem, 606,
                        "script '%s' cannot be loaded: ", script->path);
        return ended ? ECANCELED : EIO;
    }
    Py_XSETREF(script->module, module);
    script->loaded = script->tried;
    script->delay_us = 0;
    return 0;
}

/* Waits for the thread that loads; then the outcome is what it left. */
CASK_GIL_HELD static int
load_elsewhere(struct cask_loader_script *script, struct cask_problem *reterr_problem)
{
    int64_t deadline_us = cask_clock_deadline(WAIT_LIMIT_US);
    struct timespec until = {.tv_sec = (time_t)(deadline_us / CASK_CLOCK_SECOND),
                             .tv_nsec = (long)(deadline_us % CASK_CLOCK_SECOND) * 1000};
    PyThreadState *state = cask_gil_drop();
    int status = 0;

    (void)pthread_mutex_lock(&script->mutex);
    while (script->loading && status == 0) {
        status = pthread_cond_timedwait(&script->changed, &script->mutex, &until);
    }
    (void)pthread_mutex_unlock(&script->mutex);
    cask_gil_retake(state);
    if (status != 0) {
        (void)cask_problem_set(reterr_problem, 0, 608,
                               "script '%s' is still being loaded after a minute", script->path);
        return EBUSY;
    }
    if (script->delay_us != 0) {
        if (cask_loader_may_try(script, reterr_problem)) {
            (void)cask_problem_set(reterr_problem, 0, 607,
                                   "script '%s' could not be loaded (see the traceback above)",
                                   script->path);
        }
        return EIO;
    }
    if (script->module == NULL) {
        (void)cask_problem_set(reterr_problem, 0, 604, "script '%s' does not exist", script->path);
        return ENOENT;
    }
    return 0;
}

int
cask_loader_load(struct cask_loader_script *script, struct cask_problem *reterr_problem)
{
    int status;

    if (script->loading) {
        return load_elsewhere(script, reterr_problem);
    }
    (void)pthread_mutex_lock(&script->mutex);
    script->loading = true;
    (void)pthread_mutex_unlock(&script->mutex);
    script->attempts += 1;
    status = load_now(script, reterr_problem);
    (void)pthread_mutex_lock(&script->mutex);
    script->loading = false;
    (void)pthread_cond_broadcast(&script->changed);
    (void)pthread_mutex_unlock(&script->mutex);
    return status;
}
