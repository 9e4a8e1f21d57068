/* SPDX-License-Identifier: Apache-2.0 */
/* proc/worker_talk.c - what a daemon says to the supervisor, and what it is told at its start.
 *
 * Owns:    nothing beyond worker.h.
 * Touches: platform/, proc/channel.
 * Threads: the supervisor's only one.
 * Invariants: those of worker_state.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "platform/clock.h"
#include "platform/log.h"
#include "platform/net.h"
#include "platform/shm.h"
#include "proc/worker_state.h"

static int
send_start(struct cask_worker *self, struct cask_problem *reterr_problem)
{
    struct cask_group_spec spec = *self->config.spec;
    struct cask_pack payload = {0};
    int fds[5] = {-1, self->config.listen_fd, -1, self->config.parent_fd, self->journal_fd};
    char *data = NULL;
    size_t len = 0;
    int error;

    spec.apps = self->config.apps;
    spec.n_apps = self->config.n_apps;
    error = cask_spec_encode(&spec, &data, &len, reterr_problem);
    if (error == 0) {
        error = cask_channel_block_new("mod_cask spec", data, len, &fds[0], reterr_problem);
    }
    if (error == 0) {
        error = cask_shm_reopen_readonly(self->config.board_fd, &fds[2], reterr_problem);
    }
    if (error == 0) {
        cask_pack_u32(&payload, self->config.generation);
        cask_pack_u32(&payload, (uint32_t)self->row);
        cask_pack_u32(&payload, self->config.strict ? 1 : 0);
        error = cask_channel_send(self->channel_fd, CASK_CHANNEL_START, &payload, fds, 5, 0);
        if (error != 0) {
            (void)cask_problem_set(reterr_problem, error, 424,
                                   "group '%s': cannot send the settings to process %ld",
                                   self->config.spec->name, (long)self->pid);
        }
    }
    cask_pack_done(&payload);
    cask_net_close(&fds[0]);
    cask_net_close(&fds[2]);
    free(data);
    return error;
}

static void
take_hello(struct cask_worker *self, struct cask_unpack *payload)
{
    uint32_t python_version = cask_unpack_u32(payload);

    if (self->state != CASK_WORKER_STARTING || !cask_unpack_end(payload)) {
        cask_worker_kill(self, "damaged or unexpected HELLO"); /* keeps (2) */
        return;
    }
    self->python_version = python_version;
    if (send_start(self, &self->problem) != 0) {
        cask_worker_kill(self, "it did not get its settings");
        return;
    }
    cask_net_close(&self->journal_fd);
    cask_worker_set_state(self, CASK_WORKER_LOADING, CASK_ROW_STARTING);
    self->late = "did not load its applications within startup-timeout";
    cask_worker_set_deadline(self, cask_clock_deadline(self->config.ready_us));
}

static void
take_ready(struct cask_worker *self)
{
    if (self->state != CASK_WORKER_LOADING) {
        return; /* it was told to stop meanwhile */
    }
    self->became_ready_us = cask_clock_mono_us();
    cask_worker_set_deadline(self, CASK_CLOCK_NEVER);
    cask_worker_set_state(self, CASK_WORKER_READY, CASK_ROW_READY);
    cask_log_debug(CASK_LOG_INFO, "group '%s': process %ld of generation %u is ready, Python %u.%u",
                   self->config.spec->name, (long)self->pid, self->config.generation,
                   (unsigned)(self->python_version >> 24),
                   (unsigned)(self->python_version >> 16) & 0xffu);
    cask_worker_tell(self, CASK_WORKER_IS_READY, NULL);
}

static void
take_spawn_failed(struct cask_worker *self, struct cask_unpack *payload)
{
    int error = (int)cask_unpack_u32(payload);
    const char *step = cask_unpack_text(payload);

    if (step != NULL) {
        (void)cask_problem_set(&self->problem, error, 424, "group '%s': cannot start: %s",
                               self->config.spec->name, step);
    }
}

static void
take_failed(struct cask_worker *self, struct cask_unpack *payload)
{
    int error = (int)cask_unpack_u32(payload);
    uint32_t number = cask_unpack_u32(payload);
    const char *text = cask_unpack_text(payload);
    const char *detail = cask_unpack_text(payload);

    if (payload->bad || text == NULL) {
        cask_worker_kill(self, "damaged FAILED");
        return;
    }
    (void)cask_problem_set(&self->problem, 0, number != 0 ? number : 406, "%s", text);
    self->problem.error = error; /* its words are in the text already */
    if (detail != NULL) {
        cask_problem_detail(&self->problem, detail, strlen(detail));
    }
}

