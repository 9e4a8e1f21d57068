/* SPDX-License-Identifier: Apache-2.0 */
/* apache/remote.c - one request served by a daemon group.
 *
 * Waits for the group, checks a connection out, then carries bytes both ways until the reply is
 * complete: what the daemon says goes into the reply sink, what the client sends goes to the daemon
 * as its credit allows. Nothing is read from the client in a way that would keep a reply waiting.
 *
 * Owns:    nothing beyond the request.
 * Touches: groups, wire/wire_call, body_source and the reply sink of the request.
 * Threads: the thread that serves the request.
 * Invariants:
 *   (1) a request is given to a second process only while the first cannot have started it, and
 *       only with the same body: everything sent so far is still in `first`;
 *   (2) a checked-out call is checked in on every path.
 */
#include "apache/remote.h"

#include "apache/body_source.h"
#include "apache/config.h"
#include "apache/groups.h"
#include "apache/relay_limits.h"
#include "platform/clock.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "wire/wire_client.h"

#include <apr_strings.h>

#include <errno.h>
#include <poll.h>

/* Body bytes on their way from the client to the daemon. */
#define CARRY_SIZE (128 * 1024)
/* Other processes tried after one that closed or said GOAWAY. */
#define MAX_REPEATS 8
/* After one that refused. */
#define MAX_REFUSALS 1
/* Where the client's socket cannot be polled: pauses between looks at its body. */
#define SHORT_PAUSE_US CASK_CLOCK_MS
#define LONG_PAUSE_US  (50 * CASK_CLOCK_MS)
/* Input filters may have deadlines of their own (mod_reqtimeout) that they tell when asked. */
#define FILTER_PAUSE_US CASK_CLOCK_SECOND

/* How one turn with one process came out. */
enum turn {
    TURN_GO_ON, /* not over yet */
    TURN_OVER,  /* outcome and problem say how */
    TURN_REPEAT,
    TURN_STALE,
};

struct remote {
    request_rec *r;
    struct cask_config_group *group;
    const struct cask_exchange *exchange;
    struct cask_body_source *body;
    struct cask_request request; /* a copy: times and flags are ours to set */
    struct cask_wire_call *call; /* NULL between turns */
    char *first;                 /* the first bytes of the body, to repeat them; NULL without */
    size_t first_len;
    bool body_ended;   /* the end, or an error, was met */
    bool body_told;    /* and the daemon knows */
    bool out_of_first; /* more was sent than `first` holds */
    bool wants_continue;
    char *carry;          /* CARRY_SIZE bytes, on first need */
    bool wants_client;    /* waiting for the client to send */
    size_t unflushed_len; /* bytes of the reply since the last flush */
    bool unflushed;       /* the sink may hold something back */
    bool replied;
    int refusals;
    int64_t pause_us;
    int64_t daemon_deadline_us; /* the daemon must be heard of */
    int64_t client_deadline_us; /* the client must have sent something */
    int64_t reply_deadline_us;  /* request-timeout: the reply must have begun */
    struct cask_problem body_problem;
    enum cask_outcome outcome;
};

/* Keeps (2). */
static void
check_in(struct remote *remote)
{
    if (remote->call != NULL) {
        cask_wire_client_checkin(remote->group->client, remote->call);
        remote->call = NULL;
    }
}

/* ---- the request body ---- */

static void
daemon_was_heard(struct remote *remote)
{
    remote->daemon_deadline_us = cask_clock_deadline(remote->group->spec.socket_timeout_us);
}

/* Takes what the client has sent already. The bytes, 0 at the end, -1 when there is nothing now
 * (body_ended false) or after an error (body_problem). */
static ssize_t
take_body(struct remote *remote, char *buffer, size_t size)
{
    ssize_t len = cask_body_source_try(remote->body, buffer, size, &remote->body_problem);

    if (len < 0 && errno == EAGAIN) {
        if (!remote->wants_client) { /* from now on it is the client who keeps us waiting */
            remote->client_deadline_us = cask_clock_deadline(remote->r->server->timeout);
        }
        remote->wants_client = true;
        return -1;
    }
    remote->wants_client = false;
    /* Not by Content-Length: an input filter may inflate the body. */
    remote->body_ended = len <= 0 || cask_body_source_ended(remote->body);
    return len;
}

