/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/unit.c - the runner: runs the table, counts allocations, lets them fail.
 *
 * Usage: test_x [--torture] [part of a test's name]
 * The linker sends malloc and its relatives here (--wrap), so that sanitizers keep theirs.
 */
#include "unit.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform/process.h"

#define TORTURE_LIMIT 100000

static atomic_long allocations;      /* since the test began */
static atomic_long failing = -1;     /* number of the one that fails; -1: none */
static _Thread_local int calm_depth; /* > 0: allocations neither count nor fail */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);

/* Huge sizes are part of the tests: malloc says no instead of the sanitizer ending the program. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *
__asan_default_options(void)
{
    return "allocator_may_return_null=1:detect_leaks=1:detect_stack_use_after_return=1";
}

const char *
__tsan_default_options(void)
{
    return "allocator_may_return_null=1:halt_on_error=1";
}

static bool
must_fail(void)
{
    if (calm_depth > 0 || atomic_load(&failing) < 0) {
        return false;
    }
    if (atomic_fetch_add(&allocations, 1) + 1 == atomic_load(&failing)) {
        errno = ENOMEM;
        return true;
    }
    return false;
}

void *
__wrap_malloc(size_t size)
{
    return must_fail() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *old, size_t size)
{
    return must_fail() ? NULL : __real_realloc(old, size);
}

void *
__wrap_reallocarray(void *old, size_t count, size_t size)
{
    return must_fail() ? NULL : __real_reallocarray(old, count, size);
}

char *
__wrap_strdup(const char *text)
{
    return must_fail() ? NULL : __real_strdup(text);
}

char *
__wrap_strndup(const char *text, size_t size)
{
    return must_fail() ? NULL : __real_strndup(text, size);
}

bool
unit_torture(void)
{
    return atomic_load(&failing) >= 0;
}

void
unit_calm(bool on)
{
    calm_depth += on ? 1 : -1;
}

void
unit_time_limit(unsigned seconds)
{
    (void)alarm(seconds);
}

void
unit_failed(const char *file, int line, const char *format, ...)
{
    va_list arguments;

    (void)fprintf(stderr, "%s:%d: ", file, line);
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    if (unit_torture()) {
        (void)fprintf(stderr, " (allocation %ld failed)", atomic_load(&failing));
    }
    (void)fputc('\n', stderr);
    abort(); /* the sanitizers and a debugger show where */
}

void
unit_check_int(const char *file, int line, const char *text, long long got, long long wanted)
{
    if (got != wanted) {
        unit_failed(file, line, "%s is %lld, not %lld", text, got, wanted);
    }
}

void
unit_check_str(const char *file, int line, const char *text, const char *got, const char *wanted)
{
    if (got == NULL || wanted == NULL ? got != wanted : strcmp(got, wanted) != 0) {
        unit_failed(file, line, "%s is '%s', not '%s'", text, got != NULL ? got : "(NULL)",
                    wanted != NULL ? wanted : "(NULL)");
    }
}

static void
drop_record(void *context, const struct cask_log_record *record)
{
    (void)context;
    (void)record;
}

static void
run_once(const struct unit_test *test)
{
    static const struct cask_log_sink silent = {.write = drop_record};

    cask_process_log_to(&silent, NULL, CASK_LOG_TRACE1);
    unit_time_limit(60);
    test->run();
}

static void
run_tortured(const struct unit_test *test)
{
    for (long number = 1; number < TORTURE_LIMIT; number++) {
        atomic_store(&allocations, 0);
        atomic_store(&failing, number);
        run_once(test);
        atomic_store(&failing, -1);
        if (atomic_load(&allocations) < number) {
            printf("ok   %s (%ld allocations failed)\n", test->name, number - 1);
            return;
        }
    }
    unit_failed(__FILE__, __LINE__, "'%s' never ends to allocate", test->name);
}

int
main(int argc, char **argv)
{
    bool torture = argc > 1 && strcmp(argv[1], "--torture") == 0;
    const char *only = argc > 1 + (int)torture ? argv[1 + (int)torture] : "";
    int n_run = 0;

    cask_process_begin(CASK_ROLE_NONE);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    for (const struct unit_test *test = unit_tests; test->name != NULL; test++) {
        if (strstr(test->name, only) == NULL || (torture && (test->flags & UNIT_TORTURE) == 0)) {
            continue;
        }
        if (torture) {
            run_tortured(test);
        } else {
            run_once(test);
            printf("ok   %s\n", test->name);
        }
        n_run++;
    }
    if (n_run == 0 && !torture) {
        (void)fprintf(stderr, "no test is called '%s'\n", only);
        return 2;
    }
    return 0;
}
