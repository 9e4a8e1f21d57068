/* SPDX-License-Identifier: Apache-2.0 */
/* platform/buf.c - a growing byte buffer with a read position.
 *
 * Owns:    the bytes of each buffer.
 * Threads: one at a time.
 * Invariant: begin ≤ end ≤ capacity; data is NULL only while capacity is 0.
 */
#include "platform/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST 256u

void
cask_buf_done(struct cask_buf *buf)
{
    free(buf->data);
    *buf = (struct cask_buf){0};
}

int
cask_buf_reserve(struct cask_buf *buf, size_t extra)
{
    size_t used = buf->end - buf->begin;
    size_t capacity = buf->capacity < SMALLEST ? SMALLEST : buf->capacity;
    char *data;

    if (buf->capacity - buf->end >= extra) {
        return 0;
    }
    if (extra > SIZE_MAX / 2 - used) {
        return ENOMEM;
    }
    if (buf->begin > 0) {
        memmove(buf->data, buf->data + buf->begin, used);
        buf->begin = 0;
        buf->end = used;
        if (buf->capacity - used >= extra) {
            return 0;
        }
    }
    while (capacity - used < extra) {
        capacity *= 2; /* used + extra ≤ SIZE_MAX / 2: no overflow */
    }
    data = realloc(buf->data, capacity);
    if (data == NULL) {
        return ENOMEM;
    }
    buf->data = data;
    buf->capacity = capacity;
    return 0;
}

int
cask_buf_add(struct cask_buf *buf, const void *data, size_t len)
{
    int status;

    if (len == 0) {
        return 0;
    }
    status = cask_buf_reserve(buf, len);
    if (status != 0) {
        return status;
    }
    memcpy(buf->data + buf->end, data, len);
    buf->end += len;
    return 0;
}

void
cask_buf_consume(struct cask_buf *buf, size_t len)
{
    if (len >= buf->end - buf->begin) {
        buf->begin = 0;
        buf->end = 0;
        return;
    }
    buf->begin += len;
}
