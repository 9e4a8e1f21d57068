/* SPDX-License-Identifier: Apache-2.0 */
/* apache/notice.c - numbered lines outside of requests.
 *
 * Owns:    nothing.
 * Touches: httpd's log calls, lognums.def (levels).
 * Threads: any.
 */
#include "apache/notice.h"

#include "apache/config.h"
#include "platform/log.h"

#include <http_core.h>
#include <http_log.h>
#include <apr_strings.h>

#include <stdarg.h>

APLOG_USE_MODULE(wsgi);

void
cask_notice_server(const server_rec *server, apr_pool_t *pool, unsigned number, const char *format,
                   ...)
{
    int level = (int)cask_log_number_level(number);
    va_list arguments;
    const char *text;

    va_start(arguments, format);
    text = apr_pvsprintf(pool, format, arguments);
    va_end(arguments);
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        level |= APLOG_STARTUP; /* no log is open yet: to the terminal, without time stamp */
        server = NULL;
    }
    ap_log_error(APLOG_MARK, level, 0, server, "CASK%04u: %s", number, text);
}
