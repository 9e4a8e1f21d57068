/* SPDX-License-Identifier: Apache-2.0 */
/* platform/net.h - local sockets and descriptors: small wrappers that restart on EINTR and set
 * close-on-exec.
 *
 * Results: 0 or a positive errno, as in the rest of the room.
 */
#ifndef CASK_PLATFORM_NET_H
#define CASK_PLATFORM_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct cask_problem;

#define CASK_NET_MAX_FDS   16 /* descriptors in one message */
#define CASK_NET_MAX_PARTS 16 /* pieces of one message */

/* A listening UNIX stream socket at path, mode 0600, owned by owner_uid when this process is root
 * (uid -1: as is). An old socket file at path is removed first. Non-blocking. */
int cask_net_listen(const char *path, int backlog, uid_t owner_uid, int *ret_fd,
                    struct cask_problem *reterr_problem);
/* Connects, waiting for room in a full backlog until deadline_us (EAGAIN afterwards). The socket is
 * non-blocking. Quiet: the caller knows what a failure means (ECONNREFUSED, ENOENT, EAGAIN). */
int cask_net_connect(const char *path, int64_t deadline_us, int *ret_fd);
/* Accepts one connection, non-blocking; EAGAIN when there is none. */
int cask_net_accept(int listen_fd, int *ret_fd);
int cask_net_peer_uid(int fd, uid_t *ret_uid);
/* A connected pair of SOCK_SEQPACKET sockets. */
int cask_net_pair(int ret_fds[2]);

/* One message with up to CASK_NET_MAX_FDS descriptors (borrowed). EAGAIN when it would block. */
int cask_net_send_fds(int fd, const struct iovec *parts, int n_parts, const int *fds, int n_fds,
                      size_t *ret_sent);
/* Receives bytes and descriptors; ret_len 0 means the peer has closed. Descriptors beyond max_fds
 * are closed. All are close-on-exec. EMSGSIZE when a message was larger than data or carried more
 * than CASK_NET_MAX_FDS descriptors: it is lost, and its descriptors are closed. */
int cask_net_recv_fds(int fd, void *data, size_t size, size_t *ret_len, int *ret_fds, int max_fds,
                      int *ret_n_fds);
/* No peer can send descriptors to this socket any more (EPERM for him), as far as the kernel can do
 * that (Linux 6.16): to close one that somebody else made may take as long as he likes. */
void cask_net_refuse_fds(int fd);
/* poll(2) for one descriptor: 0 when ready (ret_revents may be NULL), ETIMEDOUT, or an errno. */
int cask_net_wait(int fd, short events, int64_t deadline_us, short *ret_revents);
/* SO_SNDBUF and SO_RCVBUF; 0: leave. */
void cask_net_set_buffers(int fd, int send_size, int receive_size);
int cask_net_set_nonblocking(int fd, bool on);
int cask_net_set_cloexec(int fd, bool on);
/* Closes *fd unless it is -1 and makes it -1; keeps errno. */
void cask_net_close(int *fd);
/* Closes every descriptor but those of keep (any order; sorted in place). Async-signal-safe: for
 * use between fork and exec. */
void cask_net_close_others(int *keep, size_t n_keep);

#endif
