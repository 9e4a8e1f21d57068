/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/engine.c - the door (see engine.h).
 *
 * Owns:    struct cask_engine: the runtime, a copy of the configuration, what was loaded. There is
 *          one per process and it is never freed: threads may end, and lent bytes come back, after
 *          Python's end.
 * Touches: interp/, request/, platform/.
 * Threads: as engine.h says per function. No exception passes, no lock is held while Python runs.
 * Fork:    opened after the fork or exec that made the process.
 */
#include "interp/gil.h"

#include "gateway/engine.h"

#include "gateway/apps.h"
#include "gateway/forked.h"
#include "gateway/pymodule.h"
#include "gateway/script_call.h"
#include "gateway/service.h"
#include "gateway/wsgi_lines.h"
#include "gateway/wsgi_serve.h"
#include "interp/interp.h"
#include "interp/runtime.h"
#include "interp/threads.h"
#include "platform/clock.h"
#include "platform/problem.h"
#include "platform/process.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

struct cask_engine {
    struct cask_engine_config config; /* [init] its strings are ours */
    struct cask_gateway gateway;      /* [init] */
    int dump_fd;                      /* [init] where faulthandler writes; see engine_dump_stacks */
};

/* A copy for the engine's life; NULL stays NULL. */
static int
keep_text(const char **text)
{
    if (*text == NULL) {
        return 0;
    }
    *text = strdup(*text);
    return *text != NULL ? 0 : ENOMEM;
}

static int
keep_rules(struct cask_interp_rules *rules)
{
    struct cask_interp_layer *layers = calloc(rules->n_layers + 1, sizeof(*layers));
    int status = layers != NULL ? keep_text(&rules->base.python_path) : ENOMEM;

    for (size_t i = 0; status == 0 && i < rules->n_layers; i++) {
        layers[i] = rules->layers[i];
        if (keep_text(&layers[i].process_group) != 0 ||
            keep_text(&layers[i].application_group) != 0 ||
            keep_text(&layers[i].values.python_path) != 0) {
            status = ENOMEM;
        }
    }
    rules->layers = layers;
    return status;
}

static int
copy_config(struct cask_engine_config *config)
{
    const char **const texts[] = {
        &config->program,       &config->python_home,       &config->warnings,
        &config->python_eggs,   &config->working_home,      &config->package_dir,
        &config->process_group, &config->httpd_description, &config->httpd_built,
        &config->mpm_name,
    };
    int status = keep_rules(&config->interps);

    for (size_t i = 0; status == 0 && i < sizeof(texts) / sizeof(texts[0]); i++) {
        status = keep_text(texts[i]);
    }
    return status;
}

/* The signal on which faulthandler dumps. Nobody else in httpd or Python uses it. */
static int
dump_signal(void)
{
    return SIGRTMIN + 7;
}

/* Lets faulthandler dump to a descriptor of ours: its handler needs no GIL and makes only
 * async-signal-safe calls, and it is CPython's public way. Without it there are no dumps. */
CASK_GIL_HELD static void
prepare_dump(struct cask_engine *engine)
{
    PyObject *faulthandler = NULL;
    PyObject *result = NULL;

    engine->dump_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (engine->dump_fd >= 0) {
        faulthandler = PyImport_ImportModule("faulthandler");
    }
    if (faulthandler != NULL) {
        result = PyObject_CallMethod(faulthandler, "register", "iiOO", dump_signal(),
                                     engine->dump_fd, Py_True, Py_False);
    }
    if (result == NULL) {
        PyErr_Clear();
        if (engine->dump_fd >= 0) {
            (void)close(engine->dump_fd);
        }
        engine->dump_fd = -1;
    }
    Py_XDECREF(result);
    Py_XDECREF(faulthandler);
}

/* At a crash faulthandler writes Python's stacks to stderr, in a daemon. */
CASK_GIL_HELD static void
prepare_crash(const struct cask_engine *engine)
{
    PyObject *faulthandler = NULL;
    PyObject *result = NULL;

    if (engine->config.embedded) {
        return;
    }
    faulthandler = PyImport_ImportModule("faulthandler");
    if (faulthandler != NULL) {
        result = PyObject_CallMethod(faulthandler, "enable", "iO", STDERR_FILENO, Py_True);
    }
    if (result == NULL) {
        PyErr_Clear();
    }
    Py_XDECREF(result);
    Py_XDECREF(faulthandler);
}

