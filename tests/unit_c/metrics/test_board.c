/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/metrics/test_board.c - rows, states, claims, and what dead children leave behind. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metrics/board.h"
#include "metrics/board_layout.h"
#include "platform/clock.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "platform/shm.h"
#include "unit.h"

static const struct cask_board_size small = {.rows = 3, .children = 4};

static struct cask_board *
make_board(const struct cask_board_size *size)
{
    struct cask_board *board = NULL;
    int fd = -1;

    CHECK_INT(cask_board_create(size, &fd, NULL), 0);
    CHECK_INT(cask_board_map(fd, true, &board, NULL), 0);
    cask_net_close(&fd);
    return board;
}

static uint32_t
ready_row(struct cask_board *board, uint32_t generation, uint32_t threads)
{
    int row = cask_board_take_row(board, generation, threads);

    CHECK(row >= 0);
    cask_board_set_row(board, (uint32_t)row, CASK_ROW_READY, 4242);
    return (uint32_t)row;
}

static bool
nobody_lives(pid_t pid)
{
    (void)pid;
    return false;
}

static bool
everybody_lives(pid_t pid)
{
    (void)pid;
    return true;
}

static void
check_refused(int fd)
{
    struct cask_board *board = NULL;
    int status = cask_board_map(fd, false, &board, NULL);

    CHECK(status == EPROTO || (status == ENOMEM && unit_torture()));
    CHECK(board == NULL);
}

static void
test_create(void)
{
    struct cask_problem problem = {0};
    struct cask_board_size bad[] = {{0, 1}, {1, 0}, {65537, 1}, {1, 65537}};
    struct cask_board *board = NULL;
    struct cask_board *reader = NULL;
    void *address = NULL;
    size_t size = 0;
    int readonly = -1;
    int fd = -1;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_INT(cask_board_create(&bad[i], &fd, &problem), EINVAL);
    }
    OK_OR_LEAVE(cask_board_create(&small, &fd, &problem));
    OK_OR_LEAVE(cask_board_map(fd, true, &board, &problem));
    OK_OR_LEAVE(cask_shm_reopen_readonly(fd, &readonly, &problem));
    OK_OR_LEAVE(cask_board_map(readonly, false, &reader, &problem));
    CHECK_INT(cask_board_size(board).rows, 3);
    CHECK_INT(cask_board_size(reader).children, 4);
    CHECK_INT(cask_board_group(reader), CASK_GROUP_STARTING);
    cask_board_set_group(board, CASK_GROUP_FAILED, "no python");
    CHECK_INT(cask_board_group(reader), CASK_GROUP_FAILED);

    /* A segment of another layout, or one that lies about its sizes. */
    CHECK_INT(cask_shm_map(fd, 1, true, &address, &size, NULL), 0);
    ((struct cask_board_head *)address)->children = 1000;
    reader = cask_board_free(reader);
    check_refused(readonly);
    ((struct cask_board_head *)address)->children = 4;
    ((struct cask_board_head *)address)->magic++;
    check_refused(readonly);
leave:
    cask_shm_unmap(address, size);
    cask_board_free(reader);
    cask_board_free(board);
    cask_net_close(&readonly);
    cask_net_close(&fd);
    cask_problem_done(&problem);
    CHECK_INT(cask_board_create(&small, &fd, NULL), 0);
    CHECK_INT(close(fd), 0);
}

