/* SPDX-License-Identifier: Apache-2.0 */
/* apache/groups.c - this httpd child's place in the daemon groups.
 *
 * Owns:    per group: the mapping of its board, our row on it, the wire client.
 * Touches: metrics/board, wire/wire_client.
 * Threads: child_init and its undoing: the child's main thread; the rest: any.
 * Fork:    after; nothing here is inherited.
 */
#include "apache/groups.h"

#include "apache/config.h"
#include "metrics/board.h"
#include "platform/clock.h"
#include "platform/problem.h"
#include "wire/wire_client.h"

#include <ap_mpm.h>
#include <http_log.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define REPORT_US (100 * CASK_CLOCK_MS) /* for a daemon's report to reach the supervisor */

APLOG_USE_MODULE(wsgi);

static apr_status_t
leave_group(void *data)
{
    struct cask_config_group *group = data;

    group->client = cask_wire_client_free(group->client);
    if (group->board != NULL) {
        cask_board_leave(group->board, group->board_child);
        group->board = cask_board_free(group->board);
    }
    return APR_SUCCESS;
}

static int
join_group(struct cask_config_group *group, uint32_t threads, struct cask_problem *reterr_problem)
{
    struct cask_wire_client_config config = {
        .group = group->spec.name,
        .socket_path = group->spec.socket_path,
        .secret = group->spec.secret,
        .send_buffer_size = group->spec.send_buffer_size,
        .receive_buffer_size = group->spec.receive_buffer_size,
        .idle_limit = threads,
    };
    struct cask_board *board = NULL;
    int status = cask_board_map(group->board_fd, true, &board, reterr_problem);

    if (status != 0) {
        return status;
    }
    status = cask_board_join(board, getpid(), &group->board_child);
    if (status != 0) {
        cask_board_free(board);
        return cask_problem_set(reterr_problem, status, 710,
                                "group '%s': this child cannot join it", group->spec.name);
    }
    config.board = board;
    config.board_child = group->board_child;
    status = cask_wire_client_new(&group->client, &config, reterr_problem);
    if (status != 0) {
        cask_board_leave(board, group->board_child);
        cask_board_free(board);
        return status;
    }
    group->board = board;
    return 0;
}

void
cask_groups_child_init(apr_pool_t *pchild, server_rec *main_server)
{
    const struct cask_config_main *config = cask_config_main();
    int threads = 1;

    if (ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads) != APR_SUCCESS || threads < 1) {
        threads = 1;
    }
    for (int i = 0; i < config->group_list->nelts; i++) {
        struct cask_config_group *group =
            APR_ARRAY_IDX(config->group_list, i, struct cask_config_group *);
        struct cask_problem problem = {0};

        if (group->board_fd < 0) { /* the parent has said why */
            continue;
        }
        if (join_group(group, (uint32_t)threads, &problem) != 0) {
            ap_log_error(APLOG_MARK, APLOG_ERR, 0, main_server, "CASK%04u: %s", problem.number,
                         problem.text);
            cask_problem_done(&problem);
            continue;
        }
        apr_pool_cleanup_register(pchild, group, leave_group, apr_pool_cleanup_null);
    }
}

static enum cask_outcome
unavailable(const struct cask_config_group *group, unsigned number, const char *why,
            struct cask_problem *reterr_problem)
{
    cask_problem_set(reterr_problem, 0, number, "group '%s': %s", group->spec.name, why);
    return CASK_OUTCOME_UNAVAILABLE;
}

/* The supervisor's reasons often begin with the group's name, as their line in the log did. */
static const char *
without_name(const struct cask_config_group *group, const char *reason)
{
    size_t len = strlen(group->spec.name);

    if (strncmp(reason, "group '", 7) == 0 && strncmp(reason + 7, group->spec.name, len) == 0 &&
        strncmp(reason + 7 + len, "': ", 3) == 0) {
        return reason + 7 + len + 3;
    }
    return reason;
}

