/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/platform/test_net.c - local sockets, descriptors sent along, segments, users. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/clock.h"
#include "platform/cred.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "platform/shm.h"
#include "unit.h"

static char folder[64];

static const char *
path_of(const char *name)
{
    static char path[128];

    if (folder[0] == '\0') {
        (void)snprintf(folder, sizeof(folder), "/tmp/cask-unit-XXXXXX");
        CHECK(mkdtemp(folder) != NULL);
    }
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void
remove_folder(void)
{
    CHECK_INT(rmdir(folder), 0);
    folder[0] = '\0';
}

static void
check_new_fd(int fd, bool nonblocking)
{
    CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0) == nonblocking);
}

static void
test_listen_connect(void)
{
    struct cask_problem problem = {0};
    const char *path = path_of("socket");
    struct stat status;
    uid_t uid = 12345;
    short revents = 0;
    char byte = 'x';
    int listener = -1;
    int client = -1;
    int server = -1;

    CHECK_INT(cask_net_listen(path, 5, (uid_t)-1, &listener, &problem), 0);
    check_new_fd(listener, true);
    CHECK_INT(lstat(path, &status), 0);
    CHECK_INT(status.st_mode & 07777, 0600);
    CHECK_INT(cask_net_accept(listener, &server), EAGAIN);
    CHECK_INT(cask_net_wait(listener, POLLIN, cask_clock_deadline(-1), NULL), ETIMEDOUT);
    CHECK_INT(cask_net_connect(path, cask_clock_deadline(CASK_CLOCK_SECOND), &client), 0);
    check_new_fd(client, true);
    CHECK_INT(cask_net_wait(listener, POLLIN, cask_clock_deadline(CASK_CLOCK_SECOND), &revents), 0);
    CHECK_INT(revents, POLLIN);
    CHECK_INT(cask_net_accept(listener, &server), 0);
    check_new_fd(server, true);
    CHECK_INT(cask_net_peer_uid(server, &uid), 0);
    CHECK_INT(uid, geteuid());
    CHECK_INT(write(client, &byte, 1), 1);
    CHECK_INT(cask_net_wait(server, POLLIN, CASK_CLOCK_NEVER, NULL), 0);
    cask_net_close(&client);
    CHECK_INT(client, -1);
    cask_net_close(&client);
    cask_net_close(&server);

    /* An old socket file is replaced. */
    cask_net_close(&listener);
    CHECK_INT(cask_net_connect(path, CASK_CLOCK_NEVER, &client), ECONNREFUSED);
    CHECK_INT(cask_net_listen(path, 5, geteuid(), &listener, &problem), 0);
    cask_net_close(&listener);
    CHECK_INT(unlink(path), 0);
    CHECK_INT(cask_net_connect(path, CASK_CLOCK_NEVER, &client), ENOENT);
    remove_folder();
}

