/* SPDX-License-Identifier: Apache-2.0 */
/* proc/control.c - the control socket of the supervisor.
 *
 * Owns:    the listening socket and its file, the clients.
 * Touches: proc/group, proc/group_status, platform/.
 * Threads: the supervisor's only one.
 * Invariants:
 *   (1) nothing waits for a client: what it does not take at once is kept, bounded, and a client
 *       has a deadline in every state;
 *   (2) what a client may do is decided before its words have any effect.
 */
#include "proc/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/buf.h"
#include "platform/clock.h"
#include "platform/json.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "platform/process.h"
#include "proc/group.h"
#include "proc/group_status.h"

#define MAX_CLIENTS  32
#define MAX_OTHERS   16 /* of these, for users other than root and httpd's owner */
#define LINE_LIMIT   1024u
#define STACKS_LIMIT (1024u * 1024u) /* of all processes of a group */
#define BACKLOG      16
#define TALK_US      (10 * CASK_CLOCK_SECOND)   /* to send the line, to take the answer */
#define STACKS_US    (10 * CASK_CLOCK_SECOND)   /* for processes to write theirs */
#define RELOAD_US    (3600 * CASK_CLOCK_SECOND) /* startup-timeout is the real limit */

/* What a client is waiting for. */
enum client_state {
    CLIENT_ASKS,    /* its line is being read */
    CLIENT_RELOADS, /* a generation becomes READY, or fails */
    CLIENT_STACKS,  /* processes write into its pipe */
    CLIENT_TAKES,   /* the answer is being sent */
};

struct client {
    struct cask_control *control;
    struct client *next;
    enum client_state state;
    int fd;
    int pipe_fd; /* CLIENT_STACKS: reading end; -1 */
    uid_t uid;
    struct cask_buf in;
    struct cask_buf out;
    struct cask_loop_timer *deadline;
    uint32_t number;        /* CLIENT_RELOADS: of the generation */
    char group[LINE_LIMIT]; /* and its group */
};

struct cask_control {
    pid_t owner;
    struct cask_loop *loop;
    struct cask_group *(*groups)(void *context, size_t number);
    void *context;
    int listen_fd; /* -1: none */
    char *path;
    dev_t device;
    ino_t inode; /* of the socket file: another one there is not ours */
    struct client *clients;
    size_t n_clients;
};

static void answer(struct client *self);

/* ---- clients come and go ---- */

static void
client_free(struct client *self)
{
    struct client **link = &self->control->clients;

    while (*link != self) {
        link = &(*link)->next;
    }
    *link = self->next;
    self->control->n_clients--;
    if (self->pipe_fd >= 0) {
        cask_loop_unwatch(self->control->loop, self->pipe_fd);
        cask_net_close(&self->pipe_fd);
    }
    cask_loop_unwatch(self->control->loop, self->fd);
    cask_net_close(&self->fd);
    self->deadline = cask_loop_timer_free(self->deadline);
    cask_buf_done(&self->in);
    cask_buf_done(&self->out);
    free(self);
}

static void
set_deadline(struct client *self, int64_t time_us)
{
    cask_loop_timer_set(self->deadline, cask_clock_mono_us() + time_us);
}

/* ---- answers ---- */

static void
put_member(struct cask_json *json, const char *key, const char *text)
{
    cask_json_key(json, key);
    cask_json_text(json, text);
}

static void
reply(struct client *self, const char *outcome, const char *text, const char *detail)
{
    struct cask_json json = {.buf = &self->out};

    cask_json_open(&json, '{');
    put_member(&json, "outcome", outcome);
    put_member(&json, "text", text);
    put_member(&json, "detail", detail);
    cask_json_close(&json, '}');
    answer(self);
}

static void
refuse(struct client *self, const char *text)
{
    reply(self, "refused", text, NULL);
}

static void
on_room(void *context, int fd, short revents)
{
    struct client *self = context;

    (void)revents;
    while (cask_buf_len(&self->out) > 0) {
        ssize_t sent = send(fd, self->out.data + self->out.begin, cask_buf_len(&self->out),
                            MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return;
        }
        if (sent < 0) {
            break;
        }
        cask_buf_consume(&self->out, (size_t)sent);
        set_deadline(self, TALK_US);
    }
    client_free(self);
}

