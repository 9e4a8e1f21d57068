/* SPDX-License-Identifier: Apache-2.0 */
/* apache/body_source.c - the body of a request, out of httpd's input filters.
 *
 * Owns:    the brigade with what was read but not yet taken; both live in the request pool.
 * Touches: r->input_filters; one output filter of its own (the guard, below).
 * Threads: the thread that serves the request.
 * Invariants:
 *   (1) after an error or the end the input filters are not called again;
 *   (2) httpd never answers a bad body behind our back: when HTTP_IN meets one (limit passed, bad
 *       chunk) it sends an error page down r->output_filters on its own, in the middle of a reply
 *       if need be, and ends it as if complete. The guard takes that page away and keeps its
 *       status, so that the application sees an error and may still answer.
 */
#include "apache/body_source.h"

#include "apache/config.h"
#include "platform/problem.h"

#include <http_core.h>
#include <http_protocol.h>
#include <util_filter.h>
#include <apr_buckets.h>
#include <apr_poll.h>
#include <apr_portable.h>

#include <errno.h>
#include <string.h>

/* The least to ask the filters for: what is left over waits in the brigade. */
#define READ_AT_LEAST 8192

/* Reads in a row that give nothing, before a filter counts as having nothing to give. */
#define EMPTY_LIMIT 1000

/* What an application may leave unread for its connection to be kept. */
#define LEFT_LIMIT (1024 * 1024)

#define GUARD_NAME "CASK_BODY_GUARD"

struct cask_body_source {
    request_rec *r;
    apr_bucket_brigade *bb; /* NULL before the first read */
    int64_t announced;      /* Content-Length, or -1 */
    int64_t taken;          /* bytes given to the reader */
    int error;              /* first failure, or 0 */
    int guard_status;       /* status of the page that the guard took away, or 0 */
    int refusal;            /* status that a filter refuses the body with, or 0 */
    bool ended;
    bool reading;    /* inside ap_get_brigade() */
    bool needs_wait; /* a filter does not stand reads that do not wait */
};

struct cask_body_source *
cask_body_source_new(request_rec *r, int64_t content_length)
{
    struct cask_body_source *source = apr_pcalloc(r->pool, sizeof(*source));

    source->r = r;
    source->announced = content_length;
    source->ended = content_length == 0;
    return source;
}

/* Output filter, first of the chain: keeps (2). */
static apr_status_t
guard_filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    struct cask_body_source *source = f->ctx;
    apr_bucket *e;

    if (source->reading) {
        for (e = APR_BRIGADE_FIRST(bb); e != APR_BRIGADE_SENTINEL(bb); e = APR_BUCKET_NEXT(e)) {
            if (AP_BUCKET_IS_ERROR(e)) {
                source->guard_status = ((ap_bucket_error *)e->data)->status;
                apr_brigade_cleanup(bb);
                return AP_FILTER_ERROR;
            }
        }
    }
    return ap_pass_brigade(f->next, bb);
}

void
cask_body_source_register(void)
{
    /* Before every resource filter, so that nobody else sees the page first. */
    (void)ap_register_output_filter(GUARD_NAME, guard_filter, NULL, AP_FTYPE_RESOURCE - 1);
}

static int
fail(struct cask_body_source *source, int error, struct cask_problem *reterr_problem)
{
    source->error = error;
    source->r->connection->keepalive = AP_CONN_CLOSE; /* where the next request begins is unknown */
    switch (error) {
    case ETIMEDOUT:
        cask_problem_set(reterr_problem, 0, 241,
                         "client stopped sending after %lld bytes of the request body (Timeout)",
                         (long long)source->taken);
        break;
    case EBADMSG:
        cask_problem_set(reterr_problem, 0, 242, "request body has a bad chunk after %lld bytes",
                         (long long)source->taken);
        break;
    case EFBIG:
        cask_problem_set(reterr_problem, 0, 243,
                         "request body is larger than LimitRequestBody allows");
        break;
    case ECONNRESET:
        cask_problem_set(reterr_problem, 0, 240, "client left after %lld bytes of the request body",
                         (long long)source->taken);
        break;
    case EACCES:
        cask_problem_set(reterr_problem, 0, 260,
                         "request body was refused by an input filter after %lld bytes",
                         (long long)source->taken);
        break;
    default:
        cask_problem_set(reterr_problem, 0, 244,
                         "request body could not be read after %lld bytes: an input filter failed",
                         (long long)source->taken);
        break;
    }
    if (reterr_problem != NULL) {
        reterr_problem->error = error; /* without strerror's words in the text */
    }
    errno = error;
    return -1;
}

