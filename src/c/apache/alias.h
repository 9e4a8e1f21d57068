/* SPDX-License-Identifier: Apache-2.0 */
/* apache/alias.h - WSGIScriptAlias and WSGIScriptAliasMatch: from a URL to a script. */
#ifndef CASK_APACHE_ALIAS_H
#define CASK_APACHE_ALIAS_H

#include <httpd.h>

#include <stdbool.h>

struct cask_config_scope;

/* Name of httpd's handler for WSGI scripts. */
#define CASK_ALIAS_HANDLER "wsgi-script"

/* translate_name hook: the first alias that matches gives file name, handler and options. */
int cask_alias_translate(request_rec *r);
/* fixups hook, right after core's: what SetHandler and AddHandler say about a file does not take
 * the requests of an alias that names this very file. */
int cask_alias_fixup(request_rec *r);

/* An alias has led the request to its file. */
bool cask_alias_led_here(const request_rec *r);
/* Values of that alias beat those of directory and server. */
void cask_alias_apply(const request_rec *r, struct cask_config_scope *scope);

#endif
