/* SPDX-License-Identifier: Apache-2.0 */
/* apache/notice.h - numbered lines outside of requests, at the level of their row in
 * lognums.def. (Lines of a request: apache/logsink.) */
#ifndef CASK_APACHE_NOTICE_H
#define CASK_APACHE_NOTICE_H

#include <httpd.h>

/* "CASK0101: text" to the log of a server; while httpd has not opened its
 * logs, and for `apache2 -t`, to the terminal. */
void cask_notice_server(const server_rec *server, apr_pool_t *pool, unsigned number,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
