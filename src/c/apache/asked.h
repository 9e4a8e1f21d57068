/* SPDX-License-Identifier: Apache-2.0 */
/* apache/asked.h - scripts that httpd asks about a request, in this child's own Python. */
#ifndef CASK_APACHE_ASKED_H
#define CASK_APACHE_ASKED_H

#include <httpd.h>

#include <stddef.h>

#include "request/question.h"
#include "request/request.h"

struct cask_config_script;

/* What the file of a configured script is now, in the request pool; NULL with the line logged when
 * it is not there. */
const apr_finfo_t *cask_asked_look(request_rec *r, const struct cask_config_script *script);
/* The interpreter that is asked: application-group= expanded, or the main one. NULL with the line
 * logged. */
const char *cask_asked_interpreter(request_rec *r, const struct cask_config_script *script);
/* Asks functions of the script. `request` has what the functions see as environ (vars and headers);
 * script, interpreter, times and log are set here. OK: each question has its answer. Else a status,
 * 500 or 503, with the line logged. Either way the caller ends each with cask_question_done(). */
int cask_asked_run(request_rec *r, const struct cask_config_script *script, const char *interpreter,
                   struct cask_request *request, struct cask_question *questions,
                   size_t n_questions);

#endif
