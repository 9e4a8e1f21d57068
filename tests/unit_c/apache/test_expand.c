/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/apache/test_expand.c - names with %{…} in them. */
#include "apache/expand.h"

#include <apr_general.h>
#include <apr_pools.h>

#include <string.h>

#include "unit.h"

static const char *
look_up(void *context, const char *name)
{
    (void)context;
    if (strcmp(name, "NAME") == 0) {
        return "blog";
    }
    if (strcmp(name, "GLOBAL") == 0) {
        return "%{GLOBAL}";
    }
    if (strcmp(name, "AGAIN") == 0) {
        return "%{ENV:NAME}";
    }
    if (strcmp(name, "EMPTY") == 0) {
        return "";
    }
    return NULL;
}

static const struct cask_expand_facts facts = {
    .server_name = "one.example",
    .host = "two.example",
    .port = 8080,
    .uri = "/p//a/b",
    .path_info = "/a/b",
    .lookup = look_up,
};

static apr_pool_t *
pool_new(void)
{
    apr_pool_t *pool = NULL;

    CHECK_INT(apr_initialize(), 0);
    CHECK_INT(apr_pool_create(&pool, NULL), 0);
    return pool;
}

static void
test_group(void)
{
    static const struct {
        const char *value;
        const char *name;
    } table[] = {
        {"blog", "blog"},
        {"", ""},
        {"%{GLOBAL}", ""},
        {"%{SERVER}", "one.example:8080"},
        {"%{HOST}", "two.example:8080"},
        {"%{RESOURCE}", "one.example:8080|/p/"},
        {"%{ENV:NAME}", "blog"},
        {"%{ENV:GLOBAL}", ""},
        {"%{ENV:AGAIN}", NULL}, /* once only */
        {"%{ENV:EMPTY}", ""},
        {"%{ENV:NONE}", NULL},
        {"a-%{SERVER}", "a-%{SERVER}"}, /* as a whole or not at all */
        {"%{SERVER}x", "%{SERVER}x"},
        {"%{server}", "%{server}"},
        {"%{ENV:}", "%{ENV:}"},
        {"%", "%"},
    };
    apr_pool_t *pool = pool_new();

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const char *name = cask_expand_group(table[i].value, &facts, pool);

        if (table[i].name == NULL) {
            CHECK(name == NULL);
        } else {
            CHECK_STR(name, table[i].name);
        }
    }
    apr_pool_destroy(pool);
}

static void
test_port(void)
{
    static const unsigned plain[] = {0, 80, 443};
    struct cask_expand_facts other = facts;
    apr_pool_t *pool = pool_new();

    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        other.port = plain[i];
        CHECK_STR(cask_expand_group("%{SERVER}", &other, pool), "one.example");
    }
    other.host = NULL;
    CHECK_STR(cask_expand_group("%{HOST}", &other, pool), "one.example");
    other.host = "";
    CHECK_STR(cask_expand_group("%{HOST}", &other, pool), "one.example");
    other.server_name = NULL;
    CHECK_STR(cask_expand_group("%{SERVER}", &other, pool), "");
    apr_pool_destroy(pool);
}

static void
test_callable(void)
{
    apr_pool_t *pool = pool_new();

    CHECK_STR(cask_expand_callable("app", &facts, pool), "app");
    CHECK_STR(cask_expand_callable("%{ENV:NAME}", &facts, pool), "blog");
    CHECK_STR(cask_expand_callable("%{ENV:NONE}", &facts, pool), "application");
    CHECK_STR(cask_expand_callable("%{ENV:EMPTY}", &facts, pool), "application");
    CHECK_STR(cask_expand_callable("%{GLOBAL}", &facts, pool), "%{GLOBAL}");
    apr_pool_destroy(pool);
}

static void
test_script_name(void)
{
    static const struct {
        const char *uri;
        const char *path_info;
        const char *name;
    } table[] = {
        {"/p", NULL, "/p"},
        {"/p", "", "/p"},
        {"/p/a", "/a", "/p"},
        {"/p//a", "//a", "/p"},
        {"//p/a", "/a", "/p"},
        {"/t", "/", "/t"}, /* target with '/' */
        {"/", "/", ""},
        {"/a/b", "/a/b", ""},
        {"/mm/x/a", "/x/a", "/mm"},
        {"/app/b", "/b/b", "/app"},
        {"/idx/", NULL, "/idx/"},
    };
    apr_pool_t *pool = pool_new();

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        CHECK_STR(cask_expand_script_name(table[i].uri, table[i].path_info, pool), table[i].name);
    }
    apr_pool_destroy(pool);
}

static void
test_kinds(void)
{
    CHECK(cask_expand_is_literal("blog"));
    CHECK(cask_expand_is_literal("%{GLOBAL}"));
    CHECK(cask_expand_is_literal(""));
    CHECK(!cask_expand_is_literal("%{SERVER}"));
    CHECK(!cask_expand_is_literal("%{ENV:X}"));
    CHECK(cask_expand_is_unknown("%{FOO}"));
    CHECK(cask_expand_is_unknown("%{ENV:}"));
    CHECK(cask_expand_is_unknown("%{GLOBAL"));
    CHECK(!cask_expand_is_unknown("%{RESOURCE}"));
    CHECK(!cask_expand_is_unknown("%{ENV:X}"));
    CHECK(!cask_expand_is_unknown("blog"));
}

const struct unit_test unit_tests[] = {
    {"process and application groups", test_group, 0},
    {"the port is shown unless it is the usual one", test_port, 0},
    {"callables", test_callable, 0},
    {"script names", test_script_name, 0},
    {"literal and unknown names", test_kinds, 0},
    {0},
};
