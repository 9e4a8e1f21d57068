/* SPDX-License-Identifier: Apache-2.0 */
/* apache/logrecord.h - one record into httpd's error log, without changing its text.
 *
 * httpd's own calls turn every byte that is not printable ASCII into \xNN, double backslashes, stop
 * at NUL and cut at 8 KiB. Here the text of a record stays as it is (platform/logtext), and all its
 * lines leave with one write. Everything around the text is httpd's: ErrorLogFormat, log ids, the
 * lines that ErrorLogFormat writes once per connection and request, syslog, the error_log hook.
 */
#ifndef CASK_APACHE_LOGRECORD_H
#define CASK_APACHE_LOGRECORD_H

#include <httpd.h>
#include <apr_tables.h>

#include <stdbool.h>

#include "platform/log.h"

/* The format that httpd uses where ErrorLogFormat is not set, parsed by httpd; for post_config.
 * NULL: this httpd would not. */
const apr_array_header_t *cask_logrecord_format(apr_pool_t *pconf, apr_pool_t *ptemp,
                                                server_rec *main_server, bool for_syslog);
/* Writes the record; levels have been looked at. r may be NULL. default_format: from
 * cask_logrecord_format(). file: NULL or the place, NUL-terminated. 0, or an errno: nothing was
 * written. */
int cask_logrecord_write(const server_rec *server, request_rec *r,
                         const apr_array_header_t *default_format,
                         const struct cask_log_record *record, const char *file);

#endif
