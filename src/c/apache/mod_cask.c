/* SPDX-License-Identifier: Apache-2.0 */
/* apache/mod_cask.c - the module record and its hooks.
 *
 * Owns:    the only symbol mod_cask.so exports, `wsgi_module`. The record's name is "mod_wsgi.c":
 *          otherwise every directive inside the usual <IfModule mod_wsgi.c> would be skipped.
 * Touches: every file of this room, to hang it into httpd.
 * Threads: hooks run where httpd runs them.
 */
#include "apache/alias.h"
#include "apache/auth.h"
#include "apache/body_source.h"
#include "apache/check.h"
#include "apache/config.h"
#include "apache/directives.h"
#include "apache/dump.h"
#include "apache/embed.h"
#include "apache/framing.h"
#include "apache/handler.h"
#include "apache/lifecycle.h"

#include <http_config.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>

static int
name_module(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *main_server)
{
    (void)plog;
    (void)ptemp;
    (void)main_server;
    ap_add_version_component(pconf, "mod_cask/" CASK_VERSION);
    return OK;
}

static void
register_hooks(apr_pool_t *pool)
{
    /* Alias beats WSGIScriptAlias, as with mod_wsgi: static files below an application at "/".
     * mod_vhost_alias would take everything. */
    static const char *const after[] = {"mod_alias.c", NULL};
    static const char *const before[] = {"mod_userdir.c", "mod_vhost_alias.c", NULL};
    /* Core's hook sets the handler of SetHandler; mod_rewrite's may change it on purpose. */
    static const char *const core[] = {"core.c", NULL};

    cask_lifecycle_register_hooks(pool);
    cask_body_source_register();
    cask_auth_register_hooks(pool);
    ap_hook_check_config(cask_check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_test_config(cask_dump_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(name_module, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_read_request(cask_framing_look, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_translate_name(cask_alias_translate, after, before, APR_HOOK_MIDDLE);
    ap_hook_fixups(cask_alias_fixup, core, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(cask_handler_run, NULL, NULL, APR_HOOK_MIDDLE);
}

module AP_MODULE_DECLARE_DATA __attribute__((visibility("default"))) wsgi_module = {
    .version = MODULE_MAGIC_NUMBER_MAJOR,
    .minor_version = MODULE_MAGIC_NUMBER_MINOR,
    .module_index = -1,
    .name = "mod_wsgi.c",
    .magic = MODULE_MAGIC_COOKIE,
    .create_dir_config = cask_config_dir_new,
    .merge_dir_config = cask_config_dir_merge,
    .create_server_config = cask_config_server_new,
    .merge_server_config = cask_config_server_merge,
    .cmds = cask_directives_commands,
    .register_hooks = register_hooks,
};
