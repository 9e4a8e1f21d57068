/* SPDX-License-Identifier: Apache-2.0 */
/* proc/daemon_load.c - from the settings of a daemon to a Python with its applications loaded.
 *
 * Owns:    nothing; the engine is the caller's.
 * Touches: the engine through its table, proc/.
 * Threads: the daemon's main thread, before there are others.
 */
#include "proc/daemon_load.h"

#include <errno.h>
#include <locale.h>
#include <string.h>

#include "platform/log.h"
#include "platform/problem.h"
#include "platform/process.h"
#include "proc/daemon_boot.h"
#include "proc/spec.h"
#include "proc/stale.h"

int
cask_daemon_load_engine(const struct cask_daemon_boot *boot, const struct cask_engine_ops *ops,
                        struct cask_stale *stale, struct cask_engine **ret_engine,
                        struct cask_problem *reterr_problem)
{
    const struct cask_group_spec *spec = boot->spec;
    const struct cask_process *process = cask_process_get();
    const struct cask_engine_config config = {
        .embedded = false,
        .python_home = spec->python_home,
        .working_home = spec->home,
        .keep_interpreter = spec->keep_interpreter,
        .python_eggs = spec->python_eggs,
        .interps = spec->interps,
        .service = spec->threads == 0,
        .package_dir = spec->package_dir,
        .process_group = spec->name,
        .processes = spec->processes,
        .threads = spec->threads,
        .multiprocess = spec->processes_given,
        .multithread = spec->threads != 1,
        .run_once = spec->threads == 1 && spec->maximum_requests == 1,
        .case_insensitive = spec->case_insensitive,
        .httpd_version = {spec->httpd_version[0], spec->httpd_version[1], spec->httpd_version[2]},
        .httpd_description = spec->httpd_description,
        .httpd_built = spec->httpd_built,
        .mpm_name = spec->mpm_name,
        .mpm_processes = spec->mpm_processes,
        .mpm_threads = spec->mpm_threads,
        .stale = stale != NULL ? cask_stale_add : NULL,
        .stale_context = stale,
        .log = process->sink,
        .log_context = process->sink_context,
        .log_level = process->log_level,
        .printed_as_errors = spec->printed_as_errors,
    };

    if (spec->locale != NULL && setlocale(LC_ALL, spec->locale) == NULL) {
        cask_log(404, "group '%s': this system has no locale '%s'; going on without it", spec->name,
                 spec->locale);
    }
    return ops->open(&config, ret_engine, reterr_problem);
}

static void
log_missing(const struct cask_group_spec *spec, const struct cask_spec_app *app,
            const struct cask_problem *problem)
{
    if (app->callable[0] == '\0') {
        cask_log_problem(problem);
    } else {
        /* the requests for it get 404 from httpd: nothing to wait for */
        cask_log_debug(CASK_LOG_INFO, "group '%s': script '%s' is not there", spec->name,
                       app->script);
    }
}

int
cask_daemon_load_apps(const struct cask_daemon_boot *boot, const struct cask_engine_ops *ops,
                      struct cask_engine *engine, struct cask_problem *reterr_problem)
{
    const struct cask_group_spec *spec = boot->spec;

    for (size_t i = 0; i < spec->n_apps; i++) {
        const struct cask_spec_app *from = &spec->apps[i];
        const struct cask_app app = {
            .script = {from->script, (uint32_t)strlen(from->script)},
            .callable = {from->callable, (uint32_t)strlen(from->callable)},
            .application_group = {from->application_group,
                                  (uint32_t)strlen(from->application_group)},
        };
        struct cask_problem problem = {0};
        enum cask_outcome outcome = ops->load(engine, &app, &problem);

        if (outcome == CASK_OUTCOME_MISSING) {
            log_missing(spec, from, &problem);
        } else if (outcome != CASK_OUTCOME_DONE && boot->strict && from->proven) {
            if (problem.number == 0) {
                (void)cask_problem_set(&problem, EIO, 406, "cannot load '%s'", from->script);
            }
            cask_problem_move(reterr_problem, &problem);
            return EIO;
        } else if (outcome != CASK_OUTCOME_DONE) {
            cask_log_problem(&problem);
        }
        cask_problem_done(&problem);
    }
    return 0;
}
