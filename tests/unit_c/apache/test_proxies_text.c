/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/apache/test_proxies_text.c - addresses, networks, lists and Forwarded as texts. */
#include "apache/proxies_text.h"

#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>

#include <string.h>

#include "unit.h"

static apr_pool_t *pool;

static void
begin(void)
{
    CHECK_INT(apr_initialize(), 0);
    CHECK_INT(apr_pool_create(&pool, NULL), 0);
}

static void
end(void)
{
    apr_pool_destroy(pool);
}

static bool
address_of(const char *text, struct cask_proxies_address *ret_address)
{
    struct cask_proxies_item item = {text, strlen(text)};

    return cask_proxies_text_address(&item, ret_address);
}

static void
test_addresses(void)
{
    static const struct {
        const char *text;
        const char *wanted; /* NULL: no address */
    } rows[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"192.0.2.1:80", "192.0.2.1"},
        {"192.0.2.1:65535", "192.0.2.1"},
        {"192.0.2.1:_obfuscated.port-1", "192.0.2.1"},
        {"2001:db8::1", "2001:db8::1"},
        {"2001:DB8:0:0::1", "2001:db8::1"},
        {"[2001:DB8::1]", "2001:db8::1"},
        {"[2001:db8::1]:8080", "2001:db8::1"},
        {"::1", "::1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"[::FFFF:c000:201]:1", "192.0.2.1"},
        {"", NULL},
        {"unknown", NULL},
        {"_hidden", NULL},
        {"localhost", NULL},
        {"example.com", NULL},
        {"example.com:80", NULL},
        {"192.0.2", NULL},
        {"192.0.2.256", NULL},
        {"192.0.2.01", NULL},
        {"0x7f.0.0.1", NULL},
        {"3221225985", NULL},
        {"192.0.2.1 ", NULL},
        {"192.0.2.1:", NULL},
        {"192.0.2.1:x", NULL},
        {"192.0.2.1:123456", NULL},
        {"192.0.2.1:_", NULL},
        {"192.0.2.1:80:80", NULL},
        {"192.0.2.0/24", NULL},
        {"[192.0.2.1]", NULL},
        {"[2001:db8::1", NULL},
        {"[2001:db8::1]x", NULL},
        {"[2001:db8::1]:", NULL},
        {"2001:db8::1]", NULL},
        {"[]", NULL},
        {":", NULL},
        {"::", "::"},
        {":::", NULL},
        {"fe80::1%eth0", NULL},
        {"2001:db8::1::", NULL},
        {"1111:2222:3333:4444:5555:6666:7777:8888:9999", NULL},
        {"<script>", NULL},
        {"\"192.0.2.1\"", NULL},
    };

    begin();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cask_proxies_address address;
        bool good = address_of(rows[i].text, &address);

        CHECK_STR(good ? cask_proxies_text_of(&address, pool) : "none",
                  rows[i].wanted != NULL ? rows[i].wanted : "none");
    }
    end();
}

