/* SPDX-License-Identifier: Apache-2.0 */
/* wire/wire_hello.h - the first frames on a connection: who is at the other end. */
#ifndef CASK_WIRE_WIRE_HELLO_H
#define CASK_WIRE_WIRE_HELLO_H

#include <stdint.h>
#include <sys/types.h>

#include "proto/frame.h"

/* httpd: sends its HELLO into a fresh socket, which has room for it. errno of the send. */
int cask_wire_hello_offer(int fd, const unsigned char secret[CASK_FRAME_SECRET_SIZE]);
/* httpd: waits for the daemon's HELLO. ETIMEDOUT; EPIPE or ECONNRESET when the daemon has closed;
 * EPROTO when it is no HELLO of this version, *ret_defect says why. */
int cask_wire_hello_await(int fd, int64_t deadline_us, struct cask_frame_hello *ret_hello,
                          enum cask_frame_status *ret_defect);

/* Daemon: what it demands of a caller, and what it says of itself. */
struct cask_wire_hello_terms {
    uid_t httpd_uid; /* this user or root */
    unsigned char secret[CASK_FRAME_SECRET_SIZE];
    uint32_t row;
    uint32_t generation;
    uint32_t threads;
    uint32_t python_version;
};
/* Daemon: checks the peer's user, then its HELLO, and answers. EACCES: wrong user or secret;
 * EPROTO; ETIMEDOUT; or the errno of the socket. */
int cask_wire_hello_answer(int fd, const struct cask_wire_hello_terms *terms, int64_t deadline_us);

#endif
