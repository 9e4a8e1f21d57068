/* SPDX-License-Identifier: Apache-2.0 */
/* proc/channel.c - messages between httpd's parent, the supervisor and the daemons.
 *
 * Owns:    nothing; descriptors received belong to the caller.
 * Touches: platform/net, platform/shm, proc/pack.
 * Threads: a channel end belongs to one thread.
 * Invariants:
 *   (1) what was received is checked for length, magic, version and number of descriptors before
 *       anybody sees it.
 */
#include "proc/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "platform/net.h"
#include "platform/problem.h"
#include "platform/shm.h"

struct header {
    uint32_t magic;
    uint32_t kind;
};

#define CHANNEL_MAGIC (0x4b430000u | CASK_CHANNEL_VERSION)

const char *
cask_channel_reason_text(uint32_t reason)
{
    switch ((enum cask_channel_reason)reason) {
    case CASK_CHANNEL_MAXIMUM_REQUESTS:
        return "maximum-requests reached";
    case CASK_CHANNEL_REQUEST_TIMEOUT:
        return "request-timeout exceeded";
    case CASK_CHANNEL_STARTUP_TIMEOUT:
        return "startup-timeout exceeded";
    case CASK_CHANNEL_INACTIVITY_TIMEOUT:
        return "inactivity-timeout reached";
    case CASK_CHANNEL_DEADLOCK:
        return "Python's lock was not to be had for deadlock-timeout";
    case CASK_CHANNEL_RESTART_INTERVAL:
        return "restart-interval reached";
    case CASK_CHANNEL_CPU_TIME:
        return "cpu-time-limit reached";
    case CASK_CHANNEL_SIGNAL:
        return "a signal was sent to it";
    }
    return "unknown reason";
}

int
cask_channel_pair(int ret_fds[2])
{
    int ends[2];
    int error = cask_net_pair(ends);

    if (error != 0) {
        return error;
    }
    error = cask_net_set_nonblocking(ends[0], true);
    if (error == 0) {
        error = cask_net_set_nonblocking(ends[1], true);
    }
    if (error != 0) {
        cask_net_close(&ends[0]);
        cask_net_close(&ends[1]);
        return error;
    }
    ret_fds[0] = ends[0];
    ret_fds[1] = ends[1];
    return 0;
}

int
cask_channel_send(int fd, enum cask_channel_kind kind, const struct cask_pack *payload,
                  const int *fds, int n_fds, int64_t deadline_us)
{
    struct header header = {.magic = CHANNEL_MAGIC, .kind = (uint32_t)kind};
    struct iovec parts[2] = {{.iov_base = &header, .iov_len = sizeof(header)}};
    int n_parts = 1;
    size_t sent = 0;
    int error;

    if (payload != NULL) {
        if (payload->error != 0) {
            return payload->error;
        }
        if (cask_buf_len(&payload->buf) > CASK_CHANNEL_MAX - sizeof(header)) {
            return EMSGSIZE;
        }
        if (cask_buf_len(&payload->buf) > 0) {
            parts[1].iov_base = cask_buf_at(&payload->buf, 0);
            parts[1].iov_len = cask_buf_len(&payload->buf);
            n_parts = 2;
        }
    }
    for (;;) {
        error = cask_net_send_fds(fd, parts, n_parts, fds, n_fds, &sent);
        if (error != EAGAIN || deadline_us == 0) {
            return error;
        }
        error = cask_net_wait(fd, POLLOUT, deadline_us, NULL);
        if (error != 0) {
            return error;
        }
    }
}

int
cask_channel_receive(int fd, char *buffer, struct cask_channel_message *ret_message)
{
    struct cask_channel_message message = {.n_fds = 0};
    struct header header;
    size_t len = 0;
    int error = cask_net_recv_fds(fd, buffer, CASK_CHANNEL_MAX, &len, message.fds,
                                  CASK_CHANNEL_MAX_FDS, &message.n_fds);

    if (error != 0) {
        return error;
    }
    if (len == 0) {
        cask_channel_message_done(&message);
        return ECONNRESET;
    }
    if (len < sizeof(header)) {
        goto defect;
    }
    memcpy(&header, buffer, sizeof(header));
    if (header.magic != CHANNEL_MAGIC || header.kind < CASK_CHANNEL_GROUP ||
        header.kind > CASK_CHANNEL_LAST) {
        goto defect;
    }
    message.kind = (enum cask_channel_kind)header.kind;
    message.payload = cask_unpack_begin(buffer + sizeof(header), len - sizeof(header));
    *ret_message = message;
    return 0;

defect: /* keeps (1) */
    cask_channel_message_done(&message);
    return EPROTO;
}

int
cask_channel_take_fd(struct cask_channel_message *message, int index)
{
    int fd = -1;

    if (index < message->n_fds) {
        fd = message->fds[index];
        message->fds[index] = -1;
    }
    return fd;
}

void
cask_channel_message_done(struct cask_channel_message *message)
{
    for (int i = 0; i < message->n_fds; i++) {
        cask_net_close(&message->fds[i]);
    }
    message->n_fds = 0;
}

int
cask_channel_block_new(const char *name, const void *data, size_t len, int *ret_fd,
                       struct cask_problem *reterr_problem)
{
    uint64_t size = len;
    void *address = NULL;
    size_t mapped = 0;
    int fd = -1;
    int error;

    error = cask_shm_create(name, sizeof(size) + len, &fd, reterr_problem);
    if (error != 0) {
        return error;
    }
    error = cask_shm_map(fd, sizeof(size) + len, true, &address, &mapped, reterr_problem);
    if (error != 0) {
        cask_net_close(&fd);
        return error;
    }
    memcpy(address, &size, sizeof(size));
    memcpy((char *)address + sizeof(size), data, len);
    cask_shm_unmap(address, mapped);
    *ret_fd = fd;
    return 0;
}

int
cask_channel_block_read(int fd, size_t limit, char **ret_data, size_t *ret_len,
                        struct cask_problem *reterr_problem)
{
    uint64_t size = 0;
    void *address = NULL;
    size_t mapped = 0;
    char *data = NULL;
    int error;

    error = cask_shm_map(fd, sizeof(size), false, &address, &mapped, reterr_problem);
    if (error != 0) {
        return error;
    }
    memcpy(&size, address, sizeof(size));
    if (size > limit || size > mapped - sizeof(size)) {
        error = cask_problem_set(reterr_problem, EBADMSG, 402, "a block of settings is damaged");
        goto done;
    }
    data = malloc(size > 0 ? (size_t)size : 1);
    if (data == NULL) {
        error = cask_problem_set(reterr_problem, ENOMEM, 402, "settings of a group");
        goto done;
    }
    memcpy(data, (const char *)address + sizeof(size), (size_t)size);
    *ret_data = data;
    *ret_len = (size_t)size;

done:
    cask_shm_unmap(address, mapped);
    return error;
}
