/* SPDX-License-Identifier: Apache-2.0 */
/* platform/process.h - the one global: what this process is.
 *
 * Each shared object (mod_cask.so, _engine) has its own. Everything else hangs from an object
 * somebody owns.
 */
#ifndef CASK_PLATFORM_PROCESS_H
#define CASK_PLATFORM_PROCESS_H

#include "platform/log.h"

#include <stdatomic.h>
#include <sys/types.h>

enum cask_role {
    CASK_ROLE_NONE,   /* unit tests, tools */
    CASK_ROLE_PARENT, /* httpd parent */
    CASK_ROLE_CHILD,  /* httpd child */
    CASK_ROLE_SUPERVISOR,
    CASK_ROLE_DAEMON,
};

struct cask_process {
    pid_t pid;                        /* [init] 0 until cask_process_begin() */
    enum cask_role role;              /* [init] */
    enum cask_log_level log_level;    /* [init] lines above it are dropped by cask_log_debug */
    const struct cask_log_sink *sink; /* [init] never NULL; stderr by default */
    void *sink_context;               /* [init] */
    void *room_state;                 /* [init] of apache/ (M) or entry/ (E); opaque here */
    void *crash;                      /* [init] of proc/crash, for its handlers; NULL: none */
    atomic_int signal_pipe;           /* [atomic] of platform/loop, for its handler; -1: none */
};

/* Never NULL. */
struct cask_process *cask_process_get(void);
/* Called once after a process began or forked, in each shared object: records the pid and role;
 * keeps the sink. */
void cask_process_begin(enum cask_role role);
void cask_process_log_to(const struct cask_log_sink *sink, void *context,
                         enum cask_log_level level);
/* Ends this process without running httpd's or Python's exit handlers; flushes gcov data when built
 * with it. */
_Noreturn void cask_process_exit(int status);

/* Aborts, in every build, with file and line: for our own mistakes only. */
#define cask_assert(condition) \
    ((condition) ? (void)0 : cask_process_assert_failed(#condition, __FILE__, __LINE__))
#define cask_assert_owner(owner_pid) cask_assert((owner_pid) == cask_process_get()->pid)
_Noreturn void cask_process_assert_failed(const char *condition, const char *file, int line);

#endif
