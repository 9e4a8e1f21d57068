/* SPDX-License-Identifier: Apache-2.0 */
/* platform/logtext.c - what of a text may be written into a log file as it is.
 *
 * Owns nothing; any thread.
 */
#include "platform/logtext.h"

#include <stdint.h>
#include <string.h>

/* Bytes of the character that begins here and may be shown; 0: the first byte must be escaped.
 * (RFC 3629; not shown: C0 but TAB, DEL, C1, surrogates, overlong forms.) */
static size_t
shown(const unsigned char *at, size_t len)
{
    size_t more;
    uint32_t least;
    uint32_t code;

    if (at[0] < 0x80) {
        return (at[0] >= 0x20 && at[0] != 0x7f) || at[0] == '\t';
    }
    if (at[0] >= 0xc2 && at[0] < 0xe0) {
        more = 1;
        least = 0xa0; /* below are C1: terminals obey them */
        code = at[0] & 0x1fu;
    } else if ((at[0] & 0xf0) == 0xe0) {
        more = 2;
        least = 0x800;
        code = at[0] & 0x0fu;
    } else if (at[0] >= 0xf0 && at[0] < 0xf5) {
        more = 3;
        least = 0x10000;
        code = at[0] & 0x07u;
    } else {
        return 0;
    }
    if (more >= len) {
        return 0;
    }
    for (size_t i = 1; i <= more; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (at[i] & 0x3fu);
    }
    if (code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
        return 0;
    }
    return more + 1;
}

size_t
cask_logtext_put(char *out, size_t size, size_t *out_len, const char *text, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    size_t used = 0;

    while (used < len) {
        size_t part = shown((const unsigned char *)text + used, len - used);
        unsigned char byte = (unsigned char)text[used];

        if (*out_len + (part > 0 ? part : CASK_LOGTEXT_GROWTH) > size) {
            break;
        }
        if (part > 0) {
            memcpy(out + *out_len, text + used, part);
            *out_len += part;
            used += part;
        } else {
            out[(*out_len)++] = '\\';
            out[(*out_len)++] = 'x';
            out[(*out_len)++] = hex[byte >> 4];
            out[(*out_len)++] = hex[byte & 15];
            used += 1;
        }
    }
    return used;
}

bool
cask_logtext_is_plain(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];

        if (((byte < 0x20 || byte > 0x7e) && byte != '\t') || byte == '\\') {
            return false;
        }
    }
    return true;
}

size_t
cask_logtext_cut(const char *text, size_t len, size_t limit)
{
    size_t end = limit;

    if (len <= limit) {
        return len;
    }
    while (end > 0 && limit - end < 3 && ((unsigned char)text[end] & 0xc0) == 0x80) {
        end--;
    }
    return end > 0 && ((unsigned char)text[end] & 0xc0) != 0x80 ? end : limit;
}
