/* SPDX-License-Identifier: Apache-2.0 */
/* platform/json.c - JSON text into a buffer.
 *
 * Owns:    nothing.
 * Touches: platform/buf.
 * Threads: any.
 */
#include "platform/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "platform/buf.h"

static void
put(struct cask_json *json, const char *text, size_t len)
{
    if (json->error == 0) {
        json->error = cask_buf_add(json->buf, text, len);
    }
}

/* Before a value, or the key of one. */
static void
separate(struct cask_json *json)
{
    if (json->comma) {
        put(json, ",", 1);
    }
    json->comma = true;
}

void
cask_json_open(struct cask_json *json, char bracket)
{
    separate(json);
    put(json, &bracket, 1);
    json->comma = false;
}

void
cask_json_close(struct cask_json *json, char bracket)
{
    put(json, &bracket, 1);
    json->comma = true;
}

static void
put_string(struct cask_json *json, const char *text)
{
    put(json, "\"", 1);
    for (; *text != '\0'; text++) {
        char escape[8];

        if (*text == '"' || *text == '\\') {
            escape[0] = '\\';
            escape[1] = *text;
            put(json, escape, 2);
        } else if (*text >= 0 && *text < ' ') {
            put(json, escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)*text));
        } else {
            put(json, *text > 0 && *text < 0x7f ? text : "?", 1);
        }
    }
    put(json, "\"", 1);
}

void
cask_json_key(struct cask_json *json, const char *key)
{
    separate(json);
    put_string(json, key);
    put(json, ":", 1);
    json->comma = false;
}

void
cask_json_text(struct cask_json *json, const char *text)
{
    separate(json);
    if (text == NULL) {
        put(json, "null", 4);
    } else {
        put_string(json, text);
    }
}

void
cask_json_number(struct cask_json *json, int64_t number)
{
    char digits[24];

    separate(json);
    put(json, digits, (size_t)snprintf(digits, sizeof(digits), "%" PRId64, number));
}

void
cask_json_seconds(struct cask_json *json, int64_t time_us)
{
    char digits[32];

    time_us = time_us < 0 ? 0 : time_us;
    separate(json);
    put(json, digits,
        (size_t)snprintf(digits, sizeof(digits), "%" PRId64 ".%03" PRId64, time_us / 1000000,
                         time_us / 1000 % 1000));
}
