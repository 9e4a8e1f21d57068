/* SPDX-License-Identifier: Apache-2.0 */
/* apache/retained.c - what httpd's parent keeps over restarts.
 *
 * Owns:    the descriptors and names in struct cask_retained; the record itself belongs to httpd's
 *          process pool.
 * Touches: metrics/board, platform/net; files at WSGISocketPrefix.
 * Threads: httpd's parent, single-threaded; cask_retained_child() a child before it has threads.
 * Invariants:
 *   (1) a name once given to a socket is never given again: children of an older configuration may
 *       still dial it;
 *   (2) socket files are removed by the process that made them, or by the supervisor.
 */
#include "apache/retained.h"

#include "metrics/board.h"
#include "platform/net.h"
#include "platform/problem.h"

#include <httpd.h>
#include <http_config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* The number changes with the layout of the structs: a module of another layout starts afresh. */
#define RETAINED_KEY "mod_cask/1"

/* Rows: one generation serves, one starts, four drain; one process more while one is replaced; and
 * rows of dead processes are free again only when the last claim on them is. */
#define ROWS_PER_PROCESS 8u
#define ROWS_MORE        8u

struct cask_retained *
cask_retained_find(void)
{
    return ap_retained_data_get(RETAINED_KEY);
}

struct cask_retained *
cask_retained_get(void)
{
    struct cask_retained *retained = cask_retained_find();

    if (retained == NULL) {
        retained = ap_retained_data_create(RETAINED_KEY, sizeof(*retained));
        *retained = (struct cask_retained){.parent = getpid(),
                                           .supervisor = {.pid = 0, .channel = -1},
                                           .watch_fd = -1,
                                           .hold_fd = -1,
                                           .children_fd = -1,
                                           .next_serial = 1};
    }
    return retained;
}

static void
group_free(struct cask_retained_group *group)
{
    cask_net_close(&group->listen_fd);
    cask_net_close(&group->board_fd);
    free(group->name);
    free(group->path);
    free(group);
}

/* Takes a group out of the list. */
static void
drop(struct cask_retained *retained, struct cask_retained_group *group)
{
    struct cask_retained_group **at = &retained->groups;

    while (*at != NULL && *at != group) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = group->next;
    }
    group_free(group);
}

void
cask_retained_begin(struct cask_retained *retained)
{
    for (struct cask_retained_group *group = retained->groups; group != NULL; group = group->next) {
        group->used = false;
    }
}

static uint32_t
rows_for(const struct cask_group_spec *spec)
{
    return (uint32_t)spec->processes * ROWS_PER_PROCESS + ROWS_MORE;
}

/* prefix.pid.serial.sock */
static bool
is_named_after(const struct cask_retained_group *group, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(group->path, prefix, len) == 0 && group->path[len] == '.' &&
           strchr(group->path + len, '/') == NULL;
}

static bool
still_fits(const struct cask_retained_group *group, const struct cask_group_spec *spec,
           const char *prefix, uint32_t children)
{
    struct stat status;

    return is_named_after(group, prefix) && group->owner == spec->httpd_uid &&
           group->rows >= rows_for(spec) && group->children >= children &&
           lstat(group->path, &status) == 0 && S_ISSOCK(status.st_mode) &&
           status.st_dev == group->device && status.st_ino == group->inode;
}

static int
make_secret(struct cask_retained_group *group, struct cask_problem *reterr_problem)
{
    ssize_t got;

    do {
        got = getrandom(group->secret, sizeof(group->secret), 0);
    } while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof(group->secret)) {
        return cask_problem_set(reterr_problem, got < 0 ? errno : EIO, 413,
                                "group '%s': no random secret", group->name);
    }
    return 0;
}

static int
open_socket(struct cask_retained_group *group, const struct cask_group_spec *spec,
            struct cask_problem *reterr_problem)
{
    struct stat status;
    int error = cask_net_listen(group->path, spec->listen_backlog, spec->httpd_uid,
                                &group->listen_fd, reterr_problem);

    if (error == 0 && lstat(group->path, &status) == 0) {
        group->device = status.st_dev;
        group->inode = status.st_ino;
    }
    return error;
}

static int
group_new(struct cask_retained *retained, const struct cask_group_spec *spec, const char *prefix,
          uint32_t children, struct cask_retained_group **ret_group,
          struct cask_problem *reterr_problem)
{
    struct cask_retained_group *group = calloc(1, sizeof(*group));
    struct cask_board_size size = {.rows = rows_for(spec), .children = children};
    int error;

    if (group == NULL) {
        return cask_problem_set(reterr_problem, ENOMEM, 413, "group '%s'", spec->name);
    }
    group->listen_fd = -1;
    group->board_fd = -1;
    group->owner = spec->httpd_uid;
    group->rows = size.rows;
    group->children = size.children;
    group->name = strdup(spec->name);
    if (group->name == NULL || asprintf(&group->path, "%s.%ld.%u.sock", prefix, (long)getpid(),
                                        (unsigned)retained->next_serial) < 0) {
        group->path = NULL;
        error = cask_problem_set(reterr_problem, ENOMEM, 413, "group '%s'", spec->name);
        goto failed;
    }
    retained->next_serial++; /* keeps (1) */
    error = make_secret(group, reterr_problem);
    if (error == 0) {
        error = cask_board_create(&size, &group->board_fd, reterr_problem);
    }
    if (error == 0) {
        error = open_socket(group, spec, reterr_problem);
    }
    if (error != 0) {
        goto failed;
    }
    group->next = retained->groups;
    retained->groups = group;
    *ret_group = group;
    return 0;

failed:
    group_free(group);
    return error;
}

int
cask_retained_group(struct cask_retained *retained, const struct cask_group_spec *spec,
                    const char *prefix, uint32_t children, struct cask_retained_group **ret_group,
                    struct cask_problem *reterr_problem)
{
    struct cask_retained_group *group = retained->groups;
    int error = 0;

    while (group != NULL && (group->used || strcmp(group->name, spec->name) != 0)) {
        group = group->next;
    }
    if (group != NULL && still_fits(group, spec, prefix, children)) {
        (void)listen(group->listen_fd, spec->listen_backlog); /* it may have been changed */
    } else {
        error = group_new(retained, spec, prefix, children, &group, reterr_problem);
    }
    if (error == 0) {
        group->used = true;
        *ret_group = group;
    }
    return error;
}

void
cask_retained_end(struct cask_retained *retained)
{
    struct cask_retained_group *group = retained->groups;

    while (group != NULL) {
        struct cask_retained_group *next = group->next;

        if (!group->used) {
            drop(retained, group); /* its file is the supervisor's to remove, when it is not used */
        }
        group = next;
    }
}

void
cask_retained_done(struct cask_retained *retained)
{
    while (retained->groups != NULL) {
        (void)unlink(retained->groups->path); /* keeps (2) */
        drop(retained, retained->groups);
    }
    cask_net_close(&retained->watch_fd);
    cask_net_close(&retained->hold_fd);
    cask_net_close(&retained->children_fd);
}

void
cask_retained_child(struct cask_retained *retained)
{
    cask_net_close(&retained->supervisor.channel);
    cask_net_close(&retained->watch_fd);
    cask_net_close(&retained->hold_fd);
    for (struct cask_retained_group *group = retained->groups; group != NULL; group = group->next) {
        cask_net_close(&group->listen_fd);
    }
}