/* What has come with the request's head goes out with ours. */
static void
take_first(struct remote *remote)
{
    if (remote->request.content_length == 0) {
        remote->body_ended = true;
        return;
    }
    if (remote->first != NULL || remote->wants_continue) {
        return;
    }
    remote->first = apr_palloc(remote->r->pool, CASK_FRAME_FIRST_CREDIT);
    while (!remote->body_ended && remote->first_len < CASK_FRAME_FIRST_CREDIT) {
        ssize_t len = take_body(remote, remote->first + remote->first_len,
                                CASK_FRAME_FIRST_CREDIT - remote->first_len);

        if (len < 0) {
            break;
        }
        remote->first_len += (size_t)len;
    }
}

static int
tell_body_error(struct remote *remote, struct cask_problem *reterr_problem)
{
    remote->body_told = true;
    return cask_wire_call_send_abort(remote->call, CASK_OUTCOME_BODY_BAD, &remote->body_problem,
                                     reterr_problem);
}

static int
send_head(struct remote *remote, struct cask_problem *reterr_problem)
{
    bool bad = remote->body_problem.number != 0;
    bool last = remote->body_ended && !bad;
    int status =
        cask_wire_call_send_head(remote->call, &remote->request, remote->first, remote->first_len,
                                 last, remote->wants_continue, reterr_problem);

    remote->body_told = last;
    if (status == 0 && bad) {
        status = tell_body_error(remote, reterr_problem);
    }
    return status;
}

/* Where the next bytes go: into `first` as long as the request may have to be repeated. */
static char *
body_room(struct remote *remote, size_t *ret_size)
{
    size_t credit = cask_wire_call_credit(remote->call);

    if (!remote->out_of_first && remote->first != NULL &&
        remote->first_len < CASK_FRAME_FIRST_CREDIT) {
        size_t left = CASK_FRAME_FIRST_CREDIT - remote->first_len;

        *ret_size = credit < left ? credit : left;
        return remote->first + remote->first_len;
    }
    remote->out_of_first = true;
    if (remote->carry == NULL) {
        remote->carry = apr_palloc(remote->r->pool, CARRY_SIZE);
    }
    *ret_size = credit < CARRY_SIZE ? credit : CARRY_SIZE;
    return remote->carry;
}

/* Carries body bytes to the daemon as long as there are some and it takes them. 0 or the errno of
 * the call. A body that breaks off is the application's to judge: the client may have closed only
 * its sending half, and wait for a reply. */
static int
carry_body(struct remote *remote, struct cask_problem *reterr_problem)
{
    int status = 0;

    while (!remote->body_told && status == 0 && cask_wire_call_credit(remote->call) > 0 &&
           !cask_wire_call_is_pending(remote->call)) {
        size_t size;
        char *room = body_room(remote, &size);
        ssize_t len = take_body(remote, room, size);

        if (remote->body_problem.number != 0) {
            return tell_body_error(remote, reterr_problem);
        }
        if (len < 0) {
            break;
        }
        if (!remote->out_of_first) {
            remote->first_len += (size_t)len;
        }
        remote->body_told = remote->body_ended;
        status = cask_wire_call_send_body(remote->call, room, (size_t)len, remote->body_ended,
                                          reterr_problem);
        daemon_was_heard(remote);
    }
    return status;
}

/* ---- the reply ---- */

static enum turn
over(struct remote *remote, enum cask_outcome outcome)
{
    remote->outcome = outcome;
    return TURN_OVER;
}

/* The client is gone, or its reply cannot go on: the daemon's thread shall not work for nobody. */
static enum turn
give_up(struct remote *remote, enum cask_outcome outcome)
{
    struct cask_problem gone = {.error = ECONNRESET, .number = 707};

    (void)apr_cpystrn(gone.text, "the client has gone", sizeof(gone.text));
    (void)cask_wire_call_send_abort(remote->call, CASK_OUTCOME_CLIENT_GONE, &gone, NULL);
    return over(remote, outcome);
}

static enum turn
client_gone(struct remote *remote, struct cask_problem *reterr_problem)
{
    cask_problem_set(reterr_problem, 0, 707, "client left before the %s",
                     remote->replied ? "end of the reply" : "reply");
    reterr_problem->error = ECONNRESET;
    return give_up(remote, CASK_OUTCOME_CLIENT_GONE);
}

