/* SPDX-License-Identifier: Apache-2.0 */
/* apache/notice.h - numbered lines to httpd's error logs, at the level of their row in lognums.def.
 */
#ifndef CASK_APACHE_NOTICE_H
#define CASK_APACHE_NOTICE_H

#include <httpd.h>

/* "CASK0120: text" to the log of the request's virtual host. */
void cask_notice_request(request_rec *r, unsigned number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same to the log of a server, outside of requests; while httpd has not opened its
 * logs, and for `apache2 -t`, to the terminal. */
void cask_notice_server(const server_rec *server, apr_pool_t *pool, unsigned number,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
