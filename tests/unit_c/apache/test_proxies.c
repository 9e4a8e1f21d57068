/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/apache/test_proxies.c - what forwarding headers say, and who is believed. */
#include "apache/proxies.h"
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

/* "a,b" as an array of words. */
static apr_array_header_t *
words(const char *text)
{
    apr_array_header_t *list = apr_array_make(pool, 2, sizeof(char *));
    char *rest = apr_pstrdup(pool, text);
    char *word;

    while ((word = strsep(&rest, ",")) != NULL) {
        *(const char **)apr_array_push(list) = word;
    }
    return list;
}

static apr_array_header_t *
subnets(const char *text)
{
    apr_array_header_t *names = words(text);
    apr_array_header_t *list = apr_array_make(pool, 2, sizeof(apr_ipsubnet_t *));

    for (int i = 0; i < names->nelts; i++) {
        apr_ipsubnet_t **subnet = apr_array_push(list);

        CHECK(cask_proxies_text_subnet(((const char **)names->elts)[i], subnet, pool) == NULL);
    }
    return list;
}

static bool
address_of(const char *text, struct cask_proxies_address *ret_address)
{
    struct cask_proxies_item item = {text, strlen(text)};

    return cask_proxies_text_address(&item, ret_address);
}

static void
test_names(void)
{
    begin();
    CHECK_STR(cask_proxies_name("X-Forwarded-For", pool), "x-forwarded-for");
    CHECK_STR(cask_proxies_name("X_Forwarded_For", pool), "x-forwarded-for");
    CHECK(cask_proxies_name("", pool) == NULL);
    CHECK(cask_proxies_name("X Forwarded", pool) == NULL);
    CHECK(cask_proxies_name("X.Forwarded", pool) == NULL);
    CHECK(cask_proxies_name("X-Forwarded-F\xc3\xb6r", pool) == NULL);
    CHECK(cask_proxies_find("X-FORWARDED-FOR", 15) >= 0);
    CHECK(cask_proxies_find("forwarded", 9) >= 0);
    CHECK(cask_proxies_find("x-forwarded", 11) < 0);
    CHECK(cask_proxies_find("host", 4) < 0);
    end();
}

/* One request: what the configuration names, whom it trusts (NULL: everybody), where the request
 * comes from, its headers as "name: value" lines. */
static struct cask_proxies_view
look(const char *named, const char *trusted, const char *peer, const char *lines)
{
    struct cask_proxies_rules rules = {words(named), trusted != NULL ? subnets(trusted) : NULL};
    apr_table_t *headers = apr_table_make(pool, 4);
    struct cask_proxies_address address;
    struct cask_proxies_view view;
    char *rest = apr_pstrdup(pool, lines);
    char *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        char *colon = strchr(line, ':');

        if (colon != NULL) {
            apr_table_addn(headers, apr_pstrmemdup(pool, line, (size_t)(colon - line)), colon + 2);
        }
    }
    CHECK(address_of(peer, &address));
    cask_proxies_look(&rules, &address, headers, &view, pool);
    return view;
}

static bool
hides(const struct cask_proxies_view *view, const char *name)
{
    int number = cask_proxies_find(name, strlen(name));

    CHECK(number >= 0);
    return (view->hidden & (1u << number)) != 0;
}

static const char *
shows(const struct cask_proxies_view *view, const char *name)
{
    return view->shown[cask_proxies_find(name, strlen(name))];
}

