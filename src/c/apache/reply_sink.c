/* SPDX-License-Identifier: Apache-2.0 */
/* apache/reply_sink.c - a reply, into httpd's output filters.
 *
 * Owns:    the brigade that holds back a short reply, the copied head, duplicates of files sent;
 *          all in the request pool.
 * Touches: status and headers of the request_rec, r->output_filters, keep-alive of the connection.
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
#include "platform/problem.h"
#include "request/keys.h"

#include <http_core.h>
#include <http_protocol.h>
#include <util_filter.h>
#include <apr_buckets.h>
#include <apr_portable.h>
#include <apr_strings.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* Held back until flush or finish; more than this leaves at once. */
#define HOLD_LIMIT 16384
/* Bytes from this size on are not copied but referred to. */
#define COPY_LIMIT 8000
/* Descriptors that one reply may keep open in httpd. */
#define FILE_LIMIT 64
/* Read size for a file that cannot go by sendfile (TLS, filters). */
#define FILE_READ_SIZE 65536

enum sink_state { EMPTY, HELD, BEGUN, FINISHED };

struct cask_reply_sink {
    request_rec *r;
    struct cask_body_source *body;
    apr_bucket_brigade *bb; /* not NULL from HELD on */
    enum sink_state state;
    bool replaced;
    bool no_body; /* 204 or 304 */
    int status;
    const char *status_line;
    const char *content_type;
    apr_table_t *headers;
    apr_table_t *challenges; /* WWW-Authenticate; NULL without */
    int64_t promised;        /* Content-Length, or -1 */
    int64_t written;         /* bytes taken from the application */
    int64_t sent;            /* bytes that went into the filters */
    size_t held;             /* bytes in the brigade, files not counted */
    int n_files;
};

