/* SPDX-License-Identifier: Apache-2.0 */
/* apache/reply_sink.c - a reply, into httpd's output filters.
 *
 * Owns:    the brigade that holds back a short reply, the copied head; in the request pool.
 * Touches: reply_head, reply_file, reply_diversion; r->output_filters; keep-alive of the
 *          connection.
 * Threads: the thread that serves the request.
 * Invariants:
 *   (1) r is untouched until the state is BEGUN, so a reply that fails early can be replaced;
 *   (2) what goes into the filters is never longer than the promised Content-Length, and only a
 *       reply that is as long as promised is finished: the bytes of one reply cannot be taken for
 *       the next one;
 *   (3) every release() is called once: each byte string ends in a bucket, or is released here.
 */
#include "apache/reply_sink.h"

#include "apache/body_source.h"
#include "apache/config.h"
#include "apache/owned_bucket.h"
#include "apache/reply_diversion.h"
#include "apache/reply_file.h"
#include "apache/reply_head.h"
#include "platform/problem.h"

#include <http_protocol.h>
#include <util_filter.h>
#include <apr_buckets.h>

#include <errno.h>

/* Held back until flush or finish; more than this leaves at once. */
#define HOLD_LIMIT 16384
/* Bytes from this size on are not copied but referred to. */
#define COPY_LIMIT 8000

enum sink_state { EMPTY, HELD, BEGUN, FINISHED };

struct cask_reply_sink {
    request_rec *r;
    struct cask_body_source *body;
    const struct cask_config_scope *values;
    apr_bucket_brigade *bb; /* not NULL from HELD on */
    enum sink_state state;
    bool replaced;
    bool no_body;   /* 204 or 304 */
    bool alone;     /* the body is one file, so far */
    bool ended;     /* all of it is there, and its end went along with it */
    bool body_left; /* a rest of the request's body is to be skipped when the reply has left */
    enum cask_reply_diversion diversion;
    int answer; /* status, when diverted by conditions */
    struct cask_reply_copy head;
    apr_array_header_t *files; /* of the reply; NULL without */
    int64_t promised;          /* Content-Length, or -1 */
    int64_t written;           /* bytes taken from the application */
    int64_t sent;              /* bytes that went into the filters */
    size_t held;               /* bytes in the brigade, files not counted */
    unsigned n_hints;
};

struct cask_reply_sink *
cask_reply_sink_new(request_rec *r, struct cask_body_source *keep_body,
                    const struct cask_config_scope *keep_values)
{
    struct cask_reply_sink *sink = apr_pcalloc(r->pool, sizeof(*sink));

    sink->r = r;
    sink->body = keep_body;
    sink->values = keep_values;
    return sink;
}

/* The error of a problem whose text needs no words of strerror. */
static int
with_error(struct cask_problem *reterr_problem, int error)
{
    if (reterr_problem != NULL) {
        reterr_problem->error = error;
    }
    return error;
}

static int
sink_hint(void *reply, const struct cask_field *headers, size_t n_headers,
          struct cask_problem *reterr_problem)
{
    struct cask_reply_sink *sink = reply;

    if (sink->state != EMPTY) {
        cask_problem_set(reterr_problem, 0, 231, "early hint after the reply's head");
        return with_error(reterr_problem, EPROTO);
    }
    if (sink->n_hints < CASK_REPLY_HINTS_LIMIT) {
        sink->n_hints++;
        cask_reply_head_hint(sink->r, headers, n_headers);
    }
    return 0;
}

static int
sink_start(void *reply, const struct cask_reply_head *head, struct cask_problem *reterr_problem)
{
    struct cask_reply_sink *sink = reply;
    request_rec *r = sink->r;

    if (sink->state != EMPTY) {
        cask_problem_set(reterr_problem, 0, 231, "reply started twice");
        return with_error(reterr_problem, EPROTO);
    }
    cask_reply_head_copy(r, head, &sink->head);
    sink->promised = head->content_length;
    sink->no_body = AP_STATUS_IS_HEADER_ONLY(head->status);
    sink->diversion = cask_reply_diversion_of(r, sink->values, &sink->head);
    if (sink->bb == NULL) {
        sink->bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    }
    sink->state = HELD;
    return 0;
}

