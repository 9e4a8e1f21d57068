/* SPDX-License-Identifier: Apache-2.0 */
/* apache/handler.c - one request, from httpd's handler hook to its end.
 *
 * Decides by routing, checks what the body may be, describes the request as plain data, lets the
 * engine of this child or a daemon group serve it, and turns how that came out into a status and
 * one log line.
 *
 * Owns:    nothing beyond the request.
 * Touches: routing, variables, body_source, reply_sink, embed, remote, logsink.
 * Threads: the thread that serves the request.
 */
#include "apache/handler.h"

#include "apache/body_source.h"
#include "apache/config.h"
#include "apache/embed.h"
#include "apache/framing.h"
#include "apache/logsink.h"
#include "apache/remote.h"
#include "apache/reply_sink.h"
#include "apache/routing.h"
#include "apache/slow_request.h"
#include "apache/variables.h"
#include "platform/problem.h"
#include "platform/process.h"
#include "request/exchange.h"

#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <apr_strings.h>

#include <errno.h>
#include <string.h>
#include <strings.h>

/* In the access log only; never sent. */
#define STATUS_CLIENT_GONE 499

/* The application is an ErrorDocument. That a body was refused may be what it shall tell; its reads
 * fail where the body is bad. */
static bool
is_error_page(const request_rec *r)
{
    return r->prev != NULL && ap_is_HTTP_ERROR(r->prev->status);
}

/* Body length as the client announced it, and whether we take it: OK or an HTTP status. */
static int
check_body(request_rec *r, const struct cask_route *route, int64_t *ret_length)
{
    const char *encoding = apr_table_get(r->headers_in, "Transfer-Encoding");
    const char *length_text = apr_table_get(r->headers_in, "Content-Length");
    apr_off_t limit = ap_get_limit_req_body(r);
    apr_off_t length = 0;
    char *end = NULL;

    if (encoding != NULL) {
        if (strcasecmp(encoding, "chunked") != 0) {
            cask_logsink_line(r, 246, "unknown Transfer-Encoding '%s'", encoding);
            return HTTP_NOT_IMPLEMENTED;
        }
        if (cask_framing_is_double(r) && !is_error_page(r)) {
            cask_logsink_line(r, 251, "both Transfer-Encoding and Content-Length");
            return HTTP_BAD_REQUEST;
        }
        if (route->values.chunked_request == 0 && !is_error_page(r)) {
            cask_logsink_line(r, 245, "chunked request body, and WSGIChunkedRequest is Off");
            return HTTP_LENGTH_REQUIRED;
        }
        *ret_length = -1;
        return OK;
    }
    if (length_text == NULL) {
        *ret_length = 0;
        return OK;
    }
    if (apr_strtoff(&length, length_text, &end, 10) != APR_SUCCESS || end == length_text ||
        *end != '\0' || length < 0) {
        cask_logsink_line(r, 247, "bad Content-Length '%s'", length_text);
        return HTTP_BAD_REQUEST;
    }
    if (limit > 0 && length > limit && !is_error_page(r)) {
        cask_logsink_line(r, 243, "request body of %lld bytes, LimitRequestBody allows %lld",
                          (long long)length, (long long)limit);
        return HTTP_REQUEST_ENTITY_TOO_LARGE;
    }
    *ret_length = length;
    return OK;
}

static void
describe(request_rec *r, const struct cask_route *route, int64_t content_length,
         struct cask_request *request)
{
    *request = (struct cask_request){
        .app = {.script = cask_request_str(route->script),
                .callable = cask_request_str(route->callable),
                .application_group = cask_request_str(route->application_group)},
        .content_length = content_length,
        .start_us = r->request_time,
        .log = cask_logsink_request(),
        .log_context = r,
        .log_level = cask_logsink_request_level(r),
    };
    cask_routing_script_id(route->script_status, &request->script_id);
    if (content_length < 0) {
        request->flags |= CASK_REQUEST_CHUNKED;
    }
    if (route->values.script_reloading != 0) {
        request->flags |= CASK_REQUEST_RELOADING;
    }
    if (route->values.ignore_activity != 0) {
        request->flags |= CASK_REQUEST_PASSIVE;
    }
    cask_variables_fill(r, route, request);
}

static enum cask_outcome
serve(request_rec *r, const struct cask_route *route, struct cask_request *request,
      const struct cask_exchange *exchange, pid_t *ret_pid, struct cask_problem *problem)
{
    if (route->group != NULL) {
        return cask_remote_serve(r, route->group, exchange, ret_pid, problem);
    }
    *ret_pid = cask_process_get()->pid;
    /* In this child there is nobody else to wait for: changed scripts are loaded again in place. */
    request->flags |= CASK_REQUEST_STALE_OK;
    request->thread_id = cask_embed_thread_id();
    request->httpd_request = route->values.pass_apache_request != 0 ? r : NULL;
    return cask_embed_serve(exchange, problem);
}

