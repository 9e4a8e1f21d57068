/* SPDX-License-Identifier: Apache-2.0 */
/* platform/cred.c - users and groups: looking them up, becoming them.
 *
 * Owns:    nothing.
 * Threads: lookups any; apply between fork and exec.
 */
#include "platform/cred.h"

#include "platform/problem.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCRATCH_FIRST 1024u
#define SCRATCH_LIMIT (1024u * 1024u) /* a group with very many members */

/* "#number" as an id; false for anything else. */
static bool
parse_number(const char *text, uint32_t *ret_id)
{
    char *rest = NULL;
    unsigned long long value;

    if (text[0] != '#' || text[1] < '0' || text[1] > '9') {
        return false;
    }
    errno = 0;
    value = strtoull(text + 1, &rest, 10);
    if (errno != 0 || *rest != '\0' || value >= UINT32_MAX) { /* (uid_t)-1 means "unchanged" */
        return false;
    }
    *ret_id = (uint32_t)value;
    return true;
}

/* Looks a user up by name, or by uid when name is NULL. The strings of *ret_entry live in
 * *ret_scratch, which the caller frees. ENOENT when there is none. */
static int
find_user(const char *name, uid_t uid, struct passwd *ret_entry, char **ret_scratch)
{
    struct passwd *found = NULL;
    char *scratch = NULL;
    size_t size = SCRATCH_FIRST;
    int status = ERANGE;

    while (status == ERANGE && size <= SCRATCH_LIMIT) {
        char *larger = realloc(scratch, size);

        if (larger == NULL) {
            status = ENOMEM;
            break;
        }
        scratch = larger;
        do {
            status = name != NULL ? getpwnam_r(name, ret_entry, scratch, size, &found)
                                  : getpwuid_r(uid, ret_entry, scratch, size, &found);
        } while (status == EINTR);
        size *= 2;
    }
    if (found == NULL) {
        free(scratch);
        return status != 0 ? status : ENOENT;
    }
    *ret_scratch = scratch;
    return 0;
}

int
cask_cred_user(const char *text, uid_t *ret_uid, gid_t *ret_primary,
               struct cask_problem *reterr_problem)
{
    struct passwd entry;
    char *scratch = NULL;
    uint32_t number;
    bool numeric = parse_number(text, &number);
    int status = find_user(numeric ? NULL : text, numeric ? number : 0, &entry, &scratch);

    if (status != 0) {
        cask_problem_set(reterr_problem, status == ENOENT ? 0 : status, 320, "no user '%s'", text);
        if (reterr_problem != NULL) {
            reterr_problem->error = status;
        }
        return status;
    }
    *ret_uid = entry.pw_uid;
    *ret_primary = entry.pw_gid;
    free(scratch);
    return 0;
}

int
cask_cred_group(const char *text, gid_t *ret_gid, struct cask_problem *reterr_problem)
{
    struct group entry = {0};
    struct group *found = NULL;
    char *scratch = NULL;
    size_t size = SCRATCH_FIRST;
    uint32_t number;
    int status = ERANGE;

    if (parse_number(text, &number)) {
        *ret_gid = number;
        return 0;
    }
    while (status == ERANGE && size <= SCRATCH_LIMIT) {
        char *larger = realloc(scratch, size);

        if (larger == NULL) {
            status = ENOMEM;
            break;
        }
        scratch = larger;
        do {
            status = getgrnam_r(text, &entry, scratch, size, &found);
        } while (status == EINTR);
        size *= 2;
    }
    if (found != NULL) {
        *ret_gid = entry.gr_gid;
        status = 0;
    } else {
        if (status == 0) {
            status = ENOENT;
        }
        cask_problem_set(reterr_problem, status == ENOENT ? 0 : status, 321, "no group '%s'", text);
        if (reterr_problem != NULL) {
            reterr_problem->error = status;
        }
    }
    free(scratch);
    return status;
}

/* Copies text with its NUL; false when it does not fit. */
static bool
copy_text(char *out, size_t size, const char *text)
{
    size_t len = strlen(text);

    if (len >= size) {
        return false;
    }
    memcpy(out, text, len + 1);
    return true;
}

int
cask_cred_resolve(uid_t uid, gid_t gid, struct cask_cred *ret_cred,
                  struct cask_problem *reterr_problem)
{
    struct passwd entry;
    char *scratch = NULL;
    int n_groups = CASK_CRED_MAX_GROUPS;
    int status = find_user(NULL, uid, &entry, &scratch);

    if (status != 0 && status != ENOENT) {
        return cask_problem_set(reterr_problem, status, 322, "cannot look up user '#%lu'",
                                (unsigned long)uid);
    }
    if (status == ENOENT) { /* containers run with ids that have no entry */
        *ret_cred = (struct cask_cred){.uid = uid, .gid = gid, .groups = {gid}, .n_groups = 1};
        (void)snprintf(ret_cred->name, sizeof(ret_cred->name), "#%lu", (unsigned long)uid);
        (void)copy_text(ret_cred->home, sizeof(ret_cred->home), "/");
        return 0;
    }
    *ret_cred = (struct cask_cred){.uid = uid, .gid = gid};
    status = 0;
    if (!copy_text(ret_cred->name, sizeof(ret_cred->name), entry.pw_name)) {
        (void)snprintf(ret_cred->name, sizeof(ret_cred->name), "#%lu", (unsigned long)uid);
    }
    if (!copy_text(ret_cred->home, sizeof(ret_cred->home), entry.pw_dir)) {
        (void)copy_text(ret_cred->home, sizeof(ret_cred->home), "/");
    }
    if (getgrouplist(entry.pw_name, gid, ret_cred->groups, &n_groups) < 0) {
        status = cask_problem_set(reterr_problem, E2BIG, 322, "user '%s' is in more than %d groups",
                                  entry.pw_name, CASK_CRED_MAX_GROUPS);
    } else {
        ret_cred->n_groups = (size_t)n_groups;
    }
    free(scratch);
    return status;
}

int
cask_cred_set_groups(struct cask_cred *cred, const char *text, struct cask_problem *reterr_problem)
{
    char name[256];

    cred->groups[0] = cred->gid;
    cred->n_groups = 1;
    while (text != NULL) {
        const char *comma = strchr(text, ',');
        size_t len = comma != NULL ? (size_t)(comma - text) : strlen(text);
        int status;

        if (len >= sizeof(name) || cred->n_groups == CASK_CRED_MAX_GROUPS) {
            return cask_problem_set(reterr_problem, E2BIG, 322, "too many groups at '%s'", text);
        }
        memcpy(name, text, len);
        name[len] = '\0';
        status = cask_cred_group(name, &cred->groups[cred->n_groups], reterr_problem);
        if (status != 0) {
            return status;
        }
        cred->n_groups++;
        text = comma != NULL ? comma + 1 : NULL;
    }
    return 0;
}

int
cask_cred_apply(const struct cask_cred *cred, const char **ret_step)
{
    if (geteuid() != 0) {
        return 0;
    }
    *ret_step = "setgroups";
    if (setgroups(cred->n_groups, cred->groups) != 0) {
        return errno;
    }
    *ret_step = "setgid";
    if (setresgid(cred->gid, cred->gid, cred->gid) != 0) {
        return errno;
    }
    *ret_step = "setuid";
    if (setresuid(cred->uid, cred->uid, cred->uid) != 0) {
        return errno;
    }
    *ret_step = "giving up root";
    if (cred->uid != 0 && (setuid(0) == 0 || geteuid() == 0)) {
        return EPERM;
    }
    return 0;
}
