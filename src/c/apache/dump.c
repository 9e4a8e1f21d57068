/* SPDX-License-Identifier: Apache-2.0 */
/* apache/dump.c - the configuration as we understood it, printed.
 *
 * Owns:    nothing.
 * Touches: resolved records of apache/config; standard output.
 * Threads: configuration time (`apache2 -t`), single-threaded.
 */
#include "apache/dump.h"

#include "apache/config.h"
#include "apache/daemon_options.h"
#include "apache/pythons.h"

#include <http_config.h>
#include <http_core.h>
#include <apr_file_io.h>
#include <apr_strings.h>

static const char *
or_dash(const char *text)
{
    return text != NULL && *text != '\0' ? text : "-";
}

/* The name of a process or application group as one writes it. */
static const char *
group_text(const char *name)
{
    return *name != '\0' ? name : "%{GLOBAL}";
}

static void
dump_python(apr_file_t *out, const struct cask_python *python, const char *indent)
{
    apr_file_printf(out, "%spython: %s (%s)\n", indent, or_dash(python->interpreter),
                    python->version != NULL ? python->version : "version unknown");
    apr_file_printf(out, "%sengine: %s\n", indent, or_dash(python->engine));
    if (python->fault != NULL) {
        apr_file_printf(out, "%sfault: %s\n", indent, python->fault);
    }
}

static void
dump_apps(apr_file_t *out, const apr_array_header_t *list, const char *indent)
{
    const struct cask_spec_app *apps = (const struct cask_spec_app *)list->elts;

    for (int i = 0; i < list->nelts; i++) {
        apr_file_printf(out, "%spreload: %s %s in interpreter %s\n", indent, apps[i].script,
                        apps[i].callable, group_text(apps[i].application_group));
    }
}

static void
dump_group(apr_file_t *out, const struct cask_config_group *group, apr_pool_t *pool)
{
    const struct cask_group_spec *spec = &group->spec;
    const char *value = NULL;
    const char *option;

    apr_file_printf(out, "  group %s (%s)\n", spec->name, group->location);
    apr_file_printf(out, "    runs as: uid %lu gid %lu\n", (unsigned long)spec->uid,
                    (unsigned long)spec->gid);
    dump_python(out, group->python, "    ");
    for (size_t row = 0;; row++) {
        option = cask_daemon_options_text(spec, row, &value, pool);
        if (option == NULL) {
            break;
        }
        apr_file_printf(out, "    %s=%s\n", option, value);
    }
    dump_apps(out, group->apps, "    ");
}

static const char *
option_text(const char *name, const char *value, apr_pool_t *pool)
{
    return value == NULL ? "" : apr_psprintf(pool, " %s=%s", name, group_text(value));
}

static void
dump_server(apr_file_t *out, const server_rec *server, apr_pool_t *pool)
{
    const apr_array_header_t *list = cask_config_of_server(server)->aliases;
    const struct cask_config_alias *alias = (const struct cask_config_alias *)list->elts;
    struct cask_config_scope scope;

    cask_config_scope_of(cask_config_of_server_level(server), &scope);
    apr_file_printf(out, "  server %s:%u%s\n", or_dash(server->server_hostname),
                    (unsigned)server->port, server->is_virtual ? "" : " (main)");
#define TEXT_FLAG(value)  ((value) ? "On" : "Off")
#define TEXT_HEAD(value)  ((value) == CASK_CONFIG_HEAD_AUTO ? "Auto" : TEXT_FLAG(value))
#define TEXT_NAME(value)  (value)
#define TEXT_GROUP(value) (value)
#define CASK_DIRECTIVE_SCOPE(name, where, kind, field, fallback, syntax, help) \
    apr_file_printf(out, "    %s %s\n", #name, TEXT_##kind(scope.field));
#include "apache/directives.def"
    for (int i = 0; i < list->nelts; i++, alias++) {
        apr_file_printf(out, "    %s %s -> %s%s%s%s%s (%s)\n",
                        alias->regex == NULL ? "alias" : "alias-match", alias->alias, alias->target,
                        option_text("process-group", alias->process_group, pool),
                        option_text("application-group", alias->application_group, pool),
                        option_text("callable-object", alias->callable_object, pool),
                        alias->pass_authorization < 0    ? ""
                        : alias->pass_authorization != 0 ? " pass-authorization=On"
                                                         : " pass-authorization=Off",
                        alias->location);
    }
}

void
cask_dump_config(apr_pool_t *pconf, server_rec *main_server)
{
    const struct cask_config_main *main_config = cask_config_main();
    struct cask_config_group **groups = (struct cask_config_group **)main_config->group_list->elts;
    const struct cask_python *embedded = main_config->embedded_python;
    apr_file_t *out = NULL;

    if (!ap_exists_config_define("DUMP_CASK") || apr_file_open_stdout(&out, pconf) != APR_SUCCESS) {
        return;
    }
    apr_file_printf(out, "mod_cask configuration:\n");
    apr_file_printf(out, "  embedded mode: %s\n",
                    cask_config_restrict_embedded(main_config) ? "refused" : "allowed");
    dump_python(out, embedded, "    ");
    apr_file_printf(out, "    libpython: %s\n", or_dash(embedded->libpython));
    if (embedded->libpython_fault != NULL) {
        apr_file_printf(out, "    fault: %s\n", embedded->libpython_fault);
    }
    apr_file_printf(out, "    python-path: %s\n", or_dash(main_config->interp.python_path));
    dump_apps(out, main_config->embedded_apps, "    ");
    apr_file_printf(out, "  sockets: %s\n", main_config->socket_prefix);
    for (int i = 0; i < main_config->group_list->nelts; i++) {
        dump_group(out, groups[i], pconf);
    }
    for (const server_rec *server = main_server; server != NULL; server = server->next) {
        dump_server(out, server, pconf);
    }
}
