/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/apache/test_access.c - could another user read this? */
#include "apache/access.h"
#include "platform/cred.h"

#include <apr_general.h>
#include <apr_pools.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

/* Nobody has these ids. */
static struct cask_cred stranger = {.uid = 64999, .gid = 64999, .name = "stranger"};

static char folder[64];
static char inner[96];
static char file[128];
static char link_path[128];

static void
set_up(void)
{
    int fd;

    (void)snprintf(folder, sizeof(folder), "/tmp/cask-access-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    CHECK_INT(chmod(folder, 0755), 0);
    (void)snprintf(inner, sizeof(inner), "%s/inner", folder);
    CHECK_INT(mkdir(inner, 0755), 0);
    (void)snprintf(file, sizeof(file), "%s/file", inner);
    fd = open(file, O_CREAT | O_WRONLY, 0644);
    CHECK(fd >= 0);
    CHECK_INT(fchmod(fd, 0644), 0);
    CHECK_INT(close(fd), 0);
    (void)snprintf(link_path, sizeof(link_path), "%s/link", folder);
    CHECK_INT(symlink("inner/file", link_path), 0);
}

static void
tear_down(void)
{
    CHECK_INT(unlink(link_path), 0);
    CHECK_INT(unlink(file), 0);
    CHECK_INT(rmdir(inner), 0);
    CHECK_INT(rmdir(folder), 0);
}

static bool
says(const char *obstacle, const char *verb, const char *path)
{
    char text[256];

    (void)snprintf(text, sizeof(text), "user 'stranger' may not %s '%s'", verb, path);
    return obstacle != NULL && strncmp(obstacle, text, strlen(text)) == 0;
}

static void
test_obstacles(void)
{
    apr_pool_t *pool = NULL;

    CHECK_INT(apr_initialize(), 0);
    CHECK_INT(apr_pool_create(&pool, NULL), 0);
    set_up();
    CHECK(cask_access_obstacle(&stranger, file, CASK_ACCESS_READ, pool) == NULL);
    CHECK(cask_access_obstacle(&stranger, inner, CASK_ACCESS_SEARCH, pool) == NULL);
    CHECK(says(cask_access_obstacle(&stranger, file, CASK_ACCESS_RUN, pool), "run", file));

    CHECK_INT(chmod(inner, 0700), 0);
    CHECK(says(cask_access_obstacle(&stranger, file, CASK_ACCESS_READ, pool), "enter", inner));
    /* the link itself can be reached, what it leads to cannot */
    CHECK(says(cask_access_obstacle(&stranger, link_path, CASK_ACCESS_READ, pool), "enter", inner));
    CHECK(says(cask_access_obstacle(&stranger, inner, CASK_ACCESS_SEARCH, pool), "enter", inner));

    CHECK_INT(chmod(inner, 0755), 0);
    CHECK_INT(chmod(file, 0640), 0);
    CHECK(says(cask_access_obstacle(&stranger, file, CASK_ACCESS_READ, pool), "read", file));
    stranger.groups[0] = getegid();
    stranger.n_groups = 1;
    CHECK(cask_access_obstacle(&stranger, file, CASK_ACCESS_READ, pool) == NULL);
    stranger.n_groups = 0;

    /* missing files are somebody else's business */
    CHECK(cask_access_obstacle(&stranger, "/nonexistent/x", CASK_ACCESS_READ, pool) == NULL);
    tear_down();
    apr_pool_destroy(pool);
}

const struct unit_test unit_tests[] = {
    {"obstacles are named", test_obstacles, 0},
    {0},
};
