/* SPDX-License-Identifier: Apache-2.0 */
/* apache/remote.h - one request served by a daemon group. */
#ifndef CASK_APACHE_REMOTE_H
#define CASK_APACHE_REMOTE_H

#include <httpd.h>

#include "request/exchange.h"

struct cask_config_group;
struct cask_problem;

/* Serves the request in the group and waits until it is over. exchange->body is a struct
 * cask_body_source. Like the door (gateway/engine.h): DONE after finish(); any other outcome comes
 * with a filled problem, not logged yet, and the reply is EMPTY, held or begun. Outcomes: DONE,
 * FAILED, BODY_BAD, MISSING, CLIENT_GONE, UNAVAILABLE, TIMEOUT, LOST. ret_pid: the process that the
 * request went to last; left alone when there was none. */
enum cask_outcome cask_remote_serve(request_rec *r, struct cask_config_group *group,
                                    const struct cask_exchange *exchange, pid_t *ret_pid,
                                    struct cask_problem *reterr_problem);

#endif