static struct cask_str
text_str(const char *text)
{
    struct cask_str str = {.data = text, .len = text != NULL ? (uint32_t)strlen(text) : 0};

    return str;
}

static void
take_loaded(struct cask_worker *self, struct cask_unpack *payload)
{
    struct cask_worker_news news = {.reason = 0};

    news.app.script = text_str(cask_unpack_text(payload));
    news.app.callable = text_str(cask_unpack_text(payload));
    news.app.application_group = text_str(cask_unpack_text(payload));
    if (cask_unpack_end(payload) && news.app.script.len > 0 && news.app.callable.data != NULL &&
        news.app.application_group.data != NULL) {
        cask_worker_tell(self, CASK_WORKER_HAS_LOADED, &news);
    }
}

static void
take_reload(struct cask_worker *self, struct cask_unpack *payload)
{
    struct cask_worker_news news = {.reason = 0};

    news.app.script = text_str(cask_unpack_text(payload));
    news.script_id.device = cask_unpack_u64(payload);
    news.script_id.inode = cask_unpack_u64(payload);
    news.script_id.size = cask_unpack_u64(payload);
    news.script_id.mtime_ns = (int64_t)cask_unpack_u64(payload);
    if (cask_unpack_end(payload) && news.app.script.len > 0 && self->state == CASK_WORKER_READY) {
        cask_worker_tell(self, CASK_WORKER_MET_STALE, &news);
    }
}

static void
take_replace(struct cask_worker *self, struct cask_unpack *payload)
{
    struct cask_worker_news news = {.reason = cask_unpack_u32(payload)};

    if (self->state == CASK_WORKER_READY && self->wants_out == 0 && news.reason != 0) {
        self->wants_out = news.reason;
        cask_worker_tell(self, CASK_WORKER_WANTS_OUT, &news);
    }
}

static void
take_leaving(struct cask_worker *self, struct cask_unpack *payload)
{
    struct cask_worker_news news = {.reason = cask_unpack_u32(payload)};
    int64_t shutdown_us = self->config.spec->shutdown_timeout_us;

    if (self->state != CASK_WORKER_READY && self->state != CASK_WORKER_DRAINING) {
        return;
    }
    self->told = true;
    cask_worker_set_state(self, CASK_WORKER_STOPPING, CASK_ROW_DRAINING);
    cask_worker_set_deadline(self, shutdown_us > 0
                                       ? cask_clock_deadline(shutdown_us + CASK_WORKER_GRACE_US)
                                       : CASK_CLOCK_NEVER);
    cask_worker_tell(self, CASK_WORKER_LEAVES, &news);
}

void
cask_worker_take_message(struct cask_worker *worker, struct cask_channel_message *message)
{
    switch (message->kind) {
    case CASK_CHANNEL_SPAWN_FAILED:
        take_spawn_failed(worker, &message->payload);
        break;
    case CASK_CHANNEL_HELLO:
        take_hello(worker, &message->payload);
        break;
    case CASK_CHANNEL_LOADED:
        take_loaded(worker, &message->payload);
        break;
    case CASK_CHANNEL_READY:
        take_ready(worker);
        break;
    case CASK_CHANNEL_FAILED:
        take_failed(worker, &message->payload);
        break;
    case CASK_CHANNEL_RELOAD:
        take_reload(worker, &message->payload);
        break;
    case CASK_CHANNEL_REPLACE:
        take_replace(worker, &message->payload);
        break;
    case CASK_CHANNEL_LEAVING:
        take_leaving(worker, &message->payload);
        break;
    case CASK_CHANNEL_GROUP:
    case CASK_CHANNEL_COMMIT:
    case CASK_CHANNEL_RESTART:
    case CASK_CHANNEL_STEP_DOWN:
    case CASK_CHANNEL_STOP:
    case CASK_CHANNEL_START:
    case CASK_CHANNEL_DRAIN:
    case CASK_CHANNEL_STACKS:
        cask_worker_kill(
            worker, "it sent a message of the supervisor's"); /* keeps (2): not a daemon's to say */
        break;
    }
}
