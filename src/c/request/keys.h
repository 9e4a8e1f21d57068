/* SPDX-License-Identifier: Apache-2.0 */
/* request/keys.h - numbers of well-known names (rows of keys.def) and the way from a name to its
 * number. */
#ifndef CASK_REQUEST_KEYS_H
#define CASK_REQUEST_KEYS_H

#include "request/request.h"

#include <stdint.h>

enum cask_key {
    CASK_KEY_NONE = 0,
#define CASK_KEY_VAR(id, symbol, name)            CASK_KEY_##symbol = (id),
#define CASK_KEY_HEADER(id, symbol, header, name) CASK_KEY_##symbol = (id),
#include "request/keys.def"
#undef CASK_KEY_VAR
#undef CASK_KEY_HEADER
    CASK_KEY_LIMIT = 112, /* one past the largest id; checked by a static assertion in keys.c */
};

/* The environ name ("HTTP_HOST", "PATH_INFO") of a key; len 0 when there is no such row. */
struct cask_str cask_keys_environ_name(uint16_t key);
/* The header name in lower case; len 0 when the row is no header. */
struct cask_str cask_keys_header_name(uint16_t key);
/* Key of a header name in any case; 0 when it has no row. Perfect hash, no allocation. */
uint16_t cask_keys_find_header(const char *name, size_t name_len);

#endif
