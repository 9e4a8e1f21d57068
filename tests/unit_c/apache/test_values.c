/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/apache/test_values.c - strict numbers, times and flags, and near names. */
#include "apache/values.h"

#include <apr_general.h>
#include <apr_pools.h>

#include "gateway/engine.h"
#include "unit.h"

#define SECOND INT64_C(1000000)

static apr_pool_t *
pool_new(void)
{
    apr_pool_t *pool = NULL;

    CHECK_INT(apr_initialize(), 0);
    CHECK_INT(apr_pool_create(&pool, NULL), 0);
    return pool;
}

static void
test_integer(void)
{
    static const char *const bad[] = {"",   "abc",  "5x",  " 5", "5 ",  "-1",
                                      "+5", "0x10", "5.0", "0",  "101", "99999999999999999999999",
                                      "1e3"};
    apr_pool_t *pool = pool_new();
    int64_t number = 77;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_STR(cask_values_integer(bad[i], 1, 100, &number, pool),
                  "a whole number from 1 to 100");
        CHECK_INT(number, 77);
    }
    CHECK(cask_values_integer("1", 1, 100, &number, pool) == NULL);
    CHECK_INT(number, 1);
    CHECK(cask_values_integer("0100", 1, 100, &number, pool) == NULL);
    CHECK_INT(number, 100);
    CHECK(cask_values_integer("9223372036854775807", 0, INT64_MAX, &number, pool) != NULL ||
          number == INT64_MAX);
    apr_pool_destroy(pool);
}

static void
test_seed(void)
{
    static const char *const bad[] = {"", "Random", "-1", "4294967296", "0x1"};
    apr_pool_t *pool = pool_new();
    int64_t seed = 77;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_STR(cask_values_seed(bad[i], &seed, pool),
                  "random, or a whole number from 0 to 4294967295");
        CHECK_INT(seed, 77);
    }
    CHECK(cask_values_seed("4294967295", &seed, pool) == NULL);
    CHECK_INT(seed, 4294967295);
    CHECK(cask_values_seed("random", &seed, pool) == NULL);
    CHECK_INT(seed, CASK_ENGINE_SEED_RANDOM);
    apr_pool_destroy(pool);
}

static void
test_time(void)
{
    static const struct {
        const char *text;
        int64_t us;
        const char *back;
    } good[] = {
        {"0", 0, "0"},
        {"60", 60 * SECOND, "1m"},
        {"90", 90 * SECOND, "90s"},
        {"500ms", SECOND / 2, "500ms"},
        {"1500ms", SECOND * 3 / 2, "1500ms"},
        {"30s", 30 * SECOND, "30s"},
        {"5m", 300 * SECOND, "5m"},
        {"2h", 7200 * SECOND, "2h"},
        {"24h", 86400 * SECOND, "24h"},
        {"1.5s", SECOND * 3 / 2, "1500ms"},
        {"0.005", SECOND / 200, "5ms"},
        {"0.0000019", 1, "0.001ms"},
        {"0.25m", 15 * SECOND, "15s"},
        {".5", SECOND / 2, "500ms"},
        {"1.", SECOND, "1s"},
    };
    static const char *const bad[] = {"",
                                      "s",
                                      "5d",
                                      "5 s",
                                      ".",
                                      ".s",
                                      "1.5.5",
                                      "-5",
                                      "5S",
                                      "25h",
                                      "5ss",
                                      "abc",
                                      "9223372036854775807h",
                                      "99999999999999999999"};
    apr_pool_t *pool = pool_new();
    int64_t us = 77;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(cask_values_time(bad[i], 0, 86400 * SECOND, &us, pool) != NULL);
        CHECK_INT(us, 77);
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CHECK(cask_values_time(good[i].text, 0, 86400 * SECOND, &us, pool) == NULL);
        CHECK_INT(us, good[i].us);
        CHECK_STR(cask_values_time_text(us, pool), good[i].back);
    }
    CHECK_STR(cask_values_time("0", SECOND, 60 * SECOND, &us, pool),
              "a number of seconds, or one with ms, s, m or h behind it, from 1s to 1m");
    apr_pool_destroy(pool);
}

