/* SPDX-License-Identifier: Apache-2.0 */
/* apache/restrict.h - may a request run where its names lead it? */
#ifndef CASK_APACHE_RESTRICT_H
#define CASK_APACHE_RESTRICT_H

#include <httpd.h>

struct cask_config_main;
struct cask_config_scope;

/* WSGIRestrictProcess, WSGIRestrictEmbedded, and settings of the interpreter that cannot be obeyed.
 * Groups are resolved names, "" for embedded mode and the main interpreter. OK, or an HTTP status
 * with the line already logged. */
int cask_restrict_check(request_rec *r, const struct cask_config_scope *scope,
                        const char *process_group, const char *application_group);
/* Part of cask_resolve_config(): does any setting ask for what cannot be obeyed? */
void cask_restrict_resolve(struct cask_config_main *main_config);

#endif
