/* SPDX-License-Identifier: Apache-2.0 */
/* apache/owned_bucket.h - a bucket that refers to somebody else's bytes, and says when it no longer
 * needs them. */
#ifndef CASK_APACHE_OWNED_BUCKET_H
#define CASK_APACHE_OWNED_BUCKET_H

#include <apr_buckets.h>

#include <stddef.h>

/* A bucket of len bytes at data; release(owner) is called once, by whichever thread destroys the
 * last bucket that refers to them (a bucket may be copied and split). The bytes do not depend on
 * any pool, so setting the bucket aside costs nothing. */
apr_bucket *cask_owned_bucket_create(const char *data, size_t len, void (*release)(void *owner),
                                     void *owner, apr_bucket_alloc_t *list);

#endif
