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
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "metrics/board.h"
#include "metrics/journal.h"
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

/* The pipe on fd 2. Lives as long as the process, whatever becomes of the rest. */
struct log_pipe {
    pid_t owner;          /* [init] */
    pthread_mutex_t lock; /* what is longer than PIPE_BUF would get mixed */
};

static struct log_pipe *
log_pipe_new(void)
{
    struct log_pipe *log_pipe = calloc(1, sizeof(*log_pipe));

    if (log_pipe != NULL && pthread_mutex_init(&log_pipe->lock, NULL) != 0) {
        free(log_pipe);
        return NULL;
    }
    if (log_pipe != NULL) {
        log_pipe->owner = getpid();
    }
    return log_pipe;
}

static void
write_all(const char *data, size_t len)
{
    while (len > 0) {
        ssize_t done = write(STDERR_FILENO, data, len);

        if (done < 0 && errno != EINTR) {
            break; /* nobody left to tell */
        }
        data += done > 0 ? done : 0;
        len -= done > 0 ? (size_t)done : 0;
    }
}

/* Records of this process, as proc/logline reads them. */
static void
sink_write(void *context, const struct cask_log_record *record)
{
    struct log_pipe *log_pipe = context;
    /* A child the application forked may have inherited a lock that nobody gives back. */
    bool locks = log_pipe->owner == getpid();
    struct cask_buf line = {0};

    if (cask_logline_encode(&line, record) == 0) {
        if (locks) {
            (void)pthread_mutex_lock(&log_pipe->lock);
        }
        write_all(line.data, line.end);
        if (locks) {
            (void)pthread_mutex_unlock(&log_pipe->lock);
        }
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
    int journal_fd = -1;
    char *data = NULL;
    size_t len = 0;
    int error;

    boot->generation = cask_unpack_u32(&message->payload);
    boot->row = cask_unpack_u32(&message->payload);
    boot->strict = cask_unpack_u32(&message->payload) != 0;
    boot->listen_fd = cask_channel_take_fd(message, 1);
    board_fd = cask_channel_take_fd(message, 2);
    boot->parent_fd = cask_channel_take_fd(message, 3);
    journal_fd = cask_channel_take_fd(message, 4);
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
    if (error == 0) {
        error = cask_journal_map(journal_fd, (uint32_t)boot->spec->threads, true, &boot->journal,
                                 reterr_problem);
    }

done:
    free(data);
    cask_net_close(&spec_fd);
    cask_net_close(&board_fd);
    cask_net_close(&journal_fd);
    return error;
}

static void
boot_free(struct cask_daemon_boot *boot)
{
    cask_spec_free(boot->spec);
    cask_board_free(boot->board);
    cask_journal_free(boot->journal);
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
    struct log_pipe *log_pipe = log_pipe_new();
    int error;

    if (boot != NULL) {
        boot->buffer = malloc(CASK_CHANNEL_MAX);
    }
    if (boot == NULL || boot->buffer == NULL || log_pipe == NULL) {
        free(log_pipe);
        if (boot != NULL) {
            free(boot->buffer);
        }
        free(boot);
        return cask_problem_set(reterr_problem, ENOMEM, 403, "daemon process");
    }
    boot->channel_fd = channel_fd;
    boot->listen_fd = -1;
    boot->parent_fd = -1;
    (void)cask_net_set_cloexec(channel_fd, true); /* children of applications must not have it */
    (void)cask_net_set_nonblocking(channel_fd, true);
    cask_process_log_to(&daemon_sink, log_pipe, CASK_LOG_NOTICE);

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
    cask_process_log_to(&daemon_sink, log_pipe, (enum cask_log_level)boot->spec->log_level);
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
