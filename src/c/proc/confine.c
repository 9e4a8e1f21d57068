/* SPDX-License-Identifier: Apache-2.0 */
/* proc/confine.c - what a daemon may use and do: priority, limits, privileges.
 *
 * Owns:    nothing.
 * Touches: the calling process; proc/logline (the mark of a level).
 * Threads: a child between fork and exec, on its only thread.
 */
#include "proc/confine.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "platform/clock.h"
#include "platform/log.h"
#include "proc/logline.h"
#include "proc/spec.h"

#define LINE_SIZE 4096

void
cask_confine_warn(unsigned number, const char *format, ...)
{
    char line[LINE_SIZE] = {0};
    size_t len = CASK_LOGLINE_MARK_SIZE;
    va_list arguments;
    int n;

    cask_logline_mark(cask_log_number_level(number), line);
    n = snprintf(line + len, sizeof(line) - len, "CASK%04u: ", number);
    len += (size_t)n;
    va_start(arguments, format);
    n = vsnprintf(line + len, sizeof(line) - len - 1, format, arguments);
    va_end(arguments);
    len = n < 0 ? len : strlen(line);
    line[len] = '\n';
    if (write(STDERR_FILENO, line, len + 1) < 0) {
        return; /* a lost warning stops nobody */
    }
}

/* Lowers the soft and hard limit, or raises them where that is allowed. */
static void
set_limit(const struct cask_group_spec *spec, int resource, const char *option, uint64_t soft,
          uint64_t hard)
{
    const struct rlimit limit = {.rlim_cur = (rlim_t)soft, .rlim_max = (rlim_t)hard};

    if (setrlimit((__rlimit_resource_t)resource, &limit) != 0) {
        cask_confine_warn(440, "group '%s': %s cannot be set (%s); going on without it", spec->name,
                          option, strerror(errno));
    }
}

void
cask_confine_as_root(const struct cask_group_spec *spec)
{
    if (spec->cpu_priority != 0 && setpriority(PRIO_PROCESS, 0, spec->cpu_priority) != 0) {
        cask_confine_warn(440, "group '%s': cpu-priority cannot be set (%s); going on without it",
                          spec->name, strerror(errno));
    }
    if (spec->open_files_limit > 0) {
        set_limit(spec, RLIMIT_NOFILE, "open-files-limit", (uint64_t)spec->open_files_limit,
                  (uint64_t)spec->open_files_limit);
    }
}

int
cask_confine_as_user(const struct cask_group_spec *spec, const char **ret_step)
{
    if (spec->cpu_time_limit_us > 0) {
        uint64_t seconds =
            (uint64_t)((spec->cpu_time_limit_us + CASK_CLOCK_SECOND - 1) / CASK_CLOCK_SECOND);
        uint64_t grace = (uint64_t)(spec->shutdown_timeout_us / CASK_CLOCK_SECOND) + 1;

        set_limit(spec, RLIMIT_CPU, "cpu-time-limit", seconds, seconds + grace);
    }
    if (spec->memory_limit > 0) {
        set_limit(spec, RLIMIT_DATA, "memory-limit", (uint64_t)spec->memory_limit,
                  (uint64_t)spec->memory_limit);
    }
    if (spec->virtual_memory_limit > 0) {
        set_limit(spec, RLIMIT_AS, "virtual-memory-limit", (uint64_t)spec->virtual_memory_limit,
                  (uint64_t)spec->virtual_memory_limit);
    }
    if (spec->no_new_privileges == 1 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        *ret_step = "no-new-privileges";
        return errno;
    }
    return 0;
}
