/* SPDX-License-Identifier: Apache-2.0 */
/* proc/blackbox.h - the last words about a daemon: why it died and what it was doing. */
#ifndef CASK_PROC_BLACKBOX_H
#define CASK_PROC_BLACKBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cask_journal;

/* What is known of a death. */
struct cask_blackbox {
    int status;                         /* of waitpid */
    const struct cask_journal *journal; /* NULL: none */
    bool cpu_time_up;                   /* it has reported cpu-time-limit */
    bool oom;                           /* the kernel killed for memory in its lifetime */
};

/* "was ended by signal 11 (Segmentation fault)", "ended by itself with status 3" … */
void cask_blackbox_cause(const struct cask_blackbox *box, char *out, size_t size);
/* " while it served GET /a (0.2 s), POST /b (31 s)", or "" when it served nothing. */
void cask_blackbox_requests(const struct cask_blackbox *box, int64_t now_us, char *out,
                            size_t size);
/* How often the kernel has killed a process of this cgroup for want of memory; 0 where that cannot
 * be read. */
uint64_t cask_blackbox_oom_kills(void);

#endif