static void
test_chains(void)
{
    static const struct {
        const char *header;
        const char *client; /* NULL: unchanged */
        const char *shown;  /* NULL: hidden */
    } rows[] = {
        {"1.1.1.1, 2.2.2.2, 10.0.0.5", "2.2.2.2", "2.2.2.2, 10.0.0.5"},
        {"10.0.0.9, 10.0.0.5", "10.0.0.9", "10.0.0.9, 10.0.0.5"},
        {"1.1.1.1", "1.1.1.1", "1.1.1.1"},
        {"10.0.0.5", "10.0.0.5", "10.0.0.5"},
        {"1.1.1.1,2.2.2.2", "2.2.2.2", "2.2.2.2"},
        {"1.1.1.1,,2.2.2.2 , 127.0.0.1,", "2.2.2.2", "2.2.2.2, 127.0.0.1"},
        {"1.1.1.1:4444", "1.1.1.1", "1.1.1.1:4444"},
        {"1.1.1.1, unknown, 10.0.0.5", "10.0.0.5", "10.0.0.5"},
        {"1.1.1.1, evil.example, 10.0.0.5, 10.0.0.6", "10.0.0.5", "10.0.0.5, 10.0.0.6"},
        {"unknown", NULL, NULL},
        {"1.1.1.1, unknown", NULL, NULL},
        {", ,", NULL, NULL},
        {"2001:db8::7, 10.0.0.5", "2001:db8::7", "2001:db8::7, 10.0.0.5"},
        {"[2001:DB8::7]:99, ::ffff:10.0.0.5", "2001:db8::7", "[2001:DB8::7]:99, ::ffff:10.0.0.5"},
        {"1.1.1.1, fd00::2, 10.0.0.5", "1.1.1.1", "1.1.1.1, fd00::2, 10.0.0.5"},
        {"127.0.0.1, 1.1.1.1", "1.1.1.1", "1.1.1.1"},
        {"' OR 1=1, 1.1.1.1", "1.1.1.1", "1.1.1.1"},
    };

    begin();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cask_proxies_view view =
            look("x-forwarded-for", "127.0.0.1,10.0.0.0/8,fd00::/8", "127.0.0.1",
                 apr_pstrcat(pool, "X-Forwarded-For: ", rows[i].header, NULL));

        CHECK_STR(view.client != NULL ? view.client : "none",
                  rows[i].client != NULL ? rows[i].client : "none");
        CHECK_INT(hides(&view, "x-forwarded-for"), rows[i].shown == NULL);
        if (rows[i].shown != NULL) {
            CHECK_STR(shows(&view, "x-forwarded-for"), rows[i].shown);
        }
        CHECK(hides(&view, "x-real-ip"));
        CHECK(hides(&view, "forwarded"));
        CHECK(!hides(&view, "x-forwarded-proto"));
    }
    end();
}

static void
test_everybody_is_believed(void)
{
    struct cask_proxies_view view;

    begin();
    view = look("x-forwarded-for,x-forwarded-proto", NULL, "9.9.9.9",
                "X-Forwarded-For: 1.1.1.1:5, 2.2.2.2\nX-Forwarded-Proto: https, http");
    CHECK_STR(view.client, "1.1.1.1");
    CHECK(shows(&view, "x-forwarded-for") == NULL); /* as it came */
    CHECK(!hides(&view, "x-forwarded-for"));
    CHECK_INT(view.https, 1);
    view = look("x-forwarded-for", NULL, "9.9.9.9", "X-Forwarded-For: nonsense, 2.2.2.2");
    CHECK(view.client == NULL);
    CHECK(hides(&view, "x-forwarded-for"));
    view = look("x-forwarded-for,forwarded", NULL, "9.9.9.9", "Forwarded: ,\nX-Forwarded-For: ,");
    CHECK(view.client == NULL);
    view = look("forwarded", NULL, "9.9.9.9", "Forwarded: for=1.1.1.1;proto=https, for=2.2.2.2");
    CHECK_STR(view.client, "1.1.1.1");
    CHECK_INT(view.https, 1);
    end();
}