/* The answer is complete in `out`. It is sent from the loop: the client may be freed only there. */
static void
answer(struct client *self)
{
    self->state = CLIENT_TAKES;
    set_deadline(self, TALK_US);
    if (cask_loop_watch(self->control->loop, self->fd, POLLOUT, on_room, self) != 0) {
        set_deadline(self, 0);
    }
}

/* ---- what may be asked ---- */

static bool
may_all(const struct client *self)
{
    return self->uid == 0 || self->uid == geteuid();
}

static bool
may(const struct client *self, const struct cask_group *group)
{
    return may_all(self) || self->uid == cask_group_uid(group);
}

/* Too many users with little to say must not keep out those who run the machine. */
static bool
is_one_too_many(const struct client *self)
{
    size_t n_others = 0;

    for (const struct client *client = self->control->clients; client != NULL;
         client = client->next) {
        n_others += may_all(client) ? 0 : 1;
    }
    return !may_all(self) && n_others > MAX_OTHERS;
}

/* The group of this name that is ours; NULL: none, or not for this client, and he is told. */
static struct cask_group *
find_group(struct client *self, const char *name)
{
    struct cask_control *control = self->control;
    struct cask_group *group;

    for (size_t i = 0; (group = control->groups(control->context, i)) != NULL; i++) {
        if (cask_group_is_ours(group) && strcmp(cask_group_name(group), name) == 0) {
            if (!may(self, group)) { /* keeps (2) */
                refuse(self, "this group is another user's");
                return NULL;
            }
            return group;
        }
    }
    refuse(self, "there is no such daemon group");
    return NULL;
}

static void
give_status(struct client *self)
{
    struct cask_control *control = self->control;
    struct cask_json json = {.buf = &self->out};
    const struct cask_group *group;

    cask_json_open(&json, '{');
    put_member(&json, "version", CASK_VERSION);
    cask_json_key(&json, "pid");
    cask_json_number(&json, (int64_t)getpid());
    cask_json_key(&json, "groups");
    cask_json_open(&json, '[');
    for (size_t i = 0; (group = control->groups(control->context, i)) != NULL; i++) {
        if (cask_group_is_ours(group) && may(self, group)) {
            cask_group_status_write(group, &json);
        }
    }
    cask_json_close(&json, ']');
    cask_json_close(&json, '}');
    answer(self);
}

/* Answers a client that waits for a generation, when its fate is known. */
static void
look_at_reload(struct client *self)
{
    struct cask_control *control = self->control;
    const struct cask_problem *failure = NULL;
    const struct cask_group *group;

    for (size_t i = 0; (group = control->groups(control->context, i)) != NULL; i++) {
        if (strcmp(cask_group_name(group), self->group) == 0) {
            break;
        }
    }
    switch (group == NULL ? CASK_GROUP_OUTCOME_GONE
                          : cask_group_outcome(group, self->number, &failure)) {
    case CASK_GROUP_OUTCOME_PENDING:
        return;
    case CASK_GROUP_OUTCOME_READY:
        reply(self, "ready", NULL, NULL);
        return;
    case CASK_GROUP_OUTCOME_FAILED:
        reply(self, "failed", failure->text, failure->detail);
        return;
    case CASK_GROUP_OUTCOME_GONE:
        reply(self, "stopped", "the group was stopped meanwhile", NULL);
        return;
    }
}

static void
do_reload(struct client *self, const char *name)
{
    struct cask_group *group = find_group(self, name);

    if (group != NULL) {
        memcpy(self->group, name, strlen(name) + 1); /* of a line that is no longer */
        self->number = cask_group_reload(group);
        self->state = CLIENT_RELOADS;
        set_deadline(self, RELOAD_US);
        look_at_reload(self);
    }
}

static void
do_stop(struct client *self, const char *name)
{
    struct cask_group *group = find_group(self, name);

    if (group != NULL) {
        cask_group_pause(group);
        reply(self, "stopped", NULL, NULL);
    }
}

/* ---- stacks ---- */

