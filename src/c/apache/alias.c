/* SPDX-License-Identifier: Apache-2.0 */
/* apache/alias.c - WSGIScriptAlias and WSGIScriptAliasMatch: from a URL to a script.
 *
 * The options of the alias that matched travel as notes of the request: they survive httpd's own
 * redirects (DirectoryIndex), which request_config does not, and can be logged.
 *
 * Who wins when a request of an alias also has another handler: what <Location> and <If> say about
 * the URL (SetHandler server-status), and a RewriteRule with [H=], are meant and win. What is said
 * about the file - AddHandler by its extension, SetHandler in <Directory> or <Files> - is said
 * about files in general and loses against an alias that names just this file. Below an alias
 * that names a directory it wins: other things than scripts may lie there.
 *
 * Owns:    nothing; results live in the request pool.
 * Touches: frozen records of apache/config, notes of the request.
 * Threads: request threads.
 */
#include "apache/alias.h"

#include "apache/config.h"
#include "apache/logsink.h"
#include "apache/prefix.h"

#include <ap_expr.h>
#include <http_core.h>
#include <http_request.h>
#include <apr_strings.h>

#include <string.h>
#include <strings.h>

/* mod_alias's own note: this request's handler comes from an alias. */
#define NOTE_FORCED        "alias-forced-type"
#define NOTE_PROCESS_GROUP "mod_wsgi.process_group"
#define NOTE_APP_GROUP     "mod_wsgi.application_group"
#define NOTE_CALLABLE      "mod_wsgi.callable_object"
#define NOTE_AUTHORIZATION "mod_wsgi.pass_authorization"
/* The handler that <Location> or <If> has set for the URL. */
#define NOTE_URL_HANDLER "mod_wsgi.url_handler"
/* mod_rewrite's: the handler of a RewriteRule with [H=]. */
#define NOTE_REWRITE "rewrite-forced-handler"

/* The file name a prefix alias makes of the URL: the target and, behind it, the rest of the URL;
 * NULL: no match. */
static char *
match_prefix(request_rec *r, const struct cask_config_alias *alias)
{
    size_t len = cask_prefix_match(r->uri, alias->alias);

    if (len == 0) {
        return NULL;
    }
    /* "/" covers the whole URL, which then begins with the '/' that the target lacks. */
    return apr_pstrcat(r->pool, alias->target,
                       strcmp(alias->alias, "/") == 0 ? r->uri : r->uri + len, NULL);
}

static char *
match_regex(request_rec *r, const struct cask_config_alias *alias)
{
    ap_regmatch_t groups[AP_MAX_REG_MATCH];
    char *target;

    if (ap_regexec(alias->regex, r->uri, AP_MAX_REG_MATCH, groups, 0) != 0 ||
        groups[0].rm_eo == 0) {
        return NULL;
    }
    target = ap_pregsub(r->pool, alias->target, r->uri, AP_MAX_REG_MATCH, groups);
    if (target == NULL) {
        return NULL;
    }
    target = apr_pstrcat(r->pool, target, r->uri + groups[0].rm_eo, NULL);
    return target[0] == '/' ? target : ap_server_root_relative(r->pool, target);
}

/* The first alias of the server that matches the URL, or NULL. */
static const struct cask_config_alias *
find_alias(request_rec *r, char **ret_filename)
{
    const apr_array_header_t *aliases = cask_config_of_server(r->server)->aliases;
    const struct cask_config_alias *alias = (const struct cask_config_alias *)aliases->elts;
    const struct cask_config_alias *end = alias + aliases->nelts;
    char *filename;

    if (alias == end || r->uri == NULL || r->uri[0] != '/') {
        return NULL;
    }
    for (; alias < end; alias++) {
        filename = alias->regex == NULL ? match_prefix(r, alias) : match_regex(r, alias);
        if (filename != NULL) {
            *ret_filename = filename;
            return alias;
        }
    }
    return NULL;
}

/* Remembers which handler <Location> or <If> wants: only their values, and the server's, have been
 * merged by now. */
static void
note_url_handler(request_rec *r)
{
    const core_dir_config *here = ap_get_core_module_config(r->per_dir_config);
    const core_dir_config *server = ap_get_core_module_config(r->server->lookup_defaults);
    const char *wrong = NULL;
    const char *handler;

    if (here->expr_handler == NULL || here->expr_handler == server->expr_handler) {
        return;
    }
    handler = ap_expr_str_exec(r, here->expr_handler, &wrong);
    if (wrong == NULL && handler != NULL) {
        apr_table_setn(r->notes, NOTE_URL_HANDLER, handler);
    }
}

