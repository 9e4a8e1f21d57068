/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/wire/test_breach.c - peers that lie, stammer, or leave in the middle, on either side. */
#include <sys/stat.h>

#include "proto/head.h"
#include "rig.h"
#include "wire/wire_conn.h"
#include "wire/wire_hello.h"

/* ---- a daemon by hand ---- */

/* What a raw daemon does after HELLO, once it has read `eat` bytes: sends these and closes. */
struct raw {
    struct rig *rig;
    const char *bytes;
    size_t len;
    size_t eat;   /* SIZE_MAX: everything there is */
    int fd_along; /* sent with the first byte; -1 */

    pthread_t thread;
};

static void
put_frame(struct cask_buf *buf, enum cask_frame_kind kind, unsigned flags, const void *payload,
          size_t len)
{
    const struct cask_frame frame = {
        .payload_len = (uint32_t)len, .kind = (uint8_t)kind, .flags = (uint8_t)flags};
    char header[CASK_FRAME_HEADER_SIZE];

    cask_frame_put_header(header, &frame);
    CHECK_INT(cask_buf_add(buf, header, sizeof(header)), 0);
    CHECK_INT(cask_buf_add(buf, payload, len), 0);
}

static void
put_number(struct cask_buf *buf, enum cask_frame_kind kind, uint32_t number)
{
    char payload[4];

    cask_frame_put_u32(payload, number);
    put_frame(buf, kind, 0, payload, sizeof(payload));
}

static void
put_reply(struct cask_buf *buf, unsigned flags, const char *name, const char *value,
          const char *body)
{
    const struct cask_head_reply head = {.status = 200,
                                         .content_length = -1,
                                         .body_len = (uint32_t)strlen(body),
                                         .reason = {"OK", 2},
                                         .n_headers = 1};
    char payload[512];
    char *at = cask_head_put_reply(payload, &head);

    at = cask_head_put_field(at, 0, name, strlen(name), value, strlen(value));
    memcpy(at, body, strlen(body));
    put_frame(buf, CASK_FRAME_REPLY, flags, payload, (size_t)(at - payload) + strlen(body));
}

static void
put_end(struct cask_buf *buf)
{
    const struct cask_frame_end end = {0};
    char payload[CASK_FRAME_END_SIZE];

    cask_frame_put_end(payload, &end);
    put_frame(buf, CASK_FRAME_END, 0, payload, sizeof(payload));
}

static void
put_file(struct cask_buf *buf, uint64_t offset, uint64_t length)
{
    char payload[16];

    cask_frame_put_file(payload, offset, length);
    put_frame(buf, CASK_FRAME_FILE, 0, payload, sizeof(payload));
}

static void *
raw_main(void *context)
{
    struct raw *raw = context;
    const struct cask_wire_hello_terms terms = {.httpd_uid = getuid(), .row = 0, .generation = 1};
    struct cask_wire_hello_terms said = terms;
    int64_t deadline_us = cask_clock_mono_us() + RIG_WAIT_US;
    struct iovec part = {.iov_base = (char *)(uintptr_t)raw->bytes, .iov_len = raw->len};
    char buffer[4096];
    size_t left = raw->eat;
    int fd;

    memcpy(said.secret, raw->rig->secret, sizeof(said.secret));
    CHECK_INT(cask_net_wait(raw->rig->listen_fd, POLLIN, deadline_us, NULL), 0);
    CHECK_INT(cask_net_accept(raw->rig->listen_fd, &fd), 0);
    CHECK_INT(cask_wire_hello_answer(fd, &said, deadline_us), 0);
    CHECK_INT(cask_net_wait(fd, POLLIN, deadline_us, NULL), 0);
    while (left > 0) {
        ssize_t got = recv(fd, buffer, left < sizeof(buffer) ? left : sizeof(buffer), MSG_DONTWAIT);

        if (got <= 0) {
            break;
        }
        left -= left == SIZE_MAX ? 0 : (size_t)got;
    }
    if (raw->fd_along >= 0) {
        int fds[3] = {raw->fd_along, raw->fd_along, raw->fd_along};
        size_t sent = 0;

        CHECK_INT(cask_net_send_fds(fd, &part, 1, fds, 3, &sent), 0);
        CHECK_INT(sent, raw->len);
    } else if (raw->len > 0) {
        CHECK_INT(cask_wire_conn_send_all(fd, &part, 1, deadline_us), 0);
    }
    cask_net_close(&fd);
    return NULL;
}

