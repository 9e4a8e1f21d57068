/* SPDX-License-Identifier: Apache-2.0 */
/* wire/wire_conn.h - sending and receiving on one connected socket: what both sides share. */
#ifndef CASK_WIRE_WIRE_CONN_H
#define CASK_WIRE_WIRE_CONN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "platform/buf.h"

/* A buffer that one large message has blown up is given back when the next request begins. */
#define CASK_WIRE_KEEP_LIMIT (256u * 1024u)

/* Sends without waiting as much as the socket takes; *parts and *n_parts become what is left. 0
 * when all is sent; EAGAIN, EPIPE, ECONNRESET or another errno otherwise. At most
 * CASK_NET_MAX_PARTS parts. */
int cask_wire_conn_send(int fd, struct iovec **parts, int *n_parts);
/* The same, waiting for room until deadline_us: ETIMEDOUT. */
int cask_wire_conn_send_all(int fd, struct iovec *parts, int n_parts, int64_t deadline_us);
/* Receives once, without waiting, up to `room` bytes behind what the buffer holds. 0 when something
 * came; EAGAIN; EPIPE when the peer has closed and had read all we sent; ECONNRESET when it closed
 * and something of ours was left unread (Linux tells the two apart); ENOMEM. */
int cask_wire_conn_receive(int fd, struct cask_buf *buf, size_t room);
/* Receives exactly size bytes. Errors as above, and ETIMEDOUT. */
int cask_wire_conn_receive_exactly(int fd, char *data, size_t size, int64_t deadline_us);
/* Empties the buffer, and frees it when it is large. */
void cask_wire_conn_reset_buf(struct cask_buf *buf);

#endif