static enum turn
sink_status(struct remote *remote, int status)
{
    if (status == 0) {
        remote->unflushed = true;
        return TURN_GO_ON;
    }
    return give_up(remote, status == EPIPE ? CASK_OUTCOME_CLIENT_GONE : CASK_OUTCOME_FAILED);
}

/* The connection goes back before the last bytes go to a client that may be slow. */
static enum turn
finish(struct remote *remote, struct cask_problem *reterr_problem)
{
    int status;

    check_in(remote);
    status = remote->exchange->reply_ops->finish(remote->exchange->reply, reterr_problem);
    if (status == 0) {
        return over(remote, CASK_OUTCOME_DONE);
    }
    return over(remote, status == EPIPE ? CASK_OUTCOME_CLIENT_GONE : CASK_OUTCOME_FAILED);
}

static enum turn
show_reply(struct remote *remote, const struct cask_wire_event *event,
           struct cask_problem *reterr_problem)
{
    const struct cask_reply_ops *ops = remote->exchange->reply_ops;
    void *sink = remote->exchange->reply;
    enum turn turn;

    remote->replied = true;
    if (cask_relay_limits_exceeded(&remote->group->spec, &event->head, reterr_problem)) {
        return give_up(remote, CASK_OUTCOME_FAILED);
    }
    turn = sink_status(remote, ops->start(sink, &event->head, reterr_problem));
    if (event->file_next) {
        remote->unflushed = false; /* head and file in one piece */
    }
    if (turn == TURN_GO_ON && event->data_len > 0) {
        turn = sink_status(
            remote, ops->write(sink, event->data, event->data_len, NULL, NULL, reterr_problem));
    }
    if (turn == TURN_GO_ON && event->last) {
        turn = finish(remote, reterr_problem);
    }
    return turn;
}

static enum turn
refused(struct remote *remote, const struct cask_wire_event *event)
{
    remote->outcome = event->outcome;
    if (remote->out_of_first) { /* keeps (1) */
        return TURN_OVER;
    }
    if (event->outcome == CASK_OUTCOME_STALE) {
        return TURN_STALE;
    }
    return remote->refusals++ < MAX_REFUSALS ? TURN_REPEAT : TURN_OVER;
}

static enum turn
handle_event(struct remote *remote, const struct cask_wire_event *event,
             struct cask_problem *reterr_problem)
{
    const struct cask_reply_ops *ops = remote->exchange->reply_ops;
    void *sink = remote->exchange->reply;

    switch (event->kind) {
    case CASK_WIRE_HINT:
        if (ops->hint(sink, event->head.headers, event->head.n_headers, reterr_problem) != 0) {
            return give_up(remote, CASK_OUTCOME_FAILED);
        }
        return TURN_GO_ON;
    case CASK_WIRE_REPLY:
        return show_reply(remote, event, reterr_problem);
    case CASK_WIRE_DATA:
        remote->unflushed_len += event->data_len;
        return sink_status(
            remote, ops->write(sink, event->data, event->data_len, NULL, NULL, reterr_problem));
    case CASK_WIRE_FILE:
        return sink_status(
            remote, ops->send_file(sink, event->fd, event->offset, event->length, reterr_problem));
    case CASK_WIRE_LOG:
        if (remote->request.log != NULL) {
            remote->request.log->write(remote->request.log_context, &event->record);
        }
        return TURN_GO_ON;
    case CASK_WIRE_END:
        return finish(remote, reterr_problem);
    case CASK_WIRE_ABORT:
        if (remote->unflushed) {
            /* The application's reply had begun, and the client shall see that. */
            (void)ops->flush(sink, NULL);
        }
        return over(remote, event->outcome);
    case CASK_WIRE_REFUSED:
        return refused(remote, event);
    case CASK_WIRE_GOAWAY:
        if (!event->accepted && !remote->replied && !remote->out_of_first) {
            return TURN_REPEAT;
        }
        return TURN_GO_ON;
    case CASK_WIRE_CREDIT:
        return TURN_GO_ON;
    }
    return TURN_GO_ON;
}

/* ---- both directions ---- */

