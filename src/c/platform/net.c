/* SPDX-License-Identifier: Apache-2.0 */
/* platform/net.c - local sockets and descriptors.
 *
 * Owns:    nothing; every descriptor it makes is its caller's.
 * Threads: any.
 * Invariant: descriptors are close-on-exec from birth.
 */
#include "platform/net.h"

#include "platform/clock.h"
#include "platform/problem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* since Linux 6.16 */
#endif

#ifndef SYS_close_range
#define SYS_close_range 436 /* the same on every architecture */
#endif

/* 0, or ENAMETOOLONG. */
static int
fill_address(struct sockaddr_un *ret_address, const char *path)
{
    size_t len = strlen(path);

    if (len >= sizeof(ret_address->sun_path)) {
        return ENAMETOOLONG;
    }
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret_address->sun_path, path, len + 1);
    return 0;
}

/* Removes an old socket; anything else at path stays, and bind then fails. */
static void
remove_old_socket(const char *path)
{
    struct stat status;

    if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode)) {
        (void)unlink(path);
    }
}

int
cask_net_listen(const char *path, int backlog, uid_t owner_uid, int *ret_fd,
                struct cask_problem *reterr_problem)
{
    struct sockaddr_un address;
    bool bound = false;
    int fd = -1;
    int status;

    if (fill_address(&address, path) != 0) {
        return cask_problem_set(reterr_problem, ENAMETOOLONG, 310,
                                "socket '%s': %zu bytes are the limit for its path", path,
                                sizeof(address.sun_path) - 1);
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        goto failed;
    }
    /* Linux gives the file the mode the socket has before bind: nobody else gets in between. */
    if (fchmod(fd, 0600) != 0) {
        goto failed;
    }
    remove_old_socket(path);
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        goto failed;
    }
    bound = true;
    if (chmod(path, 0600) != 0) {
        goto failed;
    }
    if (owner_uid != (uid_t)-1 && geteuid() == 0 && lchown(path, owner_uid, (gid_t)-1) != 0) {
        goto failed;
    }
    if (listen(fd, backlog) != 0) {
        goto failed;
    }
    *ret_fd = fd;
    return 0;

failed:
    status = cask_problem_set(reterr_problem, errno, 311, "cannot listen on socket '%s'", path);
    if (bound) {
        (void)unlink(path);
    }
    cask_net_close(&fd);
    return status;
}

/* A connect that waits in the kernel: the only event there is for room in the backlog of a local
 * socket. SO_SNDTIMEO bounds it. */
static int
connect_waiting(int fd, const struct sockaddr_un *address, int64_t deadline_us)
{
    struct timeval timeout = {0};
    int status = cask_net_set_nonblocking(fd, false);

    while (status == 0) {
        timeout = (struct timeval){0};
        if (deadline_us != CASK_CLOCK_NEVER) {
            int64_t left_us = deadline_us - cask_clock_mono_us();

            if (left_us <= 0) {
                status = EAGAIN;
                break;
            }
            timeout.tv_sec = (time_t)(left_us / CASK_CLOCK_SECOND);
            timeout.tv_usec = (suseconds_t)(left_us % CASK_CLOCK_SECOND);
        }
        if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) != 0) {
            status = errno;
            break;
        }
        if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0) {
            break;
        }
        if (errno != EINTR && errno != EAGAIN) { /* EAGAIN: the loop looks at the clock */
            status = errno;
        }
    }
    if (status == 0) {
        timeout = (struct timeval){0};
        if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) != 0) {
            return errno;
        }
        status = cask_net_set_nonblocking(fd, true);
    }
    return status;
}

int
cask_net_connect(const char *path, int64_t deadline_us, int *ret_fd)
{
    struct sockaddr_un address;
    int status = fill_address(&address, path);
    int fd;

    if (status != 0) {
        return status;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return errno;
    }
    do {
        status = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : errno;
    } while (status == EINTR);
    if (status == EAGAIN) {
        status = connect_waiting(fd, &address, deadline_us);
    }
    if (status != 0) {
        cask_net_close(&fd);
        return status;
    }
    *ret_fd = fd;
    return 0;
}

int
cask_net_accept(int listen_fd, int *ret_fd)
{
    int fd;

    do {
        fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (fd < 0) {
        return errno;
    }
    *ret_fd = fd;
    return 0;
}

int
cask_net_peer_uid(int fd, uid_t *ret_uid)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) {
        return errno;
    }
    if (len != sizeof(peer)) {
        return EINVAL;
    }
    *ret_uid = peer.uid;
    return 0;
}

int
cask_net_pair(int ret_fds[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds) == 0 ? 0 : errno;
}

/* Room for descriptors in a message, aligned as the CMSG macros need it. */
union control {
    char bytes[CMSG_SPACE(sizeof(int) * CASK_NET_MAX_FDS)];
    struct cmsghdr align;
};

void
cask_net_refuse_fds(int fd)
{
    const int off = 0;

    (void)setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off));
}