static void
give_stacks(struct client *self)
{
    char end = '\0';

    cask_loop_unwatch(self->control->loop, self->pipe_fd);
    cask_net_close(&self->pipe_fd);
    if (cask_buf_len(&self->in) == 0) {
        refuse(self, "no process has answered");
        return;
    }
    if (cask_buf_add(&self->in, &end, 1) != 0) {
        set_deadline(self, 0);
        return;
    }
    reply(self, "stacks", self->in.data + self->in.begin, NULL);
}

static void
on_stacks(void *context, int fd, short revents)
{
    struct client *self = context;
    char part[4096];

    (void)revents;
    for (;;) {
        ssize_t got = read(fd, part, sizeof(part));

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0 && errno == EAGAIN) {
            return;
        }
        if (got <= 0 || cask_buf_len(&self->in) + (size_t)got > STACKS_LIMIT ||
            cask_buf_add(&self->in, part, (size_t)got) != 0) {
            give_stacks(self);
            return;
        }
    }
}

/* The process, or the group, that the word names. How many processes were asked. */
static size_t
ask_stacks(struct client *self, const char *word, int fd)
{
    struct cask_control *control = self->control;
    bool is_pid = word[strspn(word, "0123456789")] == '\0';
    struct cask_group *group;
    size_t n_asked = 0;

    for (size_t i = 0; (group = control->groups(control->context, i)) != NULL; i++) {
        if (!may(self, group)) { /* keeps (2) */
            continue;
        }
        if (strcmp(cask_group_name(group), word) == 0) {
            return cask_group_ask_stacks(group, 0, fd);
        }
        if (is_pid) {
            n_asked += cask_group_ask_stacks(group, (pid_t)strtol(word, NULL, 10), fd);
        }
    }
    return n_asked;
}

static void
do_stacks(struct client *self, const char *word)
{
    int ends[2];
    size_t n_asked;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        refuse(self, "no pipe for the stacks");
        return;
    }
    (void)cask_net_set_nonblocking(ends[0], true);
    n_asked = ask_stacks(self, word, ends[1]);
    cask_net_close(&ends[1]); /* the processes have theirs */
    if (n_asked == 0 ||
        cask_loop_watch(self->control->loop, ends[0], POLLIN, on_stacks, self) != 0) {
        cask_net_close(&ends[0]);
        refuse(self, "there is no such daemon group or process");
        return;
    }
    self->pipe_fd = ends[0];
    self->state = CLIENT_STACKS;
    set_deadline(self, STACKS_US);
}

/* ---- the line ---- */

static void
obey(struct client *self, char *line)
{
    char *word = strchr(line, ' ');

    if (word != NULL) {
        *word++ = '\0';
    }
    cask_loop_unwatch(self->control->loop, self->fd);
    self->in.begin = self->in.end;
    if (strcmp(line, "status") == 0 && word == NULL) {
        give_status(self);
    } else if (word == NULL) {
        refuse(self, "allowed is status, reload GROUP, stop GROUP, stacks GROUP or stacks PID");
    } else if (strcmp(line, "reload") == 0) {
        do_reload(self, word);
    } else if (strcmp(line, "stop") == 0) {
        do_stop(self, word);
    } else if (strcmp(line, "stacks") == 0) {
        do_stacks(self, word);
    } else {
        refuse(self, "allowed is status, reload GROUP, stop GROUP, stacks GROUP or stacks PID");
    }
}

static void
on_line(void *context, int fd, short revents)
{
    struct client *self = context;
    char part[LINE_LIMIT];
    char line[LINE_LIMIT];
    ssize_t got = recv(fd, part, sizeof(part), MSG_DONTWAIT);
    const char *newline;
    size_t len;

    (void)revents;
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0 || cask_buf_len(&self->in) + (size_t)got > LINE_LIMIT ||
        cask_buf_add(&self->in, part, (size_t)got) != 0) {
        client_free(self);
        return;
    }
    newline = memchr(self->in.data + self->in.begin, '\n', cask_buf_len(&self->in));
    if (newline == NULL) {
        return;
    }
    len = (size_t)(newline - (self->in.data + self->in.begin));
    memcpy(line, self->in.data + self->in.begin, len);
    line[len] = '\0';
    obey(self, line);
}

