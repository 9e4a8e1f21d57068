/* SPDX-License-Identifier: Apache-2.0 */
/* apache/expand.c - names with %{…} in them.
 *
 * Owns:    nothing; results live in the pool given.
 * Touches: APR strings only, no httpd call: tested without a server.
 * Threads: any.
 *
 * The port in a name is the configured one, never that of the Host header: a client must not be
 * able to make names, for each new application group is a new interpreter.
 */
#include "apache/expand.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#define ENV_PREFIX     "%{ENV:"
#define ENV_PREFIX_LEN (sizeof(ENV_PREFIX) - 1)

/* The name in "%{ENV:name}"; NULL when value is something else. */
static const char *
variable_of(const char *value, apr_pool_t *pool)
{
    size_t len = strlen(value);

    if (strncmp(value, ENV_PREFIX, ENV_PREFIX_LEN) != 0 || len <= ENV_PREFIX_LEN + 1 ||
        value[len - 1] != '}') {
        return NULL;
    }
    return apr_pstrmemdup(pool, value + ENV_PREFIX_LEN, len - ENV_PREFIX_LEN - 1);
}

/* name:port, or the name alone for a usual port. Runs for most requests, so no printf. */
static const char *
with_port(const char *name, unsigned port, apr_pool_t *pool)
{
    char digits[16];
    size_t at = sizeof(digits);

    if (port == 0 || port == 80 || port == 443) {
        return name;
    }
    at--;
    digits[at] = '\0';
    for (; port != 0; port /= 10) {
        at--;
        digits[at] = (char)('0' + port % 10);
    }
    at--;
    digits[at] = ':';
    return apr_pstrcat(pool, name, digits + at, NULL);
}

static const char *
server_of(const struct cask_expand_facts *facts, apr_pool_t *pool)
{
    const char *name = facts->server_name != NULL ? facts->server_name : "";

    return with_port(name, facts->port, pool);
}

char *
cask_expand_script_name(const char *uri, const char *path_info, apr_pool_t *pool)
{
    size_t len = strlen(uri);
    size_t tail = path_info != NULL ? strlen(path_info) : 0;
    char *name = apr_palloc(pool, len + 1);
    size_t used = 0;

    /* A target that ends in '/' adds a '/' to the path info that the URL does not have. */
    while (tail > 0 && len > 0 && uri[len - 1] == path_info[tail - 1]) {
        len--;
        tail--;
    }
    if (tail > 0) { /* met in the middle of a component: the whole of it belongs to the script */
        while (uri[len] != '\0' && uri[len] != '/') {
            len++;
        }
    }
    for (size_t i = 0; i < len; i++) {
        if (uri[i] != '/' || used == 0 || name[used - 1] != '/') {
            name[used] = uri[i];
            used++;
        }
    }
    name[used] = '\0';
    return name;
}

/* Everything but %{ENV:x}. */
static const char *
expand_plain(const char *value, const struct cask_expand_facts *facts, apr_pool_t *pool)
{
    if (strcmp(value, "%{RESOURCE}") == 0) {
        char *name = cask_expand_script_name(facts->uri, facts->path_info, pool);

        for (char *at = name; facts->lower_case && *at != '\0'; at++) {
            *at = (char)apr_tolower(*at);
        }
        return apr_pstrcat(pool, server_of(facts, pool), "|", name, NULL);
    }
    if (strcmp(value, "%{GLOBAL}") == 0) {
        return "";
    }
    if (strcmp(value, "%{SERVER}") == 0) {
        return server_of(facts, pool);
    }
    if (strcmp(value, "%{HOST}") == 0) {
        return facts->host != NULL && *facts->host != '\0'
                   ? with_port(facts->host, facts->port, pool)
                   : server_of(facts, pool);
    }
    return value;
}

const char *
cask_expand_group(const char *value, const struct cask_expand_facts *facts, apr_pool_t *pool)
{
    const char *variable;

    if (value[0] != '%') {
        return value;
    }
    variable = variable_of(value, pool);
    if (variable == NULL) {
        return expand_plain(value, facts, pool);
    }
    value = facts->lookup(facts->context, variable);
    if (value == NULL || value[0] != '%') {
        return value;
    }
    if (variable_of(value, pool) != NULL || cask_expand_is_unknown(value)) {
        return NULL; /* no interpreter is to be called %{ENV:x} */
    }
    return expand_plain(value, facts, pool); /* once: a variable may hold %{GLOBAL} */
}

const char *
cask_expand_callable(const char *value, const struct cask_expand_facts *facts, apr_pool_t *pool)
{
    const char *variable = value[0] == '%' ? variable_of(value, pool) : NULL;

    if (variable == NULL) {
        return value;
    }
    value = facts->lookup(facts->context, variable);
    return value != NULL && *value != '\0' ? value : "application";
}

bool
cask_expand_is_literal(const char *value)
{
    return strstr(value, "%{") == NULL || strcmp(value, "%{GLOBAL}") == 0;
}

bool
cask_expand_is_embedded(const char *value)
{
    return *value == '\0' || strcmp(value, "%{GLOBAL}") == 0;
}

bool
cask_expand_is_unknown(const char *value)
{
    static const char *const known[] = {"%{GLOBAL}", "%{SERVER}", "%{HOST}", "%{RESOURCE}"};
    size_t len = strlen(value);

    if (strncmp(value, "%{", 2) != 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(value, known[i]) == 0) {
            return false;
        }
    }
    return strncmp(value, ENV_PREFIX, ENV_PREFIX_LEN) != 0 || len <= ENV_PREFIX_LEN + 1 ||
           value[len - 1] != '}';
}