static void
test_untrusted_peer(void)
{
    static const char every[] = "x-forwarded-for,x-forwarded-proto,x-forwarded-host,"
                                "x-forwarded-server,x-forwarded-port,x-script-name,forwarded";
    static const char lines[] =
        "X-Forwarded-For: 1.1.1.1\nX-Forwarded-Proto: https\nX-Forwarded-Host: evil.example\n"
        "X-Forwarded-Server: evil.example\nX-Forwarded-Port: 1\nX-Script-Name: /evil\n"
        "Forwarded: for=1.1.1.1;host=evil.example;proto=https";
    struct cask_proxies_view view;
    struct cask_proxies_rules rules;
    apr_table_t *headers;

    begin();
    view = look(every, "10.0.0.0/8", "9.9.9.9", lines);
    CHECK(view.client == NULL && view.host == NULL && view.server_name == NULL);
    CHECK(view.server_port == NULL && view.script_name == NULL && view.https == -1);
    CHECK_INT(view.hidden, 0xffff);
    view = look(every, "10.0.0.0/8", "10.1.1.1", lines);
    CHECK(view.client != NULL && view.host != NULL && view.server_name != NULL);
    CHECK(view.server_port != NULL && view.script_name != NULL && view.https == 1);
    /* an address that cannot be told is nobody's */
    rules = (struct cask_proxies_rules){words("x-forwarded-host"), subnets("0.0.0.0/1")};
    headers = apr_table_make(pool, 1);
    apr_table_setn(headers, "X-Forwarded-Host", "evil.example");
    cask_proxies_look(&rules, NULL, headers, &view, pool);
    CHECK(view.host == NULL && hides(&view, "x-forwarded-host"));
    end();
}

/* One header with one value, named alone, from a trusted proxy. */
static struct cask_proxies_view
one(const char *name, const char *value)
{
    return look(cask_proxies_name(name, pool), "127.0.0.1", "127.0.0.1",
                apr_pstrcat(pool, name, ": ", value, NULL));
}

static void
test_scheme(void)
{
    static const struct {
        const char *name;
        const char *value;
        int https;
    } rows[] = {
        {"X-Forwarded-Proto", "https", 1},
        {"X-Forwarded-Proto", "HTTPS", 1},
        {"X-Forwarded-Proto", "http", 0},
        {"X-Forwarded-Proto", "ftp", -1},
        {"X-Forwarded-Proto", "", -1},
        {"X-Forwarded-Proto", "https, http", 0},
        {"X-Forwarded-Proto", "evil,https", 1},
        {"X-Forwarded-Scheme", "https", 1},
        {"X-Scheme", "https", 1},
        {"X-Scheme", "on", -1},
        {"X-Forwarded-HTTPS", "on", 1},
        {"X-Forwarded-HTTPS", "Off", 0},
        {"X-Forwarded-SSL", "true", 1},
        {"X-Forwarded-SSL", "false", 0},
        {"X-HTTPS", "1", 1},
        {"X-HTTPS", "0", 0},
        {"X-HTTPS", "2", -1},
        {"X-HTTPS", "https", -1},
    };

    begin();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cask_proxies_view view = one(rows[i].name, rows[i].value);

        CHECK_INT(view.https, rows[i].https);
        CHECK_INT(hides(&view, rows[i].name), rows[i].https < 0);
        CHECK(view.client == NULL && view.host == NULL);
    }
    end();
}

