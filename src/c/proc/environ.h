/* SPDX-License-Identifier: Apache-2.0 */
/* proc/environ.h - the environment of a daemon.
 *
 * For the child between fork and exec. Later ones count: httpd's own environment (unless
 * inherit-environment is Off), what the group's user and options stand for, env-file, environment.
 */
#ifndef CASK_PROC_ENVIRON_H
#define CASK_PROC_ENVIRON_H

struct cask_cred;
struct cask_group_spec;

/* While still root, so that the file may be root's alone: what env-file holds; NULL without. 0 or
 * errno. The caller frees *ret_text. */
int cask_environ_read_file(const struct cask_group_spec *spec, char **ret_text);
/* Sets the environment of the calling process. file: of cask_environ_read_file(). 0 or errno. */
int cask_environ_set(const struct cask_group_spec *spec, const struct cask_cred *cred,
                     const char *file);

#endif