/* The daemon has closed, or broke the protocol. Keeps (1). */
static enum turn
lost(struct remote *remote, int status)
{
    if ((status == EPIPE || status == ECONNRESET) && !remote->replied && !remote->out_of_first &&
        cask_wire_call_is_unstarted(remote->call)) {
        return TURN_REPEAT;
    }
    return over(remote,
                status == ENOMEM || status == EMSGSIZE ? CASK_OUTCOME_FAILED : CASK_OUTCOME_LOST);
}

/* Everything that the daemon has said so far. */
static enum turn
take_events(struct remote *remote, struct cask_problem *reterr_problem)
{
    for (;;) {
        struct cask_wire_event event;
        enum turn turn;
        int status = cask_wire_call_receive(remote->call, 0, &event, reterr_problem);

        if (status == EAGAIN) {
            return TURN_GO_ON;
        }
        if (status != 0) {
            return lost(remote, status);
        }
        turn = handle_event(remote, &event, reterr_problem);
        if (turn != TURN_GO_ON) {
            return turn;
        }
        daemon_was_heard(remote);
    }
}

static enum turn
timed_out(struct remote *remote, struct cask_problem *reterr_problem)
{
    if (!remote->replied && cask_clock_mono_us() >= remote->reply_deadline_us) {
        cask_problem_set(reterr_problem, 0, 720,
                         "group '%s': process %d took longer than request-timeout",
                         remote->group->spec.name, (int)cask_wire_call_peer(remote->call)->pid);
        reterr_problem->error = ETIMEDOUT;
        return give_up(remote, CASK_OUTCOME_TIMEOUT);
    }
    if (remote->wants_client) {
        if (cask_clock_mono_us() < remote->client_deadline_us) {
            return TURN_GO_ON;
        }
        cask_body_source_expire(remote->body, &remote->body_problem);
        remote->wants_client = false;
        remote->body_ended = true;
        daemon_was_heard(remote);
        if (tell_body_error(remote, reterr_problem) != 0) {
            return over(remote, CASK_OUTCOME_FAILED);
        }
        return TURN_GO_ON;
    }
    if (cask_clock_mono_us() < remote->daemon_deadline_us) {
        return TURN_GO_ON;
    }
    cask_problem_set(reterr_problem, 0, 706,
                     "group '%s': process %d was silent for socket-timeout %s",
                     remote->group->spec.name, (int)cask_wire_call_peer(remote->call)->pid,
                     remote->replied ? "in the middle of its reply" : "before its reply");
    reterr_problem->error = ETIMEDOUT;
    return give_up(remote, CASK_OUTCOME_TIMEOUT);
}

/* How long to wait at most before the client's body is looked at again. */
static int64_t
pause_before_look(struct remote *remote, int client_fd)
{
    int64_t pause_us = remote->pause_us;

    if (client_fd >= 0) {
        return FILTER_PAUSE_US;
    }
    remote->pause_us = pause_us * 2 < LONG_PAUSE_US ? pause_us * 2 : LONG_PAUSE_US;
    return pause_us;
}

/* Waits until the daemon says something or takes more, or the client does. */
static enum turn
wait_for_either(struct remote *remote, struct cask_problem *reterr_problem)
{
    int client_fd = cask_body_source_socket(remote->body);
    struct pollfd entries[2] = {
        {.fd = cask_wire_call_peer(remote->call)->fd, .events = POLLIN},
        {.fd = client_fd, .events = remote->wants_client ? POLLIN : 0}, /* -1 is passed over */
    };
    int64_t deadline_us =
        remote->wants_client ? remote->client_deadline_us : remote->daemon_deadline_us;
    int ready;

    if (!remote->replied && remote->reply_deadline_us < deadline_us) {
        deadline_us = remote->reply_deadline_us;
    }
    if (cask_wire_call_is_pending(remote->call)) {
        entries[0].events |= POLLOUT;
    }
    if (remote->wants_client) {
        int64_t look_us = cask_clock_mono_us() + pause_before_look(remote, client_fd);

        deadline_us = look_us < deadline_us ? look_us : deadline_us;
    } else {
        remote->pause_us = SHORT_PAUSE_US;
    }
    ready = poll(entries, 2, cask_clock_poll_ms(deadline_us));
    if (ready < 0 && errno != EINTR) {
        cask_problem_set(reterr_problem, errno, 700, "request to group '%s'",
                         remote->group->spec.name);
        return give_up(remote, CASK_OUTCOME_FAILED);
    }
    if (ready == 0) {
        return timed_out(remote, reterr_problem);
    }
    if (ready > 0 && !remote->wants_client && (entries[1].revents & (POLLERR | POLLHUP)) != 0) {
        return client_gone(remote, reterr_problem);
    }
    return TURN_GO_ON;
}

