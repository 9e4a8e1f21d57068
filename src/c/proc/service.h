/* SPDX-License-Identifier: Apache-2.0 */
/* proc/service.h - the main program of a daemon of a service group (threads=0): it serves no
 * requests, its import scripts run on the main thread. */
#ifndef CASK_PROC_SERVICE_H
#define CASK_PROC_SERVICE_H

#include "gateway/engine.h"

struct cask_daemon_boot;

/* As cask_daemon_main(), whose place it takes once the settings are there. */
int cask_service_main(const struct cask_engine_ops *ops, struct cask_daemon_boot *boot);

#endif