/* One request to a daemon that answers with these bytes. */
static struct rig_reply
answer(const struct cask_buf *bytes, size_t eat, int fd_along)
{
    struct rig rig;
    struct raw raw = {.rig = &rig,
                      .bytes = bytes != NULL ? bytes->data : NULL,
                      .len = bytes != NULL ? bytes->end : 0,
                      .eat = eat,
                      .fd_along = fd_along};
    struct rig_reply reply;

    rig_open(&rig);
    (void)rig_row(&rig, 1, 1, getpid());
    CHECK_INT(pthread_create(&raw.thread, NULL, raw_main, &raw), 0);
    reply = rig_ask(&rig, "/raw", NULL, 0);
    CHECK_INT(pthread_join(raw.thread, NULL), 0);
    rig_close(&rig);
    return reply;
}

/* The same, for bytes that break the protocol. */
static void
check_breach(struct cask_buf *bytes, int fd_along)
{
    struct rig_reply reply = answer(bytes, SIZE_MAX, fd_along);

    CHECK_INT(reply.status, EPROTO);
    CHECK_INT(reply.problem.number, 704);
    CHECK(!reply.reusable);
    rig_reply_done(&reply);
    cask_buf_done(bytes);
}

static void
put_hints(struct cask_buf *buf, const char *name, const char *value)
{
    char payload[512];
    char *at = cask_head_put_hints(payload, 1);

    at = cask_head_put_field(at, 0, name, strlen(name), value, strlen(value));
    put_frame(buf, CASK_FRAME_HINTS, 0, payload, (size_t)(at - payload));
}

