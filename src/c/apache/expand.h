/* SPDX-License-Identifier: Apache-2.0 */
/* apache/expand.h - names with %{GLOBAL}, %{SERVER}, %{HOST}, %{RESOURCE} and %{ENV:x} in them. */
#ifndef CASK_APACHE_EXPAND_H
#define CASK_APACHE_EXPAND_H

#include <apr_pools.h>

#include <stdbool.h>

/* What a name can be made of. Strings are borrowed; the results may point to them. */
struct cask_expand_facts {
    const char *server_name; /* ServerName of the virtual host */
    const char *host;        /* of the request; NULL or "": server_name */
    unsigned port;           /* configured port; not shown for 0, 80 and 443 */
    const char *uri;         /* decoded path of the URL */
    const char *path_info;   /* its tail behind the script; may be NULL */
    bool lower_case;         /* WSGICaseSensitivity Off: script names that differ in case are one */
    /* The value of a variable for %{ENV:name}, or NULL. */
    const char *(*lookup)(void *context, const char *name);
    void *context;
};

/* A process or application group. Only a value that begins with '%' is expanded, and as a whole; an
 * unknown %{…} stands for itself. NULL when the variable of %{ENV:x} is not set, or holds a %{…}
 * that is another variable or unknown. */
const char *cask_expand_group(const char *value, const struct cask_expand_facts *facts,
                              apr_pool_t *pool);
/* A callable: %{ENV:x} only; "application" when the variable is not set. */
const char *cask_expand_callable(const char *value, const struct cask_expand_facts *facts,
                                 apr_pool_t *pool);
/* The name does not depend on the request: no %{…} but %{GLOBAL}. */
bool cask_expand_is_literal(const char *value);
/* The group of embedded mode, and the main interpreter: "" or %{GLOBAL}. */
bool cask_expand_is_embedded(const char *value);
/* A %{…} that cask_expand_group() does not know. */
bool cask_expand_is_unknown(const char *value);

/* uri without the path_info at its end, runs of '/' made one. The caller's to change. */
char *cask_expand_script_name(const char *uri, const char *path_info, apr_pool_t *pool);

#endif