static void
test_states(void)
{
    struct cask_board *board = make_board(&small);
    char text[2000];
    char reason[1000];
    uint32_t change = cask_board_change(board);

    CHECK_INT(cask_board_wait(board, change, cask_clock_deadline(-1)), ETIMEDOUT);
    CHECK_INT(cask_board_wait(board, change + 1, CASK_CLOCK_NEVER), 0);
    cask_board_set_serving(board, 7);
    CHECK_INT(cask_board_serving(board), 7);
    CHECK(cask_board_change(board) != change);
    cask_board_set_starting(board, true);
    change = cask_board_change(board);
    cask_board_set_starting(board, true); /* no change */
    CHECK_INT(cask_board_change(board), change);
    CHECK(cask_board_starting(board, 7));
    CHECK(!cask_board_starting(board, 6));
    CHECK(!cask_board_starting(board, 0));
    cask_board_set_serving(board, 8); /* the successor serves: nothing starts to replace it */
    CHECK(!cask_board_starting(board, 8));
    change = cask_board_change(board);
    cask_board_set_starting(board, false);
    CHECK(!cask_board_starting(board, 7));
    CHECK(cask_board_change(board) != change);
    change = cask_board_change(board);
    CHECK_INT(cask_board_refusals(board), 0);
    cask_board_refuse_start(board);
    CHECK_INT(cask_board_refusals(board), 1);
    CHECK(cask_board_change(board) != change);
    cask_board_set_group(board, CASK_GROUP_SERVING, NULL);
    cask_board_reason(board, text, sizeof(text));
    CHECK_STR(text, "");
    memset(reason, 'r', sizeof(reason) - 1);
    reason[sizeof(reason) - 1] = '\0';
    cask_board_set_group(board, CASK_GROUP_FAILED, reason);
    cask_board_reason(board, text, sizeof(text));
    CHECK_INT(strlen(text), 512);
    cask_board_reason(board, text, 5);
    CHECK_STR(text, "rrrr");
    cask_board_reason(board, NULL, 0);
    cask_board_set_group(board, CASK_GROUP_FAILED, "12345678");
    cask_board_reason(board, text, sizeof(text));
    CHECK_STR(text, "12345678");
    /* Nonsense in the segment does not get out of the enums. */
    atomic_store(&board->head->group, 77);
    CHECK_INT(cask_board_group(board), CASK_GROUP_STOPPED);
    atomic_store(&board->rows[0].state, 77);
    CHECK_INT(cask_board_row_state(board, 0), CASK_ROW_FREE);
    cask_board_free(board);
}

static void *
change_soon(void *context)
{
    cask_board_set_serving(context, 3);
    return NULL;
}

static void
test_wait_is_woken(void)
{
    struct cask_board *board = make_board(&small);
    uint32_t change = cask_board_change(board);
    pthread_t thread;

    CHECK_INT(pthread_create(&thread, NULL, change_soon, board), 0);
    CHECK_INT(cask_board_wait(board, change, cask_clock_deadline(30 * CASK_CLOCK_SECOND)), 0);
    CHECK_INT(cask_board_serving(board), 3);
    CHECK_INT(pthread_join(thread, NULL), 0);
    cask_board_free(board);
}

static void
test_rows(void)
{
    struct cask_board *board = make_board(&small);
    uint32_t child = 99;

    CHECK_INT(cask_board_join(board, getpid(), &child), 0);
    CHECK_INT(cask_board_take_row(board, 1, 5), 0);
    CHECK_INT(cask_board_take_row(board, 1, 5), 1);
    CHECK_INT(cask_board_take_row(board, 2, 6), 2);
    CHECK_INT(cask_board_take_row(board, 2, 6), -1);
    CHECK_INT(cask_board_row_state(board, 2), CASK_ROW_STARTING);
    cask_board_set_row(board, 2, CASK_ROW_READY, 1234);
    CHECK_INT(cask_board_row_state(board, 2), CASK_ROW_READY);
    CHECK_INT(cask_board_row_generation(board, 2), 2);
    CHECK_INT(cask_board_row_threads(board, 2), 6);
    CHECK_INT(cask_board_row_pid(board, 2), 1234);

    /* A row with claims is not given away before the last one is gone. */
    cask_board_claim_accepted(board, child, 2);
    CHECK_INT(cask_board_row_claims(board, 2), 1);
    CHECK_INT(cask_board_claims(board, 2), 1);
    CHECK_INT(cask_board_claims(board, 1), 0);
    CHECK_INT(cask_board_claims(board, 0), 1);
    cask_board_free_row(board, 2);
    CHECK_INT(cask_board_row_state(board, 2), CASK_ROW_FREE);
    CHECK_INT(cask_board_take_row(board, 3, 1), -1);
    cask_board_release(board, child, 2);
    CHECK_INT(cask_board_take_row(board, 3, 1), 2);

    /* Numbers beyond the tables, as a broken peer may send them. */
    CHECK_INT(cask_board_row_state(board, 3), CASK_ROW_FREE);
    CHECK_INT(cask_board_row_generation(board, 3), 0);
    CHECK_INT(cask_board_row_threads(board, UINT32_MAX), 0);
    CHECK_INT(cask_board_row_claims(board, 3), 0);
    CHECK_INT(cask_board_row_pid(board, 3), 0);
    cask_board_set_row(board, 3, CASK_ROW_READY, 1);
    cask_board_free_row(board, UINT32_MAX);
    CHECK(!cask_board_claim(board, child, 3));
    CHECK(!cask_board_claim(board, 4, 0));
    cask_board_claim_accepted(board, 4, 0);
    cask_board_release(board, child, 3);
    cask_board_release(board, UINT32_MAX, 0);
    cask_board_wait_begin(board, 4);
    cask_board_wait_end(board, 4);
    cask_board_leave(board, 4);
    CHECK_INT(cask_board_claims(board, 0), 0);
    cask_board_free(board);
}

