/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/platform/test_process.c - the process record and the clock. */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/clock.h"
#include "platform/process.h"
#include "unit.h"

static void
test_begin(void)
{
    cask_process_begin(CASK_ROLE_SUPERVISOR);
    CHECK_INT(cask_process_get()->pid, getpid());
    CHECK_INT(cask_process_get()->role, CASK_ROLE_SUPERVISOR);
    cask_assert_owner(getpid());
    cask_process_begin(CASK_ROLE_NONE);
}

static void
silence_child(void)
{
    struct rlimit none = {0, 0};
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    (void)setrlimit(RLIMIT_CORE, &none);
    (void)dup2(null, STDERR_FILENO);
    (void)signal(SIGABRT, SIG_DFL); /* the sanitizers' handler would print */
}

static void
test_exit(void)
{
    int status = 0;
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        cask_process_exit(7);
    }
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void
test_assert_after_fork(void)
{
    int status = 0;
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        silence_child();
        cask_process_begin(CASK_ROLE_CHILD);
        cask_assert_owner(getppid()); /* an object of the parent process */
        _exit(0);
    }
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void
test_clock(void)
{
    int64_t before = cask_clock_mono_us();

    CHECK(cask_clock_mono_us() >= before);
    CHECK(cask_clock_wall_us() > INT64_C(1500000000) * CASK_CLOCK_SECOND);
    CHECK(cask_clock_deadline(0) == CASK_CLOCK_NEVER);
    CHECK(cask_clock_deadline(INT64_MAX) == CASK_CLOCK_NEVER);
    CHECK(cask_clock_deadline(INT64_MAX - 1) == CASK_CLOCK_NEVER);
    CHECK(cask_clock_deadline(-5) >= before);
    CHECK(cask_clock_deadline(-5) <= cask_clock_mono_us());
    CHECK(cask_clock_deadline(CASK_CLOCK_SECOND) >= before + CASK_CLOCK_SECOND);
    CHECK_INT(cask_clock_poll_ms(CASK_CLOCK_NEVER), -1);
    CHECK_INT(cask_clock_poll_ms(before), 0);
    CHECK_INT(cask_clock_poll_ms(0), 0);
    CHECK_INT(cask_clock_poll_ms(CASK_CLOCK_NEVER - 1), INT_MAX);
    CHECK(cask_clock_poll_ms(cask_clock_mono_us() + 10 * CASK_CLOCK_SECOND) <= 10000);
    /* Rounded up: a wait never ends before its deadline. */
    CHECK(cask_clock_poll_ms(cask_clock_deadline(900 * CASK_CLOCK_MS + 1)) > 0);
}

const struct unit_test unit_tests[] = {
    {"begin records the process", test_begin, 0},
    {"exit runs no handlers and keeps the status", test_exit, 0},
    {"an owner of another process is caught", test_assert_after_fork, 0},
    {"clock, deadlines and poll timeouts", test_clock, 0},
    {0},
};
