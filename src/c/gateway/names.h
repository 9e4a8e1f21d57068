/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/names.h - interned strings of one interpreter: rows of names.def and of keys.def. */
#ifndef CASK_GATEWAY_NAMES_H
#define CASK_GATEWAY_NAMES_H

#include "interp/gil.h"

#include "request/keys.h"

enum cask_name {
#define CASK_NAME(symbol, text) CASK_NAME_##symbol,
#include "gateway/names.def"
#undef CASK_NAME
    CASK_NAME_LIMIT,
};

struct cask_names {
    PyObject *name[CASK_NAME_LIMIT]; /* by enum cask_name */
    PyObject *key[CASK_KEY_LIMIT];   /* by enum cask_key: the environ key; NULL where no row is */
};

/* Fills zeroed storage; 0, or -1 with an exception. */
CASK_GIL_HELD int cask_names_init(struct cask_names *names);

#endif
