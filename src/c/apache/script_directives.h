/* SPDX-License-Identifier: Apache-2.0 */
/* apache/script_directives.h - directives that name a script, with options behind it.
 *
 * Each is a parser of httpd's raw-arguments kind: NULL or the whole error. */
#ifndef CASK_APACHE_SCRIPT_DIRECTIVES_H
#define CASK_APACHE_SCRIPT_DIRECTIVES_H

#include <httpd.h>
#include <http_config.h>

const char *cask_script_directives_alias(cmd_parms *cmd, void *dir, const char *line);
const char *cask_script_directives_alias_match(cmd_parms *cmd, void *dir, const char *line);
const char *cask_script_directives_handler(cmd_parms *cmd, void *dir, const char *line);
const char *cask_script_directives_import(cmd_parms *cmd, void *dir, const char *line);
/* Rows SCRIPT: cmd->info is the offset of the field in struct cask_config_scope. */
const char *cask_script_directives_asked(cmd_parms *cmd, void *dir, const char *line);

#endif
