/* SPDX-License-Identifier: Apache-2.0 */
/* platform/cred.h - users and groups: looking them up, becoming them.
 *
 * Lookups use the reentrant getpw/getgr calls; everything is resolved before fork,
 * cask_cred_apply() only makes system calls.
 */
#ifndef CASK_PLATFORM_CRED_H
#define CASK_PLATFORM_CRED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct cask_problem;

#define CASK_CRED_MAX_GROUPS 256

struct cask_cred {
    uid_t uid;
    gid_t gid;
    gid_t groups[CASK_CRED_MAX_GROUPS]; /* supplementary */
    size_t n_groups;
    char name[64];   /* login name, or "#uid" without a passwd entry */
    char home[4096]; /* from passwd; "/" without an entry */
};

/* text: a name or "#number". ENOENT with a problem naming the text when there is no such user or
 * group. */
int cask_cred_user(const char *text, uid_t *ret_uid, gid_t *ret_primary,
                   struct cask_problem *reterr_problem);
int cask_cred_group(const char *text, gid_t *ret_gid, struct cask_problem *reterr_problem);
/* Fills cred for uid and gid: name, home, and the groups of initgroups(3). */
int cask_cred_resolve(uid_t uid, gid_t gid, struct cask_cred *ret_cred,
                      struct cask_problem *reterr_problem);
/* Replaces the supplementary groups by cred's own group and those named in text ("a,#12,b"). ENOENT
 * naming the one there is not; E2BIG. */
int cask_cred_set_groups(struct cask_cred *cred, const char *text,
                         struct cask_problem *reterr_problem);
/* setgroups, setgid, setuid, and a check that they cannot be taken back. No-op when this process is
 * not root. Async-signal-safe. Returns errno; *ret_step names the call that failed. */
int cask_cred_apply(const struct cask_cred *cred, const char **ret_step);

#endif
