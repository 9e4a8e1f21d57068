/* SPDX-License-Identifier: Apache-2.0 */
/* apache/auth.c - httpd's access control asks scripts.
 *
 * Owns:    nothing.
 * Touches: httpd's access hooks and provider registry, frozen records of apache/config.
 * Threads: request threads.
 *
 * The scripts cannot be asked yet, so every request whose fate depends on one is refused with 500
 * and one line: a door whose guard is missing stays shut, also when the line that posted the guard
 * is in .htaccess.
 *
 * Invariants:
 *   (1) no answer of this file grants anything;
 *   (2) a request without such a script pays for two comparisons.
 */
#include "apache/auth.h"

#include "apache/config.h"
#include "apache/logsink.h"

#include <ap_provider.h>
#include <http_core.h>
#include <http_request.h>
#include <mod_auth.h>

/* The request has been refused and its line logged. */
#define NOTE_REFUSED "mod_wsgi.access_refused"

static const struct cask_config_scope *
scope_of(const request_rec *r)
{
    return &cask_config_of_request(r)->scope;
}

/* Logs why the request is refused, once. */
static void
refuse(request_rec *r, const char *wanted_by, const char *directive,
       const struct cask_config_script *script)
{
    if (apr_table_get(r->notes, NOTE_REFUSED) != NULL) {
        return;
    }
    apr_table_setn(r->notes, NOTE_REFUSED, "1");
    if (script == NULL) {
        cask_logsink_line(r, 132, "%s needs a script, and no %s is set for '%s'", wanted_by,
                          directive, r->uri);
    } else {
        cask_logsink_line(r, 131, "%s needs '%s' (%s at %s), and such scripts cannot be run yet",
                          wanted_by, script->path, directive, script->location);
    }
}

static int
check_access(request_rec *r)
{
    const struct cask_config_script *script = scope_of(r)->access_script;

    if (script == NULL) {
        return DECLINED;
    }
    refuse(r, "access control", "WSGIAccessScript", script);
    return HTTP_INTERNAL_SERVER_ERROR;
}

/* With `Satisfy Any` httpd asks on after check_access() has refused; the answer stays the same. */
static int
check_access_again(request_rec *r)
{
    if (scope_of(r)->access_script == NULL || ap_satisfies(r) != SATISFY_ANY) {
        return DECLINED;
    }
    return check_access(r);
}

static authn_status
check_password(request_rec *r, const char *user, const char *password)
{
    (void)user;
    (void)password;
    refuse(r, "AuthBasicProvider wsgi", "WSGIAuthUserScript", scope_of(r)->auth_user_script);
    return AUTH_GENERAL_ERROR;
}

static authn_status
get_realm_hash(request_rec *r, const char *user, const char *realm, char **ret_hash)
{
    (void)user;
    (void)realm;
    (void)ret_hash;
    refuse(r, "AuthDigestProvider wsgi", "WSGIAuthUserScript", scope_of(r)->auth_user_script);
    return AUTH_GENERAL_ERROR;
}

static authz_status
check_group(request_rec *r, const char *require_line, const void *parsed)
{
    (void)require_line;
    (void)parsed;
    if (r->user == NULL) {
        return AUTHZ_DENIED_NO_USER; /* ask who it is first */
    }
    refuse(r, "Require wsgi-group", "WSGIAuthGroupScript", scope_of(r)->auth_group_script);
    return AUTHZ_GENERAL_ERROR;
}

static const char *
parse_groups(cmd_parms *cmd, const char *require_line, const void **ret_parsed)
{
    (void)cmd;
    (void)ret_parsed;
    return *require_line != '\0' ? NULL : "Require wsgi-group: needs names of groups behind it";
}

void
cask_auth_register_hooks(apr_pool_t *pool)
{
    static const char *const after[] = {"mod_ssl.c", NULL};
    static const char *const before[] = {"mod_authz_host.c", "mod_access_compat.c", NULL};
    static const authn_provider users = {
        .check_password = check_password,
        .get_realm_hash = get_realm_hash,
    };
    static const authz_provider groups = {
        .check_authorization = check_group,
        .parse_require_line = parse_groups,
    };

    ap_hook_check_access(check_access, after, before, APR_HOOK_MIDDLE, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_check_access_ex(check_access_again, NULL, NULL, APR_HOOK_REALLY_FIRST,
                            AP_AUTH_INTERNAL_PER_CONF);
    ap_register_auth_provider(pool, AUTHN_PROVIDER_GROUP, "wsgi", AUTHN_PROVIDER_VERSION, &users,
                              AP_AUTH_INTERNAL_PER_CONF);
    ap_register_auth_provider(pool, AUTHZ_PROVIDER_GROUP, "wsgi-group", AUTHZ_PROVIDER_VERSION,
                              &groups, AP_AUTH_INTERNAL_PER_CONF);
}
