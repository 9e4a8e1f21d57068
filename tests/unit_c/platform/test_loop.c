/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/platform/test_loop.c - descriptors, timers and signals in one loop. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/clock.h"
#include "platform/loop.h"
#include "platform/net.h"
#include "platform/process.h"
#include "unit.h"

struct fixture {
    struct cask_loop *loop;
    struct cask_loop_timer *timers[3];
    int pipes[3][2];
    int calls;
    int signals;
    char order[64];
};

static void
note(struct fixture *fixture, char letter)
{
    size_t len = strlen(fixture->order);

    CHECK(len + 1 < sizeof(fixture->order));
    fixture->order[len] = letter;
    fixture->order[len + 1] = '\0';
}

static void
stop(void *context)
{
    struct fixture *fixture = context;

    cask_loop_stop(fixture->loop);
}

static void
open_pipes(struct fixture *fixture)
{
    for (int i = 0; i < 3; i++) {
        CHECK_INT(pipe2(fixture->pipes[i], O_CLOEXEC | O_NONBLOCK), 0);
    }
}

static void
close_all(struct fixture *fixture)
{
    for (int i = 0; i < 3; i++) {
        cask_net_close(&fixture->pipes[i][0]);
        cask_net_close(&fixture->pipes[i][1]);
    }
    fixture->loop = cask_loop_free(fixture->loop);
    CHECK(fixture->loop == NULL);
}

static void
on_byte(void *context, int fd, short revents)
{
    struct fixture *fixture = context;
    char byte;

    CHECK((revents & POLLIN) != 0);
    CHECK_INT(read(fd, &byte, 1), 1);
    note(fixture, byte);
    if (byte == 'z') {
        cask_loop_stop(fixture->loop);
    }
}

/* The first of three ready pipes removes the second, and puts another watch on the third. */
static void
on_byte_changing(void *context, int fd, short revents)
{
    struct fixture *fixture = context;

    on_byte(context, fd, revents);
    cask_loop_unwatch(fixture->loop, fixture->pipes[1][0]);
    CHECK_INT(cask_loop_watch(fixture->loop, fixture->pipes[2][0], POLLIN, on_byte, fixture), 0);
    cask_loop_unwatch(fixture->loop, fd); /* itself, twice */
    cask_loop_unwatch(fixture->loop, fd);
}

static void
must_not_run(void *context, int fd, short revents)
{
    (void)context;
    (void)revents;
    unit_failed(__FILE__, __LINE__, "the removed watch of %d was called", fd);
}

static void
test_descriptors(void)
{
    struct fixture fixture = {0};

    open_pipes(&fixture);
    OK_OR_LEAVE(cask_loop_new(&fixture.loop, NULL));
    OK_OR_LEAVE(
        cask_loop_watch(fixture.loop, fixture.pipes[0][0], POLLIN, on_byte_changing, &fixture));
    OK_OR_LEAVE(cask_loop_watch(fixture.loop, fixture.pipes[1][0], POLLIN, must_not_run, NULL));
    OK_OR_LEAVE(cask_loop_watch(fixture.loop, fixture.pipes[2][0], POLLIN, must_not_run, NULL));
    CHECK_INT(write(fixture.pipes[0][1], "a", 1), 1);
    CHECK_INT(write(fixture.pipes[1][1], "b", 1), 1);
    CHECK_INT(write(fixture.pipes[2][1], "z", 1), 1);
    OK_OR_LEAVE(cask_loop_run(fixture.loop));
    CHECK_STR(fixture.order, "az");
leave:
    close_all(&fixture);
}

static void
test_many_descriptors(void)
{
    struct fixture fixture = {0};
    int copies[50];

    open_pipes(&fixture);
    OK_OR_LEAVE(cask_loop_new(&fixture.loop, NULL));
    for (int i = 0; i < 50; i++) {
        copies[i] = fcntl(fixture.pipes[0][0], F_DUPFD_CLOEXEC, 3);
        CHECK(copies[i] >= 0);
    }
    for (int i = 0; i < 50; i++) {
        int status = cask_loop_watch(fixture.loop, copies[i], POLLIN, on_byte, &fixture);

        CHECK(status == 0 || (status == ENOMEM && unit_torture()));
        if (status != 0) {
            goto close_copies;
        }
    }
    CHECK_INT(write(fixture.pipes[0][1], "z", 1), 1);
    if (cask_loop_run(fixture.loop) == 0) {
        CHECK_STR(fixture.order, "z");
    }
close_copies:
    for (int i = 0; i < 50; i++) {
        cask_net_close(&copies[i]);
    }
leave:
    close_all(&fixture);
}