/* Status for a request that no reply has begun for. */
static int
status_of(enum cask_outcome outcome, const struct cask_problem *problem)
{
    switch (outcome) {
    case CASK_OUTCOME_DONE:
        return OK;
    case CASK_OUTCOME_BODY_BAD:
        switch (problem->error) {
        case ETIMEDOUT:
            return HTTP_REQUEST_TIME_OUT;
        case EFBIG:
            return HTTP_REQUEST_ENTITY_TOO_LARGE;
        default:
            return HTTP_BAD_REQUEST;
        }
    case CASK_OUTCOME_CLIENT_GONE:
        return STATUS_CLIENT_GONE;
    case CASK_OUTCOME_STALE:
    case CASK_OUTCOME_UNAVAILABLE:
        return HTTP_SERVICE_UNAVAILABLE;
    case CASK_OUTCOME_TIMEOUT:
        return HTTP_GATEWAY_TIME_OUT;
    case CASK_OUTCOME_LOST:
        return HTTP_BAD_GATEWAY;
    case CASK_OUTCOME_MISSING:
        return HTTP_NOT_FOUND;
    case CASK_OUTCOME_FAILED:
        break;
    }
    return HTTP_INTERNAL_SERVER_ERROR;
}

/* A row for outcomes that came without a problem of their own. */
static unsigned
number_of(enum cask_outcome outcome)
{
    switch (outcome) {
    case CASK_OUTCOME_CLIENT_GONE:
        return 220;
    case CASK_OUTCOME_STALE:
    case CASK_OUTCOME_UNAVAILABLE:
        return 222;
    case CASK_OUTCOME_TIMEOUT:
        return 223;
    case CASK_OUTCOME_LOST:
        return 224;
    case CASK_OUTCOME_BODY_BAD:
        return 242;
    case CASK_OUTCOME_DONE:
    case CASK_OUTCOME_FAILED:
    case CASK_OUTCOME_MISSING:
        break;
    }
    return 221;
}

static void
log_outcome(request_rec *r, enum cask_outcome outcome, const struct cask_problem *problem)
{
    if (outcome == CASK_OUTCOME_CLIENT_GONE && problem->number != 220 && problem->number != 240) {
        cask_logsink_line(r, 220, "client left: %s",
                          problem->number != 0 ? problem->text : "while the request ran");
    } else if (problem->number != 0) {
        cask_logsink_problem(r, problem);
    } else {
        cask_logsink_line(r, number_of(outcome), "request for '%s' came to no end", r->filename);
    }
}

/* What went wrong with the body, in its own words; false: nothing did. */
static bool
log_body(request_rec *r, struct cask_body_source *body)
{
    struct cask_problem problem = {.number = 0};
    char none;
    bool bad =
        cask_body_source_error(body) != 0 && cask_body_source_try(body, &none, 0, &problem) < 0;

    if (bad) {
        cask_logsink_problem(r, &problem);
    }
    cask_problem_done(&problem);
    return bad;
}

/* What httpd is told. The reply is complete, or this makes sure that it does not look so. */
static int
conclude(request_rec *r, const struct cask_exchange *exchange, enum cask_outcome outcome,
         const struct cask_problem *problem)
{
    struct cask_reply_sink *sink = exchange->reply;
    int status = status_of(outcome, problem);

    if (outcome == CASK_OUTCOME_BODY_BAD && cask_body_source_refusal(exchange->body) != 0) {
        status = cask_body_source_refusal(exchange->body);
    }
    if (outcome == CASK_OUTCOME_DONE && cask_reply_sink_finished(sink)) {
        (void)log_body(r, exchange->body); /* the application has answered all the same */
        return cask_reply_sink_answer(sink);
    }
    if (outcome != CASK_OUTCOME_BODY_BAD || !log_body(r, exchange->body)) {
        log_outcome(r, outcome, problem);
    }
    if (cask_reply_sink_replaced(sink)) {
        return AP_FILTER_ERROR;
    }
    if (outcome == CASK_OUTCOME_CLIENT_GONE) {
        r->connection->aborted = 1;
    }
    if (cask_reply_sink_begun(sink)) {
        cask_reply_sink_cut(sink);
        return OK;
    }
    cask_reply_sink_drop(sink);
    if (cask_body_source_leave(exchange->body)) {
        /* httpd would wait for the rest of the body before it answers. */
        r->connection->keepalive = AP_CONN_CLOSE;
    }
    if (outcome == CASK_OUTCOME_CLIENT_GONE) {
        r->status = STATUS_CLIENT_GONE;
        r->connection->keepalive = AP_CONN_CLOSE;
        return DONE;
    }
    return status != OK ? status : HTTP_INTERNAL_SERVER_ERROR;
}

int
cask_handler_run(request_rec *r)
{
    struct cask_problem problem;
    struct cask_route route;
    struct cask_request request;
    struct cask_exchange exchange;
    struct cask_body_source *body;
    enum cask_outcome outcome;
    int64_t content_length;
    pid_t pid = 0;
    int status;

    if (!cask_routing_is_ours(r)) {
        return DECLINED;
    }
    status = cask_routing_resolve(r, &route);
    if (status != OK) {
        return status;
    }
    status = check_body(r, &route, &content_length);
    if (status != OK) {
        return status;
    }
    describe(r, &route, content_length, &request);
    body = cask_body_source_new(r, content_length);
    exchange = (struct cask_exchange){
        .request = &request,
        .body_ops = cask_body_source_ops(),
        .body = body,
        .reply_ops = cask_reply_sink_ops(),
        .reply = cask_reply_sink_new(r, body, &route.values),
    };
    problem.error = 0;
    problem.number = 0;
    problem.text[0] = '\0';
    problem.detail = NULL;
    outcome = serve(r, &route, &request, &exchange, &pid, &problem);
    status = conclude(r, &exchange, outcome, &problem);
    cask_problem_done(&problem);
    cask_slow_request_tell(r, &route, pid);
    return status;
}
