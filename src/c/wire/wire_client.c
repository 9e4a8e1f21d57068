/* SPDX-License-Identifier: Apache-2.0 */
/* wire/wire_client.c - an httpd child's connections to one daemon group.
 *
 * Owns:    idle connections, one LIFO per row of the board; calls that are not in use.
 * Touches: metrics/board (claims, waiting), the group's socket path.
 * Threads: any thread of the child; locks are leaves, no call that can wait is made inside.
 * Fork:    calls from another process are refused.
 * Invariants:
 *   (1) a call holds exactly one claim from checkout to checkin, on the row of its process, or none
 *       when HELLO named a row that is not that process's;
 *   (2) an idle connection belongs to the process and generation that its row has now: others are
 *       closed when they are met, at the latest when another generation begins to serve;
 *   (3) while somebody waits for a thread nobody takes one from under him: new requests dial too.
 */
#include "wire/wire_client.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "metrics/board.h"
#include "platform/clock.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "platform/process.h"
#include "wire/wire_hello.h"

#define NO_ROW UINT32_MAX
/* Connections that processes closed before HELLO, one after the other. */
#define MAX_CLOSED 8
/* Times that a request gives way to one that claimed the same thread a moment earlier. */
#define MAX_LOST_RACES 3
/* Whoever claims without waiting looked at `waiting` before we began to wait: so much later he has
 * his thread, and a row that is full is one whose last user has not yet given back his claim. */
#define RACE_US CASK_CLOCK_MS
/* Without HELLO although there should be a free thread: see nudge(). */
#define FIRST_NUDGE_US (5 * CASK_CLOCK_MS)
#define LAST_NUDGE_US  CASK_CLOCK_SECOND

/* Idle connections to one process. */
struct idle_row {
    pthread_mutex_t lock;         /* leaf */
    struct cask_wire_peer *peers; /* [lock:lock] LIFO */
    uint32_t capacity;            /* [lock:lock] */
    atomic_uint n_peers;          /* [atomic] written with the lock held */
};

struct cask_wire_client {
    pid_t owner;                           /* [init] */
    struct cask_wire_client_config config; /* [init] */
    unsigned char secret[CASK_FRAME_SECRET_SIZE];
    uint32_t n_rows;               /* [init] */
    struct idle_row *rows;         /* [init] */
    atomic_uint serving;           /* [atomic] generation that the pools were last cleaned for */
    pthread_mutex_t calls_lock;    /* leaf */
    struct cask_wire_call **calls; /* [lock:calls_lock] LIFO of those not in use */
    uint32_t n_calls;              /* [lock:calls_lock] */
    uint32_t max_calls;            /* [lock:calls_lock] */
};

int
cask_wire_client_new(struct cask_wire_client **ret_client,
                     const struct cask_wire_client_config *config,
                     struct cask_problem *reterr_problem)
{
    struct cask_wire_client *client = calloc(1, sizeof(*client));

    if (client == NULL) {
        goto failed;
    }
    client->owner = cask_process_get()->pid;
    client->config = *config;
    client->config.secret = client->secret;
    memcpy(client->secret, config->secret, sizeof(client->secret));
    (void)pthread_mutex_init(&client->calls_lock, NULL);
    client->rows = calloc(cask_board_size(config->board).rows, sizeof(struct idle_row));
    if (client->rows == NULL) {
        goto failed;
    }
    client->n_rows = cask_board_size(config->board).rows;
    for (uint32_t i = 0; i < client->n_rows; i++) {
        (void)pthread_mutex_init(&client->rows[i].lock, NULL);
    }
    *ret_client = client;
    return 0;

failed:
    cask_wire_client_free(client);
    return cask_problem_set(reterr_problem, ENOMEM, 700, "connections to group '%s'",
                            config->group);
}

