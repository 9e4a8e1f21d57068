/* SPDX-License-Identifier: Apache-2.0 */
/* apache/config.c - configuration records: made, merged, given defaults.
 *
 * Owns:    the records, in the pools httpd gives; the main record hangs from
 *          cask_process.room_state as long as pconf lives.
 * Touches: directives.def (which fields there are).
 * Threads: made at configuration time, read-only afterwards; directory records are merged on any
 *          request thread, in the request's pool.
 */
#include "apache/config.h"

#include "apache/expand.h"
#include "apache/values.h"
#include "platform/process.h"

#include <apr_strings.h>

#include <stdarg.h>

/* Which of both values counts: the inner one if it is set. */
#define INNER_FLAG(inner, outer)  ((inner) >= 0 ? (inner) : (outer))
#define INNER_HEAD(inner, outer)  INNER_FLAG(inner, outer)
#define INNER_NAME(inner, outer)  ((inner) != NULL ? (inner) : (outer))
#define INNER_GROUP(inner, outer) INNER_NAME(inner, outer)

#define UNSET_FLAG   (-1)
#define UNSET_HEAD   (-1)
#define UNSET_LEVEL  (-1)
#define UNSET_SEED   CASK_ENGINE_SEED_DEFAULT
#define UNSET_TIME   0
#define UNSET_NAME   NULL
#define UNSET_GROUP  NULL
#define UNSET_TEXT   NULL
#define UNSET_TEXTS  NULL
#define UNSET_ROOTED NULL

void *
cask_config_server_new(apr_pool_t *pool, server_rec *server)
{
    struct cask_config_server *config = apr_pcalloc(pool, sizeof(*config));

    (void)server;
    config->aliases = apr_array_make(pool, 0, sizeof(struct cask_config_alias));
    return config;
}

void *
cask_config_server_merge(apr_pool_t *pool, void *base, void *add)
{
    const struct cask_config_server *outer = base;
    const struct cask_config_server *inner = add;
    struct cask_config_server *config = apr_pcalloc(pool, sizeof(*config));

    config->aliases = apr_array_append(pool, inner->aliases, outer->aliases);
    return config;
}

void *
cask_config_dir_new(apr_pool_t *pool,
                    char *dir) /* NOLINT(readability-non-const-parameter): httpd's */
{
    struct cask_config_dir *config = apr_pcalloc(pool, sizeof(*config));

    (void)dir;
#define CASK_DIRECTIVE_SCOPE(name, where, kind, field, fallback, syntax, help) \
    config->scope.field = UNSET_##kind;
#include "apache/directives.def"
    return config;
}

/* Both tables in one; the inner entry of a name counts. */
static apr_hash_t *
overlay(apr_pool_t *pool, apr_hash_t *inner, apr_hash_t *outer)
{
    if (inner == NULL || outer == NULL) {
        return INNER_NAME(inner, outer);
    }
    return apr_hash_overlay(pool, inner, outer);
}

void *
cask_config_dir_merge(apr_pool_t *pool, void *base, void *add)
{
    const struct cask_config_dir *outer = base;
    const struct cask_config_dir *inner = add;
    struct cask_config_dir *config = apr_pcalloc(pool, sizeof(*config));

#define CASK_DIRECTIVE_SCOPE(name, where, kind, field, fallback, syntax, help) \
    config->scope.field = INNER_##kind(inner->scope.field, outer->scope.field);
#define CASK_DIRECTIVE_LIST(name, where, kind, field, syntax, help) \
    config->scope.field = INNER_NAME(inner->scope.field, outer->scope.field);
#define CASK_DIRECTIVE_SCRIPT(name, where, field, syntax, help) \
    config->scope.field = INNER_NAME(inner->scope.field, outer->scope.field);
#include "apache/directives.def"
    config->scope.handler_scripts =
        overlay(pool, inner->scope.handler_scripts, outer->scope.handler_scripts);
    return config;
}

void
cask_config_scope_of(const struct cask_config_dir *dir, struct cask_config_scope *ret_scope)
{
    *ret_scope = dir->scope;
#define CASK_DIRECTIVE_SCOPE(name, where, kind, field, fallback, syntax, help) \
    ret_scope->field = INNER_##kind(dir->scope.field, fallback);
#include "apache/directives.def"
}

