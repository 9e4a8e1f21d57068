/* SPDX-License-Identifier: Apache-2.0 */
/* apache/script_owner.h - script-user= and script-group=: whose scripts a daemon group runs. */
#ifndef CASK_APACHE_SCRIPT_OWNER_H
#define CASK_APACHE_SCRIPT_OWNER_H

#include <httpd.h>

struct cask_config_group;

/* Does the script belong to whom the group's options name, and is it safe from others? OK, or
 * HTTP_FORBIDDEN with the line logged. status: of the script. */
int cask_script_owner_check(request_rec *r, const struct cask_config_group *group,
                            const char *script, const apr_finfo_t *status);

#endif
