/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/proc/test_supervisor.c - a whole supervisor with fake daemons (fake_python.py), seen from
 * httpd's parent: the board, the log, the processes.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metrics/board.h"
#include "platform/clock.h"
#include "platform/net.h"
#include "proc/supervisor.h"
#include "unit.h"

#include "site.h"

static void
test_start_and_stop(void)
{
    struct site site;
    pid_t pid;

    site_open(&site, "ready");
    site.spec.processes = 2;
    configure(&site, 1);
    WAIT_UNTIL(&site, serves_generation, 1);
    WAIT_UNTIL(&site, has_ready_rows, 2);
    pid = ready_pid(&site);
    wait_for_log(&site, "[wsgi:error] [pid ", 2);
    wait_for_log(&site, "ready and well", 2);
    CHECK(cask_supervisor_alive(&site.handle));
    cask_supervisor_stop(&site.handle, 5 * CASK_CLOCK_SECOND);
    CHECK(is_gone(&site, pid));
    CHECK_INT(cask_board_group(site.board), CASK_GROUP_STOPPED);
    CHECK_INT(access(site.socket_path, F_OK), -1);
    CHECK_INT(count_log(&site, "CASK"), 0);
    site_remove(&site);
}

static void
test_lost_process(void)
{
    struct site site;
    pid_t pid;

    site_open(&site, "ready");
    configure(&site, 1);
    WAIT_UNTIL(&site, serves_generation, 1);
    pid = ready_pid(&site);
    CHECK_INT(kill(pid, SIGKILL), 0);
    WAIT_UNTIL(&site, serves_generation, 2); /* the last process took its generation with it */
    WAIT_UNTIL(&site, other_pid_is_ready, pid);
    CHECK_INT(count_log(&site, "CASK0421: group 'blog': process"), 1);
    site_close(&site);
}

static void
test_one_of_two_lost(void)
{
    struct site site;
    pid_t pid;

    site_open(&site, "ready");
    site.spec.processes = 2;
    configure(&site, 1);
    WAIT_UNTIL(&site, is_settled, 2);
    pid = ready_pid(&site);
    CHECK_INT(kill(pid, SIGKILL), 0);
    wait_for_log(&site, "CASK0421", 1);
    WAIT_UNTIL(&site, is_settled, 2);
    CHECK(serves_generation(&site, 1));
    site_close(&site);
}

static void
test_crash_loop(void)
{
    struct site site;
    int64_t begin_us = cask_clock_mono_us();

    site_open(&site, "crash");
    configure(&site, 1);
    wait_for_log(&site, "CASK0421", 4); /* 100, 200, 400 ms lie between them */
    CHECK(cask_clock_mono_us() - begin_us >= 700 * CASK_CLOCK_MS);
    WAIT_UNTIL(&site, is_in_state, CASK_GROUP_FAILED); /* from 1 s on nobody has to wait */
    write_file(&site, "mode", "ready");
    WAIT_UNTIL(&site, is_in_state, CASK_GROUP_SERVING);
    WAIT_UNTIL(&site, is_settled, 1);
    site_close(&site);
}

static void
test_cannot_start(void)
{
    struct site site;
    char reason[512];

    site_open(&site, "no-hello");
    configure(&site, 1);
    WAIT_UNTIL(&site, is_in_state, CASK_GROUP_FAILED);
    cask_board_reason(site.board, reason, sizeof(reason));
    CHECK_STR(reason, "cannot start: no module named engine");
    write_file(&site, "mode", "ready"); /* it is tried again */
    WAIT_UNTIL(&site, is_in_state, CASK_GROUP_SERVING);
    site_close(&site);
}

static void
test_wrong_interpreter(void)
{
    struct site site;
    char reason[512];

    site_open(&site, "ready");
    site.spec.interpreter = "/nonexistent/python3";
    configure(&site, 1);
    WAIT_UNTIL(&site, is_in_state, CASK_GROUP_FAILED);
    cask_board_reason(site.board, reason, sizeof(reason));
    CHECK_STR(reason, "cannot start: /nonexistent/python3: No such file or directory");
    site.spec.interpreter = site.script;
    configure(&site, 1); /* a restart with the right one */
    WAIT_UNTIL(&site, is_in_state, CASK_GROUP_SERVING);
    site_close(&site);
}

static void
test_fault(void)
{
    struct site site;
    char reason[512];

    site_open(&site, "ready");
    site.spec.fault = "no engine for Python 3.99";
    site.spec.interpreter = NULL;
    configure(&site, 1);
    WAIT_UNTIL(&site, is_in_state, CASK_GROUP_FAILED);
    cask_board_reason(site.board, reason, sizeof(reason));
    CHECK_STR(reason, "no engine for Python 3.99");
    site_close(&site);
}

