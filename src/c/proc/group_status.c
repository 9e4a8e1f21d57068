/* SPDX-License-Identifier: Apache-2.0 */
/* proc/group_status.c - what `mod-cask status` shows of a daemon group.
 *
 * Owns:    nothing.
 * Touches: proc/group_state.h and what hangs from it, metrics/board, metrics/journal (reading).
 * Threads: the supervisor's only one.
 */
#include "proc/group_status.h"

#include "metrics/board.h"
#include "metrics/journal.h"
#include "platform/clock.h"
#include "platform/json.h"
#include "proc/channel.h"
#include "proc/generation.h"
#include "proc/group_state.h"
#include "proc/worker.h"

#define MAX_REQUESTS 64 /* shown of one process */

static void
put_text(struct cask_json *json, const char *key, const char *text)
{
    cask_json_key(json, key);
    cask_json_text(json, text);
}

static void
put_number(struct cask_json *json, const char *key, int64_t number)
{
    cask_json_key(json, key);
    cask_json_number(json, number);
}

static void
put_seconds(struct cask_json *json, const char *key, int64_t time_us)
{
    cask_json_key(json, key);
    cask_json_seconds(json, time_us);
}

static const char *
group_state_name(const struct cask_group *group)
{
    if (group->paused) {
        return "STOPPED";
    }
    switch (cask_board_group(group->board)) {
    case CASK_GROUP_STARTING:
        return "STARTING";
    case CASK_GROUP_SERVING:
        return "READY";
    case CASK_GROUP_FAILED:
        return "FAILED";
    case CASK_GROUP_STOPPED:
        break;
    }
    return "STOPPED";
}

static const char *
worker_state_name(enum cask_worker_state state)
{
    switch (state) {
    case CASK_WORKER_STARTING:
        return "STARTING";
    case CASK_WORKER_LOADING:
        return "LOADING";
    case CASK_WORKER_READY:
        return "READY";
    case CASK_WORKER_DRAINING:
        return "DRAINING";
    case CASK_WORKER_STOPPING:
        return "STOPPING";
    case CASK_WORKER_GONE:
        break;
    }
    return "GONE";
}

/* The requests that run, of as many threads as are shown. */
static void
put_requests(struct cask_json *json, const struct cask_journal *journal, int64_t now_us)
{
    struct cask_journal_entry entry;
    int shown = 0;

    cask_json_key(json, "requests");
    cask_json_open(json, '[');
    for (uint32_t thread = 1;
         journal != NULL && thread <= cask_journal_threads(journal) && shown < MAX_REQUESTS;
         thread++) {
        if (!cask_journal_read(journal, thread, &entry)) {
            continue;
        }
        cask_json_open(json, '{');
        put_text(json, "request", entry.text);
        put_seconds(json, "seconds", now_us - entry.start_us);
        put_number(json, "thread", entry.thread);
        cask_json_close(json, '}');
        shown++;
    }
    cask_json_close(json, ']');
}

static void
put_worker(struct cask_json *json, const struct cask_group *group, const struct cask_worker *worker,
           int64_t now_us)
{
    int64_t ready_us = cask_worker_ready_us(worker);
    uint32_t reason = cask_worker_wants_out(worker);
    int64_t row = cask_worker_row(worker);

    cask_json_open(json, '{');
    put_number(json, "pid", cask_worker_pid(worker));
    put_text(json, "state", worker_state_name(cask_worker_state(worker)));
    put_number(json, "busy",
               row < 0 ? 0 : (int64_t)cask_board_row_claims(group->board, (uint32_t)row));
    cask_json_key(json, "ready_seconds");
    if (ready_us == 0) {
        cask_json_text(json, NULL);
    } else {
        cask_json_seconds(json, now_us - ready_us);
    }
    put_text(json, "leaving", reason == 0 ? NULL : cask_channel_reason_text(reason));
    put_requests(json, cask_worker_journal(worker), now_us);
    cask_json_close(json, '}');
}

static void
put_generation(struct cask_json *json, const struct cask_group *group,
               const struct cask_generation *generation, int64_t now_us)
{
    const struct cask_worker *worker;

    cask_json_open(json, '{');
    put_number(json, "number", cask_generation_number(generation));
    put_text(json, "state", cask_generation_state_name(cask_generation_state(generation)));
    cask_json_key(json, "processes");
    cask_json_open(json, '[');
    for (size_t i = 0; (worker = cask_generation_worker(generation, i)) != NULL; i++) {
        put_worker(json, group, worker, now_us);
    }
    cask_json_close(json, ']');
    cask_json_close(json, '}');
}

/* The last failure, and how often there were some. */
static void
put_history(struct cask_json *json, const struct cask_group *group, int64_t now_us)
{
    put_number(json, "generations_ready", group->history.ready);
    put_number(json, "generations_failed", group->history.failed);
    put_number(json, "processes_lost", group->history.lost);
    put_number(json, "processes_replaced", group->history.replaced);
    cask_json_key(json, "last_trouble");
    if (group->history.trouble[0] == '\0') {
        cask_json_text(json, NULL);
        return;
    }
    cask_json_open(json, '{');
    put_text(json, "text", group->history.trouble);
    put_seconds(json, "seconds_ago", now_us - group->history.trouble_us);
    cask_json_close(json, '}');
}

void
cask_group_status_write(const struct cask_group *group, struct cask_json *json)
{
    const struct cask_group_spec *spec = group->settings->spec;
    int64_t now_us = cask_clock_mono_us();
    char reason[512] = "";

    if (cask_board_group(group->board) == CASK_GROUP_FAILED) {
        cask_board_reason(group->board, reason, sizeof(reason));
    }
    cask_json_open(json, '{');
    put_text(json, "name", spec->name);
    put_text(json, "state", group_state_name(group));
    put_text(json, "reason", reason[0] != '\0' ? reason : NULL);
    put_number(json, "generation",
               group->serving == NULL ? 0 : cask_generation_number(group->serving));
    put_number(json, "uid", spec->uid);
    put_text(json, "python", spec->interpreter);
    put_number(json, "processes", spec->processes);
    put_number(json, "threads", spec->threads);
    put_number(json, "waiting", cask_board_waiting(group->board));
    put_history(json, group, now_us);
    cask_json_key(json, "generations");
    cask_json_open(json, '[');
    for (size_t i = 0; i < group->n_members; i++) {
        put_generation(json, group, group->members[i].generation, now_us);
    }
    cask_json_close(json, ']');
    cask_json_close(json, '}');
}
