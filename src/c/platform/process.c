/* SPDX-License-Identifier: Apache-2.0 */
/* platform/process.c - the one global: what this process is.
 *
 * Owns:    struct cask_process of this shared object.
 * Touches: log.h.
 * Threads: begin and log_to before threads start; get and exit any.
 * Fork:    the child calls cask_process_begin() again.
 */
#include "platform/process.h"

#include "platform/logtext.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef CASK_COVERAGE
void __gcov_dump(void);
#endif

static void
stderr_write(void *context, const struct cask_log_record *record)
{
    const char *text = record->text;
    size_t left = record->text_len;

    (void)context;
    do {
        char shown[2048];
        size_t len = 0;
        size_t used = cask_logtext_put(shown, sizeof(shown), &len, text, left);

        (void)fprintf(stderr, "[%s] %.*s\n", cask_log_level_name(record->level), (int)len, shown);
        text += used;
        left -= used;
    } while (left > 0);
}

static const struct cask_log_sink stderr_sink = {.write = stderr_write};

static struct cask_process the_process = {
    .log_level = CASK_LOG_WARNING,
    .sink = &stderr_sink,
    .signal_pipe = -1,
};

struct cask_process *
cask_process_get(void)
{
    return &the_process;
}

void
cask_process_begin(enum cask_role role)
{
    the_process.pid = getpid();
    the_process.role = role;
    atomic_store(&the_process.signal_pipe, -1); /* a loop of the parent process is not ours */
}

void
cask_process_log_to(const struct cask_log_sink *sink, void *context, enum cask_log_level level)
{
    the_process.sink = sink != NULL ? sink : &stderr_sink;
    the_process.sink_context = context;
    the_process.log_level = level;
}

void
cask_process_exit(int status)
{
#ifdef CASK_COVERAGE
    __gcov_dump();
#endif
    _exit(status);
}

/* Writes with one system call: the process is in an unknown state, perhaps in a signal handler. */
void
cask_process_assert_failed(const char *condition, const char *file, int line)
{
    char text[512];
    int len = snprintf(text, sizeof(text), "mod_cask: assertion '%s' failed at %s:%d (pid %d)\n",
                       condition, file, line, (int)getpid());

    if (len > 0) {
        size_t size = (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1;
        ssize_t written = write(STDERR_FILENO, text, size);
        (void)written;
    }
    abort();
}
