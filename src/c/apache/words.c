/* SPDX-License-Identifier: Apache-2.0 */
/* apache/words.c - the line of a directive as words of name=value.
 *
 * Owns:    nothing; results live in the pool given.
 * Touches: httpd's word splitter, so that quotes mean what they mean everywhere.
 * Threads: any.
 */
#include "apache/words.h"

#include <httpd.h>
#include <apr_strings.h>

#include <string.h>

const char *
cask_words_option(const char **line, const char **ret_name, const char **ret_value,
                  apr_pool_t *pool)
{
    const char *at = *line;
    size_t name_len = strcspn(at, "= \t");
    const char *name = apr_pstrmemdup(pool, at, name_len);
    const char *value;

    if (at[name_len] != '=' || name_len == 0) {
        return apr_psprintf(pool, "'%s' is not of the form name=value (no space around '=')", name);
    }
    at += name_len + 1;
    if (*at == '\0' || *at == ' ' || *at == '\t') {
        return apr_psprintf(pool, "%s= has no value (no space around '=')", name);
    }
    value = ap_getword_conf(pool, &at);
    if (*value == '\0') {
        return apr_psprintf(pool, "%s= has an empty value", name);
    }
    *line = at;
    *ret_name = name;
    *ret_value = value;
    return NULL;
}
