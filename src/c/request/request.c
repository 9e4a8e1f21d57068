/* SPDX-License-Identifier: Apache-2.0 */
/* request/request.c - one request as plain data: its script's identity and its log.
 *
 * Owns nothing; any thread.
 */
#include "request/request.h"

#include "platform/process.h"

#include <stdarg.h>
#include <sys/stat.h>

bool
cask_script_id_known(const struct cask_script_id *id)
{
    return id->device != 0 || id->inode != 0 || id->size != 0 || id->mtime_ns != 0;
}

bool
cask_script_id_same(const struct cask_script_id *a, const struct cask_script_id *b)
{
    return cask_script_id_known(a) && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && a->mtime_ns == b->mtime_ns;
}

void
cask_script_id_from_stat(const struct stat *status, struct cask_script_id *ret_id)
{
    ret_id->device = (uint64_t)status->st_dev;
    ret_id->inode = (uint64_t)status->st_ino;
    ret_id->size = (uint64_t)status->st_size;
    /* To the microsecond: httpd's own look at the file is no finer, and both must agree. */
    ret_id->mtime_ns = (int64_t)status->st_mtim.tv_sec * INT64_C(1000000000) +
                       status->st_mtim.tv_nsec / 1000 * 1000;
}

void
cask_request_log(const struct cask_request *request, unsigned number, const char *format, ...)
{
    const struct cask_process *process = cask_process_get();
    va_list arguments;

    va_start(arguments, format);
    if (request->log != NULL) {
        cask_log_to(request->log, request->log_context, number, format, arguments);
    } else {
        cask_log_to(process->sink, process->sink_context, number, format, arguments);
    }
    va_end(arguments);
}
