/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/apps.h - the applications of an interpreter: found, loaded, looked at for changes. */
#ifndef CASK_GATEWAY_APPS_H
#define CASK_GATEWAY_APPS_H

#include "interp/gil.h"

#include "gateway/engine.h"

struct cask_apps; /* what has been loaded in this process, for the next generation */
struct cask_apps_entry;
struct cask_gate;

int cask_apps_new(struct cask_apps **ret_apps); /* ENOMEM */
struct cask_apps *cask_apps_free(struct cask_apps *apps);
/* Calls back for each. Any thread. */
CASK_GIL_NOT_HELD void cask_apps_list(struct cask_apps *apps, cask_engine_loaded_fn *call,
                                      void *context);

/* The entry of the script, which is loaded, or loaded again where the rules of reload say so
 * (request NULL: only if it was not). DONE, or FAILED, MISSING, STALE or UNAVAILABLE with a problem
 * (STALE: without). */
CASK_GIL_HELD enum cask_outcome cask_apps_open(struct cask_gate *gate, const struct cask_app *app,
                                               const struct cask_request *request,
                                               struct cask_apps_entry **ret_entry,
                                               struct cask_problem *reterr_problem);
/* The same for a script that is only loaded: its app has no callable. */
CASK_GIL_HELD enum cask_outcome cask_apps_import(struct cask_gate *gate, const struct cask_app *app,
                                                 struct cask_problem *reterr_problem);
/* The same, and the callable that serves the request, as a new reference. */
CASK_GIL_HELD enum cask_outcome cask_apps_find(struct cask_gate *gate, const struct cask_app *app,
                                               const struct cask_request *request,
                                               struct cask_apps_entry **ret_entry,
                                               PyObject **ret_callable,
                                               struct cask_problem *reterr_problem);
/* The module in service; borrowed. Only while the GIL is held. */
CASK_GIL_HELD PyObject *cask_apps_module(const struct cask_apps_entry *entry);
/* The script's path. */
const char *cask_apps_path(const struct cask_apps_entry *entry);
/* One line per script: a header of this name was left out. */
CASK_GIL_HELD void cask_apps_warn_hop(struct cask_apps_entry *entry,
                                      const struct cask_request *request,
                                      const struct cask_str *name);
/* Whether the script's requests took long after their last byte; then it is sent at once instead of
 * being held for the end of the request. */
CASK_GIL_HELD bool cask_apps_is_slow(const struct cask_apps_entry *entry);
CASK_GIL_HELD void cask_apps_note_tail(struct cask_apps_entry *entry, int64_t tail_us);

#endif