static void
test_restart(void)
{
    struct site site;
    pid_t pid;

    site_open(&site, "ready");
    configure(&site, 1);
    for (long generation = 1; generation <= 5; generation++) {
        WAIT_UNTIL(&site, serves_generation, generation);
        WAIT_UNTIL(&site, is_settled, 1);
        pid = ready_pid(&site);
        cask_supervisor_restart(&site.handle);
        configure(&site, 1);
        WAIT_UNTIL(&site, other_pid_is_ready, pid);
        WAIT_UNTIL(&site, is_gone, pid);
    }
    CHECK_INT(count_log(&site, "CASK0423"), 5);
    site_close(&site);
}

static void
test_reload(void)
{
    struct site site;
    pid_t pid;

    site_open(&site, "ready");
    configure(&site, 1);
    WAIT_UNTIL(&site, serves_generation, 1);
    pid = ready_pid(&site);
    CHECK_INT(kill(pid, SIGUSR1), 0);
    CHECK_INT(kill(pid, SIGUSR1), 0);
    WAIT_UNTIL(&site, serves_generation, 2);
    WAIT_UNTIL(&site, other_pid_is_ready, pid);
    CHECK_INT(count_log(&site, "CASK0429"), 1); /* one change, one reload */
    CHECK_INT(count_log(&site, "CASK0423"), 1);
    site_close(&site);
}

static void
test_failed_reload(void)
{
    struct site site;
    pid_t pid;
    uint32_t change;

    site_open(&site, "ready");
    configure(&site, 1);
    WAIT_UNTIL(&site, serves_generation, 1);
    pid = ready_pid(&site);
    write_file(&site, "mode", "fail");
    change = cask_board_change(site.board);
    CHECK_INT(kill(pid, SIGUSR1), 0);
    wait_for_log(&site, "CASK0422", 1);
    CHECK_INT(count_log(&site, "Traceback"), 1);
    CHECK_INT(cask_board_wait(site.board, change, cask_clock_deadline(PATIENCE_US)), 0);
    WAIT_UNTIL(&site, is_settled, 1);
    CHECK(serves_generation(&site, 1));
    CHECK_INT(ready_pid(&site), pid);
    change = cask_board_change(site.board);
    CHECK_INT(kill(pid, SIGUSR1), 0); /* hopeless: told at once, not tried again */
    CHECK_INT(cask_board_wait(site.board, change, cask_clock_deadline(PATIENCE_US)), 0);
    CHECK_INT(count_log(&site, "CASK0429"), 1);
    write_file(&site, "mode", "ready");
    write_file(&site, "id", "2");
    CHECK_INT(kill(pid, SIGUSR1), 0); /* mended */
    WAIT_UNTIL(&site, other_pid_is_ready, pid);
    site_close(&site);
}

static void
test_startup_timeout(void)
{
    struct site site;
    pid_t pid;

    site_open(&site, "ready");
    site.spec.startup_timeout_us = 300 * CASK_CLOCK_MS;
    site.spec.startup_timeout_us *= 5; /* room for the fake's own start on a busy machine */
    configure(&site, 1);
    WAIT_UNTIL(&site, serves_generation, 1);
    pid = ready_pid(&site);
    write_file(&site, "mode", "hang-load");
    CHECK_INT(kill(pid, SIGUSR1), 0);
    wait_for_log(&site, "did not load its applications within startup-timeout", 1);
    WAIT_UNTIL(&site, is_settled, 1);
    CHECK_INT(ready_pid(&site), pid);
    site_close(&site);
}

static void
test_replacement(void)
{
    struct site site;
    pid_t pid;

    site_open(&site, "ready");
    configure(&site, 1);
    WAIT_UNTIL(&site, serves_generation, 1);
    pid = ready_pid(&site);
    CHECK_INT(kill(pid, SIGUSR2), 0);
    WAIT_UNTIL(&site, other_pid_is_ready, pid);
    WAIT_UNTIL(&site, is_gone, pid);
    CHECK(serves_generation(&site, 1)); /* the same generation */
    wait_for_log(&site, "maximum-requests reached", 1);
    pid = ready_pid(&site);
    CHECK_INT(kill(pid, SIGHUP), 0);
    WAIT_UNTIL(&site, other_pid_is_ready, pid);
    CHECK(serves_generation(&site, 1));
    CHECK_INT(count_log(&site, "CASK0421"), 0);
    site_close(&site);
}

static void
test_stubborn(void)
{
    struct site site;
    pid_t pid;

    site_open(&site, "stubborn");
    configure(&site, 1);
    WAIT_UNTIL(&site, serves_generation, 1);
    pid = ready_pid(&site);
    write_file(&site, "mode", "ready");
    configure(&site, 1);
    WAIT_UNTIL(&site, serves_generation, 2);
    WAIT_UNTIL(&site, is_gone, pid);
    CHECK_INT(count_log(&site, "CASK0425"), 1);
    site_close(&site);
}

