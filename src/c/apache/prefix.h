/* SPDX-License-Identifier: Apache-2.0 */
/* apache/prefix.h - does a URL path begin with an alias? */
#ifndef CASK_APACHE_PREFIX_H
#define CASK_APACHE_PREFIX_H

#include <stddef.h>

/* Length of the part of uri that the alias covers; 0: no match. A run of '/' on one side matches
 * any run on the other; the match ends at the end of a component. */
size_t cask_prefix_match(const char *uri, const char *alias);

#endif
