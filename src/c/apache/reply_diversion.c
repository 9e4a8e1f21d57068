/* SPDX-License-Identifier: Apache-2.0 */
/* apache/reply_diversion.c - replies in whose place httpd answers.
 *
 * The application runs to its end all the same, its body is dropped as it comes.
 *
 * Owns:    nothing.
 * Touches: reply_head; method and body of the request_rec before a redirect.
 * Threads: the thread that serves the request.
 */
#include "apache/reply_diversion.h"

#include "apache/config.h"
#include "apache/reply_head.h"

#include <http_protocol.h>
#include <http_request.h>

#include <stdbool.h>
#include <stddef.h>

/* httpd has a page for this status. Others would be shown as 500. */
static bool
has_page(int status)
{
    return ap_is_HTTP_ERROR(status) &&
           (status == HTTP_INTERNAL_SERVER_ERROR ||
            ap_index_of_response(status) != ap_index_of_response(HTTP_INTERNAL_SERVER_ERROR));
}

/* The request is itself for the page of an error (ErrorDocument). */
static bool
is_for_error(const request_rec *r)
{
    return r->prev != NULL && ap_is_HTTP_ERROR(r->prev->status);
}

static const char *
local_path(const struct cask_reply_copy *head)
{
    const char *location =
        head->status == HTTP_OK ? apr_table_get(head->headers, "Location") : NULL;

    /* "//host/path" is another server's. */
    return location != NULL && location[0] == '/' && location[1] != '/' ? location : NULL;
}

enum cask_reply_diversion
cask_reply_diversion_of(const request_rec *r, const struct cask_config_scope *values,
                        const struct cask_reply_copy *head)
{
    if (values->error_override != 0 && has_page(head->status) && !is_for_error(r)) {
        return CASK_REPLY_ERROR_PAGE;
    }
    if (head->status == HTTP_OK && values->local_redirect != 0 && local_path(head) != NULL) {
        return CASK_REPLY_REDIRECT;
    }
    return CASK_REPLY_SENT;
}

static void
redirect(request_rec *r, const char *location)
{
    (void)ap_discard_request_body(r);
    r->method = "GET";
    r->method_number = M_GET;
    apr_table_unset(r->headers_in, "Content-Length");
    apr_table_unset(r->headers_in, "Transfer-Encoding");
    ap_internal_redirect(location, r);
}

int
cask_reply_diversion_take(request_rec *r, enum cask_reply_diversion diversion,
                          const struct cask_reply_copy *head, int answer)
{
    switch (diversion) {
    case CASK_REPLY_SENT:
        break;
    case CASK_REPLY_ERROR_PAGE:
        cask_reply_head_apply_to_error(r, head);
        return head->status;
    case CASK_REPLY_REDIRECT:
        redirect(r, local_path(head));
        break;
    case CASK_REPLY_CONDITION:
        r->status_line = NULL; /* of the reply that is not sent */
        return answer;
    }
    return OK;
}
