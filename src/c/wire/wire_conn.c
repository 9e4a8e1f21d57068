/* SPDX-License-Identifier: Apache-2.0 */
/* wire/wire_conn.c - sending and receiving on one connected socket.
 *
 * Owns nothing; the socket and the buffers are the caller's, one thread at a time.
 * Touches: platform/.
 */
#include "wire/wire_conn.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "platform/net.h"

int
cask_wire_conn_send(int fd, struct iovec **parts, int *n_parts)
{
    while (*n_parts > 0) {
        size_t sent = 0;
        int status = cask_net_send_fds(fd, *parts, *n_parts, NULL, 0, &sent);

        if (status != 0) {
            return status;
        }
        while (*n_parts > 0 && sent >= (*parts)->iov_len) {
            sent -= (*parts)->iov_len;
            (*parts)++;
            (*n_parts)--;
        }
        if (*n_parts > 0) {
            (*parts)->iov_base = (char *)(*parts)->iov_base + sent;
            (*parts)->iov_len -= sent;
        }
    }
    return 0;
}

int
cask_wire_conn_send_all(int fd, struct iovec *parts, int n_parts, int64_t deadline_us)
{
    for (;;) {
        int status = cask_wire_conn_send(fd, &parts, &n_parts);

        if (status != EAGAIN) {
            return status;
        }
        status = cask_net_wait(fd, POLLOUT, deadline_us, NULL);
        if (status != 0) {
            return status;
        }
    }
}

/* recv(2) without waiting; 0 bytes become EPIPE. */
static int
receive_some(int fd, char *data, size_t size, size_t *ret_len)
{
    ssize_t len;

    do {
        len = recv(fd, data, size, MSG_DONTWAIT);
    } while (len < 0 && errno == EINTR);
    if (len < 0) {
        return errno;
    }
    if (len == 0) {
        return EPIPE;
    }
    *ret_len = (size_t)len;
    return 0;
}

int
cask_wire_conn_receive(int fd, struct cask_buf *buf, size_t room)
{
    size_t len = 0;
    int status = cask_buf_reserve(buf, room);

    if (status == 0) {
        status = receive_some(fd, buf->data + buf->end, room, &len);
    }
    if (status == 0) {
        buf->end += len;
    }
    return status;
}

int
cask_wire_conn_receive_exactly(int fd, char *data, size_t size, int64_t deadline_us)
{
    while (size > 0) {
        size_t len = 0;
        int status = receive_some(fd, data, size, &len);

        if (status == EAGAIN) {
            status = cask_net_wait(fd, POLLIN, deadline_us, NULL);
        }
        if (status != 0) {
            return status;
        }
        data += len;
        size -= len;
    }
    return 0;
}

void
cask_wire_conn_reset_buf(struct cask_buf *buf)
{
    if (buf->capacity > CASK_WIRE_KEEP_LIMIT) {
        cask_buf_done(buf);
    }
    buf->begin = 0;
    buf->end = 0;
}