struct cask_wire_client *
cask_wire_client_free(struct cask_wire_client *client)
{
    if (client != NULL) {
        cask_assert_owner(client->owner);
        for (uint32_t i = 0; i < client->n_rows; i++) {
            struct idle_row *row = &client->rows[i];

            for (unsigned j = 0; j < row->n_peers; j++) {
                cask_net_close(&row->peers[j].fd);
            }
            free(row->peers);
            (void)pthread_mutex_destroy(&row->lock);
        }
        free(client->rows);
        for (uint32_t i = 0; i < client->n_calls; i++) {
            cask_wire_call_free(client->calls[i]);
        }
        free(client->calls);
        (void)pthread_mutex_destroy(&client->calls_lock);
        free(client);
    }
    return NULL;
}

/* ---- idle connections ---- */

/* The process that HELLO named still has its row. */
static bool
row_is_of(const struct cask_wire_client *client, const struct cask_wire_peer *peer)
{
    const struct cask_board *board = client->config.board;

    return peer->row < client->n_rows &&
           cask_board_row_generation(board, peer->row) == peer->generation &&
           cask_board_row_pid(board, peer->row) == (pid_t)peer->pid;
}

static bool
pop(struct idle_row *row, struct cask_wire_peer *ret_peer)
{
    bool found;

    pthread_mutex_lock(&row->lock);
    found = row->n_peers > 0;
    if (found) {
        row->n_peers--;
        *ret_peer = row->peers[row->n_peers];
    }
    pthread_mutex_unlock(&row->lock);
    return found;
}

/* Keeps the connection, or closes it. */
static void
push(struct cask_wire_client *client, struct cask_wire_peer *steal_peer)
{
    struct idle_row *row = &client->rows[steal_peer->row];
    uint32_t limit = cask_board_row_threads(client->config.board, steal_peer->row);

    limit = limit < client->config.idle_limit ? limit : client->config.idle_limit;
    pthread_mutex_lock(&row->lock);
    if (row->n_peers == row->capacity && row->capacity < limit) {
        uint32_t capacity = row->capacity == 0 ? 4 : row->capacity * 2;
        struct cask_wire_peer *peers = reallocarray(row->peers, capacity, sizeof(*peers));

        if (peers != NULL) {
            row->peers = peers;
            row->capacity = capacity;
        }
    }
    if (row->n_peers < row->capacity && row->n_peers < limit) {
        row->peers[row->n_peers] = *steal_peer;
        row->n_peers++;
        steal_peer->fd = -1; /* given to the row */
    }
    pthread_mutex_unlock(&row->lock);
    cask_net_close(&steal_peer->fd);
}

/* Closes what other generations have left. Once per change of generation, by whoever sees it
 * first; keeps (2). */
static void
clean_pools(struct cask_wire_client *client)
{
    unsigned serving = cask_board_serving(client->config.board);
    unsigned seen = atomic_load(&client->serving);

    if (seen == serving || !atomic_compare_exchange_strong(&client->serving, &seen, serving)) {
        return;
    }
    for (uint32_t i = 0; i < client->n_rows; i++) {
        struct idle_row *row = &client->rows[i];
        unsigned kept = 0;

        pthread_mutex_lock(&row->lock);
        for (unsigned j = 0; j < row->n_peers; j++) {
            if (row->peers[j].generation == serving) {
                row->peers[kept++] = row->peers[j];
            } else {
                cask_net_close(&row->peers[j].fd);
            }
        }
        row->n_peers = kept;
        pthread_mutex_unlock(&row->lock);
    }
}

/* An idle connection is quiet. Anything to read is GOAWAY, the end, or a mistake. */
static bool
is_quiet(int fd)
{
    char byte;
    ssize_t len;

    do {
        len = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    } while (len < 0 && errno == EINTR);
    return len < 0 && errno == EAGAIN;
}

/* A usable idle connection to the process of a row. */
static bool
take_idle(struct cask_wire_client *client, uint32_t row, struct cask_wire_peer *ret_peer)
{
    while (pop(&client->rows[row], ret_peer)) {
        if (row_is_of(client, ret_peer) && is_quiet(ret_peer->fd)) {
            return true;
        }
        cask_net_close(&ret_peer->fd);
    }
    return false;
}

