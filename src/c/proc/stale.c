/* SPDX-License-Identifier: Apache-2.0 */
/* proc/stale.c - a small queue of script paths from serving threads to the main thread.
 *
 * Owns:    the paths waiting, an eventfd.
 * Touches: request/ (types), platform/.
 * Threads: cask_stale_add() from any, the rest from the daemon's main thread.
 */
#include "proc/stale.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "platform/net.h"
#include "platform/problem.h"

#define STALE_LIMIT 16

struct cask_stale {
    pthread_mutex_t lock;
    char *paths[STALE_LIMIT]; /* [lock:lock] oldest first */
    size_t n_paths;           /* [lock:lock] */
    int event_fd;             /* [init] */
};

int
cask_stale_new(struct cask_stale **ret_stale, struct cask_problem *reterr_problem)
{
    struct cask_stale *stale = calloc(1, sizeof(*stale));

    if (stale == NULL) {
        return cask_problem_set(reterr_problem, ENOMEM, 405, "cannot watch for changed scripts");
    }
    (void)pthread_mutex_init(&stale->lock, NULL);
    stale->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stale->event_fd < 0) {
        int error = errno;

        cask_stale_free(stale);
        return cask_problem_set(reterr_problem, error, 405, "cannot watch for changed scripts");
    }
    *ret_stale = stale;
    return 0;
}

struct cask_stale *
cask_stale_free(struct cask_stale *stale)
{
    if (stale != NULL) {
        for (size_t i = 0; i < stale->n_paths; i++) {
            free(stale->paths[i]);
        }
        cask_net_close(&stale->event_fd);
        (void)pthread_mutex_destroy(&stale->lock);
        free(stale);
    }
    return NULL;
}

/* With the lock held. */
static bool
is_waiting(const struct cask_stale *stale, const struct cask_str *script)
{
    for (size_t i = 0; i < stale->n_paths; i++) {
        if (strlen(stale->paths[i]) == script->len &&
            memcmp(stale->paths[i], script->data, script->len) == 0) {
            return true;
        }
    }
    return false;
}

void
cask_stale_add(void *context, const struct cask_app *app)
{
    struct cask_stale *stale = context;
    const uint64_t one = 1;
    char *path;

    if (app->script.len == 0 || app->script.len >= CASK_STALE_PATH_SIZE ||
        memchr(app->script.data, '\0', app->script.len) != NULL) {
        return;
    }
    path = strndup(app->script.data, app->script.len);
    if (path == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&stale->lock);
    if (stale->n_paths < STALE_LIMIT && !is_waiting(stale, &app->script)) {
        stale->paths[stale->n_paths++] = path;
        path = NULL;
    }
    (void)pthread_mutex_unlock(&stale->lock);
    free(path);
    if (write(stale->event_fd, &one, sizeof(one)) < 0) {
        return; /* the counter is full: it is readable anyway */
    }
}

int
cask_stale_fd(const struct cask_stale *stale)
{
    return stale->event_fd;
}

bool
cask_stale_take(struct cask_stale *stale, char ret_path[CASK_STALE_PATH_SIZE])
{
    uint64_t count;
    char *path = NULL;

    (void)pthread_mutex_lock(&stale->lock);
    if (stale->n_paths > 0) {
        path = stale->paths[0];
        stale->n_paths--;
        memmove(stale->paths, stale->paths + 1, stale->n_paths * sizeof(stale->paths[0]));
    }
    if (stale->n_paths == 0 && read(stale->event_fd, &count, sizeof(count)) < 0) {
        count = 0; /* it was empty already */
    }
    (void)pthread_mutex_unlock(&stale->lock);
    if (path == NULL) {
        return false;
    }
    memcpy(ret_path, path, strlen(path) + 1);
    free(path);
    return true;
}