/* The interpreter's setup: context is the gateway. The first one is the main interpreter. */
CASK_GIL_HELD static int
setup_interpreter(struct cask_interp *interp, void *context)
{
    struct cask_gateway *gateway = context;

    gateway->runtime = interp->runtime;
    return cask_pymodule_setup(interp, context);
}

CASK_GIL_ATTRIBUTE(no_thread_safety_analysis)
static int
engine_open(const struct cask_engine_config *config, struct cask_engine **ret_engine,
            struct cask_problem *reterr_problem)
{
    struct cask_engine *engine = calloc(1, sizeof(*engine));
    struct cask_runtime_config runtime = {
        .embedded = config->embedded,
        .program = config->program,
        .python_home = config->python_home,
        .optimize = config->optimize,
        .random_seed = config->hash_seed == CASK_ENGINE_SEED_RANDOM,
        .hash_seed = config->hash_seed,
        .dont_write_bytecode = config->dont_write_bytecode,
        .warnings = config->warnings,
        .setup = setup_interpreter,
    };
    int status;

    if (engine == NULL) {
        return cask_problem_set(reterr_problem, ENOMEM, 511, "the engine cannot start");
    }
    if (config->embedded) {
        cask_process_begin(CASK_ROLE_CHILD); /* a daemon's main program has done it */
        cask_process_log_to(config->log, config->log_context, config->log_level);
    }
    engine->config = *config;
    status = copy_config(&engine->config);
    if (status == 0) {
        status = cask_apps_new(&engine->gateway.apps);
    }
    if (status == 0) {
        status = cask_wsgi_lines_init(&engine->gateway);
    }
    if (status != 0) {
        return cask_problem_set(reterr_problem, status, 511, "the engine cannot start");
    }
    engine->gateway.config = &engine->config;
    engine->gateway.owner = getpid();
    runtime.setup_context = &engine->gateway;
    status = cask_runtime_start(&engine->gateway.runtime, &runtime, reterr_problem);
    if (status != 0) {
        return status; /* Python may hold on to the engine: it stays */
    }
    if (cask_gil_enter(engine->gateway.runtime->main, engine->gateway.runtime->opener)) {
        prepare_dump(engine);
        prepare_crash(engine);
        cask_gil_leave(engine->gateway.runtime->main, engine->gateway.runtime->opener);
    }
    *ret_engine = engine;
    return 0;
}

/* This thread's record and the application's interpreter. */
static int
find_place(struct cask_engine *engine, const struct cask_app *app, struct cask_thread **ret_thread,
           struct cask_interp **ret_interp, struct cask_problem *reterr_problem)
{
    struct cask_runtime *runtime = engine->gateway.runtime;
    int status = cask_threads_current(runtime, ret_thread);

    if (status != 0) {
        return cask_problem_set(reterr_problem, status, 512, "a thread cannot enter Python");
    }
    return cask_interp_get(runtime, *ret_thread, app->application_group.data,
                           app->application_group.len, ret_interp, reterr_problem);
}

static enum cask_outcome
engine_load(struct cask_engine *engine, const struct cask_app *app,
            struct cask_problem *reterr_problem)
{
    struct cask_thread *thread = NULL;
    struct cask_interp *interp = NULL;
    struct cask_apps_entry *entry;
    PyObject *callable = NULL;
    enum cask_outcome outcome = CASK_OUTCOME_UNAVAILABLE;

    if (find_place(engine, app, &thread, &interp, reterr_problem) != 0) {
        return CASK_OUTCOME_FAILED;
    }
    if (!cask_gil_enter(interp, thread)) {
        (void)cask_problem_set(reterr_problem, ENOMEM, 512, "a thread cannot enter Python");
        return CASK_OUTCOME_UNAVAILABLE;
    }
    if (interp->gateway != NULL) {
        outcome = app->callable.len == 0 ? cask_apps_import(interp->gateway, app, reterr_problem)
                                         : cask_apps_find(interp->gateway, app, NULL, &entry,
                                                          &callable, reterr_problem);
        cask_forked_leave(&engine->gateway);
        Py_XDECREF(callable);
    }
    cask_gil_leave(interp, thread);
    cask_wsgi_lines_flush(&engine->gateway); /* what the script printed without a newline */
    return outcome;
}

/* The request between entering and leaving its interpreter. Lines printed meanwhile, also while the
 * script is loaded, belong to it. */
