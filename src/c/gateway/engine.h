/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/engine.h - the door: everything httpd's side and the daemon's main program ask of Python.
 *
 * apache/embed and proc/daemon include this header for the types only; they get the functions
 * through cask_engine_entry() (embedded: dlsym; daemon: from entry/). The header is plain C without
 * Python.h. No exception leaves the door: outcomes and problems do. (Layer rule: this header
 * belongs to the seams of architecture.md §3 and may be included by apache/ and proc/.)
 */
#ifndef CASK_GATEWAY_ENGINE_H
#define CASK_GATEWAY_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/interp_settings.h"
#include "platform/log.h"
#include "request/exchange.h"
#include "request/question.h"
#include "request/request.h"

#define CASK_ENGINE_ABI 2u

struct cask_engine; /* one per process */
struct cask_problem;

#define CASK_ENGINE_SEED_DEFAULT INT64_C(-1) /* hash seeds: what Python does by itself */
#define CASK_ENGINE_SEED_RANDOM  INT64_C(-2)

/* The script of app on disk is newer than what this process has loaded: ask the supervisor for a
 * reload. Any serving thread, without the GIL; must not block. At most once a second per script. */
typedef void cask_engine_stale_fn(void *context, const struct cask_app *app);

/* Strings are NUL-terminated and borrowed for open() only; NULL or "" where not set. */
struct cask_engine_config {
    /* open() starts Python on the calling thread; else it is running and the caller is its main
     * thread. */
    bool embedded;
    /* embedded: path of the interpreter (venv's bin/python3), found by getpath; NULL: home. */
    const char *program;
    const char *python_home;  /* embedded, when there is no program */
    int optimize;             /* embedded: at least this level (PYTHONOPTIMIZE may say more) */
    int64_t hash_seed;        /* embedded: a number, or one of CASK_ENGINE_SEED_… */
    bool dont_write_bytecode; /* embedded */
    const char *warnings;     /* embedded: what `python -W` takes, a line each; NULL */
    bool keep_interpreter;    /* WSGIDestroyInterpreter Off: Python is left as it is at the end */
    const char *python_eggs;  /* PYTHON_EGG_CACHE; NULL */
    struct cask_interp_rules interps; /* what may differ from interpreter to interpreter */
    bool terminal;                    /* `httpd -X`: sys.stdin and sys.stdout stay what they are */
    bool service;                     /* no requests: run() is called instead of serve() */
    const char *working_home;         /* daemon `home=`: sys.path[0] */
    const char *package_dir;          /* directory of the Python package mod_cask, for server/ */
    const char *process_group;        /* "" embedded */
    int processes;                    /* of the group, or the MPM's maximum */
    int threads;
    bool multiprocess; /* wsgi.multiprocess */
    bool multithread;
    bool run_once;
    bool case_insensitive;         /* WSGICaseSensitivity Off */
    int httpd_version[3];          /* apache.version */
    const char *httpd_description; /* apache.description */
    const char *httpd_built;       /* apache.build_date; NULL: no such attribute */
    const char *mpm_name;          /* apache.mpm_name */
    int mpm_processes;             /* apache.maximum_processes */
    int mpm_threads;               /* apache.threads_per_process */
    cask_engine_stale_fn *stale;   /* daemon; NULL: changed scripts are loaded again in place */
    void *stale_context;
    const struct cask_log_sink *log; /* lines outside a request */
    void *log_context;
    enum cask_log_level log_level;
    bool printed_as_errors; /* also records of logging and warnings that are printed */
};

/* What has been loaded, for the next generation. Called without the GIL. */
typedef void cask_engine_loaded_fn(void *context, const struct cask_app *app);

struct cask_engine_ops {
    uint32_t abi;            /* CASK_ENGINE_ABI */
    uint32_t python_version; /* PY_VERSION_HEX of the running interpreter's headers */

    /* Brings Python up (embedded) or takes it over (daemon), and prepares the main interpreter.
     * Once per process. */
    int (*open)(const struct cask_engine_config *config, struct cask_engine **ret_engine,
                struct cask_problem *reterr_problem);
    /* Loads an application unless it is loaded; only the script where the callable's name is empty.
     * DONE, FAILED (problem with traceback), MISSING. Any
     * thread. */
    enum cask_outcome (*load)(struct cask_engine *engine, const struct cask_app *app,
                              struct cask_problem *reterr_problem);
    /* Serves one request on this thread, from beginning to end. The outcome says what
     * apache/handler or wire_server do next; FAILED and BODY_BAD come with a filled problem
     * (detail: the traceback). STALE only when not started and without STALE_OK. */
    enum cask_outcome (*serve)(struct cask_engine *engine, const struct cask_exchange *exchange,
                               struct cask_problem *reterr_problem);
    /* Asks functions of a script about a request, on this thread: request->app names script and
     * interpreter (its callable is not used), the rest is what they see as environ. DONE: each
     * question has its answer; else a filled problem, and some may have one. Either way the caller
     * ends each with cask_question_done(). */
    enum cask_outcome (*ask)(struct cask_engine *engine, const struct cask_request *request,
                             struct cask_question *questions, size_t n_questions,
                             struct cask_problem *reterr_problem);
    /* A process without requests: runs the scripts on this thread, Python's main thread, with
     * signal handlers as in any Python program. SIGTERM, SIGINT and SIGUSR1 end it unless a script
     * handles them. What fails is logged. Returns the exit status, when a script has asked for the
     * end, when all have failed, or, the scripts being done, when stop_fd is readable or a signal
     * has asked for the end. */
    int (*run)(struct cask_engine *engine, const struct cask_app *apps, size_t n_apps, int stop_fd);
    /* Calls back for each application that is loaded well. Any thread. */
    void (*loaded)(struct cask_engine *engine, cask_engine_loaded_fn *call, void *context);
    /* Raises mod_wsgi.RequestTimeout in the thread that serves with this thread_id, if it is inside
     * the application (0), else ESRCH. Any thread but a serving one; waits for the GIL. */
    int (*interrupt)(struct cask_engine *engine, uint32_t thread_id);
    /* Enters and leaves each interpreter: returns when every lock (GIL) could be had. Any thread
     * but a serving one. */
    void (*beat)(struct cask_engine *engine);
    /* Writes the stacks of all threads to the descriptor with async-signal-safe calls only; needs
     * no GIL. */
    void (*dump_stacks)(struct cask_engine *engine, int fd);
    /* Ends Python: sub-interpreters, then main (threads joined, atexit). On the thread that opened.
     * Gives up at deadline_us (ETIMEDOUT: the caller leaves with cask_process_exit). The engine is
     * gone afterwards. */
    int (*stop)(struct cask_engine *engine, int64_t deadline_us);
};

/* Exported by _engine: the table, or NULL for another ABI number. Lives as long as the library. */
const struct cask_engine_ops *cask_engine_entry(uint32_t abi);
#define CASK_ENGINE_ENTRY_NAME "cask_engine_entry"

#endif
