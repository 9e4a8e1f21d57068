/* SPDX-License-Identifier: Apache-2.0 */
/* apache/values.h - values of the configuration language: strict, and errors that say
 * what is allowed.
 *
 * Parsers return NULL, or what is allowed instead ("a whole number from 1 to 1000"), for a message
 * of cask_values_refuse(). Outputs are set only on success.
 */
#ifndef CASK_APACHE_VALUES_H
#define CASK_APACHE_VALUES_H

#include <apr_pools.h>

#include <stddef.h>
#include <stdint.h>

/* On or Off in any case: 1 or 0. */
const char *cask_values_flag(const char *text, int *ret_flag);
/* Decimal digits only, a '-' before them where low is below 0. low and high are inclusive. */
const char *cask_values_integer(const char *text, int64_t low, int64_t high, int64_t *ret_number,
                                apr_pool_t *pool);
/* A whole number of bytes, or one with K, M or G (powers of 1024) behind it. */
const char *cask_values_size(const char *text, int64_t low, int64_t high, int64_t *ret_bytes,
                             apr_pool_t *pool);
/* "64K", "1G", "1000": the shortest exact way to write a size. */
const char *cask_values_size_text(int64_t bytes, apr_pool_t *pool);
/* One of `names`, in any case: its index. */
const char *cask_values_choice(const char *text, const char *const *names, size_t n_names,
                               size_t *ret_index, apr_pool_t *pool);
/* Of hashes: "random" (CASK_ENGINE_SEED_RANDOM) or a number. */
const char *cask_values_seed(const char *text, int64_t *ret_seed, apr_pool_t *pool);
/* Octal digits only, 0 to 0777. */
const char *cask_values_octal(const char *text, int *ret_number);
/* A number, perhaps with a decimal fraction, with ms, s, m or h behind it; without, seconds. low,
 * high and result are microseconds. */
const char *cask_values_time(const char *text, int64_t low_us, int64_t high_us, int64_t *ret_us,
                             apr_pool_t *pool);
/* "500ms", "15s", "5m": the shortest exact way to write a time. */
const char *cask_values_time_text(int64_t time_us, apr_pool_t *pool);

/* The name among `names` that was probably meant by `word`; NULL when none is near. */
const char *cask_values_nearest(const char *word, const char *const *names, size_t n_names,
                                apr_pool_t *pool);

/* "WSGIDaemonProcess: threads=abc: allowed is a whole number …". option may be NULL. */
const char *cask_values_refuse(const char *directive, const char *option, const char *word,
                               const char *allowed, apr_pool_t *pool);
/* "one, two, three". */
const char *cask_values_list(const char *const *names, size_t n_names, apr_pool_t *pool);
/* "WSGIDaemonProcess: unknown option 'thread', did you mean 'threads'? Options are: …". */
const char *cask_values_unknown(const char *directive, const char *word, const char *const *names,
                                size_t n_names, apr_pool_t *pool);

#endif
