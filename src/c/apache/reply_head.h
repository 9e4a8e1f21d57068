/* SPDX-License-Identifier: Apache-2.0 */
/* apache/reply_head.h - status and headers of a reply, on their way into the request_rec. */
#ifndef CASK_APACHE_REPLY_HEAD_H
#define CASK_APACHE_REPLY_HEAD_H

#include <httpd.h>

#include <stdbool.h>

#include "request/reply.h"

/* A copy in the request pool; nothing of it is in the request_rec yet. */
struct cask_reply_copy {
    int status;
    const char *status_line;
    const char *content_type; /* NULL: the application gave none */
    apr_table_t *headers;     /* without Content-Type, Content-Length, challenges */
    apr_table_t *challenges;  /* WWW-Authenticate; NULL without */
};

void cask_reply_head_copy(request_rec *r, const struct cask_reply_head *head,
                          struct cask_reply_copy *ret_copy);
/* The copy becomes the request's reply. */
void cask_reply_head_apply(request_rec *r, const struct cask_reply_copy *copy);
/* What an error page of httpd keeps of the reply it replaces: the headers that belong to the status
 * (WWW-Authenticate, Allow, Retry-After). */
void cask_reply_head_apply_to_error(request_rec *r, const struct cask_reply_copy *copy);
/* Sends 103 Early Hints, unless the client speaks HTTP/1.0 or the request is a subrequest. */
void cask_reply_head_hint(request_rec *r, const struct cask_field *headers, size_t n_headers);

#endif
