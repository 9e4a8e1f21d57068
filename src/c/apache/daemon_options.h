/* SPDX-License-Identifier: Apache-2.0 */
/* apache/daemon_options.h - options of WSGIDaemonProcess: text to struct cask_group_spec and back.
 */
#ifndef CASK_APACHE_DAEMON_OPTIONS_H
#define CASK_APACHE_DAEMON_OPTIONS_H

#include <httpd.h>
#include <http_config.h>

#include <stddef.h>

struct cask_group_spec;

/* Fills the spec with defaults; everything that is no option is zero. */
void cask_daemon_options_defaults(struct cask_group_spec *spec);
/* Reads "option=value …" up to the end of the line. NULL, or the whole message of an error that
 * begins with the name of the directive. Strings live in cmd->pool. */
const char *cask_daemon_options_parse(struct cask_group_spec *spec, const cmd_parms *cmd,
                                      const char *line);
/* Name and value, as written in a configuration, of row 0, 1, …; NULL after the last. The value is
 * "-" where nothing is set. */
const char *cask_daemon_options_text(const struct cask_group_spec *spec, size_t row,
                                     const char **ret_value, apr_pool_t *pool);

#endif
