/* SPDX-License-Identifier: Apache-2.0 */
/* platform/logtext.h - what of a text may be written into a log file as it is.
 *
 * Text of applications may hold anything, also what a client sent. In a log it must not begin a new
 * line or steer a terminal; apart from that it is left as it is, so that UTF-8 stays readable and a
 * line of JSON stays JSON. Pure functions.
 */
#ifndef CASK_PLATFORM_LOGTEXT_H
#define CASK_PLATFORM_LOGTEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes that one byte of text becomes at most. */
#define CASK_LOGTEXT_GROWTH 4u

/* Copies as much of the text as fits behind *out_len: control characters but TAB and bytes that are
 * no UTF-8 become \xNN. Returns the bytes of `text` used; a character is never cut in two. */
size_t cask_logtext_put(char *out, size_t size, size_t *out_len, const char *text, size_t len);
/* Only printable ASCII and TAB, no backslash: looks the same in any encoding and after any
 * escaping.
 */
bool cask_logtext_is_plain(const char *text, size_t len);
/* The longest beginning of at most `limit` bytes that does not end inside a character. */
size_t cask_logtext_cut(const char *text, size_t len, size_t limit);

#endif
