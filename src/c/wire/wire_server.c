/* SPDX-License-Identifier: Apache-2.0 */
/* wire/wire_server.c - a daemon's side of the connections from httpd.
 *
 * Owns:    the epoll set, the connections, a job per worker thread.
 * Touches: the group's listening socket (shared with the other processes of the group).
 * Threads: workers in next() and done(); drain and stop from any thread.
 * Fork:    calls from another process are refused.
 * Invariants:
 *   (1) a connection belongs to one thread while `busy`; otherwise it waits in the epoll set, armed
 *       with EPOLLONESHOT, or is about to be picked up by the thread epoll gave it to;
 *   (2) only drain and stop touch a connection that is not theirs, and only while it is not busy.
 *       They may arm it a second time, so that two threads get the same event: the first one makes
 *       it busy, the other drops it. Hence no connection is freed any more once drain has begun;
 *   (3) the listening socket is in the epoll set with EPOLLEXCLUSIVE: the kernel passes over
 *       processes in which no thread waits, so a new connection meets a free thread.
 *
 * States of a server: SERVING → DRAINING (drain) → STOPPED (stop, or the last connection of a drain
 * has gone); SERVING → STOPPED.
 */
#include "wire/wire_server.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "metrics/board.h"
#include "platform/clock.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "platform/process.h"
#include "wire/wire_output.h"

/* For the HELLO of a connection just accepted. */
#define HELLO_TIMEOUT_US CASK_CLOCK_SECOND
/* A new connection is made for a request: the thread that accepts stays with it that long. */
#define FIRST_REQUEST_US (100 * CASK_CLOCK_MS)
/* Out of descriptors: pause before accepting again. */
#define ACCEPT_PAUSE_MS 200

enum server_state { SERVING, DRAINING, STOPPED };

struct connection {
    int fd;                  /* [owner] the thread that made it busy */
    uint32_t accepted;       /* [owner] requests taken */
    bool watched;            /* [owner] in the epoll set, armed or not */
    bool busy;               /* [lock:lock] */
    struct connection *next; /* [lock:lock] */
    struct connection *previous;
};

struct cask_wire_server {
    pid_t owner;                           /* [init] */
    struct cask_wire_server_config config; /* [init] */
    int epoll_fd;                          /* [init] */
    int leave_fd;                   /* [init] eventfd, readable for good: threads leave next() */
    struct cask_wire_job **jobs;    /* [init] by thread id - 1 */
    struct connection **current;    /* [owner] by thread id - 1: of the job being served */
    pthread_mutex_t lock;           /* leaf: nothing inside waits */
    enum server_state state;        /* [lock:lock] */
    atomic_bool accept_paused;      /* [atomic] written with the lock held */
    bool superseded;                /* [lock:lock] a later generation serves: accepts no more */
    struct connection *connections; /* [lock:lock] */
    struct connection *graveyard;   /* [lock:lock] closed since drain began, see (2) */
};

/* ---- life ---- */

/* mark: what epoll_wait() will give back; the address of a descriptor's own field for those that
 * are no connection. */
static int
watch(struct cask_wire_server *server, int fd, uint32_t events, void *mark)
{
    struct epoll_event event = {.events = events, .data = {.ptr = mark}};

    return epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

static int
watch_listener(struct cask_wire_server *server)
{
    return watch(server, server->config.listen_fd, EPOLLIN | EPOLLEXCLUSIVE,
                 &server->config.listen_fd);
}

static void
unwatch_listener(const struct cask_wire_server *server)
{
    struct epoll_event unused = {0};

    (void)epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, server->config.listen_fd, &unused);
}

static int
make_jobs(struct cask_wire_server *server, struct cask_problem *reterr_problem)
{
    uint32_t threads = server->config.terms.threads;

    server->jobs = calloc(threads, sizeof(struct cask_wire_job *));
    server->current = calloc(threads, sizeof(struct connection *));
    if (server->jobs == NULL || server->current == NULL) {
        return cask_problem_set(reterr_problem, ENOMEM, 711, "%u worker threads", threads);
    }
    for (uint32_t i = 0; i < threads; i++) {
        int status = cask_wire_job_new(&server->jobs[i], i + 1, server->config.socket_timeout_us,
                                       reterr_problem);

        if (status != 0) {
            return status;
        }
    }
    return 0;
}

