/* SPDX-License-Identifier: Apache-2.0 */
/* apache/script_owner.c - script-user= and script-group=: whose scripts a daemon group runs.
 *
 * Owns:    nothing.
 * Touches: the file system (looking only): the script's status is known, its directory's is not.
 * Threads: request threads.
 */
#include "apache/script_owner.h"

#include "apache/config.h"
#include "apache/logsink.h"

#include <apr_strings.h>

#include <string.h>
#include <sys/stat.h>

/* What is wrong with a file or directory of this owner and mode; NULL: nothing. */
static const char *
fault_of(const struct cask_config_group *group, uid_t uid, gid_t gid, bool group_writable,
         bool world_writable)
{
    if (group->spec.script_user != NULL && uid != group->script_uid) {
        return "does not belong to script-user";
    }
    if (group->spec.script_group != NULL && gid != group->script_gid) {
        return "does not belong to script-group";
    }
    if (group->spec.script_user != NULL && group_writable) {
        return "can be written by its group";
    }
    return world_writable ? "can be written by everybody" : NULL;
}

static int
refuse(request_rec *r, const struct cask_config_group *group, const char *path, const char *fault)
{
    cask_logsink_line(r, 119, "group '%s': '%s' %s", group->spec.name, path, fault);
    return HTTP_FORBIDDEN;
}

int
cask_script_owner_check(request_rec *r, const struct cask_config_group *group, const char *script,
                        const apr_finfo_t *status)
{
    const char *slash = strrchr(script, '/');
    const char *folder = apr_pstrmemdup(r->pool, script, (size_t)(slash - script));
    const char *fault =
        fault_of(group, status->user, status->group, (status->protection & APR_FPROT_GWRITE) != 0,
                 (status->protection & APR_FPROT_WWRITE) != 0);
    struct stat at;

    if (fault != NULL) {
        return refuse(r, group, script, fault);
    }
    folder = *folder != '\0' ? folder : "/";
    if (stat(folder, &at) != 0) {
        return refuse(r, group, folder, "cannot be looked at");
    }
    fault = fault_of(group, at.st_uid, at.st_gid, (at.st_mode & S_IWGRP) != 0,
                     (at.st_mode & S_IWOTH) != 0);
    return fault == NULL ? OK : refuse(r, group, folder, fault);
}