static void
test_single_values(void)
{
    struct cask_proxies_view view;

    begin();
    view = one("X-Real-IP", "192.0.2.1");
    CHECK_STR(view.client, "192.0.2.1");
    view = one("X-Client-IP", "6.6.6.6, [2001:DB8::1]:9");
    CHECK_STR(view.client, "2001:db8::1");
    CHECK_STR(shows(&view, "x-client-ip"), "[2001:DB8::1]:9");
    view = one("X-Real-IP", "somebody");
    CHECK(view.client == NULL && hides(&view, "x-real-ip"));

    CHECK_STR(one("X-Forwarded-Host", "www.example").host, "www.example");
    CHECK_STR(one("X-Host", "www.example:8443").host, "www.example:8443");
    CHECK_STR(one("X-Forwarded-Host", "evil.example, www.example").host, "www.example");
    CHECK_STR(one("X-Forwarded-Host", "[2001:db8::1]:1").host, "[2001:db8::1]:1");
    CHECK(one("X-Forwarded-Host", "a b").host == NULL);
    CHECK(one("X-Forwarded-Host", "a/b").host == NULL);
    CHECK(one("X-Forwarded-Host", "a@b").host == NULL);
    CHECK(one("X-Forwarded-Host", "<b>").host == NULL);
    CHECK(one("X-Forwarded-Host", "").host == NULL);
    view = one("X-Forwarded-Server", "front.example");
    CHECK_STR(view.server_name, "front.example");
    CHECK(view.host == NULL);

    CHECK_STR(one("X-Forwarded-Port", "443").server_port, "443");
    CHECK_STR(one("X-Forwarded-Port", "1, 65535").server_port, "65535");
    CHECK(one("X-Forwarded-Port", "0").server_port == NULL);
    CHECK(one("X-Forwarded-Port", "65536").server_port == NULL);
    CHECK(one("X-Forwarded-Port", "443x").server_port == NULL);
    CHECK(one("X-Forwarded-Port", "-1").server_port == NULL);

    CHECK_STR(one("X-Script-Name", "/mounted/here").script_name, "/mounted/here");
    CHECK_STR(one("X-Forwarded-Script-Name", "/a,b").script_name, "/a,b");
    CHECK_STR(one("X-Script-Name", "").script_name, "");
    CHECK_STR(one("X-Script-Name", "/").script_name, "/");
    CHECK(one("X-Script-Name", "mounted").script_name == NULL);
    CHECK(one("X-Script-Name", "//evil.example").script_name == NULL);
    CHECK(one("X-Script-Name", "/\\evil.example").script_name == NULL);
    CHECK(one("X-Script-Name", "/evil, /good").script_name == NULL);
    CHECK(one("X-Script-Name", "/a\x7f").script_name == NULL);
    end();
}

static void
test_last_usable_header_wins(void)
{
    struct cask_proxies_view view;

    begin();
    view = look("x-forwarded-for,x-real-ip", "127.0.0.1", "127.0.0.1",
                "X-Forwarded-For: 1.1.1.1\nX-Real-IP: 2.2.2.2\nX-Client-IP: 3.3.3.3");
    CHECK_STR(view.client, "2.2.2.2");
    CHECK(!hides(&view, "x-real-ip"));
    CHECK(hides(&view, "x-forwarded-for"));
    CHECK(hides(&view, "x-client-ip"));
    view = look("x-real-ip,x-forwarded-for", "127.0.0.1", "127.0.0.1",
                "X-Forwarded-For: 1.1.1.1\nX-Real-IP: 2.2.2.2");
    CHECK_STR(view.client, "1.1.1.1");
    view = look("x-forwarded-for,x-real-ip", "127.0.0.1", "127.0.0.1",
                "X-Forwarded-For: 1.1.1.1\nX-Real-IP: nonsense");
    CHECK_STR(view.client, "1.1.1.1");
    CHECK(hides(&view, "x-real-ip"));
    view = look("x-forwarded-ssl,x-forwarded-proto", "127.0.0.1", "127.0.0.1",
                "X-Forwarded-SSL: on\nX-Forwarded-Proto: http");
    CHECK_INT(view.https, 0);
    view = look("no-such-header", "127.0.0.1", "127.0.0.1", "X-Forwarded-For: 1.1.1.1");
    CHECK_INT(view.hidden, 0);
    end();
}

/* Values that proxies appended to are taken from the outermost that is trusted. */
static void
test_depth(void)
{
    static const char named[] = "x-forwarded-proto,x-forwarded-host,x-forwarded-for";
    struct cask_proxies_view view;

    begin();
    view = look(named, "10.0.0.0/8", "10.0.0.1",
                "X-Forwarded-For: 6.6.6.6, 1.1.1.1, 10.0.0.2\n"
                "X-Forwarded-Proto: evil, https, http\n"
                "X-Forwarded-Host: evil.example, www.example, inner");
    CHECK_STR(view.client, "1.1.1.1");
    CHECK_INT(view.https, 1);
    CHECK_STR(view.host, "www.example");
    CHECK_STR(shows(&view, "x-forwarded-host"), "www.example");
    /* shorter lists: somebody sets instead of appending */
    view = look(named, "10.0.0.0/8", "10.0.0.1",
                "X-Forwarded-For: 1.1.1.1, 10.0.0.3, 10.0.0.2\nX-Forwarded-Proto: https, http");
    CHECK_INT(view.https, 1);
    /* without an address list only the nearest proxy is known */
    view = look(named, "10.0.0.0/8", "10.0.0.1", "X-Forwarded-Proto: https, http");
    CHECK_INT(view.https, 0);
    end();
}

