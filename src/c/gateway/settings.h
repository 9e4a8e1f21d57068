/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/settings.h - what is said of one interpreter, out of what is said of all of them. */
#ifndef CASK_GATEWAY_SETTINGS_H
#define CASK_GATEWAY_SETTINGS_H

#include "interp/gil.h"

struct cask_engine_config;

/* New reference: the dict that server.interpreter.prepare() takes, for the interpreter of this
 * name. Says so when a switch interval was given for one that shares its GIL. */
CASK_GIL_HELD PyObject *cask_settings_new(const struct cask_engine_config *config,
                                          const char *name);

#endif
