/* SPDX-License-Identifier: Apache-2.0 */
/* proc/loadlist.c - the applications that processes of a group have loaded.
 *
 * Owns:    copies of the names.
 * Touches: request/ (types), platform/problem.
 * Threads: one.
 */
#include "proc/loadlist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "platform/problem.h"

struct cask_loadlist {
    struct cask_spec_app apps[CASK_LOADLIST_LIMIT]; /* script owns the block of all three names */
    size_t n_apps;
};

int
cask_loadlist_new(struct cask_loadlist **ret_list, struct cask_problem *reterr_problem)
{
    struct cask_loadlist *list = calloc(1, sizeof(*list));

    if (list == NULL) {
        return cask_problem_set(reterr_problem, ENOMEM, 402, "list of loaded applications");
    }
    *ret_list = list;
    return 0;
}

struct cask_loadlist *
cask_loadlist_free(struct cask_loadlist *list)
{
    if (list != NULL) {
        for (size_t i = 0; i < list->n_apps; i++) {
            free((char *)list->apps[i].script);
        }
        free(list);
    }
    return NULL;
}

static bool
same(const char *text, const struct cask_str *str)
{
    return strlen(text) == str->len && (str->len == 0 || memcmp(text, str->data, str->len) == 0);
}

static char *
append(char *at, const struct cask_str *str)
{
    if (str->len > 0) {
        memcpy(at, str->data, str->len);
    }
    at[str->len] = '\0';
    return at + str->len + 1;
}

bool
cask_loadlist_add(struct cask_loadlist *list, const struct cask_app *app)
{
    struct cask_spec_app *added;
    char *block;

    if ((uint64_t)app->script.len + app->callable.len + app->application_group.len >
        CASK_LOADLIST_NAMES) {
        return false;
    }
    for (size_t i = 0; i < list->n_apps; i++) {
        if (same(list->apps[i].script, &app->script) &&
            same(list->apps[i].callable, &app->callable) &&
            same(list->apps[i].application_group, &app->application_group)) {
            return false;
        }
    }
    if (list->n_apps == CASK_LOADLIST_LIMIT) {
        return false;
    }
    block = malloc((size_t)app->script.len + app->callable.len + app->application_group.len + 3);
    if (block == NULL) {
        return false;
    }
    added = &list->apps[list->n_apps++];
    added->proven = false;
    added->script = block;
    added->callable = append(block, &app->script);
    added->application_group = append((char *)added->callable, &app->callable);
    (void)append((char *)added->application_group, &app->application_group);
    return true;
}

bool
cask_loadlist_add_row(struct cask_loadlist *list, const struct cask_spec_app *row)
{
    const struct cask_app app = {
        .script = {row->script, (uint32_t)strlen(row->script)},
        .callable = {row->callable, (uint32_t)strlen(row->callable)},
        .application_group = {row->application_group, (uint32_t)strlen(row->application_group)},
    };

    if (!cask_loadlist_add(list, &app)) {
        return false;
    }
    list->apps[list->n_apps - 1].proven = row->proven;
    return true;
}

static bool
same_rows(const struct cask_spec_app *a, const struct cask_spec_app *b)
{
    return strcmp(a->script, b->script) == 0 && strcmp(a->callable, b->callable) == 0 &&
           strcmp(a->application_group, b->application_group) == 0;
}

void
cask_loadlist_prove(struct cask_loadlist *list, const struct cask_loadlist *loaded)
{
    for (size_t i = 0; i < list->n_apps; i++) {
        for (size_t j = 0; j < loaded->n_apps && !list->apps[i].proven; j++) {
            list->apps[i].proven = same_rows(&list->apps[i], &loaded->apps[j]);
        }
    }
}

const struct cask_spec_app *
cask_loadlist_apps(const struct cask_loadlist *list, size_t *ret_count)
{
    *ret_count = list->n_apps;
    return list->apps;
}