static void
test_forwarded(void)
{
    struct cask_proxies_view view;

    begin();
    view = look("forwarded", "10.0.0.0/8,2001:db8:f::/48", "10.0.0.1",
                "Forwarded: for=6.6.6.6;host=evil.example, "
                "for=\"[2001:DB8::9]:7\";proto=https;host=\"www.example:81\", "
                "for=\"[2001:db8:f::1]\";proto=http, For=10.0.0.2\n"
                "X-Forwarded-For: 6.6.6.6\nX-Forwarded-Proto: http");
    CHECK_STR(view.client, "2001:db8::9");
    CHECK_STR(view.host, "www.example:81");
    CHECK_INT(view.https, 1);
    CHECK_STR(shows(&view, "forwarded"),
              "for=\"[2001:DB8::9]:7\";proto=https;host=\"www.example:81\", "
              "for=\"[2001:db8:f::1]\";proto=http, For=10.0.0.2");
    CHECK(!hides(&view, "forwarded"));
    CHECK(hides(&view, "x-forwarded-for") && hides(&view, "x-forwarded-proto"));
    CHECK(hides(&view, "x-forwarded-host"));

    /* the address is kept secret; what else its proxy says still holds */
    view = look("forwarded", "10.0.0.0/8", "10.0.0.1",
                "Forwarded: for=6.6.6.6;proto=http, for=_secret;proto=https;host=a.example");
    CHECK(view.client == NULL);
    CHECK_INT(view.https, 1);
    CHECK_STR(view.host, "a.example");
    CHECK_STR(shows(&view, "forwarded"), "for=_secret;proto=https;host=a.example");

    /* a client's open quote swallows nothing */
    view = look("forwarded", "10.0.0.0/8", "10.0.0.1", "Forwarded: for=\"x, for=1.1.1.1");
    CHECK_STR(view.client, "1.1.1.1");
    /* nor can it bring in elements of its own */
    view =
        look("forwarded", "10.0.0.0/8", "10.0.0.1", "Forwarded: for=6.6.6.6;x=\", for=\"1.1.1.1\"");
    CHECK_STR(view.client, "1.1.1.1");

    view = look("forwarded", "10.0.0.0/8", "10.0.0.1", "Forwarded: for=1.1.1.1;for=2.2.2.2");
    CHECK(view.client == NULL);
    CHECK(hides(&view, "forwarded"));
    view = look("forwarded", "10.0.0.0/8", "10.0.0.1", "Forwarded: ;");
    CHECK(view.client == NULL && view.https == -1);
    view = look("forwarded", "10.0.0.0/8", "10.0.0.1", "Forwarded: ");
    CHECK(hides(&view, "forwarded"));

    /* parts that other headers tell */
    view = look("forwarded,x-forwarded-proto", "10.0.0.0/8", "10.0.0.1",
                "Forwarded: for=1.1.1.1;proto=http\nX-Forwarded-Proto: https");
    CHECK_INT(view.https, 1);
    CHECK(!hides(&view, "forwarded") && !hides(&view, "x-forwarded-proto"));
    end();
}

const struct unit_test unit_tests[] = {
    {"names of headers", test_names, 0},
    {"chains of addresses", test_chains, 0},
    {"everybody is believed", test_everybody_is_believed, 0},
    {"nobody else is believed", test_untrusted_peer, 0},
    {"schemes", test_scheme, 0},
    {"single values", test_single_values, 0},
    {"the last usable header wins", test_last_usable_header_wins, 0},
    {"values of the outermost trusted proxy", test_depth, 0},
    {"RFC 7239", test_forwarded, 0},
    {0},
};