static void
test_claims(void)
{
    struct cask_board *board = make_board(&small);
    uint32_t row = ready_row(board, 1, 2);
    uint32_t a = 99;
    uint32_t b = 99;

    CHECK_INT(cask_board_join(board, 1001, &a), 0);
    CHECK_INT(cask_board_join(board, 1002, &b), 0);
    CHECK(!cask_board_claim(board, a, row)); /* its generation does not serve yet */
    cask_board_set_serving(board, 1);
    CHECK(cask_board_claim(board, a, row));
    CHECK(cask_board_claim(board, b, row));
    CHECK(!cask_board_claim(board, b, row)); /* two threads, two claims */
    cask_board_claim_accepted(board, b, row);
    CHECK_INT(cask_board_row_claims(board, row), 3);
    cask_board_release(board, a, row);
    cask_board_release(board, a, row); /* once too often: nobody else's claim is given back */
    CHECK_INT(cask_board_row_claims(board, row), 2);
    CHECK(!cask_board_claim(board, a, row));
    cask_board_release(board, b, row);
    cask_board_set_row(board, row, CASK_ROW_DRAINING, 4242);
    CHECK(!cask_board_claim(board, a, row));
    cask_board_release(board, b, row);
    CHECK_INT(cask_board_row_claims(board, row), 0);

    CHECK_INT(cask_board_waiting(board), 0);
    cask_board_wait_begin(board, a);
    cask_board_wait_begin(board, b);
    cask_board_wait_end(board, a);
    cask_board_wait_end(board, a);
    CHECK_INT(cask_board_waiting(board), 1);
    cask_board_free(board);
}

static void
test_dead_children(void)
{
    struct cask_board *board = make_board(&small);
    uint32_t row = ready_row(board, 1, 9);
    uint32_t child = 99;

    cask_board_set_serving(board, 1);
    for (pid_t pid = 0; pid < 4; pid++) {
        CHECK_INT(cask_board_join(board, getpid() - 1 - pid, &child), 0);
        CHECK_INT(child, pid);
    }
    CHECK(cask_board_claim(board, 0, row));
    CHECK(cask_board_claim(board, 0, row));
    CHECK(cask_board_claim(board, 1, row));
    cask_board_wait_begin(board, 0);
    cask_board_sweep(board, everybody_lives);
    CHECK_INT(cask_board_row_claims(board, row), 3);
    CHECK_INT(cask_board_waiting(board), 1);
    cask_board_leave(board, 1);
    CHECK_INT(cask_board_row_claims(board, row), 2);
    cask_board_sweep(board, nobody_lives);
    CHECK_INT(cask_board_row_claims(board, row), 0);
    CHECK_INT(cask_board_waiting(board), 0);
    CHECK_INT(cask_board_join(board, 77, &child), 0);
    CHECK_INT(child, 0);
    /* Our own number again: the row is an old one's. */
    CHECK(cask_board_claim(board, 0, row));
    CHECK_INT(cask_board_join(board, 77, &child), 0);
    CHECK_INT(child, 0);
    CHECK_INT(cask_board_row_claims(board, row), 0);
    cask_board_free(board);
}

