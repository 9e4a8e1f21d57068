/* SPDX-License-Identifier: Apache-2.0 */
/* apache/prefix.c - does a URL path begin with an alias?
 *
 * Owns:    nothing. Pure: no httpd, no allocation.
 * Touches: nothing.
 * Threads: any.
 */
#include "apache/prefix.h"

#include <string.h>

size_t
cask_prefix_match(const char *uri, const char *alias)
{
    const char *at = uri;
    char last = '\0';

    while (*alias != '\0') {
        last = *alias;
        if (*at != *alias) {
            return 0;
        }
        if (*alias == '/') {
            at += strspn(at, "/");
            alias += strspn(alias, "/");
        } else {
            at++;
            alias++;
        }
    }
    if (last != '/' && *at != '\0' && *at != '/') {
        return 0; /* in the middle of a component */
    }
    return (size_t)(at - uri);
}
