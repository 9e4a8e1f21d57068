/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/wire/rig_gateway.c - the fake gateway of the rig: one behaviour per script name. */
#include "rig.h"

/* Under torture only the code under test runs out of memory. */
static char *
memory(size_t size)
{
    char *data;

    unit_calm(true);
    data = calloc(1, size);
    unit_calm(false);
    CHECK(data != NULL);
    return data;
}

static void
rig_release(void *owner)
{
    atomic_fetch_add((atomic_int *)owner, 1);
}

static bool
rig_is(const struct cask_request *request, const char *script)
{
    return request->app.script.len == strlen(script) &&
           memcmp(request->app.script.data, script, strlen(script)) == 0;
}

static int
rig_start(const struct cask_exchange *x, int64_t length, struct cask_problem *problem)
{
    const struct cask_field headers[] = {
        {.name = {"Content-Type", 12}, .value = {"text/plain", 10}},
        {.name = {"X-Twice", 7}, .value = {"1", 1}},
        {.name = {"X-Twice", 7}, .value = {"2", 1}},
    };
    const struct cask_reply_head head = {.status = 200,
                                         .reason = {"OK", 2},
                                         .headers = headers,
                                         .n_headers = 3,
                                         .content_length = length};

    return x->reply_ops->start(x->reply, &head, problem);
}

static int
rig_text(const struct cask_exchange *x, const char *text, struct cask_problem *problem)
{
    int status = rig_start(x, (int64_t)strlen(text), problem);

    if (status == 0) {
        status = x->reply_ops->write(x->reply, text, strlen(text), NULL, NULL, problem);
    }
    return status == 0 ? x->reply_ops->finish(x->reply, problem) : status;
}

/* Reads the whole body; echo: writes it too. */
static int
rig_read_all(const struct cask_exchange *x, bool echo, size_t *ret_len,
             struct cask_problem *problem)
{
    char *buffer = memory(60000);
    size_t len = 0;
    int status = 0;

    while (status == 0) {
        ssize_t got = x->body_ops->read(x->body, buffer, 60000, problem);

        if (got < 0) {
            status = problem->error;
        } else if (got == 0) {
            break;
        } else if (echo) {
            status = x->reply_ops->write(x->reply, buffer, (size_t)got, NULL, NULL, problem);
        }
        len += got > 0 ? (size_t)got : 0;
    }
    free(buffer);
    *ret_len = len;
    return status;
}

static int
rig_endless(const struct cask_exchange *x, struct cask_problem *problem)
{
    char *block = memory(65536);
    int status = rig_start(x, -1, problem);

    while (status == 0) {
        status = x->reply_ops->write(x->reply, block, 65536, NULL, NULL, problem);
    }
    free(block);
    return status;
}

static int
rig_send_file(const struct cask_exchange *x, struct cask_problem *problem)
{
    char path[] = "/tmp/cask-unit-file-XXXXXX";
    int fd = mkstemp(path);
    int status = rig_start(x, 10, problem);

    CHECK(fd >= 0);
    (void)unlink(path);
    CHECK(write(fd, "0123456789abcdef", 16) == 16);
    if (status == 0) {
        status = x->reply_ops->send_file(x->reply, fd, 3, 10, problem);
    }
    (void)close(fd);
    return status == 0 ? x->reply_ops->finish(x->reply, problem) : status;
}

static void
rig_log(const struct cask_request *request)
{
    char *line = memory(70000);

    memset(line, 'l', 70000);
    request->log->write(
        request->log_context,
        &(struct cask_log_record){.level = CASK_LOG_WARNING, .text = "a line", .text_len = 6});
    request->log->write(
        request->log_context,
        &(struct cask_log_record){.level = CASK_LOG_INFO, .text = line, .text_len = 70000});
    free(line);
}

static void
rig_gate(struct rig *rig)
{
    char byte;

    atomic_fetch_add(&rig->shared->entered, 1);
    CHECK_INT(cask_net_wait(rig->gate[0], POLLIN, cask_clock_mono_us() + RIG_WAIT_US, NULL), 0);
    CHECK(read(rig->gate[0], &byte, 1) == 1);
}