int
cask_wire_server_new(struct cask_wire_server **ret_server,
                     const struct cask_wire_server_config *config,
                     struct cask_problem *reterr_problem)
{
    struct cask_wire_server *server = calloc(1, sizeof(*server));
    int status;

    if (server == NULL) {
        return cask_problem_set(reterr_problem, ENOMEM, 711, "the server of a daemon");
    }
    server->owner = cask_process_get()->pid;
    server->config = *config;
    (void)pthread_mutex_init(&server->lock, NULL);
    server->leave_fd = -1;
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (server->epoll_fd >= 0) {
        server->leave_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    if (server->leave_fd < 0) {
        status = cask_problem_set(reterr_problem, errno, 711, "the server of a daemon");
        goto done;
    }
    status = make_jobs(server, reterr_problem);
    if (status != 0) {
        goto done;
    }
    status = watch(server, server->leave_fd, EPOLLIN, &server->leave_fd);
    if (status == 0) {
        status = watch_listener(server);
    }
    if (status != 0) {
        cask_problem_set(reterr_problem, status, 711, "the server of a daemon");
        goto done;
    }
    *ret_server = server;
    server = NULL; /* given to the caller */

done:
    cask_wire_server_free(server);
    return status;
}

static void
free_list(struct connection *list)
{
    while (list != NULL) {
        struct connection *next = list->next;

        cask_net_close(&list->fd);
        free(list);
        list = next;
    }
}

struct cask_wire_server *
cask_wire_server_free(struct cask_wire_server *server)
{
    if (server != NULL) {
        cask_assert_owner(server->owner);
        free_list(server->connections);
        free_list(server->graveyard);
        for (uint32_t i = 0; server->jobs != NULL && i < server->config.terms.threads; i++) {
            cask_wire_job_free(server->jobs[i]);
        }
        free(server->jobs);
        free(server->current);
        cask_net_close(&server->leave_fd);
        cask_net_close(&server->epoll_fd);
        (void)pthread_mutex_destroy(&server->lock);
        free(server);
    }
    return NULL;
}

/* ---- connections ---- */

/* SERVING or DRAINING → STOPPED. Lock held. */
static void
leave(struct cask_wire_server *server)
{
    const uint64_t one = 1;

    if (server->state != STOPPED) {
        server->state = STOPPED;
        /* Cannot fail: the counter is far from its end. */
        (void)!write(server->leave_fd, &one, sizeof(one));
    }
}

/* Lock held. */
static void
unlink_connection(struct cask_wire_server *server, struct connection *connection)
{
    if (connection->previous != NULL) {
        connection->previous->next = connection->next;
    } else {
        server->connections = connection->next;
    }
    if (connection->next != NULL) {
        connection->next->previous = connection->previous;
    }
}

/* Closes a connection that is busy with the caller. Lock held. */
static void
bury(struct cask_wire_server *server, struct connection *connection)
{
    cask_net_close(&connection->fd);
    unlink_connection(server, connection);
    if (server->state == SERVING) {
        free(connection);
        return;
    }
    connection->next = server->graveyard; /* keeps (2) */
    server->graveyard = connection;
    if (server->connections == NULL) {
        leave(server);
    }
}

static void
close_connection(struct cask_wire_server *server, struct connection *connection)
{
    pthread_mutex_lock(&server->lock);
    bury(server, connection);
    if (server->accept_paused && server->state == SERVING) { /* there is a descriptor again */
        server->accept_paused = watch_listener(server) != 0;
    }
    pthread_mutex_unlock(&server->lock);
}

/* True when the caller owns the connection now; keeps (1). */
static bool
pick_up(struct cask_wire_server *server, struct connection *connection)
{
    bool picked;

    pthread_mutex_lock(&server->lock);
    picked = !connection->busy;
    connection->busy = true;
    pthread_mutex_unlock(&server->lock);
    return picked;
}

/* Arms an idle connection in the epoll set; closes it with GOAWAY when nothing more is to come. */
static void
put_back(struct cask_wire_server *server, struct connection *connection)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data = {.ptr = connection}};
    int operation = connection->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    pthread_mutex_lock(&server->lock);
    if (server->state == SERVING &&
        epoll_ctl(server->epoll_fd, operation, connection->fd, &event) == 0) {
        connection->watched = true;
        connection->busy = false;
    } else {
        cask_wire_output_goaway(connection->fd, connection->accepted);
        bury(server, connection);
    }
    pthread_mutex_unlock(&server->lock);
}

