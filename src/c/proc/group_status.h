/* SPDX-License-Identifier: Apache-2.0 */
/* proc/group_status.h - what `mod-cask status` shows of a daemon group. */
#ifndef CASK_PROC_GROUP_STATUS_H
#define CASK_PROC_GROUP_STATUS_H

struct cask_group;
struct cask_json;

/* One object: settings, state, counts, generations with their processes and running requests.
 * docs/guide/control.md says who asks. */
void cask_group_status_write(const struct cask_group *group, struct cask_json *json);

#endif
