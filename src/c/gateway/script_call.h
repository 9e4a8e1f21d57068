/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/script_call.h - functions of a script that are asked about a request. */
#ifndef CASK_GATEWAY_SCRIPT_CALL_H
#define CASK_GATEWAY_SCRIPT_CALL_H

#include "interp/gil.h"

#include "request/exchange.h"
#include "request/question.h"

struct cask_gate;
struct cask_problem;

/* Asks the questions in their order, all with one environ, until one cannot be answered. DONE, or
 * FAILED, MISSING or UNAVAILABLE with a problem; answers given by then stay in their questions. */
CASK_GIL_HELD enum cask_outcome cask_script_call(struct cask_gate *gate,
                                                 const struct cask_request *request,
                                                 struct cask_question *questions,
                                                 size_t n_questions,
                                                 struct cask_problem *reterr_problem);

#endif
