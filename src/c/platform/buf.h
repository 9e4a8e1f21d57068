/* SPDX-License-Identifier: Apache-2.0 */
/* platform/buf.h - a growing byte buffer with a read position. Not thread-safe; libc memory. */
#ifndef CASK_PLATFORM_BUF_H
#define CASK_PLATFORM_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cask_buf {
    char *data;
    size_t begin; /* first unread byte */
    size_t end;   /* one past the last byte */
    size_t capacity;
};

/* All zeros is an empty buffer. */
void cask_buf_done(struct cask_buf *buf);
/* Makes room for `extra` bytes behind `end`; 0 or ENOMEM. May move data and reset begin to 0. */
int cask_buf_reserve(struct cask_buf *buf, size_t extra);
int cask_buf_add(struct cask_buf *buf, const void *data, size_t len);
/* Marks len bytes at begin as read; an emptied buffer starts again at 0. */
void cask_buf_consume(struct cask_buf *buf, size_t len);
/* The unread byte at offset, to be read. Never NULL, so that memchr() and memcpy() may have it with
 * a length of 0: an empty text in a buffer that never held anything. */
static inline char *
cask_buf_at(const struct cask_buf *buf, size_t offset)
{
    return buf->data != NULL ? buf->data + buf->begin + offset : (char *)"";
}
static inline size_t
cask_buf_len(const struct cask_buf *buf)
{
    return buf->end - buf->begin;
}

#endif