static enum cask_outcome
rig_come_out(struct rig *rig, int status)
{
    if (status == 0) {
        return CASK_OUTCOME_DONE;
    }
    atomic_store(&rig->shared->last_error, status);
    if (status == EPIPE || status == ECONNRESET) {
        atomic_fetch_add(&rig->shared->gone, 1);
        return CASK_OUTCOME_CLIENT_GONE;
    }
    return CASK_OUTCOME_BODY_BAD;
}

enum cask_outcome
rig_serve(struct rig *rig, const struct cask_exchange *x, struct cask_problem *problem)
{
    const struct cask_request *request = x->request;
    size_t len = 0;
    char text[64];
    int status;

    if (rig_is(request, "/echo")) {
        status = rig_start(x, -1, problem);
        if (status == 0) {
            status = rig_read_all(x, true, &len, problem);
        }
        return rig_come_out(rig, status == 0 ? x->reply_ops->finish(x->reply, problem) : status);
    }
    if (rig_is(request, "/len")) {
        status = rig_read_all(x, false, &len, problem);
        (void)snprintf(text, sizeof(text), "%zu", len);
        return rig_come_out(rig, status == 0 ? rig_text(x, text, problem) : status);
    }
    if (rig_is(request, "/touch")) { /* the first read of nothing */
        CHECK_INT(x->body_ops->read(x->body, NULL, 0, problem), 0);
        status = rig_read_all(x, false, &len, problem);
        return rig_come_out(rig, status == 0 ? rig_text(x, "touched", problem) : status);
    }
    if (rig_is(request, "/big")) {
        char *data = memory(RIG_BIG);

        memset(data, 'b', RIG_BIG);
        status = rig_start(x, RIG_BIG, problem);
        if (status == 0) {
            status = x->reply_ops->write(x->reply, data, RIG_BIG, rig_release,
                                         &rig->shared->released, problem);
        }
        free(data);
        return rig_come_out(rig, status == 0 ? x->reply_ops->finish(x->reply, problem) : status);
    }
    if (rig_is(request, "/endless")) {
        return rig_come_out(rig, rig_endless(x, problem));
    }
    if (rig_is(request, "/file")) {
        return rig_come_out(rig, rig_send_file(x, problem));
    }
    if (rig_is(request, "/hint")) {
        const struct cask_field link = {.name = {"Link", 4}, .value = {"</a.css>", 8}};

        status = x->reply_ops->hint(x->reply, &link, 1, problem);
        status = status == 0 ? x->reply_ops->hint(x->reply, &link, 1, problem) : status;
        return rig_come_out(rig, status == 0 ? rig_text(x, "hinted", problem) : status);
    }
    if (rig_is(request, "/fail")) {
        cask_problem_set(problem, 0, 501, "it failed");
        cask_problem_detail(problem, "line 1\nline 2", 13);
        return CASK_OUTCOME_FAILED;
    }
    if (rig_is(request, "/cut")) {
        CHECK_INT(rig_start(x, 100, problem), 0);
        CHECK_INT(x->reply_ops->write(x->reply, "part", 4, NULL, NULL, problem), 0);
        CHECK_INT(x->reply_ops->flush(x->reply, problem), 0);
        cask_problem_set(problem, 0, 501, "it failed");
        return CASK_OUTCOME_FAILED;
    }
    if (rig_is(request, "/unfinished")) {
        CHECK_INT(rig_start(x, 100, problem), 0);
        CHECK_INT(x->reply_ops->write(x->reply, "part", 4, NULL, NULL, problem), 0);
        return CASK_OUTCOME_DONE;
    }
    if (rig_is(request, "/stale")) {
        cask_problem_set(problem, 0, 501, "changed");
        return CASK_OUTCOME_STALE;
    }
    if (rig_is(request, "/log")) {
        rig_log(request);
    }
    if (rig_is(request, "/wait")) {
        rig_gate(rig);
    }
    (void)snprintf(text, sizeof(text), "hello %zu %zu", request->n_vars, request->n_headers);
    return rig_come_out(rig, rig_text(x, text, problem));
}
