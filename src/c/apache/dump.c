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
#include "apache/values.h"

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
        apr_file_printf(out, "%spreload: %s%s%s in interpreter %s\n", indent, apps[i].script,
                        *apps[i].callable != '\0' ? " " : "", apps[i].callable,
                        group_text(apps[i].application_group));
    }
}

static void
dump_embedded(apr_file_t *out, const struct cask_config_main *main_config)
{
    const struct cask_python *embedded = main_config->embedded_python;

    apr_file_printf(out, "  embedded mode: %s\n",
                    cask_config_restrict_embedded(main_config) ? "refused" : "allowed");
    dump_python(out, embedded, "    ");
    apr_file_printf(out, "    libpython: %s\n", or_dash(embedded->libpython));
    if (embedded->libpython_fault != NULL) {
        apr_file_printf(out, "    fault: %s\n", embedded->libpython_fault);
    }
    dump_apps(out, main_config->embedded_apps, "    ");
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

#define TEXT_FLAG(value)     ((value) > 0 ? "On" : "Off")
#define TEXT_HEAD(value)     ((value) == CASK_CONFIG_HEAD_AUTO ? "Auto" : TEXT_FLAG(value))
#define TEXT_NAME(value)     (value)
#define TEXT_GROUP(value)    (value)
#define TEXT_TEXT(value)     or_dash(value)
#define TEXT_ROOTED(value)   or_dash(value)
#define TEXT_TEXTS(value)    list_text(value, pool)
#define TEXT_TIME(value)     ((value) > 0 ? cask_values_time_text(value, pool) : "-")
#define TEXT_INTERVAL(value) TEXT_TIME(value)
#define TEXT_LEVEL(value)    number_text(value, pool)
#define TEXT_SEED(value)     seed_text(value, pool)
/* The value of a row, or its default: -1, 0 and NULL are unset, by kind. */
#define SET_FLAG(value)     ((value) >= 0)
#define SET_LEVEL(value)    ((value) >= 0)
#define SET_SEED(value)     ((value) != CASK_ENGINE_SEED_DEFAULT)
#define SET_TIME(value)     ((value) > 0)
#define SET_INTERVAL(value) ((value) > 0)
#define SET_TEXT(value)     ((value) != NULL)
#define SET_TEXTS(value)    ((value) != NULL)
#define SET_ROOTED(value)   ((value) != NULL)

static const char *
list_text(const apr_array_header_t *list, apr_pool_t *pool)
{
    return list == NULL || list->nelts == 0 ? "-" : apr_array_pstrcat(pool, list, ' ');
}

static const char *
number_text(int64_t number, apr_pool_t *pool)
{
    return number < 0 ? "-" : apr_psprintf(pool, "%" APR_INT64_T_FMT, number);
}

static const char *
seed_text(int64_t seed, apr_pool_t *pool)
{
    return seed == CASK_ENGINE_SEED_RANDOM ? "random" : number_text(seed, pool);
}

static void
dump_main(apr_file_t *out, const struct cask_config_main *main_config, apr_pool_t *pool)
{
    apr_file_printf(out, "  values of the main server:\n");
#define CASK_DIRECTIVE_MAIN(name, kind, field, fallback, syntax, help)               \
    apr_file_printf(out, "    %s %s\n", #name,                                       \
                    SET_##kind(main_config->field) ? TEXT_##kind(main_config->field) \
                                                   : TEXT_##kind(fallback));
#define CASK_DIRECTIVE_INTERP(name, kind, field, fallback, syntax, help)                           \
    apr_file_printf(out, "    %s %s\n", #name,                                                     \
                    SET_##kind(main_config->interp.field) ? TEXT_##kind(main_config->interp.field) \
                                                          : TEXT_##kind(fallback));
#include "apache/directives.def"
}

static void
dump_layer(apr_file_t *out, const struct cask_interp_layer *layer, apr_pool_t *pool)
{
    apr_file_printf(out, "  interpreters of process-group=%s application-group=%s:\n",
                    layer->process_group != NULL ? group_text(layer->process_group) : "(any)",
                    layer->application_group != NULL ? group_text(layer->application_group)
                                                     : "(any)");
#define CASK_DIRECTIVE_INTERP(name, kind, field, fallback, syntax, help)              \
    if (SET_##kind(layer->values.field)) {                                            \
        apr_file_printf(out, "    %s %s\n", #name, TEXT_##kind(layer->values.field)); \
    }
#include "apache/directives.def"
}

/* Lists and scripts of a server. Networks are kept as numbers, so they are only counted. */
static void
dump_lists(apr_file_t *out, const struct cask_config_scope *scope, apr_pool_t *pool)
{
#define LIST_GROUP(list)   list_text(list, pool)
#define LIST_HEADER(list)  list_text(list, pool)
#define LIST_NETWORK(list) apr_psprintf(pool, "(%d)", (list)->nelts)
#define CASK_DIRECTIVE_LIST(name, where, kind, field, syntax, help)            \
    if (scope->field != NULL) {                                                \
        apr_file_printf(out, "    %s %s\n", #name, LIST_##kind(scope->field)); \
    }
#include "apache/directives.def"
}

static const char *
option_text(const char *name, const char *value, apr_pool_t *pool)
{
    return value == NULL ? "" : apr_psprintf(pool, " %s=%s", name, group_text(value));
}

/* " name=value" of what an alias or script leaves to its server, and that to its directory. */
static const char *
inherited_text(const char *name, bool given, const char *value, apr_pool_t *pool)
{
    return given ? "" : option_text(name, value, pool);
}

static void
dump_alias(apr_file_t *out, const struct cask_config_alias *alias,
           const struct cask_config_scope *scope, apr_pool_t *pool)
{
    bool authorization = alias->pass_authorization >= 0;
    const char *rest;

    apr_file_printf(out, "    %s %s -> %s%s%s%s%s", alias->regex == NULL ? "alias" : "alias-match",
                    alias->alias, alias->target,
                    option_text("process-group", alias->process_group, pool),
                    option_text("application-group", alias->application_group, pool),
                    option_text("callable-object", alias->callable_object, pool),
                    authorization ? option_text("pass-authorization",
                                                TEXT_FLAG(alias->pass_authorization), pool)
                                  : "");
    rest = apr_pstrcat(
        pool,
        inherited_text("process-group", alias->process_group != NULL, scope->process_group, pool),
        inherited_text("application-group", alias->application_group != NULL,
                       scope->application_group, pool),
        inherited_text("callable-object", alias->callable_object != NULL, scope->callable_object,
                       pool),
        inherited_text("pass-authorization", authorization, TEXT_FLAG(scope->pass_authorization),
                       pool),
        NULL);
    apr_file_printf(out, " (%s)%s%s\n", alias->location,
                    *rest != '\0' ? "; unless its directory says otherwise:" : "", rest);
}

static void
dump_script(apr_file_t *out, const struct cask_config_script *script, apr_pool_t *pool)
{
    apr_file_printf(
        out, "    %s %s%s%s%s%s%s (%s)\n", script->directive,
        script->handler != NULL ? script->handler : "", script->handler != NULL ? " -> " : "",
        script->path, option_text("process-group", script->process_group, pool),
        option_text("application-group", script->application_group, pool),
        script->pass_authorization < 0
            ? ""
            : option_text("pass-authorization", TEXT_FLAG(script->pass_authorization), pool),
        script->location);
}

static void
dump_server(apr_file_t *out, const struct cask_config_main *main_config, const server_rec *server,
            apr_pool_t *pool)
{
    const apr_array_header_t *list = cask_config_of_server(server)->aliases;
    const struct cask_config_alias *aliases = (const struct cask_config_alias *)list->elts;
    const struct cask_config_script *imports =
        (const struct cask_config_script *)main_config->imports->elts;
    const struct cask_config_script *const *scripts =
        (const struct cask_config_script *const *)main_config->scripts->elts;
    struct cask_config_scope scope;

    cask_config_scope_of(cask_config_of_server_level(server), &scope);
    apr_file_printf(out, "  server %s:%u%s\n", or_dash(server->server_hostname),
                    (unsigned)server->port, server->is_virtual ? "" : " (main)");
#define CASK_DIRECTIVE_SCOPE(name, where, kind, field, fallback, syntax, help) \
    apr_file_printf(out, "    %s %s\n", #name, TEXT_##kind(scope.field));
#include "apache/directives.def"
    dump_lists(out, &scope, pool);
    for (int i = 0; i < list->nelts; i++) {
        dump_alias(out, &aliases[i], &scope, pool);
    }
    for (int i = 0; i < main_config->imports->nelts; i++) {
        if (imports[i].server == server) {
            dump_script(out, &imports[i], pool);
        }
    }
    for (int i = 0; i < main_config->scripts->nelts; i++) {
        if (scripts[i]->server == server) {
            dump_script(out, scripts[i], pool);
        }
    }
}

void
cask_dump_config(apr_pool_t *pconf, server_rec *main_server)
{
    const struct cask_config_main *main_config = cask_config_main();
    struct cask_config_group **groups = (struct cask_config_group **)main_config->group_list->elts;
    const struct cask_interp_layer *layers =
        (const struct cask_interp_layer *)main_config->interp_layers->elts;
    apr_file_t *out = NULL;

    if (!ap_exists_config_define("DUMP_CASK") || apr_file_open_stdout(&out, pconf) != APR_SUCCESS) {
        return;
    }
    apr_file_printf(out, "mod_cask configuration:\n");
    dump_embedded(out, main_config);
    dump_main(out, main_config, pconf);
    for (int i = 0; i < main_config->interp_layers->nelts; i++) {
        dump_layer(out, &layers[i], pconf);
    }
    apr_file_printf(out, "  sockets: %s\n", main_config->socket_prefix);
    for (int i = 0; i < main_config->group_list->nelts; i++) {
        dump_group(out, groups[i], pconf);
    }
    for (const server_rec *server = main_server; server != NULL; server = server->next) {
        dump_server(out, main_config, server, pconf);
    }
}
