/* SPDX-License-Identifier: Apache-2.0 */
/* apache/embed.h - Python inside an httpd child.
 *
 * libpython and the engine are loaded only when something is embedded, into the child and never
 * into httpd's parent. One thread per child is kept for Python's start, the loading of scripts
 * named in the configuration, and Python's end.
 *
 * States: IDLE (Python not loaded) → STARTING → READY or FAILED.
 */
#ifndef CASK_APACHE_EMBED_H
#define CASK_APACHE_EMBED_H

#include <httpd.h>

#include <stdbool.h>
#include <stdint.h>

#include "gateway/engine.h"

struct cask_embed;
struct cask_problem;

/* child_init, after cask_process_begin(): Python starts now if the configuration names embedded
 * applications, else at the first request for one. It is ended when the pool is destroyed. */
void cask_embed_child_init(apr_pool_t *pchild, server_rec *main_server);

/* Serves a request in this child, as cask_engine_ops.serve does; starts Python if need be. Where
 * there is no Python to serve it: FAILED if another module has brought one, else UNAVAILABLE. */
enum cask_outcome cask_embed_serve(const struct cask_exchange *exchange,
                                   struct cask_problem *reterr_problem);

/* Asks functions of a script, as cask_engine_ops.ask does; the same where there is no Python. */
enum cask_outcome cask_embed_ask(const struct cask_request *request,
                                 struct cask_question *questions, size_t n_questions,
                                 struct cask_problem *reterr_problem);

/* Index of the calling thread in this child, from 1. */
uint32_t cask_embed_thread_id(void);

#endif
