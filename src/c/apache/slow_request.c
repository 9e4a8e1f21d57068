/* SPDX-License-Identifier: Apache-2.0 */
/* apache/slow_request.c - WSGISlowRequests: a line for each request that takes long.
 *
 * Owns:    a note of the client's request: it has been told.
 * Threads: the thread that serves the request.
 */
#include "apache/slow_request.h"

#include "apache/config.h"
#include "apache/logsink.h"
#include "apache/routing.h"
#include "platform/clock.h"

#include <apr_time.h>

#define NOTE_TOLD "mod_wsgi.slow_request"

/* The request of the client that an internal redirect (ErrorDocument) or a sub-request is part of:
 * they have its time, and one line is enough. */
static const request_rec *
client_request(const request_rec *r)
{
    while (r->prev != NULL || r->main != NULL) {
        r = r->prev != NULL ? r->prev : r->main;
    }
    return r;
}

void
cask_slow_request_tell(request_rec *r, const struct cask_route *route, pid_t pid)
{
    int64_t limit_us = cask_config_main()->slow_request_us;
    int64_t took_us;
    const request_rec *first;

    if (limit_us == 0) {
        return;
    }
    took_us = apr_time_now() - r->request_time;
    first = client_request(r);
    if (took_us < limit_us || apr_table_get(first->notes, NOTE_TOLD) != NULL) {
        return;
    }
    apr_table_setn(first->notes, NOTE_TOLD, "1");
    cask_logsink_line(r, 250,
                      "slow request: %s '%s' took %lld.%03d s; %s%s%s, process %ld, script '%s'",
                      r->method, r->uri, (long long)(took_us / CASK_CLOCK_SECOND),
                      (int)(took_us % CASK_CLOCK_SECOND / CASK_CLOCK_MS),
                      route->group != NULL ? "group '" : "embedded", route->process_group,
                      route->group != NULL ? "'" : "", (long)pid, route->script);
}
