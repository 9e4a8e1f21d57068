/* SPDX-License-Identifier: Apache-2.0 */
/* apache/owned_bucket.c - a bucket that refers to somebody else's bytes.
 *
 * Owns:    a shared, counted record per run of bytes; it keeps the bytes until the last bucket
 * goes. Touches: APR's buckets. Threads: as every bucket: one thread at a time. release() is called
 * wherever the last one dies.
 */
#include "apache/owned_bucket.h"

struct owned_bytes {
    apr_bucket_refcount refcount; /* first: apr_bucket_shared_make() asks for it */
    const char *data;
    void (*release)(void *owner);
    void *owner;
};

static void
owned_destroy(void *bucket_data)
{
    struct owned_bytes *bytes = bucket_data;

    if (apr_bucket_shared_destroy(bytes)) {
        bytes->release(bytes->owner);
        apr_bucket_free(bytes);
    }
}

static apr_status_t
owned_read(apr_bucket *bucket, const char **ret_data, apr_size_t *ret_len, apr_read_type_e block)
{
    const struct owned_bytes *bytes = bucket->data;

    (void)block;
    *ret_data = bytes->data + bucket->start;
    *ret_len = bucket->length;
    return APR_SUCCESS;
}

static const apr_bucket_type_t owned_type = {
    .name = "CASK_OWNED",
    .num_func = 5,
    .is_metadata = APR_BUCKET_DATA,
    .destroy = owned_destroy,
    .read = owned_read,
    .setaside = apr_bucket_setaside_noop,
    .split = apr_bucket_shared_split,
    .copy = apr_bucket_shared_copy,
};

apr_bucket *
cask_owned_bucket_create(const char *data, size_t len, void (*release)(void *owner), void *owner,
                         apr_bucket_alloc_t *list)
{
    apr_bucket *bucket = apr_bucket_alloc(sizeof(*bucket), list);
    struct owned_bytes *bytes = apr_bucket_alloc(sizeof(*bytes), list);

    APR_BUCKET_INIT(bucket);
    bucket->free = apr_bucket_free;
    bucket->list = list;
    bytes->data = data;
    bytes->release = release;
    bytes->owner = owner;
    bucket = apr_bucket_shared_make(bucket, bytes, 0, len);
    bucket->type = &owned_type;
    return bucket;
}
