/* SPDX-License-Identifier: Apache-2.0 */
/* proc/reload.h - which changed scripts a group has been told about, so that one change makes one
 * reload.
 *
 * Many processes and requests report the same change. A change is a script and its identity on disk
 * at that moment. What is being loaded already is not asked for again; what failed to load is tried
 * again when it changes, or after a growing delay. Decisions only; the group acts.
 */
#ifndef CASK_PROC_RELOAD_H
#define CASK_PROC_RELOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proc/backoff.h"
#include "request/request.h"

#define CASK_RELOAD_LIMIT 32 /* changes kept apart; further ones count as new */

struct cask_reload_change {
    uint64_t path; /* hash: a collision costs a delay, nothing else */
    struct cask_script_id id;
};

struct cask_reload_set {
    struct cask_reload_change changes[CASK_RELOAD_LIMIT];
    size_t n_changes;
};

struct cask_reload {
    bool running;                 /* a generation is being started */
    struct cask_reload_set known; /* what the one that starts will have loaded */
    struct cask_reload_set later; /* came while it started: one further reload */
    struct cask_reload_set failed;
    int64_t failed_until_us; /* until then `failed` is not tried again */
    struct cask_backoff backoff;
};

enum cask_reload_answer {
    CASK_RELOAD_START,    /* start a generation, then cask_reload_began() */
    CASK_RELOAD_RUNNING,  /* wait for the one that starts */
    CASK_RELOAD_HOPELESS, /* it failed a moment ago: who waits should be served by old code */
};

void cask_reload_init(struct cask_reload *reload);
enum cask_reload_answer cask_reload_report(struct cask_reload *reload,
                                           const struct cask_str *script,
                                           const struct cask_script_id *id, int64_t now_us);
/* A generation is being started, for whatever reason: it loads what has been reported until now. */
void cask_reload_began(struct cask_reload *reload);
/* It became READY, or failed. True when something was reported meanwhile: start another one. */
bool cask_reload_ended(struct cask_reload *reload, bool ready, int64_t now_us);

#endif
