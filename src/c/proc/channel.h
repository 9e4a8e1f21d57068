/* SPDX-License-Identifier: Apache-2.0 */
/* proc/channel.h - messages between httpd's parent, the supervisor and the daemons.
 *
 * A channel is a SOCK_SEQPACKET pair: one message is one packet with its descriptors. Every message
 * starts with magic, version and kind; a peer of another version is refused with EPROTO, which the
 * supervisor turns into the advice to reinstall. Payloads are written and read with proc/pack.h;
 * large things (specs) travel as a memfd.
 */
#ifndef CASK_PROC_CHANNEL_H
#define CASK_PROC_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "proc/pack.h"

struct cask_problem;

#define CASK_CHANNEL_VERSION 1u
#define CASK_CHANNEL_MAX     (96u * 1024u) /* bytes of one message: a traceback fits */
#define CASK_CHANNEL_MAX_FDS 5
#define CASK_CHANNEL_FD      3 /* where a daemon finds its channel */

enum cask_channel_kind {
    /* httpd's parent → supervisor */
    CASK_CHANNEL_GROUP = 1, /* fds: spec, listening socket, board[, error log] */
    CASK_CHANNEL_COMMIT,    /* all groups have been sent; text control socket; fds: httpd children's
                               pipe[, main log] */
    CASK_CHANNEL_RESTART,   /* httpd restarts: a configuration will follow */
    CASK_CHANNEL_STEP_DOWN, /* another supervisor takes over: drain when it serves, then exit */
    /* httpd's parent → supervisor → daemon */
    CASK_CHANNEL_STOP, /* supervisor: nothing; daemon: u64 µs until it is killed (0: never) */
    /* supervisor → daemon */
    CASK_CHANNEL_START, /* u32 generation, row, strict; fds: spec, listener, board, parent watch,
                           journal */
    CASK_CHANNEL_DRAIN, /* u64 µs for running requests, then it stops */
    /* daemon → supervisor */
    CASK_CHANNEL_SPAWN_FAILED, /* before exec: u32 errno, text step */
    CASK_CHANNEL_HELLO,        /* u32 PY_VERSION_HEX */
    CASK_CHANNEL_LOADED,       /* text script, callable, application group */
    CASK_CHANNEL_READY,        /* nothing */
    CASK_CHANNEL_FAILED,       /* u32 errno, number, text problem, detail */
    CASK_CHANNEL_RELOAD,       /* text script, u64 device, inode, size, mtime_ns */
    CASK_CHANNEL_REPLACE,      /* u32 enum cask_channel_reason: start a successor, then drain me */
    CASK_CHANNEL_LEAVING,      /* u32 enum cask_channel_reason: it has begun to stop by itself */
    /* supervisor → daemon */
    CASK_CHANNEL_STACKS, /* fd: write the stacks of all threads there */
    /* greater ones are refused */
    CASK_CHANNEL_LAST = CASK_CHANNEL_STACKS,
};

/* Why a daemon wants to go. Text: cask_channel_reason_text(). */
enum cask_channel_reason {
    CASK_CHANNEL_MAXIMUM_REQUESTS = 1,
    CASK_CHANNEL_REQUEST_TIMEOUT,
    CASK_CHANNEL_STARTUP_TIMEOUT,
    CASK_CHANNEL_INACTIVITY_TIMEOUT,
    CASK_CHANNEL_DEADLOCK,
    CASK_CHANNEL_RESTART_INTERVAL,
    CASK_CHANNEL_CPU_TIME,
    CASK_CHANNEL_SIGNAL, /* SIGUSR1 (REPLACE) or SIGTERM, SIGINT (LEAVING) sent by hand */
};

struct cask_channel_message {
    enum cask_channel_kind kind;
    struct cask_unpack payload; /* into the caller's buffer */
    int fds[CASK_CHANNEL_MAX_FDS];
    int n_fds;
};

/* A connected pair; both ends are non-blocking and close-on-exec. */
int cask_channel_pair(int ret_fds[2]);
/* "maximum-requests reached" … Never NULL; a phrase for an unknown number too. */
const char *cask_channel_reason_text(uint32_t reason);

/* Sends one message; payload may be NULL, its bytes and the descriptors are borrowed. Waits for
 * room until deadline_us (0: not at all). EAGAIN or ETIMEDOUT without room, EPIPE or ECONNRESET
 * when the peer is gone, ENOMEM or EMSGSIZE for what the payload remembers. Quiet. */
int cask_channel_send(int fd, enum cask_channel_kind kind, const struct cask_pack *payload,
                      const int *fds, int n_fds, int64_t deadline_us);
/* Receives one message into buffer (CASK_CHANNEL_MAX bytes) without waiting. EAGAIN: none;
 * ECONNRESET: the peer has closed; EPROTO: not a message of this version (its descriptors are
 * closed). The descriptors of the message are the caller's. */
int cask_channel_receive(int fd, char *buffer, struct cask_channel_message *ret_message);
/* Takes descriptor `index` out of the message; -1 when there is none. */
int cask_channel_take_fd(struct cask_channel_message *message, int index);
/* Closes the descriptors nobody took. */
void cask_channel_message_done(struct cask_channel_message *message);

/* A block of bytes as a sealed memfd, and back (at most `limit` bytes; heap, the caller frees). */
int cask_channel_block_new(const char *name, const void *data, size_t len, int *ret_fd,
                           struct cask_problem *reterr_problem);
int cask_channel_block_read(int fd, size_t limit, char **ret_data, size_t *ret_len,
                            struct cask_problem *reterr_problem);

#endif
