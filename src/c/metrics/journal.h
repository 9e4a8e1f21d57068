/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/journal.h - what each thread of a daemon is doing, where it can be read after its death.
 *
 * One sealed segment per process, written by the daemon, mapped read-only by the supervisor. The
 * daemon runs a tenant's code and may write anything: a reader checks every value and makes the
 * text printable.
 */
#ifndef CASK_METRICS_JOURNAL_H
#define CASK_METRICS_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cask_journal; /* a mapping; heap */
struct cask_problem;

#define CASK_JOURNAL_TEXT 464 /* bytes of method and URL that are kept, with the NUL */

/* A request under way. */
struct cask_journal_entry {
    uint32_t thread;              /* from 1 */
    int64_t start_us;             /* monotonic */
    char text[CASK_JOURNAL_TEXT]; /* "GET /path?query", printable, NUL-terminated */
};

/* How the process came to crash. */
struct cask_journal_crash {
    int signal_number; /* 0: it did not */
    bool stack_full;   /* the C stack of a thread was used up */
    uint32_t thread;   /* of the request; 0: another thread */
};

int cask_journal_create(uint32_t threads, int *ret_fd, struct cask_problem *reterr_problem);
/* threads as given at creation: what the segment says is not believed. */
int cask_journal_map(int fd, uint32_t threads, bool writable, struct cask_journal **ret_journal,
                     struct cask_problem *reterr_problem);
struct cask_journal *cask_journal_free(struct cask_journal *journal); /* unmaps */

/* Daemon (journal may be NULL): the serving thread's own slot; thread from 1. url and method need
 * not be terminated. */
void cask_journal_begin(struct cask_journal *journal, uint32_t thread, int64_t start_us,
                        const char *method, size_t method_len, const char *url, size_t url_len);
void cask_journal_end(struct cask_journal *journal, uint32_t thread);
/* Daemon: async-signal-safe; the first crash counts. */
void cask_journal_crash(struct cask_journal *journal, const struct cask_journal_crash *crash);

/* Supervisor. False when the thread is idle, or writes in this moment. */
bool cask_journal_read(const struct cask_journal *journal, uint32_t thread,
                       struct cask_journal_entry *ret_entry);
struct cask_journal_crash cask_journal_crashed(const struct cask_journal *journal);
uint32_t cask_journal_threads(const struct cask_journal *journal);

#endif
