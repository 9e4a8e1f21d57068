/* SPDX-License-Identifier: Apache-2.0 */
/* proc/pack.c - numbers and strings in and out of a byte block.
 *
 * Owns:    nothing beyond the writer's buffer.
 * Touches: platform/buf.
 * Threads: any; a writer or reader belongs to one.
 * Invariants:
 *   (1) after the first failure a writer adds nothing more and a reader moves no further;
 *   (2) a string handed out by the reader ends with its only NUL inside the block.
 */
#include "proc/pack.h"

#include <errno.h>
#include <string.h>

#define TEXT_NULL UINT32_MAX /* length that stands for a NULL string */

void
cask_pack_done(struct cask_pack *pack)
{
    cask_buf_done(&pack->buf);
    memset(pack, 0, sizeof(*pack));
}

void
cask_pack_bytes(struct cask_pack *pack, const void *data, size_t len)
{
    if (pack->error == 0 && len > 0) {
        pack->error = cask_buf_add(&pack->buf, data, len);
    }
}

void
cask_pack_u32(struct cask_pack *pack, uint32_t value)
{
    cask_pack_bytes(pack, &value, sizeof(value));
}

void
cask_pack_u64(struct cask_pack *pack, uint64_t value)
{
    cask_pack_bytes(pack, &value, sizeof(value));
}

void
cask_pack_text_n(struct cask_pack *pack, const char *text, size_t len)
{
    if (text == NULL) {
        cask_pack_u32(pack, TEXT_NULL);
        return;
    }
    len = strnlen(text, len);
    if (len >= TEXT_NULL - 1) {
        pack->error = pack->error != 0 ? pack->error : EMSGSIZE;
        return;
    }
    cask_pack_u32(pack, (uint32_t)len);
    cask_pack_bytes(pack, text, len);
    cask_pack_bytes(pack, "", 1);
}

void
cask_pack_text(struct cask_pack *pack, const char *text)
{
    cask_pack_text_n(pack, text, text != NULL ? strlen(text) : 0);
}

struct cask_unpack
cask_unpack_begin(const char *data, size_t len)
{
    struct cask_unpack unpack = {.at = data, .end = data + len, .bad = false};

    return unpack;
}

void
cask_unpack_bytes(struct cask_unpack *unpack, void *ret_data, size_t len)
{
    if (unpack->bad || (size_t)(unpack->end - unpack->at) < len) {
        unpack->bad = true; /* keeps (1) */
        memset(ret_data, 0, len);
        return;
    }
    memcpy(ret_data, unpack->at, len);
    unpack->at += len;
}

uint32_t
cask_unpack_u32(struct cask_unpack *unpack)
{
    uint32_t value;

    cask_unpack_bytes(unpack, &value, sizeof(value));
    return value;
}

uint64_t
cask_unpack_u64(struct cask_unpack *unpack)
{
    uint64_t value;

    cask_unpack_bytes(unpack, &value, sizeof(value));
    return value;
}

const char *
cask_unpack_text(struct cask_unpack *unpack)
{
    uint32_t len = cask_unpack_u32(unpack);
    const char *text;

    if (unpack->bad || len == TEXT_NULL) {
        return NULL;
    }
    if ((size_t)(unpack->end - unpack->at) < (size_t)len + 1 || unpack->at[len] != '\0' ||
        memchr(unpack->at, '\0', len) != NULL) {
        unpack->bad = true; /* keeps (2) */
        return NULL;
    }
    text = unpack->at;
    unpack->at += (size_t)len + 1;
    return text;
}

bool
cask_unpack_end(const struct cask_unpack *unpack)
{
    return !unpack->bad && unpack->at == unpack->end;
}
