/* SPDX-License-Identifier: Apache-2.0 */
/* apache/reply_sink.h - a reply, into httpd's output filters.
 *
 * Filled in by a gateway (embedded) or by apache/remote (daemon) through cask_reply_sink_ops().
 *
 * States:
 *   EMPTY     nothing yet
 *   HELD      start() was called; head and bytes wait here, nothing of it is in r
 *   BEGUN     head and bytes went into the filters; no other reply can take their place
 *   FINISHED  finish() was called, or a cut has ended it
 * A reply that is diverted goes from HELD to FINISHED, and its body nowhere.
 */
#ifndef CASK_APACHE_REPLY_SINK_H
#define CASK_APACHE_REPLY_SINK_H

#include <httpd.h>

#include <stdbool.h>
#include <stdint.h>

#include "request/reply.h"

struct cask_body_source;
struct cask_config_scope;
struct cask_reply_sink;

/* A sink in the request pool, which obeys these settings. body: what the application leaves unread
 * of it must not hold up the reply. */
struct cask_reply_sink *cask_reply_sink_new(request_rec *r, struct cask_body_source *keep_body,
                                            const struct cask_config_scope *keep_values);

/* For struct cask_exchange: reply is the sink. */
const struct cask_reply_ops *cask_reply_sink_ops(void);

/* State is BEGUN or FINISHED. */
bool cask_reply_sink_begun(const struct cask_reply_sink *sink);
bool cask_reply_sink_finished(const struct cask_reply_sink *sink);
/* A filter below has answered in our place (AP_FILTER_ERROR): the handler hands that on. */
bool cask_reply_sink_replaced(const struct cask_reply_sink *sink);
/* FINISHED: what the handler returns. OK for a reply that was sent; else httpd answers in place of
 * the application, and this has prepared it (reply_diversion.h). */
int cask_reply_sink_answer(struct cask_reply_sink *sink);
/* Bytes of body that went into the filters. */
int64_t cask_reply_sink_sent(const struct cask_reply_sink *sink);

/* HELD: forgets the reply, as if start() had never been called, so that httpd can answer. */
void cask_reply_sink_drop(struct cask_reply_sink *sink);
/* BEGUN: ends the reply so that the client sees that it is not whole: no last chunk and a closed
 * connection on HTTP/1.1, a reset stream on HTTP/2. */
void cask_reply_sink_cut(struct cask_reply_sink *sink);

#endif
