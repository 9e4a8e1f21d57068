/* SPDX-License-Identifier: Apache-2.0 */
/* apache/dispatch.c - WSGIDispatchScript: a script that says where a request goes.
 *
 * Owns:    nothing beyond the request.
 * Touches: asked, variables.
 * Threads: request threads.
 */
#include "apache/dispatch.h"

#include "apache/asked.h"
#include "apache/routing.h"
#include "apache/variables.h"

#include <apr_strings.h>

#define ACCEPTS                                                                                  \
    (CASK_QUESTION_ACCEPTS(ABSENT) | CASK_QUESTION_ACCEPTS(NONE) | CASK_QUESTION_ACCEPTS(TEXT) | \
     CASK_QUESTION_ACCEPTS(BYTES))

int
cask_dispatch_ask(request_rec *r, struct cask_route *route)
{
    struct cask_config_scope *values = &route->values;
    const struct cask_config_script *script = values->dispatch_script;
    const char *interpreter = cask_asked_interpreter(r, script);
    struct cask_question questions[] = {
        {.function = "process_group", .accepts = ACCEPTS},
        {.function = "application_group", .accepts = ACCEPTS},
        {.function = "callable_object", .accepts = ACCEPTS},
    };
    const char **answers[] = {&values->process_group, &values->application_group,
                              &values->callable_object};
    struct cask_request request = {.content_length = 0};
    struct cask_route asking = *route;
    /* The callable of a handler script has a fixed name. */
    size_t n_questions = route->handler_script[0] == '\0' ? 3 : 2;
    int status;

    if (interpreter == NULL) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    asking.process_group = "";
    asking.application_group = interpreter;
    asking.callable = NULL; /* what is asked for */
    request.flags = values->script_reloading != 0 ? CASK_REQUEST_RELOADING : 0;
    request.httpd_request = values->pass_apache_request != 0 ? r : NULL;
    cask_variables_fill(r, &asking, &request);
    status = cask_asked_run(r, script, interpreter, &request, questions, n_questions);
    for (size_t i = 0; i < n_questions; i++) {
        if (status == OK && questions[i].answer.n_texts == 1) {
            *answers[i] = apr_pstrmemdup(r->pool, questions[i].answer.texts[0].data,
                                         questions[i].answer.texts[0].len);
        }
        cask_question_done(&questions[i]);
    }
    return status;
}