/* HELD → BEGUN; or, for a file that the request's conditions spare the client, diverted. */
static void
begin(struct cask_reply_sink *sink, bool last)
{
    request_rec *r = sink->r;

    cask_reply_head_apply(r, &sink->head);
    if (last && sink->alone) {
        sink->diversion = cask_reply_file_conditions(r, &sink->answer);
        if (sink->diversion != CASK_REPLY_SENT) {
            return;
        }
    } else {
        cask_reply_file_no_ranges(r);
    }
    sink->state = BEGUN;
    if (sink->promised >= 0) {
        ap_set_content_length(r, sink->promised);
    }
}

/* Whether the files of the reply are as long as they were; what filters say of one that is not
 * depends on the filter. */
static bool
check_files(struct cask_reply_sink *sink, struct cask_problem *reterr_problem)
{
    conn_rec *c = sink->r->connection;

    if (sink->files == NULL || c->aborted || cask_reply_file_are_whole(sink->files)) {
        return true;
    }
    c->keepalive = AP_CONN_CLOSE;
    cask_problem_set(reterr_problem, 0, 270, "a file of the reply became shorter meanwhile");
    (void)with_error(reterr_problem, EIO);
    return false;
}

/* The brigade into the filters; last: it has the end of the reply. 0 or an errno. */
static int
pass_brigade(struct cask_reply_sink *sink, bool last, struct cask_problem *reterr_problem)
{
    conn_rec *c = sink->r->connection;
    apr_status_t rv = ap_pass_brigade(sink->r->output_filters, sink->bb);

    apr_brigade_cleanup(sink->bb);
    if (rv == AP_FILTER_ERROR && !c->aborted) {
        sink->replaced = true;
        sink->state = FINISHED;
        cask_problem_set(reterr_problem, 0, 232, "an output filter answered in place of the reply");
        return with_error(reterr_problem, EIO);
    }
    if (!check_files(sink, reterr_problem)) {
        return EIO;
    }
    /* After the end mod_http2 calls the connection of a stream aborted, though all is well. */
    if (rv == APR_SUCCESS && (last || !c->aborted)) {
        return 0;
    }
    c->aborted = 1;
    cask_problem_set(reterr_problem, 0, 220, "client left after %lld bytes of the reply",
                     (long long)sink->sent);
    return with_error(reterr_problem, EPIPE);
}

/* Hands the brigade to the filters; last: the end of the reply follows what is in it. */
static int
pass(struct cask_reply_sink *sink, bool last, struct cask_problem *reterr_problem)
{
    request_rec *r = sink->r;
    int status = 0;

    if (last) {
        sink->body_left = cask_body_source_leave(sink->body);
    }
    if (sink->state == HELD) {
        begin(sink, last);
    }
    sink->held = 0;
    if (sink->state == HELD) { /* diverted */
        apr_brigade_cleanup(sink->bb);
        return 0;
    }
    sink->sent = sink->written;
    if (last && sink->files != NULL && cask_reply_file_are_read(r)) {
        /* A filter that reads may take a file's early end for the end: look before it is told. */
        status = pass_brigade(sink, false, reterr_problem);
    }
    if (last && status == 0) {
        sink->ended = true;
        APR_BRIGADE_INSERT_TAIL(sink->bb, apr_bucket_eos_create(r->connection->bucket_alloc));
    }
    return status == 0 ? pass_brigade(sink, last, reterr_problem) : status;
}

