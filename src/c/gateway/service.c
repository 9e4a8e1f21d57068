/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/service.c - a process that serves no requests: its scripts run on Python's main thread.
 *
 * The signals that ask for the end are Python's own here, so that a script may handle them: they
 * raise SystemExit unless it does (server/service.py). A script may return, perhaps leaving threads
 * behind, or never.
 *
 * Owns:    nothing beyond the call: scripts stay loaded until the process ends.
 * Touches: interp/, platform/problem.
 * Threads: Python's main thread.
 */
#include "interp/gil.h"

#include "gateway/service.h"

#include "gateway/forked.h"
#include "gateway/pymodule.h"
#include "gateway/wsgi_lines.h"
#include "interp/compat.h"
#include "interp/interp.h"
#include "interp/loader.h"
#include "interp/pyerr.h"
#include "interp/runtime.h"
#include "platform/log.h"
#include "platform/problem.h"
#include "platform/process.h"

#include <errno.h>

struct service {
    struct cask_gateway *gateway;
    PyObject *object; /* server.service.Service */
    bool ended;       /* the process is to end, with: */
    int exit_status;
};

static void
log_and_forget(struct cask_problem *problem)
{
    cask_log_problem(problem);
    cask_problem_done(problem);
}

static void
end_with(struct service *self, int exit_status)
{
    self->ended = true;
    self->exit_status = exit_status;
}

/* Whether the current exception is SystemExit, which signals raise wherever Python is: then it is
 * taken, and the process is to end. */
CASK_GIL_HELD static bool
take_exit(struct service *self)
{
    PyObject *exception;

    if (PyErr_ExceptionMatches(PyExc_SystemExit) == 0) {
        return false;
    }
    exception = cask_compat_take_exception();
    end_with(self, cask_pyerr_exit_status(exception));
    Py_XDECREF(exception);
    return true;
}

/* An exception that came out of a method of the object, perhaps by a script's signal handler. */
CASK_GIL_HELD static void
take_exception(struct service *self)
{
    struct cask_problem problem = {.number = 0};

    if (take_exit(self)) {
        return;
    }
    end_with(self, 1);
    cask_pyerr_fill(
        self->gateway->runtime->main, &problem, 611,
        "group '%s': a signal handler of a script failed: ", self->gateway->config->process_group);
    log_and_forget(&problem);
}

/* Calls a method of the object; true when it said yes. */
CASK_GIL_ATTRIBUTE(no_thread_safety_analysis)
static bool
ask(struct service *self, const char *method)
{
    struct cask_runtime *runtime = self->gateway->runtime;
    PyObject *result;
    bool yes;

    if (!cask_gil_enter(runtime->main, runtime->opener)) {
        end_with(self, 1);
        return false;
    }
    result = PyObject_CallMethod(self->object, method, NULL);
    yes = result == Py_True;
    if (result == NULL) {
        take_exception(self);
    }
    Py_XDECREF(result);
    cask_forked_leave(self->gateway);
    cask_gil_leave(runtime->main, runtime->opener);
    return yes;
}

CASK_GIL_ATTRIBUTE(no_thread_safety_analysis)
static int
begin(struct service *self, int stop_fd)
{
    struct cask_runtime *runtime = self->gateway->runtime;
    struct cask_problem problem = {.number = 0};
    PyObject *module;

    if (!cask_gil_enter(runtime->main, runtime->opener)) {
        return ENOMEM;
    }
    module = PyImport_ImportModule("mod_cask.server.service");
    if (module != NULL) { /* signals still have their default actions */
        self->object = PyObject_CallMethod(module, "Service", "i", stop_fd);
        Py_DECREF(module);
    }
    if (self->object == NULL) {
        cask_pyerr_fill(runtime->main, &problem, 610, "group '%s': its scripts cannot be run: ",
                        self->gateway->config->process_group);
    }
    cask_gil_leave(runtime->main, runtime->opener);
    if (self->object == NULL) {
        log_and_forget(&problem);
        return EIO;
    }
    (void)ask(self, "begin");
    return 0;
}

/* Inside the script's interpreter. 0, or as cask_loader_load() says. */
CASK_GIL_HELD static int
run_inside(struct service *self, struct cask_interp *interp, const struct cask_app *app,
           struct cask_problem *reterr_problem)
{
    const struct cask_engine_config *config = self->gateway->config;
    struct cask_loader_script *script =
        cask_loader_new(interp, app->script.data, app->script.len, config->case_insensitive);
    int status;

    if (script == NULL && take_exit(self)) {
        return ECANCELED;
    }
    if (script == NULL) {
        cask_pyerr_fill(interp, reterr_problem, 509, "script '%s': ", app->script.data);
        return EIO;
    }
    status = cask_loader_load(script, reterr_problem);
    if (status == ECANCELED && cask_forked_is_child(self->gateway)) {
        cask_process_exit(script->exit_status);
    }
    cask_forked_leave(self->gateway);
    if (status == ECANCELED) {
        end_with(self, script->exit_status);
    }
    return status; /* the script stays: its module is in service */
}

/* True when it ran to its end. */
CASK_GIL_ATTRIBUTE(no_thread_safety_analysis)
static bool
run_script(struct service *self, const struct cask_app *app)
{
    struct cask_runtime *runtime = self->gateway->runtime;
    struct cask_thread *thread = runtime->opener;
    struct cask_interp *interp = NULL;
    struct cask_problem problem = {.number = 0};
    int status = cask_interp_get(runtime, thread, app->application_group.data,
                                 app->application_group.len, &interp, &problem);

    if (status == 0 && !cask_gil_enter(interp, thread)) {
        status = cask_problem_set(&problem, ENOMEM, 512, "a thread cannot enter Python");
    } else if (status == 0) {
        status = run_inside(self, interp, app, &problem);
        cask_gil_leave(interp, thread);
    }
    cask_wsgi_lines_flush(self->gateway); /* what the script printed without a newline */
    if (status != 0 && !(self->ended && self->exit_status == 0)) {
        cask_log_problem(&problem);
    }
    cask_problem_done(&problem);
    return status == 0;
}

int
cask_service_run(struct cask_gateway *gateway, const struct cask_app *apps, size_t n_apps,
                 int stop_fd)
{
    struct service self = {.gateway = gateway};
    bool any = n_apps == 0;

    if (begin(&self, stop_fd) != 0) {
        return 1;
    }
    for (size_t i = 0; i < n_apps && !self.ended; i++) {
        any = run_script(&self, &apps[i]) || any;
        if (!self.ended && ask(&self, "asked")) {
            end_with(&self, 0); /* by a signal that the script has handled */
        }
    }
    if (!any && !self.ended) {
        end_with(&self, 1);
    }
    if (!self.ended) {
        (void)ask(&self, "wait");
    }
    cask_wsgi_lines_flush(gateway);
    return self.exit_status;
}
