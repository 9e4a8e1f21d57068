/* SPDX-License-Identifier: Apache-2.0 */
/* proc/stale.h - the scripts that serving threads met newer on disk than loaded, on their way to
 * the daemon's main thread.
 */
#ifndef CASK_PROC_STALE_H
#define CASK_PROC_STALE_H

#include <stdbool.h>
#include <stddef.h>

#include "request/request.h"

struct cask_stale;
struct cask_problem;

#define CASK_STALE_PATH_SIZE 4096

int cask_stale_new(struct cask_stale **ret_stale, struct cask_problem *reterr_problem);
struct cask_stale *cask_stale_free(struct cask_stale *stale);
/* Any thread; never blocks. A script that is waiting already, one too many (the engine will tell
 * again) and a path that is too long are dropped. context is the struct cask_stale: this is a
 * cask_engine_stale_fn. */
void cask_stale_add(void *context, const struct cask_app *app);
/* Readable while something waits. */
int cask_stale_fd(const struct cask_stale *stale);
/* Takes the oldest one, NUL-terminated; false when there is none. */
bool cask_stale_take(struct cask_stale *stale, char ret_path[CASK_STALE_PATH_SIZE]);

#endif
