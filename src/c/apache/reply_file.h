/* SPDX-License-Identifier: Apache-2.0 */
/* apache/reply_file.h - files in a reply: their buckets, ranges and conditions. */
#ifndef CASK_APACHE_REPLY_FILE_H
#define CASK_APACHE_REPLY_FILE_H

#include <httpd.h>
#include <apr_buckets.h>
#include <apr_tables.h>

#include <stdbool.h>
#include <stdint.h>

#include "apache/reply_diversion.h"

struct cask_problem;

/* Part of a file. */
struct cask_reply_part {
    int fd;
    bool sendfile; /* the kernel may send it */
    int64_t offset;
    int64_t length;
};
/* Appends the part. Its descriptor stays the caller's; the reply keeps a duplicate as long as the
 * request. files: those of the reply, made here. 0 or errno. */
int cask_reply_file_add(request_rec *r, apr_bucket_brigade *bb, apr_array_header_t **files,
                        const struct cask_reply_part *part, struct cask_problem *reterr_problem);
/* None of them has become shorter than what was to be sent. */
bool cask_reply_file_are_whole(const apr_array_header_t *files);
/* The files are read on their way through filters, and no range may have to be cut out of them. */
bool cask_reply_file_are_read(request_rec *r);

/* Both after the reply's head was applied to r. */
/* The reply is a file and nothing else: announces ranges, and compares the validators that the
 * application gave (ETag, Last-Modified) with what the client asked. CONDITION with the status to
 * answer with, or SENT. */
enum cask_reply_diversion cask_reply_file_conditions(request_rec *r, int *ret_answer);
/* The reply is something else: httpd cuts no ranges out of it, unless the application says
 * "Accept-Ranges: bytes". */
void cask_reply_file_no_ranges(request_rec *r);

#endif
