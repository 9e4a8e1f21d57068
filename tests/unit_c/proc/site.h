/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/proc/site.h - httpd's parent with one group and a supervisor, for test_supervisor.c: set
 * it up, look at its board and log, wait for what must come, take it down.
 */
#ifndef CASK_UNIT_PROC_SITE_H
#define CASK_UNIT_PROC_SITE_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metrics/board.h"
#include "platform/clock.h"
#include "platform/log.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "proc/lifeline.h"
#include "proc/supervisor.h"
#include "unit.h"

#define PATIENCE_US (20 * CASK_CLOCK_SECOND)

/* httpd's parent with one group. */
struct site {
    char folder[64];
    char script[4096];
    char socket_path[128];
    char log_path[128];
    struct cask_group_spec spec;
    struct cask_supervisor_handle handle;
    struct cask_board *board;
    int listen_fd;
    int board_fd;
    int log_fd;
    int watch_fd;
    int hold_fd;
    int children_fd; /* the end httpd children hold */
};

static void
write_file(const struct site *site, const char *name, const char *text)
{
    char path[256];
    char other[256];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", site->folder, name);
    (void)snprintf(other, sizeof(other), "%s/.%s", site->folder, name);
    file = fopen(other, "w");
    CHECK(file != NULL);
    (void)fputs(text, file);
    CHECK_INT(fclose(file), 0);
    CHECK_INT(rename(other, path), 0);
}

static void
configure(struct site *site, size_t n_groups)
{
    const struct cask_supervisor_group group = {.spec = &site->spec,
                                                .listen_fd = site->listen_fd,
                                                .board_fd = site->board_fd,
                                                .error_log_fd = site->log_fd};
    int ends[2];

    CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
    cask_net_close(&site->children_fd);
    site->children_fd = ends[1];
    CHECK_INT(cask_supervisor_configure(&site->handle, &group, n_groups, ends[0], site->log_fd,
                                        NULL, NULL),
              0);
    cask_net_close(&ends[0]);
}

static void
start_supervisor(struct site *site)
{
    CHECK_INT(
        cask_supervisor_start(&site->handle, site->watch_fd, site->log_fd, CASK_LOG_DEBUG, NULL),
        0);
}

static void
site_open(struct site *site, const char *mode)
{
    const struct cask_board_size size = {.rows = 32, .children = 4};

    /* Orphans come to us, not to a stranger who may not look after them. */
    CHECK_INT(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    memset(site, 0, sizeof(*site));
    site->children_fd = -1;
    (void)snprintf(site->folder, sizeof(site->folder), "/tmp/cask-unit-XXXXXX");
    CHECK(mkdtemp(site->folder) != NULL);
    (void)snprintf(site->socket_path, sizeof(site->socket_path), "%s/s", site->folder);
    (void)snprintf(site->log_path, sizeof(site->log_path), "%s/log", site->folder);
    CHECK(realpath("tests/unit_c/proc/fake_python.py", site->script) != NULL);
    write_file(site, "mode", mode);
    write_file(site, "id", "1");
    site->log_fd = open(site->log_path, O_CREAT | O_APPEND | O_RDWR | O_CLOEXEC, 0600);
    CHECK(site->log_fd >= 0);
    CHECK_INT(cask_board_create(&size, &site->board_fd, NULL), 0);
    CHECK_INT(cask_board_map(site->board_fd, true, &site->board, NULL), 0);
    CHECK_INT(cask_net_listen(site->socket_path, 5, geteuid(), &site->listen_fd, NULL), 0);
    CHECK_INT(cask_lifeline_open(&site->watch_fd, &site->hold_fd, NULL), 0);
    site->spec = (struct cask_group_spec){
        .name = "blog",
        .id = 1,
        .uid = geteuid(),
        .gid = getegid(),
        .httpd_uid = geteuid(),
        .umask = -1,
        .home = "/",
        .interpreter = site->script,
        .engine = "engine",
        .package_dir = site->folder,
        .processes = 1,
        .threads = 2,
        .shutdown_timeout_us = CASK_CLOCK_SECOND,
        .graceful_timeout_us = CASK_CLOCK_SECOND,
        .graceful_timeout_given = true,
        .socket_path = site->socket_path,
        .log_level = CASK_LOG_INFO,
    };
    start_supervisor(site);
}

static void
site_remove(struct site *site)
{
    static const char *const names[] = {"mode", "id", "log", "s"};

    site->board = cask_board_free(site->board);
    cask_net_close(&site->listen_fd);
    cask_net_close(&site->board_fd);
    cask_net_close(&site->log_fd);
    cask_net_close(&site->watch_fd);
    cask_net_close(&site->hold_fd);
    cask_net_close(&site->children_fd);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[256];

        (void)snprintf(path, sizeof(path), "%s/%s", site->folder, names[i]);
        (void)unlink(path);
    }
    CHECK_INT(rmdir(site->folder), 0);
}