static void
test_listen_errors(void)
{
    struct cask_problem problem = {0};
    char long_path[200];
    int fd = -1;

    memset(long_path, 'p', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    CHECK_INT(cask_net_listen(long_path, 5, (uid_t)-1, &fd, &problem), ENAMETOOLONG);
    CHECK_INT(problem.number, 310);
    CHECK(strstr(problem.text, "107") != NULL);
    CHECK_INT(cask_net_connect(long_path, CASK_CLOCK_NEVER, &fd), ENAMETOOLONG);
    CHECK_INT(cask_net_listen("/nonexistent/x", 5, (uid_t)-1, &fd, &problem), ENOENT);
    CHECK_INT(problem.number, 311);

    /* A file that is no socket stays. */
    CHECK_INT(close(open(path_of("file"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
    CHECK_INT(cask_net_listen(path_of("file"), 5, (uid_t)-1, &fd, &problem), EADDRINUSE);
    CHECK_INT(unlink(path_of("file")), 0);
    CHECK_INT(fd, -1);
    cask_problem_done(&problem);
    remove_folder();
}

struct late_accept {
    int listener;
    int accepted;
};

static void *
accept_late(void *context)
{
    struct late_accept *late = context;

    CHECK_INT(cask_net_wait(late->listener, POLLIN, CASK_CLOCK_NEVER, NULL), 0);
    (void)poll(NULL, 0, 50); /* so that the connect really has to wait */
    CHECK_INT(cask_net_accept(late->listener, &late->accepted), 0);
    return NULL;
}

static void
test_full_backlog(void)
{
    struct cask_problem problem = {0};
    struct late_accept late = {.listener = -1, .accepted = -1};
    int64_t before;
    pthread_t thread;
    int first = -1;
    int second = -1;

    CHECK_INT(cask_net_listen(path_of("full"), 0, (uid_t)-1, &late.listener, &problem), 0);
    CHECK_INT(cask_net_connect(path_of("full"), CASK_CLOCK_NEVER, &first), 0);
    before = cask_clock_mono_us();
    CHECK_INT(cask_net_connect(path_of("full"), before - 1, &second), EAGAIN);
    CHECK_INT(cask_net_connect(path_of("full"), before + 100 * CASK_CLOCK_MS, &second), EAGAIN);
    CHECK(cask_clock_mono_us() >= before + 100 * CASK_CLOCK_MS);
    CHECK_INT(second, -1);

    CHECK_INT(pthread_create(&thread, NULL, accept_late, &late), 0);
    CHECK_INT(
        cask_net_connect(path_of("full"), cask_clock_deadline(20 * CASK_CLOCK_SECOND), &second), 0);
    check_new_fd(second, true);
    CHECK_INT(pthread_join(thread, NULL), 0);
    cask_net_close(&first);
    cask_net_close(&second);
    cask_net_close(&late.accepted);
    cask_net_close(&late.listener);
    CHECK_INT(unlink(path_of("full")), 0);
    remove_folder();
}

static void
test_send_fds(void)
{
    struct iovec parts[2] = {{.iov_base = (char[]){"head"}, .iov_len = 4},
                             {.iov_base = (char[]){"body"}, .iov_len = 4}};
    int pair[2] = {-1, -1};
    int files[CASK_NET_MAX_FDS + 1];
    int got[CASK_NET_MAX_FDS];
    char data[16];
    size_t len = 0;
    int n_got = -1;

    CHECK_INT(cask_net_pair(pair), 0);
    check_new_fd(pair[0], false);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        files[i] = open("/dev/null", O_RDONLY); /* not close-on-exec: the copies must be */
        CHECK(files[i] >= 0);
    }
    CHECK_INT(cask_net_send_fds(pair[0], parts, 2, files, CASK_NET_MAX_FDS + 1, &len), EINVAL);
    CHECK_INT(cask_net_send_fds(pair[0], parts, CASK_NET_MAX_PARTS + 1, files, 1, &len), EINVAL);
    CHECK_INT(cask_net_send_fds(pair[0], parts, 2, files, CASK_NET_MAX_FDS, &len), 0);
    CHECK_INT(len, 8);
    CHECK_INT(cask_net_recv_fds(pair[1], data, sizeof(data), &len, got, CASK_NET_MAX_FDS, &n_got),
              0);
    CHECK_INT(len, 8);
    CHECK(memcmp(data, "headbody", 8) == 0);
    CHECK_INT(n_got, CASK_NET_MAX_FDS);
    for (int i = 0; i < n_got; i++) {
        check_new_fd(got[i], false);
        cask_net_close(&got[i]);
    }

    /* More than the receiver wants: the rest is closed. */
    CHECK_INT(cask_net_send_fds(pair[0], parts, 1, files, 3, &len), 0);
    CHECK_INT(cask_net_recv_fds(pair[1], data, sizeof(data), &len, got, 1, &n_got), 0);
    CHECK_INT(n_got, 1);
    CHECK_INT(fcntl(got[0] + 1, F_GETFD), -1);
    cask_net_close(&got[0]);

    /* A message larger than the buffer is refused whole, and nothing leaks. */
    CHECK_INT(cask_net_send_fds(pair[0], parts, 2, files, 2, &len), 0);
    CHECK_INT(cask_net_recv_fds(pair[1], data, 3, &len, got, 2, &n_got), EMSGSIZE);
    CHECK_INT(got[0], -1);
    CHECK_INT(got[1], -1);

    /* Full: EAGAIN, never a wait. */
    len = 0;
    while (cask_net_send_fds(pair[0], parts, 2, NULL, 0, &len) == 0) {
    }
    CHECK_INT(cask_net_send_fds(pair[0], parts, 2, NULL, 0, &len), EAGAIN);
    cask_net_close(&pair[0]);
    do {
        CHECK_INT(cask_net_recv_fds(pair[1], data, sizeof(data), &len, got, 2, &n_got), 0);
    } while (len > 0); /* then the end */
    CHECK_INT(cask_net_send_fds(pair[1], parts, 1, NULL, 0, &len), EPIPE);
    cask_net_close(&pair[1]);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        cask_net_close(&files[i]);
    }
    CHECK_INT(cask_net_recv_fds(9999, data, 3, &len, got, 2, &n_got), EBADF);
    CHECK_INT(cask_net_wait(9999, POLLIN, CASK_CLOCK_NEVER, NULL), EBADF);
    CHECK_INT(cask_net_set_nonblocking(9999, true), EBADF);
    CHECK_INT(cask_net_set_cloexec(9999, true), EBADF);
}

/* In a child: which of the descriptors 3 .. 40 survive. */
static void
test_close_others(void)
{
    int status = 0;
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        int keep[] = {20, -1, 2, 7, 20, 0, 1, 21};

        for (int fd = 3; fd <= 40; fd++) {
            (void)dup2(0, fd);
        }
        cask_net_close_others(keep, sizeof(keep) / sizeof(keep[0]));
        for (int fd = 0; fd <= 40; fd++) {
            bool open_now = fcntl(fd, F_GETFD) >= 0;
            bool wanted = fd <= 2 || fd == 7 || fd == 20 || fd == 21;

            if (open_now != wanted) {
                _exit(fd + 1);
            }
        }
        cask_net_close_others(NULL, 0);
        _exit(fcntl(0, F_GETFD) >= 0 ? 99 : 0);
    }
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_INT(status, 0);
}

static void
test_shm(void)
{
    struct cask_problem problem = {0};
    void *address = NULL;
    void *reader = NULL;
    size_t size = 0;
    int readonly = -1;
    int fd = -1;
    int plain;
    struct stat status;

    CHECK_INT(cask_shm_create("unit", 10000, &fd, &problem), 0);
    CHECK_INT(fstat(fd, &status), 0);
    CHECK_INT(status.st_mode & 07777, 0600);
    check_new_fd(fd, false);
    CHECK_INT(ftruncate(fd, 5000), -1);
    CHECK_INT(ftruncate(fd, 50000), -1);
    CHECK_INT(cask_shm_map(fd, 10001, true, &address, &size, &problem), EPROTO);
    CHECK_INT(problem.number, 303);
    CHECK_INT(cask_shm_map(fd, 10000, true, &address, &size, &problem), 0);
    CHECK_INT(size, 10000);
    CHECK_INT(((char *)address)[9999], 0);
    CHECK_INT(cask_shm_reopen_readonly(fd, &readonly, &problem), 0);
    check_new_fd(readonly, false);
    CHECK_INT(cask_shm_map(readonly, 1, true, &reader, &size, &problem), EACCES);
    CHECK_INT(cask_shm_map(readonly, 1, false, &reader, &size, &problem), 0);
    ((char *)address)[17] = 'q';
    CHECK_INT(((char *)reader)[17], 'q');
    cask_shm_unmap(reader, size);
    cask_shm_unmap(address, 10000);
    cask_shm_unmap(NULL, 0);
    CHECK_INT(write(readonly, "x", 1), -1);
    cask_net_close(&readonly);
    cask_net_close(&fd);

    plain = memfd_create("plain", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK_INT(ftruncate(plain, 4096), 0);
    CHECK_INT(cask_shm_map(plain, 1, false, &reader, &size, &problem), EPROTO);
    cask_net_close(&plain);
    CHECK_INT(cask_shm_map(9999, 1, false, &reader, &size, &problem), EBADF);
    CHECK_INT(cask_shm_reopen_readonly(9999, &readonly, &problem), ENOENT);
    cask_problem_done(&problem);
}

static void
test_users(void)
{
    struct cask_problem problem = {0};
    static struct cask_cred cred;
    uid_t uid = 99;
    gid_t gid = 99;
    const char *bad[] = {"#", "#x",     "#-1", "#1x", "#4294967295", "#99999999999999999999",
                         "",  "no:such"};

    CHECK_INT(cask_cred_user("root", &uid, &gid, &problem), 0);
    CHECK_INT(uid, 0);
    CHECK_INT(gid, 0);
    CHECK_INT(cask_cred_user("#0", &uid, &gid, &problem), 0);
    CHECK_INT(cask_cred_group("#4711", &gid, &problem), 0);
    CHECK_INT(gid, 4711);
    CHECK_INT(cask_cred_group("root", &gid, &problem), 0);
    CHECK_INT(gid, 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_INT(cask_cred_user(bad[i], &uid, &gid, &problem), ENOENT);
        CHECK_INT(problem.number, 320);
        CHECK_INT(problem.error, ENOENT);
        CHECK_INT(cask_cred_group(bad[i], &gid, &problem), ENOENT);
        CHECK_INT(problem.number, 321);
    }
    CHECK_STR(problem.text, "no group 'no:such'");
    CHECK_INT(cask_cred_user("root", &uid, &gid, NULL), 0);
    CHECK_INT(cask_cred_user("nobody-of-that-name", &uid, &gid, NULL), ENOENT);

    CHECK_INT(cask_cred_resolve(0, 4711, &cred, &problem), 0);
    CHECK_STR(cred.name, "root");
    CHECK_STR(cred.home, "/root");
    CHECK(cred.n_groups >= 1);
    CHECK_INT(cred.groups[0], 4711);
    CHECK_INT(cask_cred_resolve(4000000, 4711, &cred, &problem), 0); /* no entry: containers */
    CHECK_STR(cred.name, "#4000000");
    CHECK_STR(cred.home, "/");
    CHECK_INT(cred.n_groups, 1);
    CHECK_INT(cred.groups[0], 4711);
    cask_problem_done(&problem);
}

static void
test_user_torture(void)
{
    struct cask_problem problem = {0};
    uid_t uid;
    gid_t gid;

    OK_OR_LEAVE(cask_cred_user("root", &uid, &gid, &problem));
    OK_OR_LEAVE(cask_cred_group("root", &gid, &problem));
leave:
    cask_problem_done(&problem);
}

/* Becoming another user is only possible as root; otherwise apply does nothing. */
static void
test_become_user(void)
{
    static struct cask_cred cred;
    const char *step = NULL;
    int status = 0;
    pid_t pid;

    CHECK_INT(cask_cred_resolve(4000000, 4711, &cred, NULL), 0);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        bool root = geteuid() == 0;

        if (cask_cred_apply(&cred, &step) != 0) {
            _exit(1);
        }
        if (root && (getuid() != 4000000 || getegid() != 4711 || setuid(0) == 0)) {
            _exit(2);
        }
        if (root && (getgroups(0, NULL) != 1)) {
            _exit(3);
        }
        _exit(0);
    }
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_INT(status, 0);
}

static void
test_refuse_fds(void)
{
    struct iovec part = {.iov_base = (char[]){"x"}, .iov_len = 1};
    const int number = 83; /* SO_PASSRIGHTS */
    socklen_t size = sizeof(int);
    int on = 0;
    int pair[2];
    int fd = STDERR_FILENO;
    size_t len;

    CHECK_INT(cask_net_pair(pair), 0);
    cask_net_refuse_fds(pair[0]);
    if (getsockopt(pair[0], SOL_SOCKET, number, &on, &size) == 0) { /* the kernel knows it */
        CHECK_INT(cask_net_send_fds(pair[1], &part, 1, &fd, 1, &len), EPERM);
    }
    CHECK_INT(cask_net_send_fds(pair[1], &part, 1, NULL, 0, &len), 0);
    CHECK_INT(cask_net_send_fds(pair[0], &part, 1, &fd, 1, &len), 0); /* one direction only */
    cask_net_close(&pair[0]);
    cask_net_close(&pair[1]);
}

const struct unit_test unit_tests[] = {
    {"listen, connect, accept", test_listen_connect, 0},
    {"listening that cannot be", test_listen_errors, 0},
    {"connecting waits for room in a full backlog", test_full_backlog, 0},
    {"descriptors travel with a message", test_send_fds, 0},
    {"descriptors that nobody wants", test_refuse_fds, 0},
    {"all descriptors but some are closed", test_close_others, 0},
    {"segments are sealed and can be shared read-only", test_shm, 0},
    {"users and groups are looked up", test_users, 0},
    {"looking up without memory", test_user_torture, UNIT_TORTURE},
    {"becoming a user for good", test_become_user, 0},
    {0},
};