static void
on_first(void *context)
{
    struct fixture *fixture = context;

    note(fixture, '1');
    fixture->timers[0] = cask_loop_timer_free(fixture->timers[0]); /* itself */
    fixture->timers[2] = cask_loop_timer_free(fixture->timers[2]); /* one that is due */
}

/* Always due again; descriptors and stop must still get their turn. */
static void
on_second(void *context)
{
    struct fixture *fixture = context;

    if (fixture->calls++ < 3) {
        note(fixture, '2');
    }
    if (fixture->calls == 10) {
        CHECK_INT(write(fixture->pipes[0][1], "z", 1), 1);
    }
    cask_loop_timer_set(fixture->timers[1], 0);
}

static void
on_third(void *context)
{
    (void)context;
    unit_failed(__FILE__, __LINE__, "a freed timer was called");
}

static void
test_timers(void)
{
    struct fixture fixture = {0};
    int64_t now = cask_clock_mono_us();

    open_pipes(&fixture);
    OK_OR_LEAVE(cask_loop_new(&fixture.loop, NULL));
    OK_OR_LEAVE(cask_loop_timer_new(fixture.loop, on_first, &fixture, &fixture.timers[0]));
    OK_OR_LEAVE(cask_loop_timer_new(fixture.loop, on_second, &fixture, &fixture.timers[1]));
    OK_OR_LEAVE(cask_loop_timer_new(fixture.loop, on_third, &fixture, &fixture.timers[2]));
    OK_OR_LEAVE(cask_loop_watch(fixture.loop, fixture.pipes[0][0], POLLIN, on_byte, &fixture));
    cask_loop_timer_set(fixture.timers[0], now - 100);
    cask_loop_timer_set(fixture.timers[1], now - 50);
    cask_loop_timer_set(fixture.timers[2], now - 10);
    OK_OR_LEAVE(cask_loop_run(fixture.loop));
    CHECK_STR(fixture.order, "1222z");
leave:
    CHECK(cask_loop_timer_free(NULL) == NULL);
    close_all(&fixture); /* frees the timer that is left */
}

static void
test_timer_waits(void)
{
    struct fixture fixture = {0};
    int64_t before = cask_clock_mono_us();

    CHECK_INT(cask_loop_new(&fixture.loop, NULL), 0);
    CHECK_INT(cask_loop_timer_new(fixture.loop, stop, &fixture, &fixture.timers[0]), 0);
    CHECK_INT(cask_loop_timer_new(fixture.loop, on_third, &fixture, &fixture.timers[1]), 0);
    cask_loop_timer_set(fixture.timers[0], before + 30 * CASK_CLOCK_MS);
    cask_loop_timer_set(fixture.timers[1], before + 10 * CASK_CLOCK_MS);
    cask_loop_timer_set(fixture.timers[1], CASK_CLOCK_NEVER);
    CHECK_INT(cask_loop_run(fixture.loop), 0);
    CHECK(cask_clock_mono_us() >= before + 30 * CASK_CLOCK_MS);
    cask_loop_free(fixture.loop);
}

static void
on_signal(void *context, int signal_number)
{
    struct fixture *fixture = context;

    fixture->signals++;
    if (signal_number == SIGUSR2) {
        cask_loop_stop(fixture->loop);
    }
}

static void
raise_both(void *context)
{
    (void)context;
    CHECK_INT(raise(SIGUSR1), 0);
    CHECK_INT(raise(SIGUSR2), 0);
}

