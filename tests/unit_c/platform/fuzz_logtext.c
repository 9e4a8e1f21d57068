/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/platform/fuzz_logtext.c - any bytes on their way into a log: nothing is lost, and no
 * control character comes out. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "platform/logtext.h"

static void
check_harmless(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];

        must((byte >= 0x20 && byte != 0x7f) || byte == '\t');
        must(byte != 0xc2 || i + 1 == len || (unsigned char)text[i + 1] >= 0xa0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    size_t whole_len = 0;
    size_t parts_len = 0;
    size_t at = 0;
    size_t room;
    char *whole;
    char *parts;

    if (size < 2) {
        return 0;
    }
    room = 4u + data[0] % 64u;
    text++;
    size--;
    whole = malloc(size * CASK_LOGTEXT_GROWTH);
    parts = malloc(size * CASK_LOGTEXT_GROWTH);
    must(whole != NULL && parts != NULL);
    must(cask_logtext_put(whole, size * CASK_LOGTEXT_GROWTH, &whole_len, text, size) == size);
    check_harmless(whole, whole_len);
    must(!cask_logtext_is_plain(text, size) ||
         (whole_len == size && memcmp(whole, text, size) == 0));
    while (at < size) { /* in small pieces it is the same */
        char *piece = malloc(room);
        size_t piece_len = 0;
        size_t used;

        must(piece != NULL);
        used = cask_logtext_put(piece, room, &piece_len, text + at, size - at);
        must(used > 0 && piece_len <= room);
        memcpy(parts + parts_len, piece, piece_len);
        parts_len += piece_len;
        at += used;
        free(piece);
    }
    must(parts_len == whole_len && memcmp(parts, whole, whole_len) == 0);
    at = cask_logtext_cut(text, size, room);
    must(at <= room && at <= size && (at > 0 || room < 1));
    free(whole);
    free(parts);
    return 0;
}
