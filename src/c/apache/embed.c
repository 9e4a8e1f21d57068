/* SPDX-License-Identifier: Apache-2.0 */
/* apache/embed.c - Python inside an httpd child.
 *
 * Owns:    struct cask_embed, which hangs from the main configuration record and lives as long as
 *          the child; Python's thread; libpython and the engine, once loaded, until the end.
 * Touches: gateway/engine.h through the table that the engine exports.
 * Threads: serve from any thread; start, loading and end happen on Python's thread. The end is
 *          ordered from wherever httpd destroys the child's pool: prefork does that inside
 *          SIGTERM's handler, so only poll and write are used there.
 * Fork:    made in child_init; httpd's children do not fork without exec.
 * Invariants:
 *   (1) libpython is loaded by Python's thread and only if no other Python is in the process;
 *   (2) engine and ops are set before the state becomes READY, the problem before FAILED, and
 *       none of them changes afterwards.
 */
#include "apache/embed.h"

#include "apache/config.h"
#include "apache/logsink.h"
#include "apache/pythons.h"
#include "platform/clock.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "platform/process.h"

#include <ap_mpm.h>
#include <http_core.h>

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long child_init and requests wait for Python to start and load what is configured. */
#define START_TIMEOUT_US (60 * CASK_CLOCK_SECOND)
/* How long a child that ends waits for Python to end; httpd's parent kills it after ten. */
#define STOP_TIMEOUT_US (3 * CASK_CLOCK_SECOND)
#define STOP_SLACK_US   (500 * CASK_CLOCK_MS) /* for Python's thread to say that it gave up */

#define OTHER_PYTHON 202 /* the row of lognums.def that answers 500 instead of 503 */

enum embed_state { IDLE, STARTING, READY, FAILED };

struct cask_embed {
    pid_t owner;                                /* [init] */
    server_rec *server;                         /* [init] */
    const struct cask_config_main *main_config; /* [init] */
    pthread_mutex_t lock;                       /* for the changes of state */
    pthread_cond_t changed;                     /* the state has changed */
    atomic_int state;                  /* [atomic] enum embed_state; released by set_state() */
    int orders[2];                     /* [init] pair: [0] of the child, [1] of Python's thread */
    const struct cask_engine_ops *ops; /* [init] see (2) */
    struct cask_engine *engine;        /* [init] see (2) */
    struct cask_problem problem;       /* [init] see (2) */
    atomic_uint n_threads;             /* [atomic] relaxed; last thread index given */
};

/* Of this thread: its index, and whether it is inside the engine (then it may hold the GIL, and a
 * signal handler that interrupted it must not wait for Python). */
static _Thread_local uint32_t thread_id;
static _Thread_local bool thread_inside;

static void
set_state(struct cask_embed *embed, enum embed_state state)
{
    (void)pthread_mutex_lock(&embed->lock);
    atomic_store_explicit(&embed->state, state, memory_order_release);
    (void)pthread_cond_broadcast(&embed->changed);
    (void)pthread_mutex_unlock(&embed->lock);
}

static enum embed_state
get_state(struct cask_embed *embed)
{
    return (enum embed_state)atomic_load_explicit(&embed->state, memory_order_acquire);
}

static bool
is_same_file(const char *a, const char *b)
{
    char *real_a = realpath(a, NULL);
    char *real_b = realpath(b, NULL);
    bool same = real_a != NULL && real_b != NULL && strcmp(real_a, real_b) == 0;

    free(real_a);
    free(real_b);
    return same;
}

/* A function of a library as a pointer to call; ISO C has no cast for that. */
static void
copy_function(void *ret_function, void *symbol)
{
    memcpy(ret_function, &symbol, sizeof(symbol));
}

/* keeps (1) */
static int
refuse_other_python(const struct cask_python *python, struct cask_problem *reterr_problem)
{
    void *symbol = dlsym(RTLD_DEFAULT, "Py_IsInitialized");
    int (*is_initialized)(void);
    Dl_info where;

    if (symbol == NULL) {
        return 0;
    }
    if (dladdr(symbol, &where) == 0 || where.dli_fname == NULL) {
        where.dli_fname = "?";
    }
    copy_function(&is_initialized, symbol);
    if (is_initialized() == 0 && is_same_file(where.dli_fname, python->libpython)) {
        return 0; /* linked to by some other library, not running */
    }
    return cask_problem_set(reterr_problem, 0, OTHER_PYTHON,
                            "another httpd module has loaded a Python ('%s'), embedded mode "
                            "cannot start a second one",
                            where.dli_fname);
}

