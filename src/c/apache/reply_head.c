/* SPDX-License-Identifier: Apache-2.0 */
/* apache/reply_head.c - status and headers of a reply, on their way into the request_rec.
 *
 * Owns:    copies in the request pool.
 * Touches: status, headers and content type of the request_rec.
 * Threads: the thread that serves the request.
 */
#include "apache/reply_head.h"

#include "request/keys.h"

#include <http_protocol.h>
#include <apr_strings.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

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

/* Room for the names and values of all headers as C strings. */
static char *
make_room(apr_pool_t *pool, const struct cask_field *headers, size_t n_headers)
{
    size_t size = 1;

    for (size_t i = 0; i < n_headers; i++) {
        size += name_of(&headers[i]).len + headers[i].value.len + 2;
    }
    return apr_palloc(pool, size);
}

void
cask_reply_head_copy(request_rec *r, const struct cask_reply_head *head,
                     struct cask_reply_copy *ret_copy)
{
    apr_pool_t *pool = r->pool;
    char *at = make_room(pool, head->headers, head->n_headers);

    ret_copy->status = head->status;
    ret_copy->status_line = status_line_of(r, head);
    ret_copy->content_type = NULL;
    ret_copy->challenges = NULL;
    /* Room for what httpd's own filters add. */
    ret_copy->headers = apr_table_make(pool, (int)head->n_headers + 4);
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
            ret_copy->content_type = value;
        } else if (IS_NAME(name, "www-authenticate")) {
            if (ret_copy->challenges == NULL) {
                ret_copy->challenges = apr_table_make(pool, 2);
            }
            apr_table_addn(ret_copy->challenges, key, value);
        } else {
            apr_table_addn(ret_copy->headers, key, value);
        }
    }
}

void
cask_reply_head_apply(request_rec *r, const struct cask_reply_copy *copy)
{
    r->status = copy->status;
    r->status_line = copy->status_line;
    /* What mod_mime made of the script's name says nothing about the reply. */
    ap_set_content_type(r, copy->content_type);
    r->content_encoding = NULL;
    r->content_languages = NULL;
    if (apr_is_empty_table(r->headers_out)) {
        r->headers_out = copy->headers;
    } else {
        r->headers_out = apr_table_overlay(r->pool, copy->headers, r->headers_out);
    }
    if (copy->challenges != NULL) {
        r->err_headers_out = apr_table_overlay(r->pool, copy->challenges, r->err_headers_out);
    }
}

static int
add_header(void *context, const char *name, const char *value)
{
    apr_table_addn(context, name, value);
    return 1;
}

void
cask_reply_head_apply_to_error(request_rec *r, const struct cask_reply_copy *copy)
{
    (void)apr_table_do(add_header, r->err_headers_out, copy->headers, "Allow", "Retry-After", NULL);
    if (copy->challenges != NULL) {
        (void)apr_table_do(add_header, r->err_headers_out, copy->challenges, NULL);
    }
}

void
cask_reply_head_hint(request_rec *r, const struct cask_field *headers, size_t n_headers)
{
    apr_table_t *saved_headers = r->headers_out;
    const char *saved_line = r->status_line;
    int saved_status = r->status;
    int saved_expecting = r->expecting_100;
    char *at;

    if (r->main != NULL || r->proto_num < HTTP_VERSION(1, 1) || r->connection->aborted) {
        return;
    }
    at = make_room(r->pool, headers, n_headers);
    r->headers_out = apr_table_make(r->pool, (int)n_headers);
    for (size_t i = 0; i < n_headers; i++) {
        const char *key = put_string(&at, name_of(&headers[i]));

        apr_table_addn(r->headers_out, key, put_string(&at, headers[i].value));
    }
    r->status = 103;
    r->status_line = "103 Early Hints";
    ap_send_interim_response(r, 1);
    r->headers_out = saved_headers;
    r->status = saved_status;
    r->status_line = saved_line;
    r->expecting_100 = saved_expecting; /* some releases of httpd clear it */
}