static int
refuse_state(const struct cask_reply_sink *sink, struct cask_problem *reterr_problem)
{
    cask_problem_set(reterr_problem, 0, 231, "%s",
                     sink->state == EMPTY ? "reply has bytes before its head"
                                          : "reply goes on after its end");
    return with_error(reterr_problem, EPROTO);
}

/* How many of len bytes may go out; keeps (2). */
static int64_t
clip(struct cask_reply_sink *sink, int64_t len)
{
    if (sink->promised >= 0 && len > sink->promised - sink->written) {
        len = sink->promised - sink->written;
    }
    sink->written += len;
    return sink->no_body || sink->diversion != CASK_REPLY_SENT ? 0 : len;
}

static int
sink_write(void *reply, const char *data, size_t len, void (*release)(void *owner), void *owner,
           struct cask_problem *reterr_problem)
{
    struct cask_reply_sink *sink = reply;
    apr_bucket_alloc_t *list = sink->r->connection->bucket_alloc;
    int status = 0;

    if (sink->state != HELD && sink->state != BEGUN) {
        status = refuse_state(sink, reterr_problem);
        goto done;
    }
    len = (size_t)clip(sink, (int64_t)len);
    if (len == 0) {
        goto done;
    }
    sink->alone = false;
    sink->held += len;
    if (release != NULL) {
        apr_bucket *e = cask_owned_bucket_create(data, len, release, owner, list);

        release = NULL; /* given to the bucket */
        APR_BRIGADE_INSERT_TAIL(sink->bb, e);
    } else if (len < COPY_LIMIT) {
        (void)apr_brigade_write(sink->bb, NULL, NULL, data, len);
    } else {
        /* The filters copy what they cannot send before they return. */
        APR_BRIGADE_INSERT_TAIL(sink->bb, apr_bucket_transient_create(data, len, list));
        sink->held = HOLD_LIMIT;
    }
    if (sink->held >= HOLD_LIMIT) {
        status = pass(sink, false, reterr_problem);
    }

done:
    if (release != NULL) {
        release(owner); /* keeps (3) */
    }
    return status;
}

static int
sink_send_file(void *reply, int fd, int64_t offset, int64_t length,
               struct cask_problem *reterr_problem)
{
    struct cask_reply_sink *sink = reply;
    struct cask_reply_part part = {
        .fd = fd, .sendfile = sink->values->enable_sendfile != 0, .offset = offset};

    if (sink->state != HELD && sink->state != BEGUN) {
        return refuse_state(sink, reterr_problem);
    }
    part.length = clip(sink, length);
    if (part.length <= 0) {
        return 0;
    }
    sink->alone = sink->state == HELD && sink->written == part.length;
    return cask_reply_file_add(sink->r, sink->bb, &sink->files, &part, reterr_problem);
}

static int
sink_flush(void *reply, struct cask_problem *reterr_problem)
{
    struct cask_reply_sink *sink = reply;

    if (sink->state != HELD && sink->state != BEGUN) {
        return refuse_state(sink, reterr_problem);
    }
    if (sink->diversion != CASK_REPLY_SENT || sink->ended) {
        return 0;
    }
    if (sink->alone && sink->written == sink->promised) {
        return pass(sink, true, reterr_problem); /* with its end, for the filter of ranges */
    }
    APR_BRIGADE_INSERT_TAIL(sink->bb, apr_bucket_flush_create(sink->r->connection->bucket_alloc));
    return pass(sink, false, reterr_problem);
}

/* The client waits for the whole reply before it sends the rest of its body. Below the filters of
 * the request, since some take nothing after its end. */
static void
let_reply_leave(struct cask_reply_sink *sink)
{
    conn_rec *c = sink->r->connection;

    APR_BRIGADE_INSERT_TAIL(sink->bb, apr_bucket_flush_create(c->bucket_alloc));
    (void)ap_pass_brigade(c->output_filters, sink->bb);
    apr_brigade_cleanup(sink->bb);
}