/* response-flush-delay: is there, within it, more of the reply to go out with what is held back? */
static bool
more_is_coming(const struct remote *remote)
{
    const struct cask_group_spec *spec = &remote->group->spec;

    return spec->response_flush_delay_us > 0 &&
           remote->unflushed_len < (size_t)spec->response_buffer_size &&
           cask_net_wait(cask_wire_call_peer(remote->call)->fd, POLLIN,
                         cask_clock_deadline(spec->response_flush_delay_us), NULL) == 0;
}

/* One request to one process, from HEAD to the end of the reply. */
static enum turn
take_turn(struct remote *remote, struct cask_problem *reterr_problem)
{
    const struct cask_reply_ops *ops = remote->exchange->reply_ops;
    enum turn turn = TURN_GO_ON;
    int status;

    remote->wants_client = false;
    take_first(remote);
    status = send_head(remote, reterr_problem);
    daemon_was_heard(remote);
    remote->reply_deadline_us = cask_clock_deadline(remote->group->spec.request_timeout_us);
    while (turn == TURN_GO_ON) {
        if (status == 0) {
            status = carry_body(remote, reterr_problem);
        }
        if (status != 0) {
            return lost(remote, status);
        }
        if (remote->r->connection->aborted) {
            return client_gone(remote, reterr_problem);
        }
        if (remote->unflushed && !more_is_coming(remote)) {
            turn = sink_status(remote, ops->flush(remote->exchange->reply, reterr_problem));
            remote->unflushed = false;
            remote->unflushed_len = 0;
        }
        if (turn == TURN_GO_ON) {
            turn = wait_for_either(remote, reterr_problem);
        }
        if (turn == TURN_GO_ON) {
            turn = take_events(remote, reterr_problem);
        }
    }
    return turn;
}

enum cask_outcome
cask_remote_serve(request_rec *r, struct cask_config_group *group,
                  const struct cask_exchange *exchange, pid_t *ret_pid,
                  struct cask_problem *reterr_problem)
{
    struct remote remote = {
        .r = r,
        .group = group,
        .exchange = exchange,
        .body = exchange->body,
        .request = *exchange->request,
        .wants_continue = r->expecting_100 != 0,
        .pause_us = SHORT_PAUSE_US,
    };
    int64_t client_timeout_us;
    int repeats = 0;
    enum turn turn = TURN_REPEAT;

    client_timeout_us = cask_relay_limits_client_timeout(r, group->spec.response_socket_timeout_us);
    remote.request.queue_us = cask_clock_wall_us();
    while (turn != TURN_OVER) {
        uint32_t generation;

        remote.outcome =
            cask_groups_check_out(group, &remote.request, &remote.call, reterr_problem);
        if (remote.outcome != CASK_OUTCOME_DONE) {
            break;
        }
        generation = cask_wire_call_peer(remote.call)->generation;
        *ret_pid = (pid_t)cask_wire_call_peer(remote.call)->pid;
        turn = take_turn(&remote, reterr_problem);
        check_in(&remote);
        if (turn != TURN_OVER && repeats++ == MAX_REPEATS) {
            remote.outcome = CASK_OUTCOME_UNAVAILABLE;
            if (reterr_problem->number == 0) {
                cask_problem_set(reterr_problem, 0, 719,
                                 "group '%s': none of its processes would take the request",
                                 group->spec.name);
            }
            break;
        }
        if (turn == TURN_STALE) {
            cask_groups_await_reload(group, generation);
            remote.request.flags |= CASK_REQUEST_STALE_OK;
        }
        if (turn != TURN_OVER) {
            cask_problem_done(reterr_problem);
        }
    }
    (void)cask_relay_limits_client_timeout(r, client_timeout_us);
    cask_problem_done(&remote.body_problem);
    return remote.outcome;
}
