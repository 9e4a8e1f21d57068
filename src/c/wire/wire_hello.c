/* SPDX-License-Identifier: Apache-2.0 */
/* wire/wire_hello.c - the first frames on a connection.
 *
 * Owns nothing; the socket is the caller's.
 * Touches: proto/, platform/.
 * Invariant: a daemon reads nothing from a peer of another user, and says nothing to one that does
 * not know the secret.
 */
#include "wire/wire_hello.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "platform/net.h"
#include "platform/process.h"
#include "wire/wire_conn.h"

#define MESSAGE_SIZE (CASK_FRAME_HEADER_SIZE + CASK_FRAME_HELLO_SIZE)

static void
put_message(char out[MESSAGE_SIZE], const struct cask_frame_hello *hello)
{
    const struct cask_frame frame = {.payload_len = CASK_FRAME_HELLO_SIZE,
                                     .kind = CASK_FRAME_HELLO};

    cask_frame_put_header(out, &frame);
    cask_frame_put_hello(out + CASK_FRAME_HEADER_SIZE, hello);
}

static int
receive_message(int fd, int64_t deadline_us, struct cask_frame_hello *ret_hello,
                enum cask_frame_status *ret_defect)
{
    char message[MESSAGE_SIZE];
    struct cask_frame frame;
    /* The header first: a peer of another version may say less. */
    int status = cask_wire_conn_receive_exactly(fd, message, CASK_FRAME_HEADER_SIZE, deadline_us);

    if (status != 0) {
        return status;
    }
    *ret_defect = cask_frame_get_header(message, CASK_FRAME_HEADER_SIZE, &frame);
    if (*ret_defect == CASK_FRAME_OK && frame.kind != CASK_FRAME_HELLO) {
        *ret_defect = CASK_FRAME_BAD_KIND;
    }
    if (*ret_defect != CASK_FRAME_OK) {
        return EPROTO;
    }
    status = cask_wire_conn_receive_exactly(fd, message + CASK_FRAME_HEADER_SIZE,
                                            CASK_FRAME_HELLO_SIZE, deadline_us);
    if (status != 0) {
        return status;
    }
    *ret_defect =
        cask_frame_get_hello(message + CASK_FRAME_HEADER_SIZE, CASK_FRAME_HELLO_SIZE, ret_hello);
    return *ret_defect == CASK_FRAME_OK ? 0 : EPROTO;
}

int
cask_wire_hello_offer(int fd, const unsigned char secret[CASK_FRAME_SECRET_SIZE])
{
    char message[MESSAGE_SIZE];
    struct iovec part = {.iov_base = message, .iov_len = sizeof(message)};
    struct iovec *parts = &part;
    int n_parts = 1;
    struct cask_frame_hello hello = {.pid = (int32_t)cask_process_get()->pid};

    memcpy(hello.secret, secret, sizeof(hello.secret));
    put_message(message, &hello);
    return cask_wire_conn_send(fd, &parts, &n_parts);
}

int
cask_wire_hello_await(int fd, int64_t deadline_us, struct cask_frame_hello *ret_hello,
                      enum cask_frame_status *ret_defect)
{
    return receive_message(fd, deadline_us, ret_hello, ret_defect);
}

/* In the same time wherever the difference is. */
static bool
secrets_are_equal(const unsigned char *a, const unsigned char *b)
{
    volatile unsigned char difference = 0;

    for (size_t i = 0; i < CASK_FRAME_SECRET_SIZE; i++) {
        difference = (unsigned char)(difference | (a[i] ^ b[i]));
    }
    return difference == 0;
}

int
cask_wire_hello_answer(int fd, const struct cask_wire_hello_terms *terms, int64_t deadline_us)
{
    char message[MESSAGE_SIZE];
    struct iovec part = {.iov_base = message, .iov_len = sizeof(message)};
    struct cask_frame_hello hello;
    enum cask_frame_status defect;
    uid_t uid;
    int status = cask_net_peer_uid(fd, &uid);

    if (status != 0) {
        return status;
    }
    if (uid != terms->httpd_uid && uid != 0) {
        return EACCES;
    }
    status = receive_message(fd, deadline_us, &hello, &defect);
    if (status != 0) {
        return status;
    }
    if (!secrets_are_equal(hello.secret, terms->secret)) {
        return EACCES;
    }
    hello = (struct cask_frame_hello){
        .row = terms->row,
        .generation = terms->generation,
        .threads = terms->threads,
        .python_version = terms->python_version,
        .pid = (int32_t)cask_process_get()->pid,
    };
    put_message(message, &hello);
    return cask_wire_conn_send_all(fd, &part, 1, deadline_us);
}