static void
test_signals(void)
{
    struct fixture fixture = {0};
    struct cask_loop *second = NULL;
    struct sigaction before;
    struct sigaction after;

    CHECK_INT(sigaction(SIGUSR1, NULL, &before), 0);
    OK_OR_LEAVE(cask_loop_new(&fixture.loop, NULL));
    OK_OR_LEAVE(cask_loop_timer_new(fixture.loop, raise_both, &fixture, &fixture.timers[0]));
    OK_OR_LEAVE(cask_loop_signal(fixture.loop, SIGUSR1, on_signal, &fixture));
    OK_OR_LEAVE(cask_loop_signal(fixture.loop, SIGUSR2, on_signal, &fixture));
    OK_OR_LEAVE(cask_loop_new(&second, NULL));
    CHECK_INT(cask_loop_signal(second, SIGUSR1, on_signal, &fixture), EBUSY);
    cask_loop_timer_set(fixture.timers[0], 0);
    OK_OR_LEAVE(cask_loop_run(fixture.loop));
    CHECK_INT(fixture.signals, 2);
leave:
    cask_loop_free(second);
    cask_loop_free(fixture.loop);
    CHECK_INT(sigaction(SIGUSR1, NULL, &after), 0);
    CHECK(before.sa_handler == after.sa_handler);
    CHECK_INT(atomic_load(&cask_process_get()->signal_pipe), -1);
}

/* Between fork and exec the child still has our handler; its signals are not ours. */
static void
test_signal_in_forked_child(void)
{
    struct fixture fixture = {0};
    int status = 0;
    pid_t pid;

    CHECK_INT(cask_loop_new(&fixture.loop, NULL), 0);
    CHECK_INT(cask_loop_timer_new(fixture.loop, stop, &fixture, &fixture.timers[0]), 0);
    CHECK_INT(cask_loop_signal(fixture.loop, SIGUSR1, on_signal, &fixture), 0);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        (void)raise(SIGUSR1);
        _exit(0);
    }
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1); /* it is not deaf either */
    cask_loop_timer_set(fixture.timers[0], 0);
    CHECK_INT(cask_loop_run(fixture.loop), 0);
    CHECK_INT(fixture.signals, 0);
    cask_loop_free(fixture.loop);
}

/* Another thread writes while the loop runs: what ThreadSanitizer should see. */
static void *
write_bytes(void *context)
{
    const struct fixture *fixture = context;

    for (int i = 0; i < 30; i++) {
        CHECK_INT(write(fixture->pipes[0][1], "t", 1), 1);
    }
    CHECK_INT(write(fixture->pipes[0][1], "z", 1), 1);
    CHECK_INT(kill(getpid(), SIGUSR1), 0);
    return NULL;
}

static void
test_other_thread(void)
{
    struct fixture fixture = {0};
    pthread_t thread;

    open_pipes(&fixture);
    CHECK_INT(cask_loop_new(&fixture.loop, NULL), 0);
    CHECK_INT(cask_loop_watch(fixture.loop, fixture.pipes[0][0], POLLIN, on_byte, &fixture), 0);
    CHECK_INT(cask_loop_signal(fixture.loop, SIGUSR1, on_signal, &fixture), 0);
    CHECK_INT(pthread_create(&thread, NULL, write_bytes, &fixture), 0);
    CHECK_INT(cask_loop_run(fixture.loop), 0);
    CHECK_INT(pthread_join(thread, NULL), 0);
    CHECK_INT(strlen(fixture.order), 31);
    close_all(&fixture);
}

static void *
look_at_process(void *context)
{
    *(bool *)context = cask_process_get()->pid == getpid();
    return NULL;
}

/* As in a daemon, whose workers serve before its loop takes the signals: a matter for tsan. */
static void
test_workers_before_signals(void)
{
    struct fixture fixture = {0};
    pthread_t thread;
    bool ours = false;

    cask_process_begin(CASK_ROLE_DAEMON);
    CHECK_INT(cask_loop_new(&fixture.loop, NULL), 0);
    CHECK_INT(pthread_create(&thread, NULL, look_at_process, &ours), 0);
    CHECK_INT(cask_loop_signal(fixture.loop, SIGUSR1, on_signal, &fixture), 0);
    CHECK_INT(pthread_join(thread, NULL), 0);
    CHECK(ours);
    cask_loop_free(fixture.loop);
}

const struct unit_test unit_tests[] = {
    {"callbacks add and remove watches", test_descriptors, UNIT_TORTURE},
    {"many descriptors", test_many_descriptors, UNIT_TORTURE},
    {"callbacks set and free timers", test_timers, UNIT_TORTURE},
    {"a timer waits for its deadline", test_timer_waits, 0},
    {"signals come through the pipe", test_signals, UNIT_TORTURE},
    {"a forked child's signal is not ours", test_signal_in_forked_child, 0},
    {"another thread writes and signals", test_other_thread, 0},
    {"threads that run before signals are taken", test_workers_before_signals, 0},
    {0},
};