static void
pause_accepting(struct cask_wire_server *server)
{
    pthread_mutex_lock(&server->lock);
    if (server->state == SERVING && !server->accept_paused) {
        unwatch_listener(server);
        server->accept_paused = true;
    }
    pthread_mutex_unlock(&server->lock);
}

static void
resume_accepting(struct cask_wire_server *server)
{
    pthread_mutex_lock(&server->lock);
    if (server->accept_paused && server->state == SERVING) {
        server->accept_paused = watch_listener(server) != 0;
    }
    pthread_mutex_unlock(&server->lock);
}

/* Enters a connection just accepted. NULL when it must be closed. */
static struct connection *
enter_connection(struct cask_wire_server *server, int fd)
{
    struct connection *connection = calloc(1, sizeof(*connection));

    if (connection == NULL) {
        return NULL;
    }
    connection->fd = fd;
    connection->busy = true;
    pthread_mutex_lock(&server->lock);
    if (server->state == STOPPED) {
        pthread_mutex_unlock(&server->lock);
        free(connection);
        return NULL;
    }
    connection->next = server->connections;
    if (connection->next != NULL) {
        connection->next->previous = connection;
    }
    server->connections = connection;
    if (server->state == SERVING && !server->superseded) {
        /* The kernel wakes the process that has watched longest: go to the end of its queue, so
         * that all processes of the group get their share of connections. */
        unwatch_listener(server);
        server->accept_paused = watch_listener(server) != 0;
    }
    pthread_mutex_unlock(&server->lock);
    return connection;
}

/* The order to drain is on its way, but the requests that waited for the new generation are here
 * already: they are hung up on without a word, dial again and wake a process of that generation. */
static bool
is_superseded(struct cask_wire_server *server)
{
    const struct cask_board *board = server->config.board;

    if (board == NULL || cask_board_serving(board) <= server->config.terms.generation) {
        return false;
    }
    pthread_mutex_lock(&server->lock);
    if (server->state == SERVING && !server->superseded) {
        server->superseded = true;
        unwatch_listener(server);
    }
    pthread_mutex_unlock(&server->lock);
    return true;
}

/* A new connection, greeted; NULL when there is none. */
static struct connection *
accept_connection(struct cask_wire_server *server)
{
    struct connection *connection;
    int fd = -1;
    int status = cask_net_accept(server->config.listen_fd, &fd);

    if (status != 0) {
        if (status != EAGAIN) { /* out of descriptors or memory */
            cask_log_debug(CASK_LOG_DEBUG, "cannot accept: errno %d", status);
            pause_accepting(server);
        }
        return NULL;
    }
    if (is_superseded(server)) {
        cask_net_close(&fd);
        return NULL;
    }
    cask_net_set_buffers(fd, server->config.send_buffer_size, server->config.receive_buffer_size);
    connection = enter_connection(server, fd);
    if (connection == NULL) {
        cask_net_close(&fd);
        return NULL;
    }
    status =
        cask_wire_hello_answer(fd, &server->config.terms, cask_clock_deadline(HELLO_TIMEOUT_US));
    if (status != 0) {
        cask_log_debug(CASK_LOG_DEBUG, "connection refused: errno %d", status);
        close_connection(server, connection);
        return NULL;
    }
    return connection;
}

/* ---- workers ---- */

/* Takes a request from a connection of the caller's. True when there is one; otherwise the
 * connection is back in the set, or closed. */
static bool
take_request(struct cask_wire_server *server, struct cask_wire_job *job,
             struct connection *connection, bool first)
{
    int status =
        cask_wire_job_take(job, connection->fd, first ? cask_clock_deadline(FIRST_REQUEST_US) : 0);

