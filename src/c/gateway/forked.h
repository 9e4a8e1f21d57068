/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/forked.h - a process that an application forked inside a request, and that comes back out
 * of the application instead of ending there.
 *
 * Socket, log and thread are the parent's, which goes on with the request: the child must neither
 * answer it nor take another one.
 */
#ifndef CASK_GATEWAY_FORKED_H
#define CASK_GATEWAY_FORKED_H

#include "interp/gil.h"

#include <stdbool.h>

struct cask_gateway;

/* Whether this process is such a child. One system call; any thread. */
bool cask_forked_is_child(const struct cask_gateway *gateway);
/* Does nothing in the process that serves. A child ends here, without atexit functions, which are
 * its parent's: with the status of the SystemExit that is set; with 1 after the traceback of
 * another exception, or after a line when there is none. */
CASK_GIL_HELD void cask_forked_leave(const struct cask_gateway *gateway);

#endif
