/* SPDX-License-Identifier: Apache-2.0 */
/* proc/confine.h - what a daemon may use and do: priority, limits, privileges.
 *
 * For the child between fork and exec. What cannot be set is a warning, not the end of the group:
 * the same configuration runs on machines with other limits and without root. An exception is
 * no-new-privileges: whoever asks for it relies on it.
 */
#ifndef CASK_PROC_CONFINE_H
#define CASK_PROC_CONFINE_H

struct cask_group_spec;

/* While still root: cpu-priority, open-files-limit. */
void cask_confine_as_root(const struct cask_group_spec *spec);
/* As the group's user, right before exec: memory and processor limits, no-new-privileges. 0 or
 * errno of the last one; *ret_step names it. */
int cask_confine_as_user(const struct cask_group_spec *spec, const char **ret_step);

/* A numbered line in the group's log, by way of the pipe that is the child's stderr already. */
void cask_confine_warn(unsigned number, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
