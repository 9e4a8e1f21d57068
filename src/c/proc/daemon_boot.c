/* SPDX-License-Identifier: Apache-2.0 */
/* proc/daemon_boot.c - how a new daemon learns what it is.
 *
 * Owns:    struct cask_daemon_boot until it is complete; then it lives as long as the process.
 * Touches: metrics/board, proc/, platform/.
 * Threads: the daemon's main thread, before there are others.
 */
#include "proc/daemon_boot.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "metrics/board.h"
#include "platform/buf.h"
#include "platform/clock.h"
#include "platform/log.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "platform/process.h"
#include "proc/channel.h"
#include "proc/logline.h"

#define START_US   (30 * CASK_CLOCK_SECOND)
#define SEND_US    (5 * CASK_CLOCK_SECOND)
#define SPEC_LIMIT (16u * 1024u * 1024u)

/* Records of this process go to the pipe on fd 2, as proc/logline reads them. */
static void
sink_write(void *context, const struct cask_log_record *record)
{
    struct cask_buf line = {0};
    size_t sent = 0;

    (void)context;
    if (cask_logline_encode(&line, record) != 0) {
        return; /* no memory even for a line */
    }
    while (sent < line.end) {
        ssize_t done = write(STDERR_FILENO, line.data + sent, line.end - sent);

        if (done < 0 && errno != EINTR) {
            break; /* nobody left to tell */
        }
        sent += done > 0 ? (size_t)done : 0;
    }
    cask_buf_done(&line);
}

static const struct cask_log_sink daemon_sink = {.write = sink_write};

static int
receive_start(struct cask_daemon_boot *boot, struct cask_channel_message *ret_message,
              struct cask_problem *reterr_problem)
{
    int64_t deadline_us = cask_clock_deadline(START_US);
    int error;

    for (;;) {
        error = cask_net_wait(boot->channel_fd, POLLIN, deadline_us, NULL);
        if (error == 0) {
            error = cask_channel_receive(boot->channel_fd, boot->buffer, ret_message);
        }
        if (error != EAGAIN) {
            break;
        }
    }
    if (error == 0 && ret_message->kind != CASK_CHANNEL_START) {
        cask_channel_message_done(ret_message);
        error = EPROTO;
    }
    if (error != 0) {
        return cask_problem_set(reterr_problem, error, 403,
                                "daemon process %ld: no settings from the supervisor (an engine of "
                                "another version?)",
                                (long)getpid());
    }
    return 0;
}

static int
read_start(struct cask_daemon_boot *boot, struct cask_channel_message *message,
           struct cask_problem *reterr_problem)
{
    int spec_fd = cask_channel_take_fd(message, 0);
    int board_fd = -1;
    char *data = NULL;
    size_t len = 0;
    int error;

    boot->generation = cask_unpack_u32(&message->payload);
    boot->row = cask_unpack_u32(&message->payload);
    boot->strict = cask_unpack_u32(&message->payload) != 0;
    boot->listen_fd = cask_channel_take_fd(message, 1);
    board_fd = cask_channel_take_fd(message, 2);
    boot->parent_fd = cask_channel_take_fd(message, 3);
    if (!cask_unpack_end(&message->payload) || boot->parent_fd < 0) {
        error = cask_problem_set(reterr_problem, EPROTO, 403,
                                 "daemon process %ld: damaged settings from the supervisor",
                                 (long)getpid());
        goto done;
    }
    error = cask_channel_block_read(spec_fd, SPEC_LIMIT, &data, &len, reterr_problem);
    if (error == 0) {
        error = cask_spec_decode(data, len, &boot->spec, reterr_problem);
    }
    if (error == 0) {
        error = cask_board_map(board_fd, false, &boot->board, reterr_problem);
    }

done:
    free(data);
    cask_net_close(&spec_fd);
    cask_net_close(&board_fd);
    return error;
}

static void
boot_free(struct cask_daemon_boot *boot)
{
    cask_spec_free(boot->spec);
    cask_board_free(boot->board);
    cask_net_close(&boot->listen_fd);
    cask_net_close(&boot->parent_fd);
    free(boot->buffer);
    free(boot);
}

int
cask_daemon_boot_receive(int channel_fd, uint32_t python_version,
                         struct cask_daemon_boot **ret_boot, struct cask_problem *reterr_problem)
{
    struct cask_daemon_boot *boot = calloc(1, sizeof(*boot));
    struct cask_channel_message message = {.n_fds = 0};
    struct cask_pack hello = {0};
    int error;

    if (boot != NULL) {
        boot->buffer = malloc(CASK_CHANNEL_MAX);
    }
    if (boot == NULL || boot->buffer == NULL) {
        free(boot);
        return cask_problem_set(reterr_problem, ENOMEM, 403, "daemon process");
    }
    boot->channel_fd = channel_fd;
    boot->listen_fd = -1;
    boot->parent_fd = -1;
    (void)cask_net_set_cloexec(channel_fd, true); /* children of applications must not have it */
    (void)cask_net_set_nonblocking(channel_fd, true);
    cask_process_log_to(&daemon_sink, NULL, CASK_LOG_NOTICE);

    cask_pack_u32(&hello, python_version);
    (void)cask_channel_send(channel_fd, CASK_CHANNEL_HELLO, &hello, NULL, 0,
                            cask_clock_deadline(SEND_US));
    cask_pack_done(&hello);
    error = receive_start(boot, &message, reterr_problem);
    if (error == 0) {
        error = read_start(boot, &message, reterr_problem);
        cask_channel_message_done(&message);
    }
    if (error != 0) {
        boot_free(boot);
        return error;
    }
    cask_process_log_to(&daemon_sink, NULL, (enum cask_log_level)boot->spec->log_level);
    *ret_boot = boot;
    return 0;
}

void
cask_daemon_boot_failed(const struct cask_daemon_boot *boot, struct cask_problem *problem)
{
    struct cask_pack payload = {0};

    cask_pack_u32(&payload, (uint32_t)problem->error);
    cask_pack_u32(&payload, problem->number);
    cask_pack_text(&payload, problem->text);
    cask_pack_text(&payload, problem->detail);
    if (cask_channel_send(boot->channel_fd, CASK_CHANNEL_FAILED, &payload, NULL, 0,
                          cask_clock_deadline(SEND_US)) != 0) {
        cask_log_problem(problem);
    }
    cask_pack_done(&payload);
    cask_problem_done(problem);
}