static void
site_close(struct site *site)
{
    cask_supervisor_stop(&site->handle, 5 * CASK_CLOCK_SECOND);
    CHECK_INT(site->handle.pid, 0);
    site_remove(site);
}

/* Waits until `what` holds, looking every millisecond. */
static void
wait_until(const struct site *site, bool (*holds)(const struct site *, long), long value,
           const char *what)
{
    int64_t deadline_us = cask_clock_deadline(PATIENCE_US);

    while (!holds(site, value)) {
        if (cask_clock_mono_us() > deadline_us) {
            char text[8192] = {0};
            ssize_t len = pread(site->log_fd, text, sizeof(text) - 1, 0);

            unit_failed(__FILE__, __LINE__, "waited in vain for: %s (%ld)\n%s", what, value,
                        len > 0 ? text : "");
        }
        (void)poll(NULL, 0, 1);
    }
}
#define WAIT_UNTIL(site, holds, value) wait_until(site, holds, value, #holds)

static uint32_t
rows_in_state(const struct site *site, enum cask_row_state state)
{
    uint32_t n = 0;

    for (uint32_t row = 0; row < cask_board_size(site->board).rows; row++) {
        n += cask_board_row_state(site->board, row) == state;
    }
    return n;
}

static bool
serves_generation(const struct site *site, long generation)
{
    return cask_board_serving(site->board) == (uint32_t)generation &&
           cask_board_group(site->board) == CASK_GROUP_SERVING;
}

static bool
has_ready_rows(const struct site *site, long count)
{
    return rows_in_state(site, CASK_ROW_READY) == (uint32_t)count;
}

/* Nothing but `count` READY rows: nobody starts or drains any more. */
static bool
is_settled(const struct site *site, long count)
{
    return has_ready_rows(site, count) && rows_in_state(site, CASK_ROW_STARTING) == 0 &&
           rows_in_state(site, CASK_ROW_DRAINING) == 0;
}

static bool
is_in_state(const struct site *site, long state)
{
    return cask_board_group(site->board) == (enum cask_group_state)state;
}

static pid_t
ready_pid(const struct site *site)
{
    for (uint32_t row = 0; row < cask_board_size(site->board).rows; row++) {
        if (cask_board_row_state(site->board, row) == CASK_ROW_READY) {
            return cask_board_row_pid(site->board, row);
        }
    }
    unit_failed(__FILE__, __LINE__, "nobody is ready");
}

static bool
other_pid_is_ready(const struct site *site, long pid)
{
    return is_settled(site, 1) && ready_pid(site) != (pid_t)pid;
}

static bool
is_gone(const struct site *site, long pid)
{
    (void)site;
    (void)waitpid((pid_t)pid, NULL, WNOHANG); /* an orphan has become ours */
    return kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

/* Lines of the log that contain the text. */
static int
count_log(const struct site *site, const char *text)
{
    static char content[256 * 1024];
    ssize_t len = pread(site->log_fd, content, sizeof(content) - 1, 0);
    int n = 0;

    CHECK(len >= 0);
    content[len] = '\0';
    for (const char *at = strstr(content, text); at != NULL; at = strstr(at + 1, text)) {
        n++;
    }
    return n;
}

static const char *awaited_line;

static bool
log_has(const struct site *site, long count)
{
    return count_log(site, awaited_line) >= count;
}

static void
wait_for_log(const struct site *site, const char *text, long count)
{
    awaited_line = text;
    wait_until(site, log_has, count, text);
}

#endif