/* A filter's own answer, which the client gets if the application has none. */
static int
error_of_http_status(struct cask_body_source *source, int status)
{
    switch (status) {
    case HTTP_REQUEST_TIME_OUT:
        return ETIMEDOUT;
    case HTTP_REQUEST_ENTITY_TOO_LARGE:
        return EFBIG;
    case HTTP_BAD_REQUEST:
    case HTTP_NOT_IMPLEMENTED:
        return EBADMSG;
    default:
        break;
    }
    if (ap_is_HTTP_CLIENT_ERROR(status)) {
        source->refusal = status;
        return EACCES;
    }
    return EIO;
}

static int
error_of_read(struct cask_body_source *source, apr_status_t rv)
{
    if (source->guard_status != 0) {
        return error_of_http_status(source, source->guard_status);
    }
    if (APR_STATUS_IS_TIMEUP(rv) || APR_STATUS_IS_ETIMEDOUT(rv)) {
        return ETIMEDOUT;
    }
    if (APR_STATUS_IS_ENOSPC(rv)) {
        return EFBIG;
    }
    if (APR_STATUS_IS_EINVAL(rv) || rv == APR_ENOTIMPL) {
        return EBADMSG;
    }
    if (source->r->connection->aborted || APR_STATUS_IS_EOF(rv) || APR_STATUS_IS_INCOMPLETE(rv) ||
        APR_STATUS_IS_ECONNABORTED(rv) || APR_STATUS_IS_ECONNRESET(rv) || APR_STATUS_IS_EPIPE(rv)) {
        return ECONNRESET;
    }
    return EIO;
}

/* The body is wanted. HTTP_IN itself sends the interim reply only at a blocking read. Once the head
 * of the final reply has left there is nothing more to say, by HTTP_IN neither. */
static void
let_client_continue(request_rec *r)
{
    int status = r->status;
    const char *status_line = r->status_line;

    if (r->sent_bodyct != 0 || r->bytes_sent > 0) {
        r->expecting_100 = 0;
    }
    if (!r->expecting_100 || r->proto_num < HTTP_VERSION(1, 1) || !ap_is_HTTP_SUCCESS(status)) {
        return;
    }
    r->status = HTTP_CONTINUE;
    r->status_line = NULL;
    ap_send_interim_response(r, 0);
    r->status_line = status_line;
    r->status = status;
}

/* KEEP_BODY of mod_request (KeptBodySize) forgets what it keeps when a read finds nothing, and
 * dereferences NULL at the next one (seen in httpd 2.4.71). */
static bool
has_impatient_filter(const request_rec *r)
{
    const ap_filter_t *f;

    for (f = r->input_filters; f != NULL; f = f->next) {
        if (strcmp(f->frec->name, "keep_body") == 0) {
            return true;
        }
    }
    return false;
}

/* Before the first read. */
static void
open_filters(struct cask_body_source *source)
{
    request_rec *r = source->r;

    source->bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    source->needs_wait = has_impatient_filter(r);
    ap_add_output_filter(GUARD_NAME, source, r, r->connection);
    let_client_continue(r);
}

/* Fills the brigade. 0; -1 with errno EAGAIN (no problem) or the error (problem filled). */
static int
fetch(struct cask_body_source *source, size_t size, apr_read_type_e block,
      struct cask_problem *reterr_problem)
{
    request_rec *r = source->r;
    apr_status_t rv;
    int empty = 0;

