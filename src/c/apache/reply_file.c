/* SPDX-License-Identifier: Apache-2.0 */
/* apache/reply_file.c - files in a reply: their buckets, ranges and conditions.
 *
 * Files are never mapped into memory, whatever EnableMMAP says: one that is cut short while it is
 * being sent would kill httpd by SIGBUS. Reading and sendfile only come to its end early.
 *
 * Owns:    duplicates of descriptors, in the request pool.
 * Touches: filters and headers of the request_rec.
 * Threads: the thread that serves the request.
 */
#include "apache/reply_file.h"

#include "platform/problem.h"

#include <http_protocol.h>
#include <util_filter.h>
#include <apr_portable.h>

#include <errno.h>
#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* Descriptors that one reply may keep open in httpd. */
#define FILE_LIMIT 64
/* Read size for a file that does not go by sendfile. */
#define FILE_READ_SIZE 65536

struct reply_file {
    int fd;
    int64_t end; /* offset behind the last byte to send */
};

static apr_status_t
close_file(void *data)
{
    (void)close((int)(intptr_t)data);
    return APR_SUCCESS;
}

int
cask_reply_file_add(request_rec *r, apr_bucket_brigade *bb, apr_array_header_t **files,
                    const struct cask_reply_part *part, struct cask_problem *reterr_problem)
{
    apr_int32_t flags = APR_FOPEN_READ | (part->sendfile ? APR_FOPEN_SENDFILE_ENABLED : 0);
    struct reply_file *entry;
    apr_file_t *file = NULL;
    apr_bucket *e;
    apr_os_file_t copy;

    if (*files == NULL) {
        *files = apr_array_make(r->pool, 1, sizeof(struct reply_file));
    }
    if ((*files)->nelts >= FILE_LIMIT) {
        cask_problem_set(reterr_problem, 0, 233, "reply consists of too many files");
        if (reterr_problem != NULL) {
            reterr_problem->error = EMFILE;
        }
        return EMFILE;
    }
    copy = fcntl(part->fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0) {
        return cask_problem_set(reterr_problem, errno, 233, "file of a reply");
    }
    apr_pool_cleanup_register(r->pool, (void *)(intptr_t)copy, close_file, apr_pool_cleanup_null);
    entry = apr_array_push(*files);
    entry->fd = copy;
    entry->end = part->offset + part->length;
    (void)apr_os_file_put(&file, &copy, flags, r->pool);
    e = apr_brigade_insert_file(bb, file, (apr_off_t)part->offset, (apr_off_t)part->length,
                                r->pool);
    (void)apr_bucket_file_enable_mmap(e, 0);
    (void)apr_bucket_file_set_buf_size(e, FILE_READ_SIZE);
    return 0;
}

bool
cask_reply_file_are_whole(const apr_array_header_t *files)
{
    const struct reply_file *file = (const struct reply_file *)files->elts;

    for (int i = 0; i < files->nelts; i++) {
        struct stat status;

        if (fstat(file[i].fd, &status) == 0 && status.st_size < file[i].end) {
            return false;
        }
    }
    return true;
}

bool
cask_reply_file_are_read(request_rec *r)
{
    return r->output_filters != r->proto_output_filters &&
           apr_table_get(r->headers_in, "Range") == NULL;
}

static void
remove_range_filter(request_rec *r)
{
    const ap_filter_rec_t *range = ap_get_output_filter_handle("BYTERANGE");

    for (ap_filter_t *f = r->output_filters; f != NULL; f = f->next) {
        if (f->frec == range) {
            ap_remove_output_filter(f);
            return;
        }
    }
}

enum cask_reply_diversion
cask_reply_file_conditions(request_rec *r, int *ret_answer)
{
    const char *ranges = apr_table_get(r->headers_out, "Accept-Ranges");

    if (ranges != NULL && strcasecmp(ranges, "bytes") != 0) {
        remove_range_filter(r);
    } else if (ranges == NULL && r->status == HTTP_OK) {
        ap_set_accept_ranges(r);
    }
    if (r->status != HTTP_OK || (apr_table_get(r->headers_out, "ETag") == NULL &&
                                 apr_table_get(r->headers_out, "Last-Modified") == NULL)) {
        return CASK_REPLY_SENT;
    }
    *ret_answer = ap_meets_conditions(r);
    return *ret_answer == OK ? CASK_REPLY_SENT : CASK_REPLY_CONDITION;
}

void
cask_reply_file_no_ranges(request_rec *r)
{
    const char *ranges;

    if (apr_table_get(r->headers_in, "Range") == NULL ||
        /* mod_xsendfile puts a file in place of the reply. */
        apr_table_get(r->headers_out, "X-Sendfile") != NULL ||
        apr_table_get(r->headers_out, "X-Sendfile-Temporary") != NULL) {
        return;
    }
    ranges = apr_table_get(r->headers_out, "Accept-Ranges");
    if (ranges == NULL || strcasecmp(ranges, "bytes") != 0) {
        remove_range_filter(r);
    }
}