static int
load_engine(const struct cask_python *python, const struct cask_engine_ops **ret_ops,
            struct cask_problem *reterr_problem)
{
    const struct cask_engine_ops *(*entry)(uint32_t abi);
    const struct cask_engine_ops *ops;
    void *library;
    void *symbol;

    if (python->fault != NULL || python->libpython_fault != NULL) {
        return cask_problem_set(reterr_problem, 0, 201, "%s",
                                python->fault != NULL ? python->fault : python->libpython_fault);
    }
    if (refuse_other_python(python, reterr_problem) != 0) {
        return EIO;
    }
    /* Global: extension modules of most distributions do not name libpython themselves. */
    library = dlopen(python->libpython, RTLD_NOW | RTLD_GLOBAL);
    if (library == NULL) {
        return cask_problem_set(reterr_problem, 0, 203, "cannot load '%s': %s", python->libpython,
                                dlerror());
    }
    library = dlopen(python->engine, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        return cask_problem_set(reterr_problem, 0, 203, "cannot load '%s': %s", python->engine,
                                dlerror());
    }
    symbol = dlsym(library, CASK_ENGINE_ENTRY_NAME);
    if (symbol == NULL) {
        return cask_problem_set(reterr_problem, 0, 203, "'%s' is no engine of mod_cask",
                                python->engine);
    }
    copy_function(&entry, symbol);
    ops = entry(CASK_ENGINE_ABI);
    if (ops == NULL) {
        return cask_problem_set(reterr_problem, 0, 204,
                                "engine '%s' was built for another version of mod_cask.so",
                                python->engine);
    }
    *ret_ops = ops;
    return 0;
}

static int
mpm_figure(int what)
{
    int value = 0;

    return ap_mpm_query(what, &value) == APR_SUCCESS && value > 0 ? value : 1; /* prefork: 0 */
}

static int
open_engine(struct cask_embed *embed, struct cask_problem *reterr_problem)
{
    const struct cask_config_main *main_config = embed->main_config;
    const struct cask_python *python = main_config->embedded_python;
    struct cask_engine_config config = {
        .embedded = true,
        .program = python->interpreter,
        .python_home = python->home,
        .optimize = main_config->python_optimize > 0 ? (int)main_config->python_optimize : 0,
        .hash_seed = main_config->python_hash_seed,
        .dont_write_bytecode = main_config->dont_write_bytecode == 1,
        .warnings = main_config->embedded_warnings,
        .interps = cask_config_interp_rules(main_config),
        .keep_interpreter = main_config->destroy_interpreter == 0,
        .python_eggs = main_config->python_eggs,
        .package_dir = python->package_dir,
        .process_group = "",
        .case_insensitive = main_config->case_sensitivity == 0,
        .terminal = ap_exists_config_define("DEBUG"), /* httpd -X */
        .processes = mpm_figure(AP_MPMQ_MAX_DAEMONS),
        .threads = mpm_figure(AP_MPMQ_MAX_THREADS),
        .httpd_description = ap_get_server_description(),
        .httpd_built = ap_get_server_built(),
        .mpm_name = ap_show_mpm(),
        .log = cask_logsink_server(),
        .log_context = embed->server,
        .log_level = cask_logsink_level(embed->server),
        .printed_as_errors = !cask_config_record_levels(embed->server),
    };
    ap_version_t version;

    ap_get_server_revision(&version);
    config.httpd_version[0] = version.major;
    config.httpd_version[1] = version.minor;
    config.httpd_version[2] = version.patch;
    config.multiprocess = config.processes != 1;
    config.multithread = config.threads != 1;
    config.mpm_processes = config.processes;
    config.mpm_threads = config.threads;
    return embed->ops->open(&config, &embed->engine, reterr_problem);
}

