/* SPDX-License-Identifier: Apache-2.0 */
/* apache/handler.h - one request, from httpd's handler hook to its end. */
#ifndef CASK_APACHE_HANDLER_H
#define CASK_APACHE_HANDLER_H

#include <httpd.h>

/* Handler hook. The one place where the outcome of a request becomes a status and a log line. */
int cask_handler_run(request_rec *r);

#endif
