/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/platform/test_logtext.c - what of a text reaches a log as it is. */
#include <stdio.h>
#include <string.h>

#include "platform/logtext.h"
#include "unit.h"

static void
shows_len(const char *text, size_t len, const char *expected)
{
    char out[256];
    size_t out_len = 0;

    CHECK_INT(cask_logtext_put(out, sizeof(out), &out_len, text, len), len);
    CHECK_INT(out_len, strlen(expected));
    CHECK(memcmp(out, expected, out_len) == 0);
}

static void
shows(const char *text, const char *expected)
{
    shows_len(text, strlen(text), expected);
}

static void
test_kept(void)
{
    static const char *const same[] = {
        "",
        "plain \t text ~",
        "{\"path\": \"C:\\\\x\", \"quote\": \"\\\"\"}",
        "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80 \xc2\xa0 \xed\x9f\xbf \xee\x80\x80 "
        "\xf4\x8f\xbf\xbf",
    };

    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        shows(same[i], same[i]);
    }
}

static void
test_escaped(void)
{
    shows("a\nb\rc\x1b[31m\x7f", "a\\x0ab\\x0dc\\x1b[31m\\x7f");
    shows_len("nul\0nul", 7, "nul\\x00nul");
    shows("\xc2\x9b", "\\xc2\\x9b");                   /* C1 */
    shows("\xc0\xaf", "\\xc0\\xaf");                   /* overlong */
    shows("\xe0\x80\xaf", "\\xe0\\x80\\xaf");          /* overlong */
    shows("\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf"); /* overlong */
    shows("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* surrogate */
    shows("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* above U+10FFFF */
    shows("\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80");
    shows("\x80 \xff \xc3( \xe2\x82", "\\x80 \\xff \\xc3( \\xe2\\x82");
}

/* However small the room: whole characters, nothing behind its end. */
static void
test_room(void)
{
    static const char text[] = "a\xe2\x82\xac\n";
    char out[16];

    for (size_t size = 0; size < 9; size++) {
        size_t out_len = 0;
        size_t used;

        memset(out, '#', sizeof(out));
        used = cask_logtext_put(out, size, &out_len, text, 5);
        CHECK(out_len <= size && out[size] == '#');
        CHECK_INT(used, size < 1 ? 0 : size < 4 ? 1 : size < 8 ? 4 : 5);
    }
}

static void
test_plain(void)
{
    CHECK(cask_logtext_is_plain("", 0));
    CHECK(cask_logtext_is_plain("a \"b\"\t~", 7));
    CHECK(!cask_logtext_is_plain("a\\b", 3));
    CHECK(!cask_logtext_is_plain("a\nb", 3));
    CHECK(!cask_logtext_is_plain("a\0b", 3));
    CHECK(!cask_logtext_is_plain("\x7f", 1));
    CHECK(!cask_logtext_is_plain("\xc3\xa4", 2));
}

static void
test_cut(void)
{
    static const char text[] = "ab\xf0\x9f\x98\x80"
                               "cd";
    static const size_t expected[] = {0, 1, 2, 2, 2, 2, 6, 7, 8, 8};

    for (size_t limit = 0; limit < 10; limit++) {
        CHECK_INT(cask_logtext_cut(text, 8, limit), expected[limit]);
    }
    CHECK_INT(cask_logtext_cut("\x80\x80\x80\x80\x80\x80", 6, 5), 5); /* no text at all */
}

const struct unit_test unit_tests[] = {
    {"readable text stays as it is", test_kept, 0},
    {"what could forge lines is escaped", test_escaped, 0},
    {"room is kept to", test_room, 0},
    {"plain text", test_plain, 0},
    {"texts are cut between characters", test_cut, 0},
    {0},
};