CASK_GIL_ATTRIBUTE(no_thread_safety_analysis)
static enum cask_outcome
serve_inside(struct cask_interp *interp, struct cask_thread *thread,
             const struct cask_exchange *exchange, struct cask_problem *reterr_problem)
{
    const struct cask_request *request = exchange->request;
    const struct cask_gate *gate;
    struct cask_apps_entry *entry = NULL;
    PyObject *callable = NULL;
    enum cask_outcome outcome = CASK_OUTCOME_UNAVAILABLE;

    if (!cask_gil_enter(interp, thread)) {
        (void)cask_problem_set(reterr_problem, ENOMEM, 512, "a thread cannot enter Python");
        return CASK_OUTCOME_UNAVAILABLE;
    }
    if (interp->gateway != NULL) {
        outcome = cask_apps_find(interp->gateway, &request->app, request, &entry, &callable,
                                 reterr_problem);
        gate = interp->gateway;
        cask_forked_leave(gate->gateway);
    }
    if (outcome != CASK_OUTCOME_DONE) {
        cask_gil_leave(interp, thread);
        return outcome;
    }
    return cask_wsgi_serve(interp->gateway, thread, entry, callable, exchange, reterr_problem);
}

static enum cask_outcome
engine_serve(struct cask_engine *engine, const struct cask_exchange *exchange,
             struct cask_problem *reterr_problem)
{
    struct cask_thread *thread = NULL;
    struct cask_interp *interp = NULL;
    const void *outer;
    enum cask_outcome outcome;
    int status = find_place(engine, &exchange->request->app, &thread, &interp, reterr_problem);

    if (status != 0) {
        return status == EBUSY ? CASK_OUTCOME_UNAVAILABLE : CASK_OUTCOME_FAILED;
    }
    cask_wsgi_lines_flush(&engine->gateway);
    outer = thread->serving;
    thread->serving = exchange;
    outcome = serve_inside(interp, thread, exchange, reterr_problem);
    cask_wsgi_lines_flush(&engine->gateway); /* only what a failed load left */
    thread->serving = outer;
    return outcome;
}

CASK_GIL_ATTRIBUTE(no_thread_safety_analysis)
static enum cask_outcome
engine_ask(struct cask_engine *engine, const struct cask_request *request,
           struct cask_question *questions, size_t n_questions, struct cask_problem *reterr_problem)
{
    const struct cask_exchange exchange = {.request = request}; /* for the lines it prints */
    struct cask_thread *thread = NULL;
    struct cask_interp *interp = NULL;
    const void *outer;
    enum cask_outcome outcome = CASK_OUTCOME_UNAVAILABLE;
    int status = find_place(engine, &request->app, &thread, &interp, reterr_problem);

    if (status != 0) {
        return status == EBUSY ? CASK_OUTCOME_UNAVAILABLE : CASK_OUTCOME_FAILED;
    }
    if (!cask_gil_enter(interp, thread)) {
        (void)cask_problem_set(reterr_problem, ENOMEM, 512, "a thread cannot enter Python");
        return CASK_OUTCOME_UNAVAILABLE;
    }
    cask_wsgi_lines_flush(&engine->gateway);
    outer = thread->serving;
    thread->serving = &exchange;
    if (interp->gateway != NULL) {
        outcome =
            cask_script_call(interp->gateway, request, questions, n_questions, reterr_problem);
        cask_forked_leave(&engine->gateway);
    }
    cask_gil_leave(interp, thread);
    cask_wsgi_lines_flush(&engine->gateway);
    thread->serving = outer;
    return outcome;
}

static void
engine_loaded(struct cask_engine *engine, cask_engine_loaded_fn *call, void *context)
{
    cask_apps_list(engine->gateway.apps, call, context);
}

static int
engine_interrupt(struct cask_engine *engine, uint32_t thread_id)
{
    struct cask_runtime *runtime = engine->gateway.runtime;
    struct cask_thread *thread = NULL;
    struct cask_interp *interp;
    const struct cask_gate *gate;
    int status = cask_threads_current(runtime, &thread);

    (void)pthread_mutex_lock(&runtime->mutex);
    interp = runtime->interps;
    (void)pthread_mutex_unlock(&runtime->mutex);
    for (; interp != NULL && status == 0; interp = interp->next) {
        if (interp->state == NULL || !cask_gil_enter(interp, thread)) {
            continue;
        }
        gate = interp->gateway;
        status =
            gate != NULL ? cask_threads_interrupt(interp, thread_id, gate->request_timeout) : ESRCH;
        cask_gil_leave(interp, thread);
        if (status == 0) {
            return 0;
        }
        status = 0;
    }
    return ESRCH;
}