/* Those that fail are tried again by the requests for them. */
static void
load_applications(struct cask_embed *embed)
{
    const apr_array_header_t *apps = embed->main_config->embedded_apps;

    for (int i = 0; i < apps->nelts; i++) {
        const struct cask_spec_app *spec = &APR_ARRAY_IDX(apps, i, struct cask_spec_app);
        struct cask_app app = {.script = cask_request_str(spec->script),
                               .callable = cask_request_str(spec->callable),
                               .application_group = cask_request_str(spec->application_group)};
        struct cask_problem problem = {.number = 0};

        if (embed->ops->load(embed->engine, &app, &problem) != CASK_OUTCOME_DONE) {
            cask_log_problem_to(cask_logsink_server(), embed->server, &problem);
        }
        cask_problem_done(&problem);
    }
}

/* Waits on Python's thread for the order to end, then ends Python and says how that went. */
static void
await_end(struct cask_embed *embed)
{
    struct cask_problem problem = {.number = 0};
    int64_t deadline_us;
    char answer = 'e';

    while (read(embed->orders[1], &deadline_us, sizeof(deadline_us)) < 0 && errno == EINTR) {
    }
    if (embed->ops->stop(embed->engine, deadline_us) != 0) {
        answer = 't';
        cask_problem_set(&problem, 0, 207,
                         "embedded Python did not end within %d seconds, the child leaves without",
                         (int)(STOP_TIMEOUT_US / CASK_CLOCK_SECOND));
        cask_log_problem_to(cask_logsink_server(), embed->server, &problem);
    }
    (void)!write(embed->orders[1], &answer, 1);
}

static void *
python_thread(void *data)
{
    struct cask_embed *embed = data;
    int status = load_engine(embed->main_config->embedded_python, &embed->ops, &embed->problem);

    if (status == 0) {
        status = open_engine(embed, &embed->problem);
    }
    if (status != 0) {
        set_state(embed, FAILED);
        return NULL;
    }
    load_applications(embed);
    set_state(embed, READY);
    await_end(embed);
    return NULL;
}

/* IDLE → STARTING, once. With the lock held. */
static void
start_thread(struct cask_embed *embed)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all;
    sigset_t before;
    int status;

    /* httpd's signals are for httpd's own threads. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    atomic_store_explicit(&embed->state, STARTING, memory_order_relaxed);
    status = pthread_create(&thread, &attributes, python_thread, embed);
    (void)pthread_attr_destroy(&attributes);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status != 0) {
        cask_problem_set(&embed->problem, status, 206, "thread for embedded Python");
        atomic_store_explicit(&embed->state, FAILED, memory_order_release);
    }
}

/* Starts Python unless somebody has, and waits until it is READY or FAILED. The state, which is
 * STARTING when time ran out. */
static enum embed_state
await_start(struct cask_embed *embed)
{
    int64_t until_us = cask_clock_wall_us() + START_TIMEOUT_US;
    struct timespec until = {.tv_sec = (time_t)(until_us / CASK_CLOCK_SECOND),
                             .tv_nsec = (long)(until_us % CASK_CLOCK_SECOND) * 1000};
    int status = 0;

    (void)pthread_mutex_lock(&embed->lock);
    if (get_state(embed) == IDLE) {
        start_thread(embed);
    }
    while (get_state(embed) == STARTING && status == 0) {
        status = pthread_cond_timedwait(&embed->changed, &embed->lock, &until);
    }
    (void)pthread_mutex_unlock(&embed->lock);
    return get_state(embed);
}

/* Cleanup of the child's pool, possibly inside a signal handler. */
static apr_status_t
embed_end(void *data)
{
    struct cask_embed *embed = data;
    int64_t deadline_us = cask_clock_deadline(STOP_TIMEOUT_US);
    struct pollfd answer = {.fd = embed->orders[0], .events = POLLIN};
    int got = 0;
    char how = '\0';

    if (get_state(embed) == IDLE || get_state(embed) == FAILED) {
        return APR_SUCCESS;
    }
    if (!thread_inside && write(embed->orders[0], &deadline_us, sizeof(deadline_us)) > 0) {
        do {
            got = poll(&answer, 1, cask_clock_poll_ms(deadline_us + STOP_SLACK_US));
        } while (got < 0 && errno == EINTR);
    }
    if (got > 0 && read(embed->orders[0], &how, 1) == 1 && how == 'e') {
        return APR_SUCCESS;
    }
    /* Python is still in there: no exit handler of any library may run beside it. */
    cask_process_exit(0);
}