    if (source->bb == NULL) {
        open_filters(source);
    }
    if (source->needs_wait) {
        block = APR_BLOCK_READ;
    }
    /* An inflating filter takes bytes and may have none to give yet; then more are asked for, as
     * what it has taken makes no socket readable any more. */
    do {
        source->reading = true;
        rv = ap_get_brigade(r->input_filters, source->bb, AP_MODE_READBYTES, block,
                            size < READ_AT_LEAST ? READ_AT_LEAST : (apr_off_t)size);
        source->reading = false;
    } while (rv == APR_SUCCESS && source->guard_status == 0 && APR_BRIGADE_EMPTY(source->bb) &&
             empty++ < EMPTY_LIMIT);
    if (block == APR_NONBLOCK_READ &&
        (APR_STATUS_IS_EAGAIN(rv) ||
         (rv == APR_SUCCESS && source->guard_status == 0 && APR_BRIGADE_EMPTY(source->bb)))) {
        errno = EAGAIN;
        return -1;
    }
    if (rv != APR_SUCCESS || source->guard_status != 0 || APR_BRIGADE_EMPTY(source->bb)) {
        return fail(source, error_of_read(source, rv), reterr_problem);
    }
    return 0;
}

/* The macro's loops, once. */
static void
delete_bucket(apr_bucket *e)
{
    apr_bucket_delete(e);
}

/* Moves bytes of the first bucket into buffer: how many; 0 when it held none, or is the end; -1
 * with errno EAGAIN or the error, and the bucket stays. */
static ssize_t
take_bucket(struct cask_body_source *source, char *buffer, size_t size, apr_read_type_e block)
{
    apr_bucket *e = APR_BRIGADE_FIRST(source->bb);
    const char *data;
    apr_size_t len;
    apr_status_t rv;

    if (APR_BUCKET_IS_EOS(e)) {
        source->ended = true;
        return 0;
    }
    if (AP_BUCKET_IS_ERROR(e)) {
        errno = error_of_http_status(source, ((ap_bucket_error *)e->data)->status);
        return -1;
    }
    if (APR_BUCKET_IS_METADATA(e)) {
        delete_bucket(e);
        return 0;
    }
    rv = apr_bucket_read(e, &data, &len, block);
    if (rv == APR_SUCCESS && len > size) {
        len = size;
        rv = apr_bucket_split(e, len);
    }
    if (rv != APR_SUCCESS) {
        errno = APR_STATUS_IS_EAGAIN(rv) && block == APR_NONBLOCK_READ ? EAGAIN
                                                                       : error_of_read(source, rv);
        return -1;
    }
    memcpy(buffer, data, len);
    delete_bucket(e);
    return (ssize_t)len;
}

/* Moves what the brigade holds into buffer; 0 when it held no bytes. */
static ssize_t
take(struct cask_body_source *source, char *buffer, size_t size, apr_read_type_e block,
     struct cask_problem *reterr_problem)
{
    size_t used = 0;

    while (used < size && !source->ended && !APR_BRIGADE_EMPTY(source->bb)) {
        ssize_t got =
            take_bucket(source, buffer + used, size - used, used == 0 ? block : APR_NONBLOCK_READ);

        if (got < 0 && used == 0 && errno != EAGAIN) {
            return fail(source, errno, reterr_problem);
        }
        if (got < 0) {
            break; /* a failure comes back at the next call */
        }
        used += (size_t)got;
    }
    if (!APR_BRIGADE_EMPTY(source->bb) && APR_BUCKET_IS_EOS(APR_BRIGADE_FIRST(source->bb))) {
        source->ended = true; /* who took the last bytes learns it at once */
    }
    source->taken += (int64_t)used;
    return (ssize_t)used;
}

static ssize_t
read_some(struct cask_body_source *source, char *buffer, size_t size, apr_read_type_e block,
          struct cask_problem *reterr_problem)
{
    ssize_t used;

