/* SPDX-License-Identifier: Apache-2.0 */
/* proc/control.h - the control socket of the supervisor: status, reload, stop, stacks.
 *
 * A client connects, sends one line of words ("reload blog\n"), gets one JSON object and the end of
 * the connection. Who it is the kernel says (SO_PEERCRED): root and the user httpd was started by
 * may do everything, the user of a group what concerns that group.
 *
 *   status               {"version", "pid", "groups": […]}; groups the client has nothing to do
 *                        with are left out
 *   reload GROUP         waits: {"outcome": "ready" | "failed" | "stopped", "text", "detail"}
 *   stop GROUP           {"outcome": "stopped"}
 *   stacks GROUP|PID     {"outcome": "stacks", "text"}
 *
 * Mistakes are answered with {"outcome": "refused", "text"}.
 */
#ifndef CASK_PROC_CONTROL_H
#define CASK_PROC_CONTROL_H

#include <stddef.h>

struct cask_control;
struct cask_group;
struct cask_loop;
struct cask_problem;

/* groups: those of the supervisor, by number; NULL beyond the last. */
int cask_control_new(struct cask_control **ret_control, struct cask_loop *keep_loop,
                     struct cask_group *(*groups)(void *context, size_t number), void *context,
                     struct cask_problem *reterr_problem);
/* Listens at this path, unless it does already. On failure there is no control socket. */
int cask_control_listen(struct cask_control *control, const char *path,
                        struct cask_problem *reterr_problem);
/* Another supervisor has the path now: no new clients. */
void cask_control_step_down(struct cask_control *control);
/* Something has changed: answers those who wait for it. */
void cask_control_look(struct cask_control *control);
/* Closes everything; removes the socket file if it is still ours. */
struct cask_control *cask_control_free(struct cask_control *control);

#endif
