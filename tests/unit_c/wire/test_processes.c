/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/wire/test_processes.c - several processes behind one listening socket. */
#include <poll.h>
#include <sys/epoll.h>

#include "rig.h"
#include "wire/wire_hello.h"

static pid_t
start_process(struct rig *rig, uint32_t row, uint32_t threads)
{
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        cask_process_begin(CASK_ROLE_DAEMON);
        rig_server_start(rig, &rig->server, row, 1, threads);
        for (;;) {
            (void)pause();
        }
    }
    cask_board_set_row(rig->board, row, CASK_ROW_READY, pid);
    return pid;
}

static void
end_process(pid_t pid)
{
    CHECK_INT(kill(pid, SIGKILL), 0);
    CHECK_INT(waitpid(pid, NULL, 0), pid);
}

/* Four threads in two processes, four requests that do not end: each finds a thread at once, and
 * they are spread. The kernel passes over a process whose threads are all busy. */
static void
test_two_processes(void)
{
    struct rig rig;
    struct rig_asker askers[4];
    uint32_t rows[2];
    pid_t pids[2];

    rig_open(&rig);
    for (int i = 0; i < 2; i++) {
        rows[i] = rig_row(&rig, 1, 2, getpid());
        pids[i] = start_process(&rig, rows[i], 2);
    }
    for (int round = 0; round < 3; round++) {
        int on_first = 0;

        atomic_store(&rig.shared->entered, 0);
        for (int i = 0; i < 4; i++) {
            rig_asker_start(&askers[i], &rig, "/wait");
            rig_wait_for(&rig.shared->entered, i + 1); /* nobody waits behind another */
        }
        CHECK_INT(cask_board_row_claims(rig.board, rows[0]), 2);
        CHECK_INT(cask_board_row_claims(rig.board, rows[1]), 2);
        for (int i = 0; i < 4; i++) {
            rig_open_gate(&rig);
        }
        for (int i = 0; i < 4; i++) {
            rig_asker_join(&askers[i]);
            rig_check_text(&askers[i].reply, "hello 2 1");
            on_first += askers[i].reply.row == rows[0];
            rig_reply_done(&askers[i].reply);
        }
        CHECK_INT(on_first, 2);
    }
    end_process(pids[0]);
    end_process(pids[1]);
    rig_close(&rig);
}

/* A process is killed: idle connections to it are passed over, a request inside it is lost and is
 * not repeatable. */
static void
test_killed(void)
{
    struct rig rig;
    struct rig_asker asker;
    struct rig_reply reply;
    uint32_t row;
    pid_t pid;

    rig_open(&rig);
    row = rig_row(&rig, 1, 2, getpid());
    pid = start_process(&rig, row, 2);
    rig_asker_start(&asker, &rig, "/wait");
    rig_wait_for(&rig.shared->entered, 1);
    reply = rig_ask(&rig, "/hello", NULL, 0);
    CHECK(reply.reusable);
    rig_reply_done(&reply);
    end_process(pid);
    rig_asker_join(&asker);
    CHECK(asker.reply.status == EPIPE || asker.reply.status == ECONNRESET);
    CHECK_INT(asker.reply.problem.number, 705);
    CHECK(!asker.reply.unstarted);
    rig_reply_done(&asker.reply);

    pid = start_process(&rig, row, 2);
    reply = rig_ask(&rig, "/hello", NULL, 0);
    rig_check_text(&reply, "hello 2 1");
    CHECK_INT(reply.served, 0);
    rig_reply_done(&reply);
    end_process(pid);
    rig_close(&rig);
}

struct thief {
    int epoll_fd;
    atomic_int waiting;
    pthread_t thread;
};

static void *
thief_main(void *context)
{
    struct thief *thief = context;
    struct epoll_event event;

    atomic_store(&thief->waiting, 1);
    CHECK_INT(epoll_wait(thief->epoll_fd, &event, 1, 10000), 1);
    return NULL;
}

/* A process ends with the kernel's wake-up for a connection in its hands: somebody else is woken.
 */
static void
test_lost_wakeup(void)
{
    struct rig rig;
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE};
    struct thief thief = {.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    struct rig_asker asker;

    rig_open(&rig);
    /* First in the kernel's queue, and a thread waits in it, which then never accepts. */
    CHECK_INT(epoll_ctl(thief.epoll_fd, EPOLL_CTL_ADD, rig.listen_fd, &event), 0);
    CHECK_INT(pthread_create(&thief.thread, NULL, thief_main, &thief), 0);
    rig_server_start(&rig, &rig.server, rig_row(&rig, 1, 1, getpid()), 1, 1);
    rig_wait_for(&thief.waiting, 1);
    (void)poll(NULL, 0, 20);
    rig_asker_start(&asker, &rig, "/hello");
    CHECK_INT(pthread_join(thief.thread, NULL), 0);
    CHECK_INT(epoll_ctl(thief.epoll_fd, EPOLL_CTL_DEL, rig.listen_fd, &event), 0);
    rig_asker_join(&asker);
    rig_check_text(&asker.reply, "hello 2 1");
    rig_reply_done(&asker.reply);
    CHECK_INT(close(thief.epoll_fd), 0);
    rig_close(&rig);
}

/* The thread is free already, but its last user has not given back the claim yet: whoever has
 * waited for it in the queue keeps it, instead of hanging up and joining the queue's end. */
static void
test_late_release(void)
{
    struct rig rig;
    struct rig_asker asker;
    struct cask_wire_hello_terms terms = {.httpd_uid = getuid(), .generation = 1, .threads = 1};
    char byte = '\0';
    int fd = -1;

    rig_open(&rig);
    terms.row = rig_row(&rig, 1, 1, getpid());
    memcpy(terms.secret, rig.secret, sizeof(terms.secret));
    cask_board_claim_accepted(rig.board, rig.child, terms.row);
    rig_asker_start(&asker, &rig, "/hello");
    CHECK_INT(cask_net_wait(rig.listen_fd, POLLIN, cask_clock_deadline(RIG_WAIT_US), NULL), 0);
    CHECK_INT(cask_net_accept(rig.listen_fd, &fd), 0);
    (void)poll(NULL, 0, 20); /* it waits in the queue */
    CHECK_INT(cask_wire_hello_answer(fd, &terms, cask_clock_deadline(RIG_WAIT_US)), 0);
    CHECK_INT(cask_net_wait(fd, POLLIN, cask_clock_deadline(RIG_WAIT_US), NULL), 0);
    CHECK_INT(recv(fd, &byte, 1, 0), 1); /* the request, not a goodbye */
    CHECK_INT(cask_board_row_claims(rig.board, terms.row), 2);
    cask_net_close(&fd);
    rig_asker_join(&asker);
    CHECK_INT(cask_board_row_claims(rig.board, terms.row), 1);
    rig_reply_done(&asker.reply);
    cask_board_release(rig.board, rig.child, terms.row);
    rig_close(&rig);
}

const struct unit_test unit_tests[] = {
    {"two processes: no request waits while one has a free thread", test_two_processes, 0},
    {"a killed process", test_killed, 0},
    {"a claim that is given back late", test_late_release, 0},
    {"a wake-up that gets lost", test_lost_wakeup, 0},
    {0},
};