static void
test_wrong_hints(void)
{
    struct cask_buf bytes = {0};

    put_reply(&bytes, 0, "Name", "v", "");
    put_hints(&bytes, "Link", "late");
    check_breach(&bytes, -1);
    put_hints(&bytes, "Link", "v\r\nSet-Cookie: x");
    check_breach(&bytes, -1);
    for (int i = 0; i <= CASK_REPLY_HINTS_LIMIT; i++) {
        put_hints(&bytes, "Link", "again");
    }
    check_breach(&bytes, -1);
    put_hints(&bytes, "Link", "v");
    put_frame(&bytes, CASK_FRAME_REFUSED, 0, "\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    check_breach(&bytes, -1); /* what has begun cannot be refused */
    put_reply(&bytes, CASK_FRAME_LAST | CASK_FRAME_FILE_NEXT, "Name", "v", "");
    check_breach(&bytes, -1);
    put_reply(&bytes, CASK_FRAME_FILE_NEXT, "Name", "v", "body");
    check_breach(&bytes, -1);
}

static void
test_wrong_frames(void)
{
    struct cask_buf bytes = {0};

    put_frame(&bytes, CASK_FRAME_DATA, 0, "abc", 3);
    check_breach(&bytes, -1);
    put_end(&bytes);
    check_breach(&bytes, -1);
    put_frame(&bytes, CASK_FRAME_HEAD, 0, "abc", 3);
    check_breach(&bytes, -1);
    put_frame(&bytes, (enum cask_frame_kind)200, 0, "abc", 3);
    check_breach(&bytes, -1);
    put_frame(&bytes, CASK_FRAME_REPLY, 0, "abc", 3);
    check_breach(&bytes, -1);
    put_reply(&bytes, 0, "Na me", "v", "");
    check_breach(&bytes, -1);
    put_reply(&bytes, 0, "Name", "v\r\nSet-Cookie: x", "");
    check_breach(&bytes, -1);
    put_reply(&bytes, 0, "Name", "v", "");
    put_reply(&bytes, 0, "Name", "v", "");
    check_breach(&bytes, -1);
    put_reply(&bytes, 0, "Name", "v", "");
    put_frame(&bytes, CASK_FRAME_DATA, CASK_FRAME_LAST, "abc", 3);
    put_frame(&bytes, CASK_FRAME_DATA, 0, "abc", 3);
    check_breach(&bytes, -1);
    put_reply(&bytes, 0, "Name", "v", "");
    put_file(&bytes, 0, 1); /* without a descriptor */
    check_breach(&bytes, -1);
    put_number(&bytes, CASK_FRAME_CREDIT, UINT32_MAX);
    check_breach(&bytes, -1);
    put_frame(&bytes, CASK_FRAME_REFUSED, 0, "\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    check_breach(&bytes, -1); /* FAILED is not a reason to refuse */
}

static int
open_fds(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

static void
test_wrong_files(void)
{
    struct cask_buf bytes = {0};
    char path[] = "/tmp/cask-unit-file-XXXXXX";
    int before = open_fds();
    int file = mkstemp(path);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int opath = open(path, O_PATH | O_CLOEXEC);
    int writable = open(path, O_WRONLY | O_CLOEXEC);

    CHECK(write(file, "0123456789", 10) == 10);
    put_reply(&bytes, 0, "Name", "v", "");
    put_file(&bytes, 5, 6); /* beyond the end */
    check_breach(&bytes, file);
    put_reply(&bytes, 0, "Name", "v", "");
    put_file(&bytes, 0, UINT64_MAX);
    check_breach(&bytes, file);
    put_reply(&bytes, 0, "Name", "v", "");
    put_file(&bytes, 0, 1);
    check_breach(&bytes, null);
    put_reply(&bytes, 0, "Name", "v", "");
    put_file(&bytes, 0, 1);
    check_breach(&bytes, opath);
    put_reply(&bytes, 0, "Name", "v", "");
    put_file(&bytes, 0, 1);
    check_breach(&bytes, writable);
    put_reply(&bytes, 0, "Name", "v", "");
    put_file(&bytes, 0, 1);
    put_file(&bytes, 0, 1); /* one descriptor, two FILE frames */
    check_breach(&bytes, file);
    CHECK_INT(close(file), 0);
    CHECK_INT(close(null), 0);
    CHECK_INT(close(opath), 0);
    CHECK_INT(close(writable), 0);
    CHECK_INT(unlink(path), 0);
    CHECK_INT(open_fds(), before); /* three were sent each time: surplus ones are closed */
}

/* Every prefix of a good reply is a lost request, never a complete one. */
static void
test_truncated(void)
{
    struct cask_buf bytes = {0};
    size_t whole;

    put_frame(&bytes, CASK_FRAME_LOG, 0, "\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0line", 20);
    put_reply(&bytes, 0, "Name", "v", "body");
    put_frame(&bytes, CASK_FRAME_DATA, 0, "more", 4);
    put_end(&bytes);
    whole = bytes.end;
    for (size_t len = 0; len <= whole; len++) {
        struct rig_reply reply;

        bytes.end = len;
        reply = answer(&bytes, SIZE_MAX, -1);
        if (len == whole) {
            rig_check_text(&reply, "bodymore");
            CHECK_INT(reply.kind, CASK_WIRE_END);
        } else {
            CHECK_INT(reply.status, EPIPE);
            CHECK_INT(reply.problem.number, 705);
            CHECK(!reply.unstarted); /* it had read our HEAD */
        }
        rig_reply_done(&reply);
    }
    cask_buf_done(&bytes);
}

/* Bytes behind the last frame: GOAWAY or a mistake, either way no second request. */
static void
test_after_the_end(void)
{
    struct cask_buf bytes = {0};
    struct rig_reply reply;

    put_reply(&bytes, CASK_FRAME_LAST, "Name", "v", "x");
    put_number(&bytes, CASK_FRAME_GOAWAY, 1);
    reply = answer(&bytes, SIZE_MAX, -1);
    rig_check_text(&reply, "x");
    CHECK(!reply.reusable);
    rig_reply_done(&reply);
    cask_buf_done(&bytes);
}

/* What may be repeated elsewhere, and what not. */
static void
test_repeatable(void)
{
    struct cask_buf bytes = {0};
    struct rig_reply reply;

    put_number(&bytes, CASK_FRAME_GOAWAY, 0); /* crossed our HEAD on the wire */
    reply = answer(&bytes, SIZE_MAX, -1);
    CHECK_INT(reply.kind, CASK_WIRE_GOAWAY);
    CHECK(reply.unstarted);
    rig_reply_done(&reply);
    bytes.end = 0;

    reply = answer(&bytes, 0, -1); /* died without reading */
    CHECK_INT(reply.status, ECONNRESET);
    CHECK(reply.unstarted);
    rig_reply_done(&reply);

    reply = answer(&bytes, 20, -1); /* died while reading */
    CHECK_INT(reply.status, ECONNRESET);
    CHECK(reply.unstarted);
    rig_reply_done(&reply);

    reply = answer(&bytes, SIZE_MAX, -1); /* died after reading: it may have begun */
    CHECK_INT(reply.status, EPIPE);
    CHECK(!reply.unstarted);
    rig_reply_done(&reply);

    put_frame(&bytes, CASK_FRAME_LOG, 0, "\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0line", 20);
    reply = answer(&bytes, 20, -1); /* it spoke of the request: it had begun */
    CHECK(!reply.unstarted);
    rig_reply_done(&reply);
    cask_buf_done(&bytes);
}

/* ---- an httpd by hand ---- */

static int
dial(struct rig *rig, const unsigned char *secret)
{
    int fd = -1;

    CHECK_INT(cask_net_connect(rig->path, cask_clock_mono_us() + RIG_WAIT_US, &fd), 0);
    CHECK_INT(cask_wire_hello_offer(fd, secret), 0);
    return fd;
}

static void
check_hello(int fd)
{
    struct cask_frame_hello hello;
    enum cask_frame_status defect;

    CHECK_INT(cask_wire_hello_await(fd, cask_clock_mono_us() + RIG_WAIT_US, &hello, &defect), 0);
    CHECK_INT(hello.generation, 1);
    CHECK_INT(hello.pid, getpid());
}

/* Reads what the server still has to say, which ends with the end of the connection. */
static void
check_closed(int *fd)
{
    int64_t deadline_us = cask_clock_mono_us() + RIG_WAIT_US;
    int status = 0;
    char byte;

    while (status == 0) {
        status = cask_wire_conn_receive_exactly(*fd, &byte, 1, deadline_us);
    }
    CHECK(status == EPIPE || status == ECONNRESET);
    cask_net_close(fd);
}

static void
test_secret(void)
{
    struct rig rig;
    struct rig_reply reply;
    unsigned char secret[CASK_FRAME_SECRET_SIZE];
    int fd;

    rig_open_serving(&rig, 1);
    memcpy(secret, rig.secret, sizeof(secret));
    secret[31] ^= 1;
    fd = dial(&rig, secret);
    check_closed(&fd);
    fd = dial(&rig, rig.secret);
    check_hello(fd);
    cask_net_close(&fd);
    reply = rig_ask(&rig, "/hello", NULL, 0);
    rig_check_text(&reply, "hello 2 1");
    rig_reply_done(&reply);
    rig_close(&rig);
}

/* A client that knows a wrong secret gives up and says so. */
static void
test_refused_client(void)
{
    struct rig rig;
    struct cask_problem problem = {0};
    struct cask_wire_call *call = NULL;

    rig_open(&rig);
    rig.secret[0] ^= 1; /* the server's; the client has copied the right one */
    rig_server_start(&rig, &rig.server, rig_row(&rig, 1, 1, getpid()), 1, 1);
    CHECK_INT(rig_checkout(&rig, RIG_WAIT_US, &call, &problem), ECONNRESET);
    CHECK_INT(problem.number, 701);
    cask_problem_done(&problem);
    rig_close(&rig);
}

/* Another user is sent away before anything is read from him (needs root to become one). */
static void
test_other_user(void)
{
    struct rig rig;
    pid_t pid;
    int status = 0;

    if (getuid() != 0) {
        return;
    }
    rig_open_serving(&rig, 1);
    CHECK_INT(chmod(rig.folder, 0777), 0);
    CHECK_INT(chmod(rig.path, 0777), 0);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        int64_t deadline_us = cask_clock_mono_us() + RIG_WAIT_US;
        char byte;
        int fd;

        CHECK_INT(setuid(65534), 0);
        CHECK_INT(cask_net_connect(rig.path, deadline_us, &fd), 0);
        (void)cask_wire_hello_offer(fd, rig.secret); /* it may have hung up already */
        status = cask_wire_conn_receive_exactly(fd, &byte, 1, deadline_us);
        _exit(status == EPIPE || status == ECONNRESET ? 0 : 1);
    }
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_INT(status, 0);
    rig_close(&rig);
}

/* Sends bytes after HELLO: the server must close this connection and serve others. */
static void
check_server_survives(struct rig *rig, const void *bytes, size_t len, bool closes)
{
    struct iovec part = {.iov_base = (char *)(uintptr_t)bytes, .iov_len = len};
    struct rig_reply reply;
    int fd = dial(rig, rig->secret);

    check_hello(fd);
    CHECK_INT(cask_wire_conn_send_all(fd, &part, 1, cask_clock_mono_us() + RIG_WAIT_US), 0);
    if (closes) {
        check_closed(&fd);
    } else { /* incomplete: we leave */
        cask_net_close(&fd);
    }
    reply = rig_ask(rig, "/hello", NULL, 0);
    rig_check_text(&reply, "hello 2 1");
    rig_reply_done(&reply);
}

static void
test_garbage_for_server(void)
{
    static const char noise[64] = "\xff\xff\xff\xffgarbage garbage garbage";
    struct cask_buf bytes = {0};
    struct rig rig;
    char head[4096];

    rig_open_serving(&rig, 1);
    check_server_survives(&rig, noise, sizeof(noise), true);
    put_frame(&bytes, CASK_FRAME_DATA, 0, "abc", 3); /* DATA before HEAD */
    check_server_survives(&rig, bytes.data, bytes.end, true);
    bytes.end = 0;
    put_frame(&bytes, CASK_FRAME_HEAD, 0, noise, sizeof(noise));
    check_server_survives(&rig, bytes.data, bytes.end, true);
    bytes.end = 0;
    memset(head, 0, sizeof(head));
    put_frame(&bytes, CASK_FRAME_HEAD, CASK_FRAME_LAST, head, sizeof(head));
    check_server_survives(&rig, bytes.data, bytes.end, true);
    for (size_t len = 0; len < 40; len += 3) { /* torn off */
        check_server_survives(&rig, bytes.data, len, false);
    }
    cask_buf_done(&bytes);
    rig_close(&rig);
}

/* A HEAD as the client makes it, for /len with 100 bytes to come. */
static void
put_head(struct cask_buf *bytes, unsigned flags, const char *body, int64_t content_length)
{
    const struct cask_head_request head = {.content_length = content_length,
                                           .script = {"/len", 4},
                                           .body_len = (uint32_t)strlen(body)};
    char payload[256];
    char *at = cask_head_put_request(payload, &head);

    memcpy(at, body, strlen(body));
    put_frame(bytes, CASK_FRAME_HEAD, flags, payload, (size_t)(at - payload) + strlen(body));
}

/* The application's read fails when httpd sends what it may not; the server lives on. */
static void
test_body_breaches(void)
{
    struct cask_buf bytes = {0};
    struct rig rig;
    char *much = calloc(1, 20000);

    rig_open_serving(&rig, 1);
    put_head(&bytes, 0, "", 17000);
    put_frame(&bytes, CASK_FRAME_DATA, 0, much, 20000); /* above all credit it may get */
    check_server_survives(&rig, bytes.data, bytes.end, true);
    CHECK_INT(rig.shared->last_error, EPROTO);
    bytes.end = 0;
    put_head(&bytes, 0, "abc", 100);
    put_frame(&bytes, CASK_FRAME_END, 0, much, CASK_FRAME_END_SIZE);
    check_server_survives(&rig, bytes.data, bytes.end, true);
    CHECK_INT(rig.shared->last_error, EPROTO);
    bytes.end = 0;
    put_head(&bytes, 0, "abc", 100); /* httpd leaves in the middle of the body */
    check_server_survives(&rig, bytes.data, bytes.end, false);
    CHECK_INT(rig.shared->last_error, ECONNRESET);
    bytes.end = 0;
    put_head(&bytes, CASK_FRAME_LAST, "abc", 3); /* bytes behind the end of the body */
    put_frame(&bytes, CASK_FRAME_DATA, 0, "abc", 3);
    check_server_survives(&rig, bytes.data, bytes.end, true);
    bytes.end = 0;
    put_head(&bytes, CASK_FRAME_CONTINUE, "abc", 3); /* body without having been asked */
    check_server_survives(&rig, bytes.data, bytes.end, true);
    cask_buf_done(&bytes);
    free(much);
    rig_close(&rig);
}

const struct unit_test unit_tests[] = {
    {"frames that are wrong or come at the wrong time", test_wrong_frames, 0},
    {"early hints that are wrong or come at the wrong time", test_wrong_hints, 0},
    {"descriptors that are no such file", test_wrong_files, 0},
    {"a reply cut off at every byte", test_truncated, 0},
    {"bytes behind the last frame", test_after_the_end, 0},
    {"a request is repeatable only when it cannot have begun", test_repeatable, 0},
    {"a wrong secret", test_secret, 0},
    {"a client with a wrong secret", test_refused_client, 0},
    {"another user", test_other_user, 0},
    {"garbage and torn frames for the server", test_garbage_for_server, 0},
    {"bodies that break the rules", test_body_breaches, 0},
    {0},
};
