/* SPDX-License-Identifier: Apache-2.0 */
/* proc/loadlist.h - the applications that processes of a group have loaded: what the next
 * generation loads before it is READY. Bounded: the names come from requests.
 */
#ifndef CASK_PROC_LOADLIST_H
#define CASK_PROC_LOADLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "proc/spec.h"
#include "request/request.h"

#define CASK_LOADLIST_LIMIT 256
/* Bytes of the three names of one application; a path alone has at most PATH_MAX. */
#define CASK_LOADLIST_NAMES 8192

struct cask_loadlist;
struct cask_problem;

int cask_loadlist_new(struct cask_loadlist **ret_list, struct cask_problem *reterr_problem);
struct cask_loadlist *cask_loadlist_free(struct cask_loadlist *list);
/* Copies app into the list. False when it is there already, its names are too long, or there is no
 * room or memory. */
bool cask_loadlist_add(struct cask_loadlist *list, const struct cask_app *app);
/* The same with NUL-terminated names, and `proven`. */
bool cask_loadlist_add_row(struct cask_loadlist *list, const struct cask_spec_app *row);
/* Marks those as proven that are in the other list. */
void cask_loadlist_prove(struct cask_loadlist *list, const struct cask_loadlist *loaded);
/* In the order they were added; valid until the next add. */
const struct cask_spec_app *cask_loadlist_apps(const struct cask_loadlist *list, size_t *ret_count);

#endif
