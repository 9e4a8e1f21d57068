/* SPDX-License-Identifier: Apache-2.0 */
/* apache/words.h - the line of a directive as words of name=value. */
#ifndef CASK_APACHE_WORDS_H
#define CASK_APACHE_WORDS_H

#include <apr_pools.h>

/* One word of name=value; NULL, or what is wrong with it. *line is moved behind it and any white
 * space. The value may be quoted. */
const char *cask_words_option(const char **line, const char **ret_name, const char **ret_value,
                              apr_pool_t *pool);

#endif