static void
test_flag_and_octal(void)
{
    int value = 77;

    CHECK_STR(cask_values_flag("yes", &value), "On or Off");
    CHECK_STR(cask_values_flag("", &value), "On or Off");
    CHECK_STR(cask_values_flag("One", &value), "On or Off");
    CHECK(cask_values_octal("99", &value) != NULL);
    CHECK(cask_values_octal("", &value) != NULL);
    CHECK(cask_values_octal("-1", &value) != NULL);
    CHECK(cask_values_octal("1000", &value) != NULL);
    CHECK_INT(value, 77);
    CHECK(cask_values_flag("oN", &value) == NULL);
    CHECK_INT(value, 1);
    CHECK(cask_values_flag("OFF", &value) == NULL);
    CHECK_INT(value, 0);
    CHECK(cask_values_octal("0027", &value) == NULL);
    CHECK_INT(value, 027);
}

static void
test_nearest(void)
{
    static const char *const names[] = {"threads", "processes", "python-home", "python-path"};
    apr_pool_t *pool = pool_new();
    char longest[4096];

    CHECK_STR(cask_values_nearest("thread", names, 4, pool), "threads");
    CHECK_STR(cask_values_nearest("Threads", names, 4, pool), "threads");
    CHECK_STR(cask_values_nearest("python_home", names, 4, pool), "python-home");
    CHECK_STR(cask_values_nearest("python-pth", names, 4, pool), "python-path");
    CHECK_STR(cask_values_nearest("my_blgo", (const char *const[]){"My_Blog"}, 1, pool), "My_Blog");
    CHECK(cask_values_nearest("memory-limit", names, 4, pool) == NULL);
    CHECK(cask_values_nearest("", names, 4, pool) == NULL);
    CHECK(cask_values_nearest("x", names, 0, pool) == NULL);
    for (size_t i = 0; i < sizeof(longest); i++) {
        longest[i] = i + 1 < sizeof(longest) ? 'a' : '\0';
    }
    CHECK(cask_values_nearest(longest, names, 4, pool) == NULL);
    CHECK_STR(cask_values_refuse("WSGIx", "threads", "abc", "a number", pool),
              "WSGIx: threads=abc is refused: allowed is a number");
    CHECK_STR(cask_values_unknown("WSGIx", "thread", names, 1, pool),
              "WSGIx: unknown option 'thread', did you mean 'threads'? Options are: threads");
    CHECK_STR(cask_values_unknown("WSGIx", "zzz", names, 2, pool),
              "WSGIx: unknown option 'zzz'; options are: threads, processes");
    apr_pool_destroy(pool);
}

static void
test_choice(void)
{
    static const char *const names[] = {"default", "flock", "SysVSem"};
    apr_pool_t *pool = pool_new();
    size_t index = 77;

    CHECK(cask_values_choice("FLOCK", names, 3, &index, pool) == NULL);
    CHECK_INT(index, 1);
    CHECK(cask_values_choice("sysvsem", names, 3, &index, pool) == NULL);
    CHECK_INT(index, 2);
    CHECK_STR(cask_values_choice("zzzzzzz", names, 3, &index, pool), "default, flock or SysVSem");
    CHECK_STR(cask_values_choice("flok", names, 3, &index, pool),
              "default, flock or SysVSem; did you mean 'flock'?");
    CHECK_STR(cask_values_choice("", names, 1, &index, pool), "default");
    CHECK_INT(index, 2);
    CHECK_STR(cask_values_list(names, 3, pool), "default, flock, SysVSem");
    CHECK_STR(cask_values_list(names, 0, pool), "");
    apr_pool_destroy(pool);
}

const struct unit_test unit_tests[] = {
    {"whole numbers", test_integer, 0},
    {"seeds of hashes", test_seed, 0},
    {"times", test_time, 0},
    {"flags and octal numbers", test_flag_and_octal, 0},
    {"nearest names and messages", test_nearest, 0},
    {"one of several words", test_choice, 0},
    {0},
};