void
cask_embed_child_init(apr_pool_t *pchild, server_rec *main_server)
{
    struct cask_config_main *main_config = cask_config_main();
    struct cask_embed *embed;

    if (main_config == NULL || main_config->embedded_python == NULL) {
        return;
    }
    embed = apr_pcalloc(pchild, sizeof(*embed));
    embed->owner = getpid();
    embed->server = main_server;
    embed->main_config = main_config;
    atomic_init(&embed->state, IDLE);
    atomic_init(&embed->n_threads, 0);
    (void)pthread_mutex_init(&embed->lock, NULL);
    (void)pthread_cond_init(&embed->changed, NULL);
    if (cask_net_pair(embed->orders) != 0) {
        cask_problem_set(&embed->problem, errno, 206, "channel to the thread of embedded Python");
        atomic_store(&embed->state, FAILED);
    }
    main_config->embed = embed;
    apr_pool_cleanup_register(pchild, embed, embed_end, apr_pool_cleanup_null);
    if ((main_config->embedded_apps->nelts > 0 || main_config->asks_scripts) &&
        await_start(embed) == FAILED) {
        cask_log_problem_to(cask_logsink_server(), main_server, &embed->problem);
    }
}

/* DONE once Python is ready, started if need be; else the reason why it is not. */
static enum cask_outcome
make_ready(struct cask_embed *embed, struct cask_problem *reterr_problem)
{
    enum embed_state state = get_state(embed);

    cask_assert_owner(embed->owner);
    if (state == READY) {
        return CASK_OUTCOME_DONE;
    }
    if (state != FAILED) {
        state = await_start(embed);
    }
    if (state == FAILED) {
        cask_problem_set(reterr_problem, 0, embed->problem.number, "%s", embed->problem.text);
        if (embed->problem.detail != NULL) {
            cask_problem_detail(reterr_problem, embed->problem.detail,
                                strlen(embed->problem.detail));
        }
        return embed->problem.number == OTHER_PYTHON ? CASK_OUTCOME_FAILED
                                                     : CASK_OUTCOME_UNAVAILABLE;
    }
    if (state != READY) {
        cask_problem_set(reterr_problem, 0, 205,
                         "embedded Python has not started within %d seconds",
                         (int)(START_TIMEOUT_US / CASK_CLOCK_SECOND));
        return CASK_OUTCOME_UNAVAILABLE;
    }
    return CASK_OUTCOME_DONE;
}

enum cask_outcome
cask_embed_serve(const struct cask_exchange *exchange, struct cask_problem *reterr_problem)
{
    struct cask_embed *embed = cask_config_main()->embed;
    enum cask_outcome outcome = make_ready(embed, reterr_problem);
    bool was_inside = thread_inside;

    if (outcome == CASK_OUTCOME_DONE) {
        thread_inside = true; /* may be so already: a filter that runs a subrequest */
        outcome = embed->ops->serve(embed->engine, exchange, reterr_problem);
        thread_inside = was_inside;
    }
    return outcome;
}

enum cask_outcome
cask_embed_ask(const struct cask_request *request, struct cask_question *questions,
               size_t n_questions, struct cask_problem *reterr_problem)
{
    struct cask_embed *embed = cask_config_main()->embed;
    enum cask_outcome outcome = make_ready(embed, reterr_problem);
    bool was_inside = thread_inside;

    if (outcome == CASK_OUTCOME_DONE) {
        thread_inside = true;
        outcome = embed->ops->ask(embed->engine, request, questions, n_questions, reterr_problem);
        thread_inside = was_inside;
    }
    return outcome;
}

uint32_t
cask_embed_thread_id(void)
{
    struct cask_embed *embed = cask_config_main()->embed;

    if (thread_id == 0) {
        thread_id = atomic_fetch_add_explicit(&embed->n_threads, 1, memory_order_relaxed) + 1;
    }
    return thread_id;
}