int
cask_net_send_fds(int fd, const struct iovec *parts, int n_parts, const int *fds, int n_fds,
                  size_t *ret_sent)
{
    union control control;
    struct msghdr message = {0};
    struct iovec copy[CASK_NET_MAX_PARTS];
    ssize_t sent;

    if (n_fds < 0 || n_fds > CASK_NET_MAX_FDS || n_parts < 0 || n_parts > CASK_NET_MAX_PARTS) {
        return EINVAL;
    }
    for (int i = 0; i < n_parts; i++) {
        copy[i] = parts[i];
    }
    message.msg_iov = copy;
    message.msg_iovlen = (size_t)n_parts;
    if (n_fds > 0) {
        struct cmsghdr *header;

        memset(&control, 0, sizeof(control));
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n_fds);
        header = CMSG_FIRSTHDR(&message);
        if (header == NULL) {
            return EINVAL;
        }
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)n_fds);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * (size_t)n_fds);
    }
    do {
        sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        return errno;
    }
    *ret_sent = (size_t)sent;
    return 0;
}

/* Takes the descriptors out of a message; those beyond max_fds are closed. Returns how many. */
static int
take_fds(struct msghdr *message, int *ret_fds, int max_fds)
{
    int n_fds = 0;

    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL;
         header = CMSG_NXTHDR(message, header)) {
        size_t count;

        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
            if (n_fds < max_fds) {
                ret_fds[n_fds++] = fd;
            } else {
                cask_net_close(&fd);
            }
        }
    }
    return n_fds;
}

int
cask_net_recv_fds(int fd, void *data, size_t size, size_t *ret_len, int *ret_fds, int max_fds,
                  int *ret_n_fds)
{
    union control control;
    struct iovec part = {.iov_base = data, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t len;
    int n_fds;

    message.msg_control = control.bytes;
    message.msg_controllen = sizeof(control.bytes);
    do {
        len = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    } while (len < 0 && errno == EINTR);
    if (len < 0) {
        return errno;
    }
    n_fds = take_fds(&message, ret_fds, max_fds);
    if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        /* Half a message is none. */
        for (int i = 0; i < n_fds; i++) {
            cask_net_close(&ret_fds[i]);
        }
        return EMSGSIZE;
    }
    *ret_len = (size_t)len;
    *ret_n_fds = n_fds;
    return 0;
}

int
cask_net_wait(int fd, short events, int64_t deadline_us, short *ret_revents)
{
    struct pollfd entry = {.fd = fd, .events = events};
    int ready;

    for (;;) {
        ready = poll(&entry, 1, cask_clock_poll_ms(deadline_us));
        if (ready > 0) {
            break;
        }
        if (ready == 0) {
            if (cask_clock_poll_ms(deadline_us) == 0) {
                return ETIMEDOUT;
            }
            continue; /* a deadline beyond what poll can wait for in one go */
        }
        if (errno != EINTR) {
            return errno;
        }
    }
    if ((entry.revents & POLLNVAL) != 0) {
        return EBADF;
    }
    if (ret_revents != NULL) {
        *ret_revents = entry.revents;
    }
    return 0;
}

void
cask_net_set_buffers(int fd, int send_size, int receive_size)
{
    if (send_size > 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_size, sizeof(send_size));
    }
    if (receive_size > 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_size, sizeof(receive_size));
    }
}

int
cask_net_set_nonblocking(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0) {
        return errno;
    }
    flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    return fcntl(fd, F_SETFL, flags) == 0 ? 0 : errno;
}

int
cask_net_set_cloexec(int fd, bool on)
{
    return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) == 0 ? 0 : errno;
}

void
cask_net_close(int *fd)
{
    int saved = errno;

    if (*fd >= 0) {
        (void)close(*fd); /* after EINTR Linux has closed it too */
        *fd = -1;
    }
    errno = saved;
}

/* Closes first..last. */
static void
close_span(unsigned first, unsigned last)
{
    struct rlimit limit;

    if (first > last || syscall(SYS_close_range, first, last, 0) == 0) {
        return;
    }
    /* A kernel or a seccomp filter without close_range: one by one, up to the limit. */
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > 1048576) {
        limit.rlim_cur = 1048576;
    }
    for (unsigned fd = first; fd <= last && fd < limit.rlim_cur; fd++) {
        (void)close((int)fd);
    }
}

void
cask_net_close_others(int *keep, size_t n_keep)
{
    unsigned next = 0;

    for (size_t i = 1; i < n_keep; i++) { /* insertion sort: qsort may allocate */
        int value = keep[i];
        size_t j = i;

        for (; j > 0 && keep[j - 1] > value; j--) {
            keep[j] = keep[j - 1];
        }
        keep[j] = value;
    }
    for (size_t i = 0; i < n_keep; i++) {
        if (keep[i] < 0 || (unsigned)keep[i] < next) { /* none, or given twice */
            continue;
        }
        if ((unsigned)keep[i] > next) {
            close_span(next, (unsigned)keep[i] - 1);
        }
        next = (unsigned)keep[i] + 1;
    }
    close_span(next, ~0u);
}
