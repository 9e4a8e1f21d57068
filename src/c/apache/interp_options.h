/* SPDX-License-Identifier: Apache-2.0 */
/* apache/interp_options.h - <WSGIInterpreterOptions>: values for some interpreters only. */
#ifndef CASK_APACHE_INTERP_OPTIONS_H
#define CASK_APACHE_INTERP_OPTIONS_H

#include <httpd.h>
#include <http_config.h>

/* Reads a section into a layer of the main record; NULL or the whole error. */
const char *cask_interp_options_section(cmd_parms *cmd, void *dir, const char *line);

#endif
