/* SPDX-License-Identifier: Apache-2.0 */
/* apache/group_directive.h - WSGIDaemonProcess. */
#ifndef CASK_APACHE_GROUP_DIRECTIVE_H
#define CASK_APACHE_GROUP_DIRECTIVE_H

#include <httpd.h>
#include <http_config.h>

/* Defines a daemon group; NULL or the whole error. */
const char *cask_group_directive_parse(cmd_parms *cmd, void *dir, const char *line);

#endif