static void
engine_beat(struct cask_engine *engine)
{
    struct cask_runtime *runtime = engine->gateway.runtime;
    struct cask_thread *thread = NULL;
    struct cask_interp *interp;
    int status = cask_threads_current(runtime, &thread);

    (void)pthread_mutex_lock(&runtime->mutex);
    interp = runtime->interps;
    (void)pthread_mutex_unlock(&runtime->mutex);
    for (; interp != NULL && status == 0; interp = interp->next) {
        if (interp->state != NULL && cask_gil_enter(interp, thread)) {
            cask_gil_leave(interp, thread);
        }
    }
}

static void
engine_dump_stacks(struct cask_engine *engine, int fd)
{
    sigset_t set;
    sigset_t before;
    int null;

    if (engine->dump_fd < 0 || dup3(fd, engine->dump_fd, O_CLOEXEC) < 0) {
        return;
    }
    (void)sigemptyset(&set);
    (void)sigaddset(&set, dump_signal());
    (void)pthread_sigmask(SIG_UNBLOCK, &set, &before);
    (void)pthread_kill(pthread_self(), dump_signal()); /* the handler has run when this returns */
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    null = open("/dev/null", O_WRONLY | O_CLOEXEC); /* whoever reads the other end waits for ours */
    if (null >= 0) {
        (void)dup3(null, engine->dump_fd, O_CLOEXEC);
        (void)close(null);
    }
}

/* Leaves the process when Python's end hangs in an atexit function or a finaliser. */
static void *
guard_end(void *argument)
{
    int64_t deadline_us = *(int64_t *)argument;
    struct timespec until = {.tv_sec = (time_t)(deadline_us / CASK_CLOCK_SECOND),
                             .tv_nsec = (long)(deadline_us % CASK_CLOCK_SECOND) * 1000};

    free(argument);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
    cask_process_exit(1);
}

static void
start_guard(int64_t deadline_us)
{
    int64_t *argument = malloc(sizeof(*argument));
    pthread_t thread;

    if (argument == NULL) {
        return;
    }
    *argument = deadline_us;
    if (pthread_create(&thread, NULL, guard_end, argument) != 0) {
        free(argument);
        return;
    }
    (void)pthread_detach(thread);
}

/* Instead of Python's end. The GIL is kept, so that no thread of the application runs on while
 * libraries run their exit handlers. */
CASK_GIL_ATTRIBUTE(no_thread_safety_analysis)
static void
leave_python(struct cask_runtime *runtime)
{
    (void)cask_gil_enter(runtime->main, runtime->opener);
}

static int
engine_run(struct cask_engine *engine, const struct cask_app *apps, size_t n_apps, int stop_fd)
{
    return cask_service_run(&engine->gateway, apps, n_apps, stop_fd);
}

static int
engine_stop(struct cask_engine *engine, int64_t deadline_us)
{
    struct cask_runtime *runtime = engine->gateway.runtime;
    int status;

    /* A daemon has nothing left to do after this. Embedded, httpd's child waits for the thread that
     * calls us with a limit of its own and must be able to clean up for other modules. */
    if (!engine->config.embedded) {
        start_guard(deadline_us);
    }
    if (engine->config.keep_interpreter) {
        leave_python(runtime);
        return 0;
    }
    status = cask_runtime_stop(runtime, deadline_us);
    if (status == 0) {
        (void)pthread_key_delete(engine->gateway.tail_key);
    }
    return status;
}

EXPORTED const struct cask_engine_ops *
cask_engine_entry(uint32_t abi)
{
    static const struct cask_engine_ops ops = {
        .abi = CASK_ENGINE_ABI,
        .python_version = PY_VERSION_HEX,
        .open = engine_open,
        .load = engine_load,
        .serve = engine_serve,
        .ask = engine_ask,
        .run = engine_run,
        .loaded = engine_loaded,
        .interrupt = engine_interrupt,
        .beat = engine_beat,
        .dump_stacks = engine_dump_stacks,
        .stop = engine_stop,
    };

    return abi == CASK_ENGINE_ABI ? &ops : NULL;
}
