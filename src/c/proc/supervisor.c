/* SPDX-License-Identifier: Apache-2.0 */
/* proc/supervisor.c - httpd's parent's view of the supervisor process.
 *
 * Owns:    the channel and pid in the caller's handle.
 * Touches: platform/, proc/channel, proc/spawn.
 * Threads: httpd's parent, single-threaded.
 * Invariants:
 *   (1) every wait for the supervisor has a deadline: a stuck one never stops httpd.
 */
#include "proc/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/clock.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "proc/channel.h"
#include "proc/spawn.h"
#include "proc/supervisor_loop.h"

#define SEND_US (10 * CASK_CLOCK_SECOND)
#define REAP_US (2 * CASK_CLOCK_SECOND)

int
cask_supervisor_start(struct cask_supervisor_handle *ret_handle, int parent_fd, int main_log_fd,
                      int log_level, struct cask_problem *reterr_problem)
{
    int ends[2] = {-1, -1};
    pid_t pid = 0;
    int error = cask_channel_pair(ends);

    if (error != 0) {
        return cask_problem_set(reterr_problem, error, 411, "no channel to the supervisor");
    }
    {
        struct cask_supervisor_start start = {.channel_fd = ends[1],
                                              .parent_fd = parent_fd,
                                              .main_log_fd = main_log_fd,
                                              .log_level = log_level};
        int keep[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, ends[1], parent_fd, main_log_fd};

        error = cask_spawn_supervisor(cask_supervisor_loop_run, &start, main_log_fd, keep,
                                      sizeof(keep) / sizeof(keep[0]), &pid, reterr_problem);
    }
    cask_net_close(&ends[1]);
    if (error != 0) {
        cask_net_close(&ends[0]);
        return error;
    }
    ret_handle->pid = pid;
    ret_handle->channel = ends[0];
    return 0;
}

static int
send_group(const struct cask_supervisor_handle *handle, const struct cask_supervisor_group *group,
           struct cask_problem *reterr_problem)
{
    int fds[4] = {-1, group->listen_fd, group->board_fd, group->error_log_fd};
    char *data = NULL;
    size_t len = 0;
    int error = cask_spec_encode(group->spec, &data, &len, reterr_problem);

    if (error == 0) {
        error = cask_channel_block_new("mod_cask spec", data, len, &fds[0], reterr_problem);
    }
    if (error == 0) {
        error = cask_channel_send(handle->channel, CASK_CHANNEL_GROUP, NULL, fds,
                                  group->error_log_fd >= 0 ? 4 : 3, cask_clock_deadline(SEND_US));
        if (error != 0) {
            (void)cask_problem_set(reterr_problem, error, 412,
                                   "cannot send group '%s' to the supervisor", group->spec->name);
        }
    }
    cask_net_close(&fds[0]);
    free(data);
    return error;
}

int
cask_supervisor_configure(const struct cask_supervisor_handle *handle,
                          const struct cask_supervisor_group *groups, size_t n_groups,
                          int children_fd, int main_log_fd, const char *control_path,
                          struct cask_problem *reterr_problem)
{
    struct cask_pack payload = {0};
    int fds[2] = {children_fd, main_log_fd};
    int error;

    for (size_t i = 0; i < n_groups; i++) {
        error = send_group(handle, &groups[i], reterr_problem);
        if (error != 0) {
            return error;
        }
    }
    cask_pack_text(&payload, control_path);
    error = cask_channel_send(handle->channel, CASK_CHANNEL_COMMIT, &payload, fds,
                              main_log_fd >= 0 ? 2 : 1, cask_clock_deadline(SEND_US));
    cask_pack_done(&payload);
    if (error != 0) {
        return cask_problem_set(reterr_problem, error, 412,
                                "cannot send the configuration to the supervisor");
    }
    return 0;
}

void
cask_supervisor_restart(const struct cask_supervisor_handle *handle)
{
    if (handle->pid != 0) {
        (void)cask_channel_send(handle->channel, CASK_CHANNEL_RESTART, NULL, NULL, 0,
                                cask_clock_deadline(SEND_US));
    }
}

void
cask_supervisor_step_down(struct cask_supervisor_handle *handle)
{
    if (handle->pid != 0) {
        (void)cask_channel_send(handle->channel, CASK_CHANNEL_STEP_DOWN, NULL, NULL, 0,
                                cask_clock_deadline(SEND_US));
    }
    cask_net_close(&handle->channel);
    handle->pid = 0; /* httpd reaps unknown children */
}

bool
cask_supervisor_alive(const struct cask_supervisor_handle *handle)
{
    if (handle->pid == 0) {
        return false;
    }
    return waitpid(handle->pid, NULL, WNOHANG) == 0;
}

void
cask_supervisor_stop(struct cask_supervisor_handle *handle, int64_t timeout_us)
{
    int64_t deadline_us = cask_clock_deadline(timeout_us);
    short revents = 0;
    int error;

    if (handle->pid == 0) {
        return;
    }
    error = cask_channel_send(handle->channel, CASK_CHANNEL_STOP, NULL, NULL, 0, deadline_us);
    while (error == 0 && (revents & POLLHUP) == 0) { /* it says nothing: its end is all to come */
        error = cask_net_wait(handle->channel, POLLIN, deadline_us, &revents);
    }
    if (error == ETIMEDOUT) { /* keeps (1) */
        (void)kill(handle->pid, SIGKILL);
    }
    /* Its end of the channel is closed, or it was killed: it is as good as gone. */
    deadline_us = cask_clock_deadline(REAP_US);
    while (waitpid(handle->pid, NULL, WNOHANG) == 0 && cask_clock_mono_us() < deadline_us) {
        (void)poll(NULL, 0, 1);
    }
    cask_net_close(&handle->channel);
    handle->pid = 0;
}
