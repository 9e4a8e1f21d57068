/* SPDX-License-Identifier: Apache-2.0 */
/* apache/relay_limits.c - what the options of a daemon group say about its replies.
 *
 * Owns:    nothing.
 * Touches: the timeout of the client's socket, for the time of the request.
 * Threads: the thread that serves the request.
 */
#include "apache/relay_limits.h"

#include "platform/problem.h"
#include "proc/spec.h"

#include <http_core.h>
#include <apr_network_io.h>

bool
cask_relay_limits_exceeded(const struct cask_group_spec *spec, const struct cask_reply_head *head,
                           struct cask_problem *reterr_problem)
{
    size_t limit = (size_t)spec->header_buffer_size;

    for (size_t i = 0; limit > 0 && i < head->n_headers; i++) {
        const struct cask_field *field = &head->headers[i];

        if ((size_t)field->name.len + field->value.len > limit) {
            cask_problem_set(reterr_problem, 0, 740,
                             "group '%s': a header of the reply has %lu bytes, above "
                             "header-buffer-size",
                             spec->name, (unsigned long)field->name.len + field->value.len);
            return true;
        }
    }
    return false;
}

int64_t
cask_relay_limits_client_timeout(const request_rec *r, int64_t timeout_us)
{
    apr_interval_time_t before = 0;
    apr_socket_t *socket;

    if (timeout_us == 0 || r->connection->master != NULL) {
        return 0;
    }
    socket = ap_get_conn_socket(r->connection);
    if (socket == NULL || apr_socket_timeout_get(socket, &before) != APR_SUCCESS ||
        apr_socket_timeout_set(socket, timeout_us) != APR_SUCCESS) {
        return 0;
    }
    return before;
}