struct cask_reply_sink *
cask_reply_sink_new(request_rec *r, struct cask_body_source *keep_body)
{
    struct cask_reply_sink *sink = apr_pcalloc(r->pool, sizeof(*sink));

    sink->r = r;
    sink->body = keep_body;
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

/* "200 OK" of httpd itself where that is what the application said, or where it gave no reason. */
static const char *
status_line_of(request_rec *r, const struct cask_reply_head *head)
{
    const char *usual = ap_get_status_line(head->status);
    char digits[4];

    (void)snprintf(digits, sizeof(digits), "%03d", head->status);
    if (strncmp(usual, digits, 3) == 0 &&
        (head->reason.len == 0 || (strlen(usual) == 4 + head->reason.len &&
                                   memcmp(usual + 4, head->reason.data, head->reason.len) == 0))) {
        return usual;
    }
    return apr_psprintf(r->pool, "%s %.*s", digits, (int)head->reason.len,
                        head->reason.len > 0 ? head->reason.data : "");
}

static char *
put_string(char **at, struct cask_str text)
{
    char *begin = *at;

    if (text.len > 0) {
        memcpy(begin, text.data, text.len);
    }
    begin[text.len] = '\0';
    *at = begin + text.len + 1;
    return begin;
}

static bool
is_name(struct cask_str name, const char *lower, size_t lower_len)
{
    return name.len == lower_len && strncasecmp(name.data, lower, lower_len) == 0;
}
#define IS_NAME(name, lower) is_name(name, lower, sizeof(lower) - 1)

static struct cask_str
name_of(const struct cask_field *field)
{
    return field->key != 0 && field->name.len == 0 ? cask_keys_header_name(field->key)
                                                   : field->name;
}

static void
copy_headers(struct cask_reply_sink *sink, const struct cask_reply_head *head)
{
    apr_pool_t *pool = sink->r->pool;
    size_t size = 0;
    char *at;

    for (size_t i = 0; i < head->n_headers; i++) {
        size += name_of(&head->headers[i]).len + head->headers[i].value.len + 2;
    }
    at = apr_palloc(pool, size + 1);
    /* Room for what httpd's own filters add. */
    sink->headers = apr_table_make(pool, (int)head->n_headers + 4);
    for (size_t i = 0; i < head->n_headers; i++) {
        struct cask_str name = name_of(&head->headers[i]);
        const char *key;
        const char *value;

        if (IS_NAME(name, "transfer-encoding") || IS_NAME(name, "content-length")) {
            continue; /* framing is httpd's */
        }
        key = put_string(&at, name);
        value = put_string(&at, head->headers[i].value);
        if (IS_NAME(name, "content-type")) {
            sink->content_type = value;
        } else if (IS_NAME(name, "www-authenticate")) {
            if (sink->challenges == NULL) {
                sink->challenges = apr_table_make(pool, 2);
            }
            apr_table_addn(sink->challenges, key, value);
        } else {
            apr_table_addn(sink->headers, key, value);
        }
    }
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
    sink->status = head->status;
    sink->status_line = status_line_of(r, head);
    sink->promised = head->content_length;
    sink->no_body = AP_STATUS_IS_HEADER_ONLY(head->status);
    copy_headers(sink, head);
    if (sink->bb == NULL) {
        sink->bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    }
    sink->state = HELD;
    return 0;
}

/* HELD → BEGUN. */
static void
begin(struct cask_reply_sink *sink)
{
    request_rec *r = sink->r;

    sink->state = BEGUN;
    r->status = sink->status;
    r->status_line = sink->status_line;
    /* What mod_mime made of the script's name says nothing about the reply. */
    ap_set_content_type(r, sink->content_type);
    r->content_encoding = NULL;
    r->content_languages = NULL;
    if (apr_is_empty_table(r->headers_out)) {
        r->headers_out = sink->headers;
    } else {
        r->headers_out = apr_table_overlay(r->pool, sink->headers, r->headers_out);
    }
    if (sink->challenges != NULL) {
        r->err_headers_out = apr_table_overlay(r->pool, sink->challenges, r->err_headers_out);
    }
    if (sink->promised >= 0) {
        ap_set_content_length(r, sink->promised);
    }
}

/* Hands the brigade to the filters; last: the end of the reply is in it. */
static int
pass(struct cask_reply_sink *sink, bool last, struct cask_problem *reterr_problem)
{
    request_rec *r = sink->r;
    apr_status_t rv;

    if (sink->state == HELD) {
        begin(sink);
    }
    sink->sent = sink->written;
    sink->held = 0;
    rv = ap_pass_brigade(r->output_filters, sink->bb);
    apr_brigade_cleanup(sink->bb);
    /* After the end mod_http2 calls the connection of a stream aborted, though all is well. */
    if (rv == APR_SUCCESS && (last || !r->connection->aborted)) {
        return 0;
    }
    if (rv == AP_FILTER_ERROR && !r->connection->aborted) {
        sink->replaced = true;
        sink->state = FINISHED;
        cask_problem_set(reterr_problem, 0, 232, "an output filter refused the reply");
        return with_error(reterr_problem, EIO);
    }
    r->connection->aborted = 1;
    cask_problem_set(reterr_problem, 0, 220, "client left after %lld bytes of the reply",
                     (long long)sink->sent);
    return with_error(reterr_problem, EPIPE);
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
    return sink->no_body ? 0 : len;
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

static apr_status_t
close_file(void *data)
{
    (void)close((int)(intptr_t)data);
    return APR_SUCCESS;
}

static int
sink_send_file(void *reply, int fd, int64_t offset, int64_t length,
               struct cask_problem *reterr_problem)
{
    struct cask_reply_sink *sink = reply;
    apr_pool_t *pool = sink->r->pool;
    const core_dir_config *core = ap_get_core_module_config(sink->r->per_dir_config);
    apr_int32_t flags = APR_FOPEN_READ;
    apr_file_t *file = NULL;
    apr_bucket *e;
    apr_os_file_t copy;

    if (sink->state != HELD && sink->state != BEGUN) {
        return refuse_state(sink, reterr_problem);
    }
    length = clip(sink, length);
    if (length <= 0) {
        return 0;
    }
    if (sink->n_files >= FILE_LIMIT) {
        cask_problem_set(reterr_problem, 0, 233, "reply consists of too many files");
        return with_error(reterr_problem, EMFILE);
    }
    copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0) {
        return cask_problem_set(reterr_problem, errno, 233, "file of a reply");
    }
    sink->n_files++;
    apr_pool_cleanup_register(pool, (void *)(intptr_t)copy, close_file, apr_pool_cleanup_null);
    if (core->enable_sendfile != ENABLE_SENDFILE_OFF) {
        flags |= APR_FOPEN_SENDFILE_ENABLED;
    }
    (void)apr_os_file_put(&file, &copy, flags, pool);
    e = apr_brigade_insert_file(sink->bb, file, (apr_off_t)offset, (apr_off_t)length, pool);
    /* A mapping of a file that is cut short meanwhile would kill httpd by SIGBUS. */
    (void)apr_bucket_file_enable_mmap(e, 0);
    (void)apr_bucket_file_set_buf_size(e, FILE_READ_SIZE);
    return 0;
}

static int
sink_flush(void *reply, struct cask_problem *reterr_problem)
{
    struct cask_reply_sink *sink = reply;

    if (sink->state != HELD && sink->state != BEGUN) {
        return refuse_state(sink, reterr_problem);
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
    bool body_left;
    int status;

    if (sink->state != HELD && sink->state != BEGUN) {
        return refuse_state(sink, reterr_problem);
    }
    if (sink->written < sink->promised && !sink->no_body && !sink->r->header_only) {
        cask_problem_set(reterr_problem, 0, 230,
                         "reply ended after %lld of %lld bytes promised by Content-Length",
                         (long long)sink->written, (long long)sink->promised);
        return with_error(reterr_problem, EPROTO);
    }
    body_left = cask_body_source_leave(sink->body);
    APR_BRIGADE_INSERT_TAIL(sink->bb, apr_bucket_eos_create(sink->r->connection->bucket_alloc));
    status = pass(sink, true, reterr_problem);
    sink->state = FINISHED;
    if (body_left && status == 0) {
        let_reply_leave(sink);
        cask_body_source_skip(sink->body);
    }
    return status;
}

const struct cask_reply_ops *
cask_reply_sink_ops(void)
{
    static const struct cask_reply_ops ops = {
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
    sink->content_type = NULL;
    sink->challenges = NULL;
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
    r->no_cache = 1;
    if (r->main != NULL) {
        r->main->no_cache = 1;
    }
    /* What mod_proxy does for a broken backend: the chunk filter leaves out the last chunk, and
     * mod_http2 resets the stream. */
    APR_BRIGADE_INSERT_TAIL(sink->bb,
                            ap_bucket_error_create(HTTP_BAD_GATEWAY, NULL, r->pool, list));
    APR_BRIGADE_INSERT_TAIL(sink->bb, apr_bucket_eos_create(list));
    (void)ap_pass_brigade(r->output_filters, sink->bb);
    apr_brigade_cleanup(sink->bb);
}
