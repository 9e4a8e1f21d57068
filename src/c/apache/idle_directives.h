/* SPDX-License-Identifier: Apache-2.0 */
/* apache/idle_directives.h - directives, and options of WSGIDaemonProcess, that are accepted
 * without effect (rows IDLE). */
#ifndef CASK_APACHE_IDLE_DIRECTIVES_H
#define CASK_APACHE_IDLE_DIRECTIVES_H

#include <httpd.h>
#include <http_config.h>

#include <stdbool.h>

/* Checks the value and remembers the line, to be told once; NULL or the whole error. cmd->info is
 * the number of the row. */
const char *cask_idle_directives_parse(cmd_parms *cmd, void *dir, const char *line);

/* The same for an option of a daemon group. False: there is no such option. *ret_wrong is NULL, or
 * what is allowed instead. */
bool cask_idle_directives_option(const cmd_parms *cmd, const char *name, const char *value,
                                 const char **ret_wrong);

/* Numbers of the rows, for cmd->info. */
enum cask_idle_directives_row {
#define CASK_DIRECTIVE_IDLE(name, where, kind, number, syntax, help) CASK_IDLE_##name,
#include "apache/directives.def"
};

#endif