static void
test_join_takes_from_the_dead(void)
{
    struct cask_board *board = make_board(&small);
    uint32_t row = ready_row(board, 1, 9);
    uint32_t child = 99;
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        _exit(0);
    }
    cask_board_set_serving(board, 1);
    CHECK_INT(cask_board_join(board, getppid(), &child), 0);
    CHECK_INT(cask_board_join(board, pid, &child), 0);
    CHECK(cask_board_claim(board, child, row));
    CHECK_INT(cask_board_join(board, getpid(), &child), 0);
    atomic_store(
        &((struct cask_board_child *)(void *)(board->children + 3 * board->child_stride))->pid,
        -getppid()); /* being cleaned by a living process */
    CHECK_INT(waitpid(pid, NULL, 0), pid);
    CHECK_INT(cask_board_join(board, 1, &child), 0);
    CHECK_INT(child, 1);
    CHECK_INT(cask_board_row_claims(board, row), 0);
    CHECK_INT(cask_board_join(board, getppid() == 1 ? 2 : getppid(), &child), 0);
    CHECK_INT(child, 0);
    cask_board_free(board);
}

static void
test_no_room_for_children(void)
{
    struct cask_board *board = make_board(&(struct cask_board_size){.rows = 1, .children = 1});
    uint32_t child = 99;

    CHECK_INT(cask_board_join(board, getppid(), &child), 0);
    CHECK_INT(cask_board_join(board, getpid(), &child), ENOSPC);
    cask_board_leave(board, 0);
    CHECK_INT(cask_board_join(board, getpid(), &child), 0);
    cask_board_free(board);
}

/* A child killed between the two steps of a claim: the row counts one more than the cells. */
static void
test_killed_in_between(void)
{
    struct cask_board *board = make_board(&small);
    uint32_t row = ready_row(board, 1, 5);
    struct cask_board_child *dying = NULL;
    uint32_t a = 99;
    uint32_t b = 99;

    cask_board_set_serving(board, 1);
    CHECK_INT(cask_board_join(board, 1001, &a), 0);
    CHECK_INT(cask_board_join(board, 1002, &b), 0);
    CHECK(cask_board_claim(board, a, row));
    CHECK(cask_board_claim(board, b, row));
    dying = (struct cask_board_child *)(void *)(board->children + a * board->child_stride);
    atomic_fetch_add(&dying->moving, 1);
    atomic_fetch_add(&board->rows[row].claims, 1);
    atomic_fetch_add(&board->head->waiting, 1);
    CHECK_INT(cask_board_row_claims(board, row), 3);
    atomic_store(&dying->pid, 0x7ffffff0); /* no such process */
    CHECK_INT(cask_board_row_claims(board, row), 3);
    atomic_fetch_add(
        &((struct cask_board_child *)(void *)(board->children + b * board->child_stride))->moving,
        1);
    cask_board_leave(board, a);
    cask_board_sweep(board, everybody_lives); /* b is in between: not now */
    CHECK_INT(cask_board_row_claims(board, row), 2);
    atomic_fetch_sub(
        &((struct cask_board_child *)(void *)(board->children + b * board->child_stride))->moving,
        1);
    cask_board_sweep(board, everybody_lives);
    CHECK_INT(cask_board_row_claims(board, row), 1);
    CHECK_INT(cask_board_waiting(board), 0);
    cask_board_free(board);
}

/* Several children claim and release at once, while the supervisor sweeps; one dies now and then.
 */
#define N_THREADS 4
#define N_ROUNDS  20000

struct crowd {
    struct cask_board *board;
    atomic_int inside[3]; /* by row: who has a claim there */
    atomic_bool done;
    atomic_uint sum;
};

