/* SPDX-License-Identifier: Apache-2.0 */
/* apache/body_source.h - the body of a request, out of httpd's input filters.
 *
 * Embedded, a gateway reads it through cask_body_source_ops() and waits for the client; towards a
 * daemon, apache/remote takes what is there, and polls the client's socket beside the daemon's.
 *
 * "100 Continue" goes out at the first read of either kind, even of no bytes, so nobody may read
 * before the body is wanted.
 */
#ifndef CASK_APACHE_BODY_SOURCE_H
#define CASK_APACHE_BODY_SOURCE_H

#include <httpd.h>

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "request/body.h"

struct cask_body_source;
struct cask_problem;

/* register_hooks: makes the output filter known that keeps httpd from answering a bad body itself.
 */
void cask_body_source_register(void);

/* A source in the request pool. It reads nothing yet. content_length as in struct cask_request:
 * with 0 it is at its end and never touches the filters. */
struct cask_body_source *cask_body_source_new(request_rec *r, int64_t content_length);

/* For struct cask_exchange: body is the source. */
const struct cask_body_ops *cask_body_source_ops(void);

/* Like read, without waiting: 1 to size bytes that are there already; 0 at the end of the body; -1
 * with errno EAGAIN (and no problem) when nothing has come yet; -1 with reterr_problem filled and
 * errno its error otherwise (see request/body.h). */
ssize_t cask_body_source_try(struct cask_body_source *source, char *buffer, size_t size,
                             struct cask_problem *reterr_problem);

/* The reader has waited for as long as httpd's Timeout: from now on reads fail with ETIMEDOUT, and
 * httpd does not wait for the rest of the body either. Fills the problem. */
void cask_body_source_expire(struct cask_body_source *source, struct cask_problem *ret_problem);

/* The application has given its reply and reads no more; called before the end of the reply leaves.
 * Takes what has come of a rest of the body. true: more of it is still to come, and has to be
 * skipped once the reply is on its way. A rest over 1 MiB is not waited for: the connection is
 * closed after the reply. */
bool cask_body_source_leave(struct cask_body_source *source);
/* Waits for that rest and throws it away; up to 1 MiB, then the connection is closed too. */
void cask_body_source_skip(struct cask_body_source *source);

/* Nothing is left to read: the end was seen. May still be false when only the end marker is left.
 */
bool cask_body_source_ended(const struct cask_body_source *source);
/* The first failure of a read (see request/body.h), or 0. */
int cask_body_source_error(const struct cask_body_source *source);
/* With error EACCES: the HTTP status that an input filter refuses the body with. */
int cask_body_source_refusal(const struct cask_body_source *source);

/* For poll(2), valid while the request runs: readable means that try() will make progress, but only
 * after a try() that gave EAGAIN (filters may hold bytes back). The client's socket, or what
 * mod_http2 has for a stream. -1: there is none (a server before 2.4.58); the caller then looks
 * again now and then. */
int cask_body_source_socket(const struct cask_body_source *source);

#endif