    if (source->error != 0) {
        return fail(source, source->error, reterr_problem); /* keeps (1) */
    }
    if (source->ended) {
        return 0;
    }
    if (size == 0) {
        let_client_continue(source->r);
        return 0;
    }
    for (;;) {
        if (source->bb != NULL && !APR_BRIGADE_EMPTY(source->bb)) {
            used = take(source, buffer, size, block, reterr_problem);
            if (used != 0 || source->ended) {
                return used;
            }
            if (block == APR_NONBLOCK_READ && !APR_BRIGADE_EMPTY(source->bb)) {
                errno = EAGAIN;
                return -1;
            }
        }
        if (fetch(source, size, block, reterr_problem) != 0) {
            return -1;
        }
    }
}

static ssize_t
body_read(void *body, char *buffer, size_t size, struct cask_problem *reterr_problem)
{
    return read_some(body, buffer, size, APR_BLOCK_READ, reterr_problem);
}

const struct cask_body_ops *
cask_body_source_ops(void)
{
    static const struct cask_body_ops ops = {.read = body_read};

    return &ops;
}

ssize_t
cask_body_source_try(struct cask_body_source *source, char *buffer, size_t size,
                     struct cask_problem *reterr_problem)
{
    return read_some(source, buffer, size, APR_NONBLOCK_READ, reterr_problem);
}

void
cask_body_source_expire(struct cask_body_source *source, struct cask_problem *ret_problem)
{
    (void)fail(source, ETIMEDOUT, ret_problem);
}

bool
cask_body_source_ended(const struct cask_body_source *source)
{
    return source->ended;
}

int
cask_body_source_error(const struct cask_body_source *source)
{
    return source->error;
}

int
cask_body_source_refusal(const struct cask_body_source *source)
{
    return source->refusal;
}

/* Reads and forgets up to LEFT_LIMIT bytes; whatever they were, the application has not asked for
 * them. false: nothing more has come yet. */
static bool
skip_rest(struct cask_body_source *source, apr_read_type_e block)
{
    int64_t end = source->taken + LEFT_LIMIT;
    char bytes[READ_AT_LEAST];

    while (!source->ended && source->taken < end) {
        ssize_t got = read_some(source, bytes, sizeof(bytes), block, NULL);

        if (got < 0 && source->error == 0) {
            return false;
        }
        if (got < 0) {
            source->error = 0;
            source->ended = true;
        }
    }
    if (!source->ended) {
        source->r->connection->keepalive = AP_CONN_CLOSE;
    }
    return true;
}

bool
cask_body_source_leave(struct cask_body_source *source)
{
    request_rec *r = source->r;

    /* A client that still waits for 100 Continue sends nothing, and httpd closes. */
    if (source->ended || source->error != 0 || r->main != NULL || r->expecting_100 ||
        r->connection->keepalive == AP_CONN_CLOSE) {
        return false;
    }
    if (r->connection->master != NULL || source->announced - source->taken > LEFT_LIMIT) {
        r->connection->keepalive = AP_CONN_CLOSE; /* of a stream of HTTP/2: it is reset */
        return false;
    }
    return !skip_rest(source, APR_NONBLOCK_READ);
}

void
cask_body_source_skip(struct cask_body_source *source)
{
    (void)skip_rest(source, APR_BLOCK_READ);
}

/* Of a stream of HTTP/2: the pipe that mod_http2 wakes its thread by. */
static int
stream_descriptor(conn_rec *c)
{
#if AP_MODULE_MAGIC_AT_LEAST(20120211, 129)
    apr_pollfd_t entry = {.desc_type = APR_NO_DESC};
    apr_os_file_t fd;

    if (ap_get_pollfd_from_conn(c, &entry, NULL) == APR_SUCCESS &&
        entry.desc_type == APR_POLL_FILE && apr_os_file_get(&fd, entry.desc.f) == APR_SUCCESS) {
        return fd;
    }
#else
    (void)c;
#endif
    return -1;
}

int
cask_body_source_socket(const struct cask_body_source *source)
{
    conn_rec *c = source->r->connection;
    apr_socket_t *socket;
    apr_os_sock_t fd;

    if (c->master != NULL) {
        return stream_descriptor(c);
    }
    socket = ap_get_conn_socket(c);
    if (socket == NULL || apr_os_sock_get(&fd, socket) != APR_SUCCESS) {
        return -1;
    }
    return fd;
}