struct cask_interp_rules
cask_config_interp_rules(const struct cask_config_main *main_config)
{
    return (struct cask_interp_rules){
        .base = main_config->interp,
        .layers = (const struct cask_interp_layer *)main_config->interp_layers->elts,
        .n_layers = (size_t)main_config->interp_layers->nelts,
    };
}

bool
cask_config_restrict_embedded(const struct cask_config_main *main_config)
{
    return main_config->restrict_embedded == 1;
}

bool
cask_config_record_levels(const server_rec *server)
{
    struct cask_config_scope scope;

    cask_config_scope_of(cask_config_of_server_level(server), &scope);
    return scope.record_levels != 0;
}

struct cask_config_main *
cask_config_main(void)
{
    return cask_process_get()->room_state;
}

static apr_status_t
main_end(void *data)
{
    if (cask_process_get()->room_state == data) {
        cask_process_get()->room_state = NULL;
    }
    return APR_SUCCESS;
}

void
cask_config_main_begin(apr_pool_t *pconf)
{
    struct cask_config_main *config = apr_pcalloc(pconf, sizeof(*config));

#define CASK_DIRECTIVE_MAIN(name, kind, field, fallback, syntax, help) config->field = UNSET_##kind;
#include "apache/directives.def"
    config->pool = pconf;
    config->interp = cask_interp_settings_unset();
    config->interp_layers = apr_array_make(pconf, 0, sizeof(struct cask_interp_layer));
    config->imports = apr_array_make(pconf, 0, sizeof(struct cask_config_script));
    config->scripts = apr_array_make(pconf, 0, sizeof(const struct cask_config_script *));
    config->remarks = apr_array_make(pconf, 0, sizeof(struct cask_config_remark));
    config->headers = apr_array_make(pconf, 0, sizeof(struct cask_config_headers));
    config->groups = apr_hash_make(pconf);
    config->group_list = apr_array_make(pconf, 4, sizeof(struct cask_config_group *));
    config->mentions = apr_array_make(pconf, 8, sizeof(struct cask_config_mention));
    cask_process_get()->room_state = config;
    apr_pool_cleanup_register(pconf, config, main_end, apr_pool_cleanup_null);
}

bool
cask_config_is_startup(const cmd_parms *cmd)
{
    return cmd->pool == cask_config_main()->pool;
}

const char *
cask_config_location(const cmd_parms *cmd)
{
    return apr_psprintf(cmd->pool, "%s:%d", cmd->directive->filename, cmd->directive->line_num);
}

void
cask_config_remark(const cmd_parms *cmd, unsigned number, const char *format, ...)
{
    struct cask_config_remark *remark;
    va_list arguments;
    const char *text;

    if (!cask_config_is_startup(cmd)) {
        return;
    }
    va_start(arguments, format);
    text = apr_pvsprintf(cmd->pool, format, arguments);
    va_end(arguments);
    remark = apr_array_push(cask_config_main()->remarks);
    remark->number = number;
    remark->text =
        apr_psprintf(cmd->pool, "%s at %s: %s", cmd->cmd->name, cask_config_location(cmd), text);
    remark->server = cmd->server;
}

void
cask_config_check_name(const cmd_parms *cmd, const char *name)
{
    static const char *const known[] = {"%{GLOBAL}", "%{SERVER}", "%{HOST}", "%{RESOURCE}"};
    const char *nearest;

    if (cask_expand_is_unknown(name)) {
        nearest = cask_values_nearest(name, known, sizeof(known) / sizeof(known[0]), cmd->pool);
        cask_config_remark(cmd, 112, "'%s' is no expansion we know, it is taken as a name%s%s%s",
                           name, nearest != NULL ? "; did you mean '" : "",
                           nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
    }
}

void
cask_config_check_literal(const cmd_parms *cmd, const char *name)
{
    if (!cask_expand_is_literal(name)) {
        cask_config_remark(cmd, 112, "'%s' is not expanded here, it is taken as a name", name);
    }
}

void
cask_config_mention_group(const cmd_parms *cmd, const char *name)
{
    struct cask_config_mention *mention = apr_array_push(cask_config_main()->mentions);

    mention->directive = cmd->cmd->name;
    mention->name = name;
    mention->server = cmd->server;
    mention->location = cask_config_location(cmd);
}