static void
test_removed_group(void)
{
    struct site site;
    pid_t pid;
    int old_children;

    site_open(&site, "ready");
    configure(&site, 1);
    WAIT_UNTIL(&site, serves_generation, 1);
    pid = ready_pid(&site);
    old_children = site.children_fd;
    site.children_fd = -1;
    configure(&site, 0);
    (void)poll(NULL, 0, 50);
    CHECK(serves_generation(&site, 1)); /* a child of the old configuration lives */
    CHECK(!is_gone(&site, pid));
    cask_net_close(&old_children);
    WAIT_UNTIL(&site, is_in_state, CASK_GROUP_STOPPED);
    WAIT_UNTIL(&site, is_gone, pid);
    CHECK(cask_supervisor_alive(&site.handle));
    site_close(&site);
}

static void
test_lost_supervisor(void)
{
    struct site site;
    pid_t pid;

    site_open(&site, "ready");
    configure(&site, 1);
    WAIT_UNTIL(&site, serves_generation, 1);
    pid = ready_pid(&site);
    CHECK_INT(kill(site.handle.pid, SIGKILL), 0);
    CHECK_INT(waitpid(site.handle.pid, NULL, 0), site.handle.pid);
    CHECK(!cask_supervisor_alive(&site.handle));
    cask_net_close(&site.handle.channel);
    start_supervisor(&site);
    configure(&site, 1);
    WAIT_UNTIL(&site, serves_generation, 2);
    WAIT_UNTIL(&site, is_gone, pid); /* its channel has ended, the fake goes at once */
    WAIT_UNTIL(&site, is_settled, 1);
    site_close(&site);
}

static void
test_step_down(void)
{
    struct site site;
    struct cask_supervisor_handle old;
    pid_t old_supervisor;
    pid_t pid;

    site_open(&site, "ready");
    configure(&site, 1);
    WAIT_UNTIL(&site, serves_generation, 1);
    pid = ready_pid(&site);
    old = site.handle;
    old_supervisor = old.pid;
    start_supervisor(&site);
    configure(&site, 1);
    cask_supervisor_step_down(&old);
    WAIT_UNTIL(&site, serves_generation, 2);
    WAIT_UNTIL(&site, is_gone, pid);
    CHECK_INT(waitpid(old_supervisor, NULL, 0), old_supervisor);
    CHECK_INT(access(site.socket_path, F_OK), 0); /* not its own any more */
    site_close(&site);
}

/* httpd's parent is killed: nobody tells anybody anything. */
static void
test_lost_parent(void)
{
    struct site site;
    int told[2];
    pid_t pids[2] = {0, 0};
    pid_t parent;

    CHECK_INT(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    CHECK_INT(pipe2(told, O_CLOEXEC), 0);
    parent = fork();
    if (parent == 0) {
        site_open(&site, "ready");
        configure(&site, 1);
        WAIT_UNTIL(&site, serves_generation, 1);
        pids[0] = site.handle.pid;
        pids[1] = ready_pid(&site);
        CHECK_INT(write(told[1], &site, sizeof(site)), (ssize_t)sizeof(site));
        CHECK_INT(write(told[1], pids, sizeof(pids)), (ssize_t)sizeof(pids));
        (void)raise(SIGKILL);
    }
    CHECK_INT(read(told[0], &site, sizeof(site)), (ssize_t)sizeof(site));
    CHECK_INT(read(told[0], pids, sizeof(pids)), (ssize_t)sizeof(pids));
    CHECK_INT(waitpid(parent, NULL, 0), parent);
    CHECK_INT(waitpid(pids[0], NULL, 0), pids[0]);
    site.log_fd = open(site.log_path, O_RDWR | O_CLOEXEC);
    WAIT_UNTIL(&site, is_gone, pids[1]);
    CHECK_INT(access(site.socket_path, F_OK), -1);
    cask_net_close(&told[0]);
    cask_net_close(&told[1]);
    site.board = NULL;
    site.listen_fd = site.board_fd = site.watch_fd = site.hold_fd = site.children_fd = -1;
    site_remove(&site);
}

const struct unit_test unit_tests[] = {
    {"processes start, serve and stop", test_start_and_stop, 0},
    {"a lost process is replaced", test_lost_process, 0},
    {"one lost of two is replaced in its generation", test_one_of_two_lost, 0},
    {"a crash loop slows down and fails the group", test_crash_loop, 0},
    {"a Python without engine fails the group, and is tried again", test_cannot_start, 0},
    {"a wrong interpreter fails the group until a restart", test_wrong_interpreter, 0},
    {"a fault of the configuration fails the group", test_fault, 0},
    {"a restart starts first and drains then", test_restart, 0},
    {"a changed script makes one reload", test_reload, 0},
    {"a failed reload leaves the old generation", test_failed_reload, 0},
    {"a reload that hangs ends at startup-timeout", test_startup_timeout, 0},
    {"a process that wants out gets a successor first", test_replacement, 0},
    {"a process that does not stop is killed", test_stubborn, 0},
    {"a removed group lives as long as old children", test_removed_group, 0},
    {"a lost supervisor is replaced", test_lost_supervisor, 0},
    {"a supervisor steps down for another", test_step_down, 0},
    {"a lost httpd leaves nothing", test_lost_parent, 0},
    {0},
};
