/* SPDX-License-Identifier: Apache-2.0 */
/* proc/spawn.c - making processes: the only fork of mod_cask.so.
 *
 * Owns:    nothing; a child owns itself.
 * Touches: platform/cred, platform/net, platform/process, proc/channel.
 * Threads: httpd's parent and the supervisor fork on their only thread, so the child may do
 *          anything, also look up users: a directory service that hangs then costs a daemon its
 *          start, never the supervisor its loop.
 * Invariants:
 *   (1) no descriptor, signal setting or pool of the parent is used in the child beyond the list;
 *   (2) a daemon runs no line of configured code before it has given up root.
 */
#include "proc/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "platform/clock.h"
#include "platform/cred.h"
#include "platform/log.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "platform/process.h"
#include "proc/channel.h"
#include "proc/confine.h"
#include "proc/environ.h"

#define SEND_US   (5 * CASK_CLOCK_SECOND)
#define SAFE_FD   10 /* copies of the channel and the log are put from here on first */
#define PATH_SIZE 4096
#define ARGUMENTS 16 /* of Python at most, besides the warning filters */

/* Signals keep the parent's handlers until here: they are blocked around the fork. */
static void
reset_signals(const sigset_t *unblock_to)
{
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action = {.sa_handler = SIG_DFL};

        (void)sigaction(number, &action, NULL); /* KILL, STOP and reserved ones refuse */
    }
    (void)sigprocmask(SIG_SETMASK, unblock_to, NULL);
}

/* Forks with all signals blocked; the child starts with default actions and none blocked. */
static pid_t
fork_clean(void)
{
    sigset_t all;
    sigset_t before;
    sigset_t none;
    pid_t pid;

    (void)sigfillset(&all);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0) {
        (void)setpgid(0, 0);
        reset_signals(&none);
    } else {
        if (pid > 0) {
            (void)setpgid(pid, pid); /* whoever comes first: signals to our group miss it */
        }
        (void)sigprocmask(SIG_SETMASK, &before, NULL);
    }
    return pid;
}

static void
open_null(int fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null >= 0 && null != fd) {
        (void)dup2(null, fd);
        (void)close(null);
    } else if (null == fd) {
        (void)cask_net_set_cloexec(fd, false);
    }
}

int
cask_spawn_supervisor(int (*run)(void *context), void *context, int log_fd, int *keep,
                      size_t n_keep, pid_t *ret_pid, struct cask_problem *reterr_problem)
{
    pid_t pid = fork_clean();

    if (pid < 0) {
        return cask_problem_set(reterr_problem, errno, 411, "cannot fork the supervisor");
    }
    if (pid == 0) {
        cask_process_begin(CASK_ROLE_SUPERVISOR);
        closelog(); /* its socket is closed below; httpd's facility stays */
#ifdef __GLIBC__
        program_invocation_short_name = (char[]){"mod_cask"}; /* in syslog, now */
#endif
        open_null(STDIN_FILENO);
        open_null(STDOUT_FILENO);
        if (log_fd < 0 || dup2(log_fd, STDERR_FILENO) < 0) {
            open_null(STDERR_FILENO);
        }
        cask_net_close_others(keep, n_keep); /* keeps (1) */
        if (chdir("/") != 0) {
            /* it keeps the current folder busy, nothing more */
            cask_log_debug(CASK_LOG_DEBUG, "supervisor stays where httpd is");
        }
        cask_process_exit(run(context));
    }
    *ret_pid = pid;
    return 0;
}

/* Tells the supervisor what went wrong before exec, and ends. */
static _Noreturn void
spawn_failed(int error, const char *step)
{
    struct cask_pack payload = {0};

    cask_pack_u32(&payload, (uint32_t)error);
    cask_pack_text(&payload, step);
    (void)cask_channel_send(CASK_CHANNEL_FD, CASK_CHANNEL_SPAWN_FAILED, &payload, NULL, 0,
                            cask_clock_deadline(SEND_US));
    cask_process_exit(127);
}

/* Descriptors 0 to 3 as a daemon expects them, all others closed. */
static void
arrange_descriptors(int channel_fd, int log_fd)
{
    int keep[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, CASK_CHANNEL_FD};
    int channel = fcntl(channel_fd, F_DUPFD_CLOEXEC, SAFE_FD);
    int log = fcntl(log_fd, F_DUPFD_CLOEXEC, SAFE_FD);

    if (channel < 0 || log < 0) {
        cask_process_exit(126); /* seen as an exit before hello */
    }
    open_null(STDIN_FILENO);
    (void)dup2(log, STDOUT_FILENO);
    (void)dup2(log, STDERR_FILENO);
    (void)dup2(channel, CASK_CHANNEL_FD);
    cask_net_close_others(keep, sizeof(keep) / sizeof(keep[0]));
}

