/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_lines.h - what threads print, from bytes to records of the log. */
#ifndef CASK_GATEWAY_WSGI_LINES_H
#define CASK_GATEWAY_WSGI_LINES_H

#include <stddef.h>

#include "platform/log.h"

struct cask_gateway;

/* Makes the key for unfinished lines; 0 or an errno. */
int cask_wsgi_lines_init(struct cask_gateway *gateway);
/* Appends to the calling thread's text; whole lines leave, those of one call together. A traceback
 * is held back until its last line is there. Without the GIL. 0 or ENOMEM. */
int cask_wsgi_lines_add(struct cask_gateway *gateway, const char *text, size_t len);
/* Writes what the calling thread has not finished to where its lines go at this moment: at the
 * start and at the end of a request. */
void cask_wsgi_lines_flush(struct cask_gateway *gateway);
/* A record to the log of the request this thread serves, or to that of the process. What it had
 * printed before without a newline leaves first. */
void cask_wsgi_lines_log(struct cask_gateway *gateway, const struct cask_log_record *record);
/* LogLevel where such a record goes. */
enum cask_log_level cask_wsgi_lines_level(const struct cask_gateway *gateway);

#endif
