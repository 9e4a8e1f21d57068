/* SPDX-License-Identifier: Apache-2.0 */
/* proc/pack.h - numbers and strings in and out of a byte block, for specs and channel messages.
 *
 * Host byte order, one machine. A writer remembers its first failure, a reader its first defect, so
 * that callers check once, at the end. Nothing read is trusted: lengths are compared with what is
 * there, strings hold exactly one NUL, their last byte.
 */
#ifndef CASK_PROC_PACK_H
#define CASK_PROC_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/buf.h"

/* All zeros is an empty writer. */
struct cask_pack {
    struct cask_buf buf;
    int error; /* 0, ENOMEM, or EMSGSIZE for a string above 4 GB */
};

void cask_pack_done(struct cask_pack *pack);
void cask_pack_u32(struct cask_pack *pack, uint32_t value);
void cask_pack_u64(struct cask_pack *pack, uint64_t value);
void cask_pack_bytes(struct cask_pack *pack, const void *data, size_t len);
/* NULL and "" stay apart. */
void cask_pack_text(struct cask_pack *pack, const char *text);
/* The same for counted bytes; bytes from the first NUL on are left out. */
void cask_pack_text_n(struct cask_pack *pack, const char *text, size_t len);

struct cask_unpack {
    const char *at;
    const char *end;
    bool bad; /* something did not fit; every further read gives 0 or NULL */
};

struct cask_unpack cask_unpack_begin(const char *data, size_t len);
uint32_t cask_unpack_u32(struct cask_unpack *unpack);
uint64_t cask_unpack_u64(struct cask_unpack *unpack);
void cask_unpack_bytes(struct cask_unpack *unpack, void *ret_data, size_t len);
/* A NUL-terminated string inside the data, or NULL for one that was NULL (or on a defect). */
const char *cask_unpack_text(struct cask_unpack *unpack);
/* True when nothing was wrong and nothing is left over. */
bool cask_unpack_end(const struct cask_unpack *unpack);

#endif
