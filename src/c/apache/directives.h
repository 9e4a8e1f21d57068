/* SPDX-License-Identifier: Apache-2.0 */
/* apache/directives.h - the directives httpd knows from us (rows of directives.def). */
#ifndef CASK_APACHE_DIRECTIVES_H
#define CASK_APACHE_DIRECTIVES_H

#include <httpd.h>
#include <http_config.h>

/* For the module record. */
extern const command_rec cask_directives_commands[];

#endif