/* ---- calls ---- */

static int
take_call(struct cask_wire_client *client, struct cask_wire_call **ret_call,
          struct cask_problem *reterr_problem)
{
    struct cask_wire_call *call = NULL;

    pthread_mutex_lock(&client->calls_lock);
    if (client->n_calls > 0) {
        call = client->calls[--client->n_calls];
    }
    pthread_mutex_unlock(&client->calls_lock);
    if (call == NULL) {
        return cask_wire_call_new(ret_call, client->config.group, reterr_problem);
    }
    *ret_call = call;
    return 0;
}

static void
keep_call(struct cask_wire_client *client, struct cask_wire_call *steal_call)
{
    pthread_mutex_lock(&client->calls_lock);
    if (client->n_calls == client->max_calls) {
        uint32_t max = client->max_calls == 0 ? 8 : client->max_calls * 2;
        struct cask_wire_call **calls =
            reallocarray(client->calls, max, sizeof(struct cask_wire_call *));

        if (calls != NULL) {
            client->calls = calls;
            client->max_calls = max;
        }
    }
    if (client->n_calls < client->max_calls) {
        client->calls[client->n_calls++] = steal_call;
        steal_call = NULL;
    }
    pthread_mutex_unlock(&client->calls_lock);
    cask_wire_call_free(steal_call);
}

/* ---- checkout ---- */

struct dial {
    int64_t connect_us;
    int64_t queue_us;
    int64_t race_us;  /* a full row met before is a race that we lost; NO_ROW only */
    uint32_t claimed; /* row whose thread we have claimed, or NO_ROW */
};

static void
release(struct cask_wire_client *client, uint32_t row)
{
    if (row != NO_ROW) {
        cask_board_release(client->config.board, client->config.board_child, row);
    }
}

/* Claims a thread of the least busy process of the serving generation; among equals of one that
 * has an idle connection. NO_ROW when all are busy. */
static uint32_t
claim_least_busy(struct cask_wire_client *client)
{
    struct cask_board *board = client->config.board;
    uint32_t serving = cask_board_serving(board);

    for (;;) {
        uint32_t best = NO_ROW;
        uint32_t best_claims = 0;

        for (uint32_t i = 0; i < client->n_rows; i++) {
            uint32_t claims;

            if (cask_board_row_state(board, i) != CASK_ROW_READY ||
                cask_board_row_generation(board, i) != serving) {
                continue;
            }
            claims = cask_board_row_claims(board, i);
            if (claims >= cask_board_row_threads(board, i)) {
                continue;
            }
            if (best == NO_ROW || claims < best_claims ||
                (claims == best_claims && client->rows[best].n_peers == 0 &&
                 client->rows[i].n_peers > 0)) {
                best = i;
                best_claims = claims;
            }
        }
        if (best == NO_ROW || cask_board_claim(board, client->config.board_child, best)) {
            return best;
        }
        /* Somebody was faster: look again. Each turn sees another claim made. */
    }
}

static int
connect_problem(const struct cask_wire_client *client, int status,
                struct cask_problem *reterr_problem)
{
    if (status == EAGAIN) {
        cask_problem_set(reterr_problem, 0, 702,
                         "group '%s': no room in the listen queue of its socket '%s'",
                         client->config.group, client->config.socket_path);
        if (reterr_problem != NULL) {
            reterr_problem->error = status;
        }
        return status;
    }
    return cask_problem_set(reterr_problem, status, 701, "group '%s': cannot connect to '%s'",
                            client->config.group, client->config.socket_path);
}

static int
hello_problem(const struct cask_wire_client *client, int status, enum cask_frame_status defect,
              struct cask_problem *reterr_problem)
{
    const char *group = client->config.group;