static void
on_deadline(void *context)
{
    struct client *self = context;

    if (self->state == CLIENT_STACKS) {
        give_stacks(self); /* one of the processes does not answer: what the others said */
    } else {
        client_free(self);
    }
}

static void
on_client(void *context, int listen_fd, short revents)
{
    struct cask_control *control = context;
    struct client *client = NULL;
    int fd = -1;

    (void)revents;
    if (cask_net_accept(listen_fd, &fd) != 0) {
        return;
    }
    cask_net_refuse_fds(fd);
    client = control->n_clients < MAX_CLIENTS ? calloc(1, sizeof(*client)) : NULL;
    if (client == NULL) {
        cask_net_close(&fd); /* keeps (1) */
        return;
    }
    client->control = control;
    client->fd = fd;
    client->pipe_fd = -1;
    client->next = control->clients;
    control->clients = client;
    control->n_clients++;
    client->uid = (uid_t)-1;
    if (cask_net_peer_uid(fd, &client->uid) != 0 || is_one_too_many(client) ||
        cask_loop_timer_new(control->loop, on_deadline, client, &client->deadline) != 0 ||
        cask_loop_watch(control->loop, fd, POLLIN, on_line, client) != 0) {
        client_free(client);
        return;
    }
    set_deadline(client, TALK_US);
}

/* ---- the socket ---- */

int
cask_control_new(struct cask_control **ret_control, struct cask_loop *keep_loop,
                 struct cask_group *(*groups)(void *context, size_t number), void *context,
                 struct cask_problem *reterr_problem)
{
    struct cask_control *control = calloc(1, sizeof(*control));

    if (control == NULL) {
        return cask_problem_set(reterr_problem, ENOMEM, 442, "the control socket");
    }
    control->owner = getpid();
    control->loop = keep_loop;
    control->groups = groups;
    control->context = context;
    control->listen_fd = -1;
    *ret_control = control;
    return 0;
}

static bool
file_is_ours(const struct cask_control *control)
{
    struct stat status;

    return control->path != NULL && lstat(control->path, &status) == 0 &&
           status.st_dev == control->device && status.st_ino == control->inode;
}

void
cask_control_step_down(struct cask_control *control)
{
    if (control->listen_fd >= 0) {
        cask_loop_unwatch(control->loop, control->listen_fd);
        cask_net_close(&control->listen_fd);
    }
    if (file_is_ours(control)) {
        (void)unlink(control->path);
    }
    free(control->path);
    control->path = NULL;
}

int
cask_control_listen(struct cask_control *control, const char *path,
                    struct cask_problem *reterr_problem)
{
    struct stat status;
    int error;

    if (control->path != NULL && strcmp(control->path, path) == 0 && file_is_ours(control)) {
        return 0;
    }
    cask_control_step_down(control);
    error = cask_net_listen(path, BACKLOG, (uid_t)-1, &control->listen_fd, reterr_problem);
    if (error != 0) {
        return error;
    }
    control->path = strdup(path);
    /* Everybody may connect: what he may do is decided by who he is. */
    if (control->path == NULL || chmod(path, 0666) != 0 || lstat(path, &status) != 0 ||
        cask_loop_watch(control->loop, control->listen_fd, POLLIN, on_client, control) != 0) {
        (void)unlink(path);
        cask_net_close(&control->listen_fd);
        return cask_problem_set(reterr_problem, errno, 442, "control socket '%s'", path);
    }
    control->device = status.st_dev;
    control->inode = status.st_ino;
    return 0;
}

void
cask_control_look(struct cask_control *control)
{
    for (struct client *client = control->clients; client != NULL; client = client->next) {
        if (client->state == CLIENT_RELOADS) {
            look_at_reload(client);
        }
    }
}

struct cask_control *
cask_control_free(struct cask_control *control)
{
    if (control != NULL) {
        cask_assert_owner(control->owner);
        cask_control_step_down(control);
        while (control->clients != NULL) {
            client_free(control->clients);
        }
        free(control);
    }
    return NULL;
}
