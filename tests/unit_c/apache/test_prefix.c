/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/apache/test_prefix.c - which URLs an alias covers. */
#include "apache/prefix.h"

#include "unit.h"

static void
test_match(void)
{
    static const struct {
        const char *alias;
        const char *uri;
        size_t len;
    } table[] = {
        {"/p", "/p", 2},  {"/p", "/p/", 2},       {"/p", "/p//a///b", 2}, {"/p", "//p/a", 3},
        {"/p", "/pq", 0}, {"/p", "/", 0},         {"/p", "/P", 0},        {"/p", "/q", 0},
        {"/p", "p", 0},   {"/a/b", "/a//b/c", 5}, {"/a//b", "/a/b/c", 4}, {"/a/b", "/a/bc", 0},
        {"/t/", "/t", 0}, {"/t/", "/t/", 3},      {"/t/", "/t/x", 3},     {"/t/", "/t///x", 5},
        {"/", "/", 1},    {"/", "/x/y", 1},       {"/", "//x", 2},        {"/p", "", 0},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        CHECK_INT(cask_prefix_match(table[i].uri, table[i].alias), table[i].len);
    }
}

const struct unit_test unit_tests[] = {
    {"a prefix matches whole components", test_match, 0},
    {0},
};