    if (status == ETIMEDOUT) {
        cask_problem_set(reterr_problem, 0, 703,
                         "group '%s': no process took the request in time, all are busy", group);
    } else if (status == EPROTO) {
        cask_problem_set(reterr_problem, 0, 704, "group '%s': no HELLO from its process: %s", group,
                         cask_frame_status_text(defect));
    } else {
        cask_problem_set(reterr_problem, 0, 701,
                         "group '%s': its processes close connections without a word", group);
    }
    if (reterr_problem != NULL) {
        reterr_problem->error = status;
    }
    return status;
}

/* A process of the serving generation has a thread that nobody has claimed. */
static bool
has_free_thread(const struct cask_wire_client *client)
{
    const struct cask_board *board = client->config.board;
    uint32_t serving = cask_board_serving(board);

    for (uint32_t i = 0; i < client->n_rows; i++) {
        if (cask_board_row_state(board, i) == CASK_ROW_READY &&
            cask_board_row_generation(board, i) == serving &&
            cask_board_row_claims(board, i) < cask_board_row_threads(board, i)) {
            return true;
        }
    }
    return false;
}

/* The kernel wakes one process for a connection. One that ends or begins to drain in that very
 * moment takes the wake-up with it, and no other process learns of the connection. Another
 * connection is another wake-up; whoever hears it accepts ours first. */
static void
nudge(const struct cask_wire_client *client)
{
    int fd = -1;

    (void)cask_net_connect(client->config.socket_path, 0, &fd); /* a full queue needs none */
    cask_net_close(&fd);
}

/* Waits for the first bytes of HELLO. 0 or ETIMEDOUT. */
static int
await_acceptance(const struct cask_wire_client *client, int fd, const struct dial *dial)
{
    int64_t pause_us = FIRST_NUDGE_US;

    for (;;) {
        int64_t soon_us = cask_clock_mono_us() + pause_us;
        int status =
            cask_net_wait(fd, POLLIN, soon_us < dial->queue_us ? soon_us : dial->queue_us, NULL);

        if (status != ETIMEDOUT || soon_us >= dial->queue_us) {
            return status;
        }
        if (dial->claimed != NO_ROW || has_free_thread(client)) {
            nudge(client);
        }
        pause_us = pause_us * 2 < LAST_NUDGE_US ? pause_us * 2 : LAST_NUDGE_US;
    }
}

/* Connects and waits for HELLO. EPIPE and ECONNRESET (without a problem): the process closed before
 * it said anything, another try is safe. */
static int
dial_once(struct cask_wire_client *client, const struct dial *dial, struct cask_wire_peer *ret_peer,
          struct cask_problem *reterr_problem)
{
    int64_t connect_us = dial->connect_us < dial->queue_us ? dial->connect_us : dial->queue_us;
    enum cask_frame_status defect = CASK_FRAME_OK;
    struct cask_frame_hello hello;
    int fd = -1;
    int status = cask_net_connect(client->config.socket_path, connect_us, &fd);

    if (status != 0) {
        return connect_problem(client, status, reterr_problem);
    }
    cask_net_set_buffers(fd, client->config.send_buffer_size, client->config.receive_buffer_size);
    status = cask_wire_hello_offer(fd, client->secret);
    if (status == 0) {
        status = await_acceptance(client, fd, dial);
    }
    if (status == 0) {
        status = cask_wire_hello_await(fd, dial->queue_us, &hello, &defect);
    }
    if (status == EPIPE || status == ECONNRESET) {
        cask_net_close(&fd);
        return status;
    }
    if (status != 0) {
        cask_net_close(&fd);
        return hello_problem(client, status, defect, reterr_problem);
    }
    *ret_peer = (struct cask_wire_peer){
        .fd = fd, .row = hello.row, .generation = hello.generation, .pid = hello.pid};
    return 0;
}

/* Claims the thread that has accepted the connection, and gives back the one claimed before
 * dialling if that was another process's. False: someone else has claimed the thread a moment ago
 * (it will be his as soon as we hang up). Keeps (1). */