/* In place of an option that the alias does not have. */
static const char not_given[] = "-";

/* NULL: the alias has no such option. httpd puts the notes of a sub-request (an index) before those
 * of the request it takes over (the directory), so there the lack must be a note too. */
static void
note_option(request_rec *r, const char *note, const char *value)
{
    if (value != NULL || r->main != NULL) {
        apr_table_setn(r->notes, note, value != NULL ? value : not_given);
    }
}

/* What note_option() has left, else the fallback. */
static const char *
take_option(const request_rec *r, const char *note, const char *fallback)
{
    const char *value = apr_table_get(r->notes, note);

    return value != NULL && value != not_given ? value : fallback;
}

int
cask_alias_translate(request_rec *r)
{
    const struct cask_config_alias *alias = find_alias(r, &r->filename);

    if (alias == NULL) {
        return DECLINED;
    }
    r->handler = CASK_ALIAS_HANDLER;
    apr_table_setn(r->notes, NOTE_FORCED, CASK_ALIAS_HANDLER);
    note_option(r, NOTE_PROCESS_GROUP, alias->process_group);
    note_option(r, NOTE_APP_GROUP, alias->application_group);
    note_option(r, NOTE_CALLABLE, alias->callable_object);
    note_option(r, NOTE_AUTHORIZATION,
                alias->pass_authorization < 0    ? NULL
                : alias->pass_authorization != 0 ? "1"
                                                 : "0");
    note_url_handler(r);
    return OK;
}

bool
cask_alias_led_here(const request_rec *r)
{
    const char *forced = apr_table_get(r->notes, NOTE_FORCED);

    return forced != NULL && strcmp(forced, CASK_ALIAS_HANDLER) == 0;
}

/* Somebody has chosen the handler for this URL, not for files like this one. */
static bool
is_meant(const request_rec *r)
{
    static const char *const notes[] = {NOTE_URL_HANDLER, NOTE_REWRITE};

    for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
        const char *handler = apr_table_get(r->notes, notes[i]);

        if (handler != NULL && strcasecmp(handler, r->handler) == 0) {
            return true;
        }
    }
    return false;
}

static bool
ends_with(const char *text, const char *end, size_t end_len)
{
    size_t len = strlen(text);

    return end_len > 0 && len >= end_len && memcmp(text + len - end_len, end, end_len) == 0;
}

/* The alias itself names the file: by all of its target, by what stands before the first $1, or, at
 * least in part, by what stands behind the last. Else the URL has chosen it from a directory. */
static bool
names_file(const struct cask_config_alias *alias, const char *filename)
{
    const char *dollar = alias->regex != NULL ? strrchr(alias->target, '$') : NULL;
    size_t fixed = dollar != NULL ? strcspn(alias->target, "$") : strlen(alias->target);

    while (fixed > 1 && alias->target[fixed - 1] == '/') {
        fixed--;
    }
    if (ends_with(filename, alias->target, fixed)) {
        return true;
    }
    return dollar != NULL && dollar[1] != '\0' &&
           ends_with(filename, dollar + 2, strlen(dollar + 2));
}

int
cask_alias_fixup(request_rec *r)
{
    const struct cask_config_alias *alias;
    char *unused;

    if (r->handler == NULL || strcmp(r->handler, CASK_ALIAS_HANDLER) == 0 ||
        !cask_alias_led_here(r) || is_meant(r)) {
        return DECLINED;
    }
    alias = find_alias(r, &unused);
    if (alias == NULL || !names_file(alias, r->filename)) {
        return DECLINED;
    }
    if (!atomic_exchange_explicit(alias->said, true, memory_order_relaxed)) {
        cask_logsink_line(r, 160,
                          "alias '%s' at %s: SetHandler or AddHandler gives script '%s' the "
                          "handler '%s'; the alias counts (said once)",
                          alias->alias, alias->location, r->filename, r->handler);
    }
    r->handler = CASK_ALIAS_HANDLER;
    return OK;
}

void
cask_alias_apply(const request_rec *r, struct cask_config_scope *scope)
{
    const char *authorization;

    if (!cask_alias_led_here(r)) {
        return;
    }
    scope->process_group = take_option(r, NOTE_PROCESS_GROUP, scope->process_group);
    scope->application_group = take_option(r, NOTE_APP_GROUP, scope->application_group);
    scope->callable_object = take_option(r, NOTE_CALLABLE, scope->callable_object);
    authorization = take_option(r, NOTE_AUTHORIZATION, NULL);
    if (authorization != NULL) {
        scope->pass_authorization = *authorization == '1';
    }
}
