/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/platform/test_interp_settings.c - which settings hold for an interpreter. */
#include "platform/interp_settings.h"
#include "unit.h"

/* Columns: own GIL, free threading, stdin, stdout, signal; switch interval; path. */
static const struct cask_interp_layer layers[] = {
    {"blog", "admin", {-1, -1, 1, -1, -1, 0, "/both"}},
    {"blog", NULL, {-1, -1, 0, -1, 0, 0, "/blog"}},
    {NULL, "admin", {-1, 1, -1, -1, 1, 0, "/admin"}},
    {NULL, NULL, {-1, -1, -1, 1, -1, 7, "/any"}},
    {"", NULL, {1, 1, -1, -1, -1, 0, NULL}},
    {NULL, NULL, {-1, -1, -1, -1, -1, 9, NULL}},
};

static const struct cask_interp_rules rules = {
    .base = {-1, -1, 0, -1, -1, 5, "/base"},
    .layers = layers,
    .n_layers = sizeof(layers) / sizeof(layers[0]),
};

static void
test_base(void)
{
    const struct cask_interp_rules bare = {.base = rules.base};
    struct cask_interp_settings settings = cask_interp_settings_resolve(&bare, "blog", "admin");
    const char *paths[1];

    CHECK_INT(settings.restrict_stdin, 0);
    CHECK_INT(settings.restrict_signal, -1);
    CHECK_INT(settings.switch_interval_us, 5);
    CHECK_INT(cask_interp_settings_paths(&bare, "blog", "admin", paths), 1);
    CHECK_STR(paths[0], "/base");
}

static void
test_unset(void)
{
    const struct cask_interp_rules nothing = {.base = cask_interp_settings_unset()};
    struct cask_interp_settings settings = cask_interp_settings_resolve(&nothing, "", "");

    CHECK_INT(settings.per_interpreter_gil, -1);
    CHECK_INT(settings.free_threading, -1);
    CHECK_INT(settings.restrict_stdin, -1);
    CHECK_INT(settings.restrict_stdout, -1);
    CHECK_INT(settings.restrict_signal, -1);
    CHECK_INT(settings.switch_interval_us, 0);
    CHECK_INT(cask_interp_settings_paths(&nothing, "", "", NULL), 0);
}

/* The most selectors win, whatever the order; among equals the later. */
static void
test_most_selectors(void)
{
    struct cask_interp_settings settings = cask_interp_settings_resolve(&rules, "blog", "admin");

    CHECK_INT(settings.restrict_stdin, 1);  /* both, though "blog" comes later */
    CHECK_INT(settings.restrict_signal, 1); /* "admin" comes after "blog" */
    CHECK_INT(settings.restrict_stdout, 1); /* only the layer for all says something */
    CHECK_INT(settings.switch_interval_us, 9);
    CHECK_INT(settings.per_interpreter_gil, -1);
}

static void
test_selectors(void)
{
    struct cask_interp_settings settings = cask_interp_settings_resolve(&rules, "blog", "");

    CHECK_INT(settings.restrict_stdin, 0);
    CHECK_INT(settings.restrict_signal, 0);
    settings = cask_interp_settings_resolve(&rules, "", "x");
    CHECK_INT(settings.per_interpreter_gil, 1);
    CHECK_INT(settings.restrict_signal, -1);
}

/* Of a process, so what an application group says about it is not heard. */
static void
test_free_threading(void)
{
    CHECK_INT(cask_interp_settings_resolve(&rules, "blog", "admin").free_threading, -1);
    CHECK_INT(cask_interp_settings_resolve(&rules, "", "admin").free_threading, 1);
}

static void
test_paths(void)
{
    const char *paths[sizeof(layers) / sizeof(layers[0]) + 1];

    CHECK_INT(cask_interp_settings_paths(&rules, "blog", "admin", paths), 5);
    CHECK_STR(paths[0], "/base");
    CHECK_STR(paths[1], "/any");
    CHECK_STR(paths[2], "/blog");
    CHECK_STR(paths[3], "/admin");
    CHECK_STR(paths[4], "/both");
    CHECK_INT(cask_interp_settings_paths(&rules, "shop", "", paths), 2);
}

const struct unit_test unit_tests[] = {
    {"without layers the base holds", test_base, 0},
    {"nothing set is nothing set", test_unset, 0},
    {"the most selectors win", test_most_selectors, 0},
    {"a layer holds for those it selects", test_selectors, 0},
    {"free threading is of a process", test_free_threading, 0},
    {"paths add up", test_paths, 0},
    {0},
};
