/* SPDX-License-Identifier: Apache-2.0 */
/* apache/preload.c - what each process loads at its start.
 *
 * Owns:    nothing; lists live in pconf.
 * Touches: records of apache/config, the file system (looking only).
 * Threads: configuration time, single-threaded.
 */
#include "apache/preload.h"

#include "apache/config.h"
#include "apache/expand.h"
#include "apache/routing.h"

#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A line of the configuration that loads something; the lists are in the order of the lines. */
struct line {
    unsigned order;
    const char *process_group; /* "": httpd's children */
    const server_rec *server;
    bool is_import;
    struct cask_spec_app app; /* callable "": load the script, ask for none */
};

static int
compare_lines(const void *left, const void *right)
{
    const struct line *a = left;
    const struct line *b = right;

    return a->order < b->order ? -1 : a->order > b->order;
}

/* The callable that requests for the alias want; "" when it can differ from request to request. */
static const char *
callable_of(const struct cask_config_alias *alias)
{
    struct cask_config_scope scope;
    const char *callable = alias->callable_object;

    if (callable == NULL && cask_config_main()->callables_vary) {
        return "";
    }
    if (callable == NULL) {
        cask_config_scope_of(cask_config_of_server_level(alias->server), &scope);
        callable = scope.callable_object;
    }
    return cask_expand_is_literal(callable) ? callable : "";
}

/* Both groups literal: the script is loaded before the first request. */
static void
add_alias(apr_array_header_t *lines, const struct cask_config_alias *alias, apr_pool_t *pool)
{
    struct cask_spec_app app = {.callable = callable_of(alias)};
    struct stat status;
    size_t len = strlen(alias->target);

    if (alias->process_group == NULL || alias->application_group == NULL ||
        !cask_expand_is_literal(alias->process_group) ||
        !cask_expand_is_literal(alias->application_group) ||
        (alias->regex != NULL && strchr(alias->target, '$') != NULL)) {
        return;
    }
    while (len > 1 && alias->target[len - 1] == '/') {
        len--;
    }
    app.script = apr_pstrmemdup(pool, alias->target, len);
    app.application_group = alias->application_group;
    if (stat(app.script, &status) != 0 || !S_ISREG(status.st_mode)) {
        return;
    }
    *(struct line *)apr_array_push(lines) = (struct line){
        .order = alias->order,
        .process_group = alias->process_group,
        .server = alias->server,
        .app = app,
    };
}

/* Each alias once: a virtual host's array holds the main server's aliases too. */
static void
add_aliases(apr_array_header_t *lines, const server_rec *server, apr_pool_t *pool)
{
    const apr_array_header_t *aliases = cask_config_of_server(server)->aliases;
    const struct cask_config_alias *alias = (const struct cask_config_alias *)aliases->elts;

    for (int i = 0; i < aliases->nelts; i++) {
        if (alias[i].server == server) {
            add_alias(lines, &alias[i], pool);
        }
    }
}

/* A script that is not there is tried and logged, like one that is broken. */
static void
add_imports(apr_array_header_t *lines, const struct cask_config_main *main_config)
{
    const struct cask_config_script *script =
        (const struct cask_config_script *)main_config->imports->elts;

    for (int i = 0; i < main_config->imports->nelts; i++) {
        *(struct line *)apr_array_push(lines) = (struct line){
            .order = script[i].order,
            .process_group = script[i].process_group,
            .server = script[i].server,
            .is_import = true,
            .app = {.script = script[i].path,
                    .callable = "",
                    .application_group = script[i].application_group},
        };
    }
}

/* Adds an application unless the list has it. */
static void
add_app(apr_array_header_t *apps, const struct cask_spec_app *app)
{
    const struct cask_spec_app *known = (const struct cask_spec_app *)apps->elts;

    for (int i = 0; i < apps->nelts; i++) {
        if (strcmp(known[i].script, app->script) == 0 &&
            strcmp(known[i].callable, app->callable) == 0 &&
            strcmp(known[i].application_group, app->application_group) == 0) {
            return;
        }
    }
    *(struct cask_spec_app *)apr_array_push(apps) = *app;
}

/* Gives a line to the process group that it is for. */
static void
give_line(struct cask_config_main *main_config, const struct line *line)
{
    const struct cask_config_group *group;

    if (line->process_group[0] == '\0') {
        if (line->is_import || !cask_config_restrict_embedded(main_config)) {
            add_app(main_config->embedded_apps, &line->app);
        }
        return;
    }
    group = apr_hash_get(main_config->groups, line->process_group, APR_HASH_KEY_STRING);
    if (group != NULL && cask_routing_may_use(line->server, group) &&
        (line->is_import || group->spec.threads > 0)) {
        add_app(group->apps, &line->app);
    }
}

void
cask_preload_resolve(server_rec *main_server, apr_pool_t *pconf, apr_pool_t *ptemp)
{
    struct cask_config_main *main_config = cask_config_main();
    struct cask_config_group **groups = (struct cask_config_group **)main_config->group_list->elts;
    apr_array_header_t *lines = apr_array_make(ptemp, 8, sizeof(struct line));
    struct line *line;

    main_config->embedded_apps = apr_array_make(pconf, 2, sizeof(struct cask_spec_app));
    for (int i = 0; i < main_config->group_list->nelts; i++) {
        groups[i]->apps = apr_array_make(pconf, 2, sizeof(struct cask_spec_app));
    }
    for (const server_rec *server = main_server; server != NULL; server = server->next) {
        add_aliases(lines, server, pconf);
    }
    add_imports(lines, main_config);
    line = (struct line *)lines->elts;
    qsort(line, (size_t)lines->nelts, sizeof(*line), compare_lines);
    for (int i = 0; i < lines->nelts; i++) {
        give_line(main_config, &line[i]);
    }
    for (int i = 0; i < main_config->group_list->nelts; i++) {
        groups[i]->spec.apps = (const struct cask_spec_app *)groups[i]->apps->elts;
        groups[i]->spec.n_apps = (size_t)groups[i]->apps->nelts;
    }
}
