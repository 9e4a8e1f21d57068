/* SPDX-License-Identifier: Apache-2.0 */
/* apache/groups.h - this httpd child's place in the daemon groups: boards, connections, waiting for
 * a group that starts or reloads. */
#ifndef CASK_APACHE_GROUPS_H
#define CASK_APACHE_GROUPS_H

#include <httpd.h>

#include "request/exchange.h"

struct cask_config_group;
struct cask_problem;
struct cask_wire_call;

/* child_init: maps the board of every group, joins it and makes the group's wire client; undone
 * when the pool is destroyed. A group where that fails is logged and answers 503 in this child. */
void cask_groups_child_init(apr_pool_t *pchild, server_rec *main_server);

/* A connection to a process of the group that will serve one request now. Waits while the group is
 * starting (connect-timeout), and for a free thread (queue-timeout, counted from the request's
 * start; socket-timeout). DONE with the call; else UNAVAILABLE, TIMEOUT or LOST with a problem. */
enum cask_outcome cask_groups_check_out(struct cask_config_group *group,
                                        const struct cask_request *request,
                                        struct cask_wire_call **ret_call,
                                        struct cask_problem *reterr_problem);

/* A process of this generation has found its script changed and asked for a reload: waits until
 * another generation serves, at most reload-wait, or until there is none to wait for. */
void cask_groups_await_reload(const struct cask_config_group *group, uint32_t stale_generation);

#endif
