/* SPDX-License-Identifier: Apache-2.0 */
/* request/body.h - seam: how a gateway reads the body of a request.
 *
 * Filled by apache/body_source (brigades), wire/wire_server (DATA frames) and test fakes.
 */
#ifndef CASK_REQUEST_BODY_H
#define CASK_REQUEST_BODY_H

#include <stddef.h>
#include <sys/types.h>

struct cask_problem;

struct cask_body_ops {
    /* Reads 1 to size bytes into buffer, waiting for the client up to httpd's Timeout; 0 at the end
     * of the body (again and again); -1 with reterr_problem filled: error ECONNRESET (client gone
     * or body incomplete), ETIMEDOUT, EBADMSG (bad chunk), EFBIG (LimitRequestBody), EACCES
     * (refused by an input filter), EIO. After a failure every further call fails alike. Serving
     * thread; without the GIL; blocks. size 0 returns 0 but counts as a first read (it lets "100
     * Continue" go out). */
    ssize_t (*read)(void *body, char *buffer, size_t size, struct cask_problem *reterr_problem);
};

#endif
