/* SPDX-License-Identifier: Apache-2.0 */
/* apache/logsink.h - cask_log_sink over httpd's error logs.
 *
 * Lines go out as records of module "wsgi", so `LogLevel wsgi:debug` works, and of the virtual
 * host that the request or server belongs to. Numbers (CASKnnnn) are part of the line.
 */
#ifndef CASK_APACHE_LOGSINK_H
#define CASK_APACHE_LOGSINK_H

#include <httpd.h>

#include "platform/log.h"

struct cask_problem;

/* context: the request_rec. Only while the request runs. */
const struct cask_log_sink *cask_logsink_request(void);
/* context: the server_rec. */
const struct cask_log_sink *cask_logsink_server(void);
/* Level of module wsgi for a server, at most trace1. */
enum cask_log_level cask_logsink_level(const server_rec *server);
/* The same for a request: a <Directory> or <If> may have a LogLevel of its own. */
enum cask_log_level cask_logsink_request_level(const request_rec *r);

/* Logs a problem once, in the log of the request: "CASKnnnn: text", then each line of the detail.
 */
void cask_logsink_problem(request_rec *r, const struct cask_problem *problem);
/* One numbered line, at the level of its row in lognums.def. */
void cask_logsink_line(request_rec *r, unsigned number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
