/* SPDX-License-Identifier: Apache-2.0 */
/* apache/framing.c - requests that announce their body in two ways.
 *
 * httpd goes by Transfer-Encoding and drops a Content-Length beside it, as RFC 9112 allows. A
 * server on the way may have gone by the length, and then the two do not agree where the next
 * request begins: that is how requests are smuggled in. Applications do not get such requests.
 *
 * All that httpd leaves of it is the decision, taken while it reads the head, to close the
 * connection. Nobody else can have decided that before the first hook of a request.
 *
 * Owns:    a note of the request.
 * Threads: the thread that serves the request.
 */
#include "apache/framing.h"

#include <http_protocol.h>

#define NOTE_DOUBLE "mod_wsgi.double_length"

int
cask_framing_look(request_rec *r)
{
    if (r->prev == NULL && r->connection->keepalive == AP_CONN_CLOSE &&
        r->connection->master == NULL &&
        apr_table_get(r->headers_in, "Transfer-Encoding") != NULL) {
        apr_table_setn(r->notes, NOTE_DOUBLE, "1");
    }
    return DECLINED;
}

bool
cask_framing_is_double(const request_rec *r)
{
    while (r->prev != NULL) {
        r = r->prev;
    }
    return apr_table_get(r->notes, NOTE_DOUBLE) != NULL;
}