/* `home=` must be enterable; a home from passwd, or none at all, gives way to "/". */
static void
enter_home(const struct cask_group_spec *spec, const struct cask_cred *cred)
{
    const char *home = spec->home != NULL ? spec->home : cred->home;
    int error = 0;

    if (chdir(home) != 0) {
        error = errno;
    } else if (spec->home != NULL || cred->name[0] != '#') {
        return;
    } else {
        error = ENOENT; /* no entry in passwd: it is "/" already */
    }
    if (spec->home != NULL) {
        spawn_failed(error, "entering the folder of home=");
    }
    if (cred->uid != spec->httpd_uid) {
        cask_confine_warn(426,
                          "group '%s': home '%s' of user '%s' cannot be entered (%s); running in "
                          "'/'",
                          spec->name, home, cred->name, strerror(error));
    }
    if (chdir("/") != 0) {
        spawn_failed(errno, "entering '/'");
    }
}

/* What Python takes on its command line; PYTHONOPTIMIZE and the like of the environment count too.
 * `warnings` is a copy that is cut here. Returns the number of arguments. */
static size_t
add_flags(const struct cask_group_spec *spec, char *warnings, char **arguments)
{
    size_t n = 0;

    if (spec->python_optimize > 0) {
        arguments[n++] = (char *)(spec->python_optimize == 1 ? "-O" : "-OO");
    }
    if (spec->dont_write_bytecode == 1) {
        arguments[n++] = (char *)"-B";
    }
    if (spec->python_hash_seed == CASK_ENGINE_SEED_RANDOM) {
        arguments[n++] = (char *)"-R";
    }
    for (char *rest = warnings; rest != NULL;) {
        char *word = strsep(&rest, "\n");

        if (*word != '\0') {
            arguments[n++] = (char *)"-W";
            arguments[n++] = word;
        }
    }
    return n;
}

/* NULL without memory. Never freed: execv() follows, or the end of the process. */
static char **
command_line(const struct cask_group_spec *spec, char *boot_path)
{
    char *warnings = strdup(spec->python_warnings != NULL ? spec->python_warnings : "");
    char **arguments;
    size_t n = 1;

    if (warnings == NULL) {
        return NULL;
    }
    /* two arguments for a filter, which is a character at least */
    arguments = calloc(2 * strlen(warnings) + ARGUMENTS, sizeof(char *));
    if (arguments == NULL) {
        free(warnings);
        return NULL;
    }
    arguments[0] = (char *)spec->interpreter; /* virtual environments are found by it */
    n += add_flags(spec, warnings, arguments + 1);
    arguments[n++] = boot_path;
    arguments[n++] = (char *)spec->engine;
    arguments[n++] = (char *)spec->package_dir;
    arguments[n] = NULL;
    return arguments;
}

static _Noreturn void
run_python(const struct cask_group_spec *spec, char *boot_path)
{
    char **arguments = command_line(spec, boot_path);

    if (arguments == NULL) {
        spawn_failed(ENOMEM, "preparing the start");
    }
    (void)execv(spec->interpreter, arguments);
    spawn_failed(errno, spec->interpreter);
}

static _Noreturn void
exec_daemon(const struct cask_group_spec *spec)
{
    static const char boot[] = "/server/boot.py";
    struct cask_problem problem = {0};
    struct cask_cred *cred = calloc(1, sizeof(*cred));
    char path[PATH_SIZE];
    char *variables = NULL;
    const char *step = "";
    int error;

    if (cred == NULL || strlen(spec->package_dir) >= sizeof(path) - sizeof(boot)) {
        spawn_failed(ENOMEM, "preparing the start");
    }
    (void)snprintf(path, sizeof(path), "%s%s", spec->package_dir, boot);

    if (geteuid() == 0) {
        error = cask_cred_resolve(spec->uid, spec->gid, cred, &problem);
    } else {
        error = cask_cred_resolve(geteuid(), getegid(), cred, &problem);
    }
    if (error == 0 && spec->supplementary_groups != NULL) {
        error = cask_cred_set_groups(cred, spec->supplementary_groups, &problem);
    }
    if (error != 0) {
        spawn_failed(error, "looking up the user and its groups");
    }
    error = cask_environ_read_file(spec, &variables);
    if (error != 0) {
        spawn_failed(error, "reading the file of env-file=");
    }
    cask_confine_as_root(spec);
    error = cask_cred_apply(cred, &step); /* keeps (2) */
    if (error != 0) {
        spawn_failed(error, step);
    }
    if (spec->umask >= 0) {
        (void)umask((mode_t)spec->umask);
    }
    enter_home(spec, cred);
    error = cask_environ_set(spec, cred, variables);
    if (error != 0) {
        spawn_failed(error, "setting the environment");
    }
    error = cask_confine_as_user(spec, &step);
    if (error != 0) {
        spawn_failed(error, step);
    }

    run_python(spec, path);
}

int
cask_spawn_daemon(const struct cask_group_spec *spec, int channel_fd, int log_fd, pid_t *ret_pid,
                  struct cask_problem *reterr_problem)
{
    pid_t pid = fork_clean();

    if (pid < 0) {
        return cask_problem_set(reterr_problem, errno, 421, "group '%s': cannot fork", spec->name);
    }
    if (pid == 0) {
        arrange_descriptors(channel_fd, log_fd);
        exec_daemon(spec);
    }
    *ret_pid = pid;
    return 0;
}