static bool
claim_accepted(struct cask_wire_client *client, uint32_t *claimed,
               const struct cask_wire_peer *peer, bool give_way)
{
    struct cask_board *board = client->config.board;
    uint32_t child = client->config.board_child;

    if (peer->row == *claimed) {
        return true;
    }
    if (!row_is_of(client, peer)) { /* an orphan of a lost supervisor, or a liar: no claim */
        release(client, *claimed);
        *claimed = NO_ROW;
        return true;
    }
    if (!cask_board_claim(board, child, peer->row)) {
        if (give_way && cask_board_row_state(board, peer->row) == CASK_ROW_READY &&
            cask_board_row_claims(board, peer->row) >= cask_board_row_threads(board, peer->row)) {
            return false;
        }
        cask_board_claim_accepted(board, child, peer->row);
    }
    release(client, *claimed);
    *claimed = peer->row;
    return true;
}

/* A new connection and its claim. The claim in `dial` is used up. */
static int
dial_until_taken(struct cask_wire_client *client, struct dial *dial,
                 struct cask_wire_peer *ret_peer, struct cask_problem *reterr_problem)
{
    int closed = 0;
    int lost = 0;

    for (;;) {
        int status = dial_once(client, dial, ret_peer, reterr_problem);

        if (status == 0) {
            bool give_way = lost < MAX_LOST_RACES &&
                            (dial->claimed != NO_ROW || cask_clock_mono_us() < dial->race_us);

            if (claim_accepted(client, &dial->claimed, ret_peer, give_way)) {
                return 0;
            }
            lost++;
            cask_net_close(&ret_peer->fd);
            continue;
        }
        if (status != EPIPE && status != ECONNRESET) {
            return status;
        }
        closed++;
        if (closed >= MAX_CLOSED) {
            return hello_problem(client, ECONNRESET, CASK_FRAME_OK, reterr_problem);
        }
    }
}

int
cask_wire_client_checkout(struct cask_wire_client *client, int64_t connect_us, int64_t queue_us,
                          struct cask_wire_call **ret_call, struct cask_problem *reterr_problem)
{
    struct cask_board *board = client->config.board;
    struct dial dial = {.connect_us = connect_us, .queue_us = queue_us, .claimed = NO_ROW};
    struct cask_wire_call *call = NULL;
    struct cask_wire_peer peer;
    int status;

    cask_assert_owner(client->owner);
    status = take_call(client, &call, reterr_problem);
    if (status != 0) {
        return status;
    }
    clean_pools(client);
    if (cask_board_waiting(board) == 0) { /* keeps (3) */
        dial.claimed = claim_least_busy(client);
    }
    if (dial.claimed == NO_ROW) {
        cask_board_wait_begin(board, client->config.board_child);
        dial.race_us = cask_clock_deadline(RACE_US);
        status = dial_until_taken(client, &dial, &peer, reterr_problem);
        cask_board_wait_end(board, client->config.board_child);
    } else if (!take_idle(client, dial.claimed, &peer)) {
        status = dial_until_taken(client, &dial, &peer, reterr_problem);
    }
    if (status != 0) {
        release(client, dial.claimed);
        keep_call(client, call);
        return status;
    }
    peer.claimed = dial.claimed != NO_ROW;
    cask_wire_call_attach(call, &peer);
    *ret_call = call;
    return 0;
}

void
cask_wire_client_checkin(struct cask_wire_client *client, struct cask_wire_call *steal_call)
{
    bool reusable = cask_wire_call_is_reusable(steal_call);
    struct cask_wire_peer peer = cask_wire_call_detach(steal_call);
    uint32_t row = peer.claimed ? peer.row : NO_ROW;

    cask_assert_owner(client->owner);
    if (reusable && row != NO_ROW && row_is_of(client, &peer) &&
        peer.generation == cask_board_serving(client->config.board)) {
        push(client, &peer);
    } else {
        cask_net_close(&peer.fd);
    }
    release(client, row); /* after the connection is back: whoever gets the claim finds it */
    keep_call(client, steal_call);
}