static void *
claim_and_release(void *context)
{
    struct crowd *crowd = context;
    uint32_t child = 99;
    unsigned claimed = 0;

    CHECK_INT(
        cask_board_join(crowd->board, 100000 + (pid_t)atomic_fetch_add(&crowd->sum, 1), &child), 0);
    for (int i = 0; i < N_ROUNDS; i++) {
        uint32_t row = (uint32_t)i % 3;

        cask_board_wait_begin(crowd->board, child);
        if (cask_board_claim(crowd->board, child, row)) {
            CHECK(atomic_fetch_add(&crowd->inside[row], 1) < 2); /* never more than threads */
            claimed++;
            atomic_fetch_sub(&crowd->inside[row], 1);
            cask_board_release(crowd->board, child, row);
        }
        cask_board_wait_end(crowd->board, child);
    }
    CHECK(claimed > 0);
    return NULL;
}

static void *
sweep_always(void *context)
{
    struct crowd *crowd = context;

    while (!atomic_load(&crowd->done)) {
        atomic_store(&crowd->board->head->suspect, 1);
        cask_board_sweep(crowd->board, everybody_lives);
    }
    return NULL;
}

static void
test_crowd(void)
{
    struct crowd crowd = {.board = make_board(&(struct cask_board_size){3, N_THREADS})};
    pthread_t threads[N_THREADS];
    pthread_t sweeper;

    for (int i = 0; i < 3; i++) {
        (void)ready_row(crowd.board, 1, 2);
    }
    cask_board_set_serving(crowd.board, 1);
    CHECK_INT(pthread_create(&sweeper, NULL, sweep_always, &crowd), 0);
    for (int i = 0; i < N_THREADS; i++) {
        CHECK_INT(pthread_create(&threads[i], NULL, claim_and_release, &crowd), 0);
    }
    for (int i = 0; i < N_THREADS; i++) {
        CHECK_INT(pthread_join(threads[i], NULL), 0);
    }
    atomic_store(&crowd.done, true);
    CHECK_INT(pthread_join(sweeper, NULL), 0);
    CHECK_INT(cask_board_claims(crowd.board, 0), 0);
    CHECK_INT(cask_board_waiting(crowd.board), 0);
    cask_board_free(crowd.board);
}

/* Real processes, killed at any moment: after the sweeps nothing is left of their claims. */
static bool
lives(pid_t pid)
{
    return kill(pid, 0) == 0;
}

static void
test_killed_processes(void)
{
    struct cask_board *board = make_board(&small);

    for (int i = 0; i < 3; i++) {
        (void)ready_row(board, 1, 2);
    }
    cask_board_set_serving(board, 1);
    for (int round = 0; round < 40; round++) {
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid == 0) {
            uint32_t child = 99;

            if (cask_board_join(board, getpid(), &child) != 0) {
                _exit(1);
            }
            for (uint32_t i = 0;; i++) {
                cask_board_wait_begin(board, child);
                if (cask_board_claim(board, child, i % 3) && i % 5 != 0) {
                    cask_board_release(board, child, i % 3);
                }
                cask_board_wait_end(board, child);
            }
        }
        while (cask_board_claims(board, 0) == 0) { /* it is at work */
            CHECK_INT(waitpid(pid, NULL, WNOHANG), 0);
        }
        CHECK_INT(kill(pid, SIGKILL), 0);
        CHECK_INT(waitpid(pid, NULL, 0), pid);
        cask_board_sweep(board, lives);
        CHECK_INT(cask_board_claims(board, 0), 0);
        CHECK_INT(cask_board_waiting(board), 0);
    }
    cask_board_free(board);
}

const struct unit_test unit_tests[] = {
    {"a board is made, mapped, and checked", test_create, UNIT_TORTURE},
    {"states, reason, change", test_states, 0},
    {"who waits for a change is woken", test_wait_is_woken, 0},
    {"rows come and go", test_rows, 0},
    {"claims are bounded by threads", test_claims, 0},
    {"dead children give everything back", test_dead_children, 0},
    {"a new child takes the row of a dead one", test_join_takes_from_the_dead, 0},
    {"no room for another child", test_no_room_for_children, 0},
    {"a child killed between two steps", test_killed_in_between, 0},
    {"a crowd of claims and sweeps", test_crowd, 0},
    {"processes killed at any moment", test_killed_processes, 0},
    {0},
};
