/* SPDX-License-Identifier: Apache-2.0 */
/* proc/blackbox.c - the last words about a daemon: why it died and what it was doing.
 *
 * Owns:    nothing.
 * Touches: metrics/journal (read-only), /proc/self/cgroup, the cgroup's counters.
 * Threads: the supervisor's only one; small reads of kernel files, which do not block.
 */
#include "proc/blackbox.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metrics/journal.h"
#include "platform/clock.h"

#define MAX_REQUESTS 5 /* named in one line */
#define FILE_SIZE    8192

/* Appends; text that does not fit is cut. */
static void __attribute__((format(printf, 4, 5)))
append(char *out, size_t size, size_t *used, const char *format, ...)
{
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(out + *used, size - *used, format, arguments);
    va_end(arguments);
    if (len > 0) {
        *used = *used + (size_t)len < size ? *used + (size_t)len : size - 1;
    }
}

static bool
stack_was_full(const struct cask_blackbox *box)
{
    struct cask_journal_crash crash;

    if (box->journal == NULL) {
        return false;
    }
    crash = cask_journal_crashed(box->journal);
    return crash.signal_number == SIGSEGV && crash.stack_full;
}

/* What stands in brackets behind a signal's number. */
static const char *
signal_note(const struct cask_blackbox *box, int number)
{
    if (number == SIGSEGV && stack_was_full(box)) {
        return "Segmentation fault: the C stack of a thread was full, see stack-size";
    }
    if (number == SIGKILL && box->cpu_time_up) {
        return "Killed by the kernel: cpu-time-limit and the time to end were used up";
    }
    if (number == SIGKILL && box->oom) {
        return "Killed by the kernel: there was no memory left for its control group";
    }
    if (number == SIGKILL) {
        return "Killed: somebody sent it, or the kernel had no memory left";
    }
    return strsignal(number);
}

void
cask_blackbox_cause(const struct cask_blackbox *box, char *out, size_t size)
{
    size_t used = 0;

    if (WIFSIGNALED(box->status)) {
        int number = WTERMSIG(box->status);

        append(out, size, &used, "was ended by signal %d (%s)", number, signal_note(box, number));
    } else {
        append(out, size, &used, "ended by itself with status %d", WEXITSTATUS(box->status));
    }
}

void
cask_blackbox_requests(const struct cask_blackbox *box, int64_t now_us, char *out, size_t size)
{
    uint32_t threads = box->journal != NULL ? cask_journal_threads(box->journal) : 0;
    struct cask_journal_entry entry;
    size_t n_requests = 0;
    size_t used = 0;

    out[0] = '\0';
    for (uint32_t thread = 1; thread <= threads; thread++) {
        int64_t elapsed_us;

        if (!cask_journal_read(box->journal, thread, &entry) || ++n_requests > MAX_REQUESTS) {
            continue;
        }
        elapsed_us = now_us - entry.start_us;
        elapsed_us = elapsed_us < 0 || entry.start_us < 0 ? 0 : elapsed_us;
        append(out, size, &used, "%s%s (%.1f s)", n_requests == 1 ? " while it served " : ", ",
               entry.text, (double)elapsed_us / (double)CASK_CLOCK_SECOND);
    }
    if (n_requests > MAX_REQUESTS) {
        append(out, size, &used, " and %zu more", n_requests - MAX_REQUESTS);
    }
}

/* A small file as text; false when it cannot be read. */
static bool
read_file(const char *path, char out[FILE_SIZE])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = -1;

    if (fd >= 0) {
        len = read(fd, out, FILE_SIZE - 1);
        (void)close(fd);
    }
    out[len > 0 ? len : 0] = '\0';
    return len > 0;
}

/* The path behind "<prefix>" on a line of /proc/self/cgroup; NULL: there is no such line. */
static char *
find_group(char *text, const char *prefix)
{
    char *at = strstr(text, prefix);
    char *end;

    if (at == NULL) {
        return NULL;
    }
    at += strlen(prefix);
    end = strchr(at, '\n');
    if (end != NULL) {
        *end = '\0';
    }
    return at;
}

uint64_t
cask_blackbox_oom_kills(void)
{
    /* cgroup v1 has the controller's own hierarchy, v2 one for all. */
    static const struct {
        const char *prefix;
        const char *top;
        const char *file;
    } kinds[] = {
        {":memory:", "/sys/fs/cgroup/memory", "memory.oom_control"},
        {"0::", "/sys/fs/cgroup", "memory.events"},
    };
    char groups[FILE_SIZE];
    char text[FILE_SIZE];
    char path[FILE_SIZE];

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const char *group =
            read_file("/proc/self/cgroup", groups) ? find_group(groups, kinds[i].prefix) : NULL;
        const char *counter = NULL;

        if (group == NULL) {
            continue;
        }
        if (snprintf(path, sizeof(path), "%s%s/%s", kinds[i].top, group, kinds[i].file) <
                (int)sizeof(path) &&
            read_file(path, text)) {
            counter = strstr(text, "oom_kill ");
        }
        if (counter != NULL) {
            return strtoull(counter + strlen("oom_kill "), NULL, 10);
        }
    }
    return 0;
}