static int
sink_finish(void *reply, struct cask_problem *reterr_problem)
{
    struct cask_reply_sink *sink = reply;
    int status = 0;

    if (sink->state != HELD && sink->state != BEGUN) {
        return refuse_state(sink, reterr_problem);
    }
    if (sink->diversion == CASK_REPLY_SENT && !sink->ended) {
        if (sink->written < sink->promised && !sink->no_body && !sink->r->header_only) {
            cask_problem_set(reterr_problem, 0, 230,
                             "reply ended after %lld of %lld bytes promised by Content-Length",
                             (long long)sink->written, (long long)sink->promised);
            return with_error(reterr_problem, EPROTO);
        }
        status = pass(sink, true, reterr_problem);
    }
    if (status != 0) {
        return status;
    }
    sink->state = FINISHED;
    if (sink->body_left) {
        let_reply_leave(sink);
        cask_body_source_skip(sink->body);
    }
    return 0;
}

const struct cask_reply_ops *
cask_reply_sink_ops(void)
{
    static const struct cask_reply_ops ops = {
        .hint = sink_hint,
        .start = sink_start,
        .write = sink_write,
        .send_file = sink_send_file,
        .flush = sink_flush,
        .finish = sink_finish,
    };

    return &ops;
}

bool
cask_reply_sink_begun(const struct cask_reply_sink *sink)
{
    return sink->state == BEGUN || sink->state == FINISHED;
}

bool
cask_reply_sink_finished(const struct cask_reply_sink *sink)
{
    return sink->state == FINISHED;
}

bool
cask_reply_sink_replaced(const struct cask_reply_sink *sink)
{
    return sink->replaced;
}

int
cask_reply_sink_answer(struct cask_reply_sink *sink)
{
    if (sink->diversion != CASK_REPLY_SENT) {
        (void)cask_body_source_leave(sink->body); /* else httpd would read all of a long one */
    }
    return cask_reply_diversion_take(sink->r, sink->diversion, &sink->head, sink->answer);
}

int64_t
cask_reply_sink_sent(const struct cask_reply_sink *sink)
{
    return sink->sent;
}

void
cask_reply_sink_drop(struct cask_reply_sink *sink)
{
    if (sink->state != HELD) {
        return;
    }
    apr_brigade_cleanup(sink->bb);
    sink->diversion = CASK_REPLY_SENT;
    sink->alone = false;
    sink->written = 0;
    sink->held = 0;
    sink->state = EMPTY;
}

void
cask_reply_sink_cut(struct cask_reply_sink *sink)
{
    request_rec *r = sink->r;
    apr_bucket_alloc_t *list = r->connection->bucket_alloc;

    if (sink->state != BEGUN) {
        return;
    }
    sink->state = FINISHED;
    apr_brigade_cleanup(sink->bb);
    r->connection->keepalive = AP_CONN_CLOSE;
    if (sink->ended) {
        return; /* the filters have its end; only the connection can tell now */
    }
    r->no_cache = 1;
    if (r->main != NULL) {
        r->main->no_cache = 1;
    }
    /* Everything that filters keep must be out before the end: a reply that is first seen with its
     * end gets a Content-Length on its way, and would look complete. */
    APR_BRIGADE_INSERT_TAIL(sink->bb, apr_bucket_flush_create(list));
    (void)ap_pass_brigade(r->output_filters, sink->bb);
    apr_brigade_cleanup(sink->bb);
    /* What mod_proxy does for a broken backend: the chunk filter leaves out the last chunk, and
     * mod_http2 resets the stream. */
    APR_BRIGADE_INSERT_TAIL(sink->bb,
                            ap_bucket_error_create(HTTP_BAD_GATEWAY, NULL, r->pool, list));
    APR_BRIGADE_INSERT_TAIL(sink->bb, apr_bucket_eos_create(list));
    (void)ap_pass_brigade(r->output_filters, sink->bb);
    apr_brigade_cleanup(sink->bb);
}
