/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/gateway/driver_text.h - what the driver writes to stdout: lines with a first word. */
#ifndef CASK_UNIT_GATEWAY_DRIVER_TEXT_H
#define CASK_UNIT_GATEWAY_DRIVER_TEXT_H

#include "request/exchange.h"
#include "request/question.h"

struct cask_problem;

/* The rest of a line. */
void driver_put_bytes(const char *data, size_t len); /* %XX where needed; the first 4096 */
void driver_put_text(const char *data, size_t len);
/* Whole lines. */
void driver_put_problem(const struct cask_problem *problem);
void driver_put_answer(const struct cask_answer *answer); /* and its first eight texts */

const char *driver_outcome_name(enum cask_outcome outcome);

#endif
