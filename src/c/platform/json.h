/* SPDX-License-Identifier: Apache-2.0 */
/* platform/json.h - JSON text (RFC 8259) into a buffer.
 *
 * Calls follow the shape of the text: open, then members (key before each in an object) or
 * elements, then close. Commas are put where they belong. Out of memory is remembered in `error`,
 * and nothing more is written.
 */
#ifndef CASK_PLATFORM_JSON_H
#define CASK_PLATFORM_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cask_buf;

struct cask_json {
    struct cask_buf *buf; /* borrowed */
    int error;            /* 0 or ENOMEM */
    bool comma;           /* the next value stands behind another one */
};

/* '{' or '['. */
void cask_json_open(struct cask_json *json, char bracket);
/* '}' or ']'. */
void cask_json_close(struct cask_json *json, char bracket);
void cask_json_key(struct cask_json *json, const char *key);
/* NUL-terminated bytes; those that are no ASCII become '?'. NULL: null. */
void cask_json_text(struct cask_json *json, const char *text);
void cask_json_number(struct cask_json *json, int64_t number);
/* Microseconds as seconds with three digits behind the point. */
void cask_json_seconds(struct cask_json *json, int64_t time_us);

#endif
