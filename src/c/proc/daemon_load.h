/* SPDX-License-Identifier: Apache-2.0 */
/* proc/daemon_load.h - from the settings of a daemon to a Python with its applications loaded. */
#ifndef CASK_PROC_DAEMON_LOAD_H
#define CASK_PROC_DAEMON_LOAD_H

#include "gateway/engine.h"

struct cask_daemon_boot;
struct cask_problem;
struct cask_stale;

/* Opens the engine as the group's settings say. stale gets the scripts that are newer on disk;
 * NULL in a process that serves no requests. */
int cask_daemon_load_engine(const struct cask_daemon_boot *boot, const struct cask_engine_ops *ops,
                            struct cask_stale *stale, struct cask_engine **ret_engine,
                            struct cask_problem *reterr_problem);
/* Loads the applications of the settings. In a strict start one that fails but was loaded before is
 * an error; another one is logged, answers 500 and is tried again by requests. */
int cask_daemon_load_apps(const struct cask_daemon_boot *boot, const struct cask_engine_ops *ops,
                          struct cask_engine *engine, struct cask_problem *reterr_problem);

#endif
