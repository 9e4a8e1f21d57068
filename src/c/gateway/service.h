/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/service.h - a process without requests: its scripts run on Python's main thread. */
#ifndef CASK_GATEWAY_SERVICE_H
#define CASK_GATEWAY_SERVICE_H

#include "interp/gil.h"

#include "gateway/engine.h"

struct cask_gateway;

/* As cask_engine_ops.run says. */
CASK_GIL_NOT_HELD int cask_service_run(struct cask_gateway *gateway, const struct cask_app *apps,
                                       size_t n_apps, int stop_fd);

#endif