    if (status == 0) {
        connection->accepted++;
        return true;
    }
    if (status == EAGAIN || status == ETIMEDOUT) {
        put_back(server, connection);
    } else {
        close_connection(server, connection);
    }
    return false;
}

int
cask_wire_server_next(struct cask_wire_server *server, uint32_t thread_id,
                      struct cask_wire_job **ret_job)
{
    cask_assert_owner(server->owner);
    cask_assert(thread_id >= 1 && thread_id <= server->config.terms.threads);
    for (;;) {
        struct cask_wire_job *job = server->jobs[thread_id - 1];
        struct connection *connection;
        struct epoll_event event;
        int ready =
            epoll_wait(server->epoll_fd, &event, 1, server->accept_paused ? ACCEPT_PAUSE_MS : -1);
        bool first = false;

        if (ready < 0) {
            cask_assert(errno == EINTR);
            continue;
        }
        if (ready == 0) {
            resume_accepting(server);
            continue;
        }
        if (event.data.ptr == &server->leave_fd) {
            return ESHUTDOWN;
        }
        if (event.data.ptr == &server->config.listen_fd) {
            connection = accept_connection(server);
            first = true;
            if (connection == NULL) {
                continue;
            }
        } else {
            connection = event.data.ptr;
            if (!pick_up(server, connection)) {
                continue;
            }
        }
        if (take_request(server, job, connection, first)) {
            server->current[thread_id - 1] = connection;
            *ret_job = job;
            return 0;
        }
    }
}

int
cask_wire_server_done(struct cask_wire_server *server, uint32_t thread_id,
                      enum cask_outcome outcome, const struct cask_problem *problem)
{
    struct connection *connection = server->current[thread_id - 1];
    bool reusable = false;
    bool leaving;
    int status;

    pthread_mutex_lock(&server->lock);
    leaving = server->state != SERVING;
    pthread_mutex_unlock(&server->lock);
    status = cask_wire_job_conclude(server->jobs[thread_id - 1], outcome, problem, leaving,
                                    connection->accepted, &reusable);
    server->current[thread_id - 1] = NULL;
    if (reusable) {
        put_back(server, connection);
    } else {
        close_connection(server, connection);
    }
    return status;
}

/* ---- the end ---- */

/* Stops watching the listening socket for good. The kernel may have woken just this process for a
 * connection that nobody has accepted yet, and wakes no other one for it: one is closed unseen, its
 * owner dials again, and that wakes another process, which accepts all that wait. */
static void
give_up_listener(struct cask_wire_server *server)
{
    int fd = -1;

    unwatch_listener(server);
    if (cask_net_accept(server->config.listen_fd, &fd) == 0) {
        cask_net_close(&fd);
    }
}

void
cask_wire_server_drain(struct cask_wire_server *server)
{
    cask_assert_owner(server->owner);
    pthread_mutex_lock(&server->lock);
    if (server->state == SERVING) {
        server->state = DRAINING;
        give_up_listener(server);
        for (struct connection *c = server->connections; c != NULL; c = c->next) {
            /* A socket with room to write is an event at once: a thread looks whether a request is
             * waiting and says goodbye otherwise. */
            struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLONESHOT,
                                        .data = {.ptr = c}};

            if (!c->busy) {
                (void)epoll_ctl(server->epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
            }
        }
        if (server->connections == NULL) {
            leave(server);
        }
    }
    pthread_mutex_unlock(&server->lock);
}

void
cask_wire_server_stop(struct cask_wire_server *server)
{
    struct connection *next;

    cask_assert_owner(server->owner);
    pthread_mutex_lock(&server->lock);
    if (server->state == SERVING) {
        give_up_listener(server);
    }
    leave(server);
    for (struct connection *c = server->connections; c != NULL; c = next) {
        next = c->next;
        if (!c->busy) { /* keeps (2) */
            c->busy = true;
            cask_wire_output_goaway(c->fd, c->accepted);
            bury(server, c);
        }
    }
    pthread_mutex_unlock(&server->lock);
}
