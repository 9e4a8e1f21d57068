/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/wire/fuzz_request.c - an httpd that says anything: a daemon's side of a connection, with
 * requests whose bodies are read and which are answered. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "platform/clock.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "platform/process.h"
#include "request/exchange.h"
#include "wire/wire_hello.h"
#include "wire/wire_job.h"

#define MOST (64u * 1024u)

static void
drop_record(void *context, const struct cask_log_record *record)
{
    (void)context;
    read_all(record->text, record->text_len);
}

static void
check_fields(const struct cask_field *fields, size_t n_fields)
{
    for (size_t i = 0; i < n_fields; i++) {
        read_all(fields[i].name.data, fields[i].name.len);
        read_all(fields[i].value.data, fields[i].value.len);
    }
}

/* Reads the body to its end and answers. */
static enum cask_outcome
serve(const struct cask_exchange *exchange, struct cask_problem *problem)
{
    const struct cask_request *request = exchange->request;
    const struct cask_reply_head head = {.status = 200, .reason = {"OK", 2}, .content_length = -1};
    char buffer[512];
    ssize_t len;

    read_all(request->app.script.data, request->app.script.len);
    read_all(request->app.callable.data, request->app.callable.len);
    read_all(request->app.application_group.data, request->app.application_group.len);
    check_fields(request->vars, request->n_vars);
    check_fields(request->headers, request->n_headers);
    do {
        len = exchange->body_ops->read(exchange->body, buffer, sizeof(buffer), problem);
        must(len <= (ssize_t)sizeof(buffer));
        read_all(buffer, len > 0 ? (size_t)len : 0);
    } while (len > 0);
    if (len < 0) {
        return CASK_OUTCOME_BODY_BAD;
    }
    if (exchange->reply_ops->start(exchange->reply, &head, problem) != 0 ||
        exchange->reply_ops->write(exchange->reply, "hello", 5, NULL, NULL, problem) != 0 ||
        exchange->reply_ops->finish(exchange->reply, problem) != 0) {
        return CASK_OUTCOME_CLIENT_GONE;
    }
    return CASK_OUTCOME_DONE;
}

static void
check_requests(int fd)
{
    struct cask_problem problem = {0};
    struct cask_wire_job *job = NULL;
    uint32_t accepted = 0;
    bool reusable = true;

    must(cask_wire_job_new(&job, 1, CASK_CLOCK_MS, &problem) == 0);
    while (reusable && cask_wire_job_take(job, fd, 0) == 0) {
        enum cask_outcome outcome = serve(cask_wire_job_exchange(job), &problem);

        must(++accepted <= MOST);
        if (cask_wire_job_conclude(job, outcome, &problem, false, accepted, &reusable) != 0) {
            break;
        }
        cask_problem_done(&problem);
    }
    cask_problem_done(&problem);
    cask_wire_job_free(job);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct cask_log_sink silent = {.write = drop_record};
    const struct cask_wire_hello_terms terms = {.httpd_uid = getuid(), .row = 1, .threads = 1};
    int ends[2];

    if (size > MOST) {
        return 0;
    }
    cask_process_log_to(&silent, NULL, CASK_LOG_TRACE1);
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    must(write(ends[1], data, size) == (ssize_t)size);
    must(shutdown(ends[1], SHUT_WR) == 0);
    if (size > 4 && data[4] == CASK_FRAME_HELLO) {
        (void)cask_wire_hello_answer(ends[0], &terms, 0);
    }
    check_requests(ends[0]);
    cask_net_close(&ends[0]);
    cask_net_close(&ends[1]);
    return 0;
}