static void
test_subnets(void)
{
    static const char *const bad[] = {
        "",           "localhost",         "proxy.example",      "300.1.1.1",      "1.2.3.4.5",
        "1.2.3.4/33", "1.2.3.4/x",         "1.2.3.4/",           "2001:db8::/129", "2001:db8::g",
        "[::1]",      "::ffff:1.2.3.4/95", "::ffff:1.2.3.4/1e9", "192.0.2.1:80",   "1.2.3.4 "};
    static const struct {
        const char *subnet;
        const char *inside;
        const char *outside;
    } rows[] = {
        {"10.0.0.0/8", "10.255.0.1", "11.0.0.1"},
        {"10.1.2.3", "10.1.2.3", "10.1.2.4"},
        {"10.1.2", "10.1.2.200", "10.1.3.1"},
        {"10.0.0.0/255.255.0.0", "10.0.9.9", "10.1.0.0"},
        {"::1", "::1", "::2"},
        {"2001:DB8::/32", "2001:db8:ffff::1", "2001:db9::1"},
        {"FD00::/8", "fdff::1", "fe00::1"},
        {"::ffff:10.0.0.0/104", "10.1.1.1", "11.1.1.1"},
        {"::ffff:10.0.0.1", "::ffff:10.0.0.1", "10.0.0.2"},
        {"10.0.0.0/8", "::ffff:10.2.2.2", "2001:db8::1"},
        {"2001:db8::/32", "2001:db8::1", "10.0.0.1"},
    };

    begin();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        apr_ipsubnet_t *subnet = NULL;
        const char *allowed = cask_proxies_text_subnet(bad[i], &subnet, pool);

        CHECK_STR(allowed != NULL ? bad[i] : apr_pstrcat(pool, bad[i], " is accepted", NULL),
                  bad[i]);
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        apr_array_header_t *list = apr_array_make(pool, 1, sizeof(apr_ipsubnet_t *));
        struct cask_proxies_address address;

        CHECK(cask_proxies_text_subnet(rows[i].subnet, apr_array_push(list), pool) == NULL);
        CHECK(address_of(rows[i].inside, &address));
        CHECK(cask_proxies_text_is_in(&address, list));
        CHECK(address_of(rows[i].outside, &address));
        CHECK(!cask_proxies_text_is_in(&address, list));
    }
    end();
}

static void
check_split(const char *text, bool quoted, const char *wanted)
{
    apr_array_header_t *items = cask_proxies_text_split(text, quoted, pool);
    const char *got = "";

    for (int i = 0; i < items->nelts; i++) {
        const struct cask_proxies_item *item = &((struct cask_proxies_item *)items->elts)[i];

        got = apr_pstrcat(pool, got, "|", apr_pstrmemdup(pool, item->data, item->len), NULL);
    }
    CHECK_STR(got, wanted);
}

static void
test_split(void)
{
    begin();
    check_split("", false, "");
    check_split(" , ,\t", false, "");
    check_split("a", false, "|a");
    check_split(" a , b b,, c ", false, "|c|b b|a");
    check_split("\"a,b\",c", false, "|c|b\"|\"a");
    check_split("\"a,b\",c", true, "|c|\"a,b\"");
    check_split("\"a\\\",b\",c", true, "|c|\"a\\\",b\"");
    /* an open quote on the left does not reach what stands on the right */
    check_split("for=\"a, for=1.2.3.4", true, "|for=1.2.3.4|for=\"a");
    check_split("\", x=\"1\"", true, "|x=\"1\"|\"");
    end();
}

static const char *
pair(const char *element, const char *name)
{
    struct cask_proxies_item item = {element, strlen(element)};

    return cask_proxies_text_pair(&item, name, pool);
}

static void
test_pairs(void)
{
    static const char *const bad[] = {
        "for",       "for=",       "for=;proto=http", "for=a;for=b", "for=a b", "=a",     "for=\"a",
        "for=\"a\\", "for=\"a\"b", "for=a\"",         "for=a;proto", "for=a/b", "f(or=a", "for =a"};

    begin();
    CHECK_STR(pair("for=192.0.2.1", "for"), "192.0.2.1");
    CHECK_STR(pair("FOR=192.0.2.1;Proto=https", "proto"), "https");
    CHECK_STR(pair(";; for=a ; proto=b;", "proto"), "b");
    CHECK_STR(pair("for=\"[2001:db8::1]:80\"", "for"), "[2001:db8::1]:80");
    CHECK_STR(pair("for=[2001:db8::1]", "for"), "[2001:db8::1]");
    CHECK_STR(pair("host=\"a\\\"b\\\\c\"", "host"), "a\"b\\c");
    CHECK_STR(pair("host=\"\"", "host"), "");
    CHECK(pair("for=a", "host") == NULL);
    CHECK(pair("", "for") == NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(pair(bad[i], "for") == NULL);
    }
    end();
}

const struct unit_test unit_tests[] = {
    {"addresses", test_addresses, 0},
    {"networks", test_subnets, 0},
    {"lists", test_split, 0},
    {"elements of Forwarded", test_pairs, 0},
    {0},
};
