/* SPDX-License-Identifier: Apache-2.0 */
/* apache/asked.c - scripts that httpd asks about a request, in this child's own Python.
 *
 * They decide, so whatever goes wrong ends the request: a script that is not there, that cannot be
 * loaded, that raises or returns nonsense never counts as an answer.
 *
 * Owns:    nothing; answers are heap memory of their questions.
 * Touches: embed, logsink, names by routing.
 * Threads: request threads.
 */
#include "apache/asked.h"

#include "apache/config.h"
#include "apache/embed.h"
#include "apache/expand.h"
#include "apache/logsink.h"
#include "apache/routing.h"
#include "platform/problem.h"

#include <apr_file_info.h>
#include <apr_strings.h>

#include <string.h>

#define WANTED (APR_FINFO_TYPE | APR_FINFO_IDENT | APR_FINFO_SIZE | APR_FINFO_MTIME)

const apr_finfo_t *
cask_asked_look(request_rec *r, const struct cask_config_script *script)
{
    apr_finfo_t *status = apr_pcalloc(r->pool, sizeof(*status));
    apr_status_t found = apr_stat(status, script->path, WANTED, r->pool);
    char reason[120];

    if (found != APR_SUCCESS && found != APR_INCOMPLETE) {
        cask_logsink_line(r, 161, "%s at %s: script '%s': %s", script->directive, script->location,
                          script->path, apr_strerror(found, reason, sizeof(reason)));
        return NULL;
    }
    return status;
}

const char *
cask_asked_interpreter(request_rec *r, const struct cask_config_script *script)
{
    struct cask_expand_facts facts;

    if (script->application_group == NULL) {
        return "";
    }
    cask_routing_facts(r, &facts);
    return cask_routing_expand(r, script->directive, script->application_group, &facts);
}

int
cask_asked_run(request_rec *r, const struct cask_config_script *script, const char *interpreter,
               struct cask_request *request, struct cask_question *questions, size_t n_questions)
{
    const apr_finfo_t *status = cask_asked_look(r, script);
    struct cask_problem problem;
    enum cask_outcome outcome;

    if (status == NULL) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    cask_routing_script_id(status, &request->script_id);
    request->app = (struct cask_app){.script = cask_request_str(script->path),
                                     .application_group = cask_request_str(interpreter)};
    request->start_us = r->request_time;
    request->thread_id = cask_embed_thread_id();
    request->flags |= CASK_REQUEST_STALE_OK;
    request->log = cask_logsink_request();
    request->log_context = r;
    request->log_level = cask_logsink_request_level(r);
    memset(&problem, 0, sizeof(problem));
    outcome = cask_embed_ask(request, questions, n_questions, &problem);
    if (outcome != CASK_OUTCOME_DONE) {
        cask_logsink_problem(r, &problem);
    }
    cask_problem_done(&problem);
    switch (outcome) {
    case CASK_OUTCOME_DONE:
        return OK;
    case CASK_OUTCOME_UNAVAILABLE:
        return HTTP_SERVICE_UNAVAILABLE;
    case CASK_OUTCOME_FAILED:
    case CASK_OUTCOME_CLIENT_GONE:
    case CASK_OUTCOME_BODY_BAD:
    case CASK_OUTCOME_STALE:
    case CASK_OUTCOME_TIMEOUT:
    case CASK_OUTCOME_LOST:
    case CASK_OUTCOME_MISSING:
        break;
    }
    return HTTP_INTERNAL_SERVER_ERROR;
}