/* DONE when the group serves; waits while it is starting. */
static enum cask_outcome
await_group(const struct cask_config_group *group, struct cask_problem *reterr_problem)
{
    const struct cask_board *board = group->board;
    int64_t deadline_us = 0;
    char reason[512];

    if (group->spec.fault != NULL) {
        return unavailable(group, 709, group->spec.fault, reterr_problem);
    }
    if (board == NULL) {
        return unavailable(group, 709, "this httpd child is not connected to it", reterr_problem);
    }
    for (;;) {
        uint32_t change = cask_board_change(board);

        switch (cask_board_group(board)) {
        case CASK_GROUP_SERVING:
            return CASK_OUTCOME_DONE;
        case CASK_GROUP_FAILED:
            cask_board_reason(board, reason, sizeof(reason));
            return unavailable(group, 709, without_name(group, reason), reterr_problem);
        case CASK_GROUP_STOPPED:
            return unavailable(group, 709, "it has been stopped", reterr_problem);
        case CASK_GROUP_STARTING:
            break;
        }
        if (deadline_us == 0) {
            deadline_us = cask_clock_deadline(group->spec.connect_timeout_us);
        }
        if (cask_board_wait(board, change, deadline_us) != 0) {
            return unavailable(group, 708, "it is still starting after connect-timeout",
                               reterr_problem);
        }
    }
}

/* When the wait for a thread ends. */
static int64_t
queue_deadline(const struct cask_group_spec *spec, const struct cask_request *request)
{
    int64_t deadline_us = cask_clock_deadline(spec->socket_timeout_us);

    if (spec->queue_timeout_us != 0) {
        int64_t waited_us = cask_clock_wall_us() - request->start_us;
        int64_t left_us = spec->queue_timeout_us - (waited_us > 0 ? waited_us : 0);
        int64_t queue_us = cask_clock_mono_us() + (left_us > 0 ? left_us : 0);

        deadline_us = queue_us < deadline_us ? queue_us : deadline_us;
    }
    return deadline_us;
}

enum cask_outcome
cask_groups_check_out(struct cask_config_group *group, const struct cask_request *request,
                      struct cask_wire_call **ret_call, struct cask_problem *reterr_problem)
{
    enum cask_outcome outcome;
    int64_t queue_us;
    int status;

    if (group->spec.threads == 0) {
        cask_problem_set(reterr_problem, 0, 150,
                         "group '%s' has threads=0: it runs its import scripts and serves no "
                         "requests; name another group",
                         group->spec.name);
        return CASK_OUTCOME_FAILED;
    }
    outcome = await_group(group, reterr_problem);

    if (outcome != CASK_OUTCOME_DONE) {
        return outcome;
    }
    queue_us = queue_deadline(&group->spec, request);
    status = cask_wire_client_checkout(group->client,
                                       cask_clock_deadline(group->spec.connect_timeout_us),
                                       queue_us, ret_call, reterr_problem);
    if (status == 0) {
        return CASK_OUTCOME_DONE;
    }
    if (status == EPROTO) {
        return CASK_OUTCOME_LOST;
    }
    if (status == ETIMEDOUT || (status == EAGAIN && cask_clock_mono_us() >= queue_us)) {
        return CASK_OUTCOME_TIMEOUT;
    }
    return CASK_OUTCOME_UNAVAILABLE;
}

void
cask_groups_await_reload(const struct cask_config_group *group, uint32_t stale_generation)
{
    const struct cask_board *board = group->board;
    int64_t now_us = cask_clock_mono_us();
    int64_t last_us = now_us + group->spec.reload_wait_us;
    /* The daemon's report is on its way to the supervisor; it may also find that there is nothing
     * to start, because the changed script failed to load a moment ago. */
    int64_t first_us = now_us + REPORT_US < last_us ? now_us + REPORT_US : last_us;
    uint32_t refusals = cask_board_refusals(board);
    bool started = false; /* we have seen the successor start */
    int status = 0;

    while (group->spec.reload_wait_us > 0 && status == 0) {
        uint32_t change = cask_board_change(board);
        bool starting = cask_board_starting(board, stale_generation);

        if (cask_board_serving(board) != stale_generation ||
            cask_board_group(board) != CASK_GROUP_SERVING) {
            return;
        }
        if (!starting && (started || cask_board_refusals(board) != refusals)) {
            return; /* the start failed, or there is none */
        }
        started = starting;
        status = cask_board_wait(board, change, starting ? last_us : first_us);
    }
}
