/* SPDX-License-Identifier: Apache-2.0 */
/* apache/directives.c - the rows of directives.def at work: the command table, and the directives
 * that are a value or a list of values.
 *
 * Owns:    nothing; what is read goes to the records of apache/config, in cmd->pool.
 * Touches: apache/values; the parsers of directives with a syntax of their own.
 * Threads: configuration time, single-threaded; rows FILEINFO and AUTHCFG also on request threads
 *          (.htaccess), where they write to a record of that request only.
 *
 * A parser returns NULL or the whole text of an error; httpd puts file and line before it.
 */
#include "apache/directives.h"

#include "apache/config.h"
#include "apache/group_directive.h"
#include "apache/idle_directives.h"
#include "apache/interp_options.h"
#include "apache/proxies.h"
#include "apache/proxies_text.h"
#include "apache/script_directives.h"
#include "apache/values.h"
#include "platform/clock.h"

#include <apr_lib.h>
#include <apr_network_io.h>
#include <apr_strings.h>

#include <string.h>

#define WHERE_SERVER   RSRC_CONF
#define WHERE_MAIN     RSRC_CONF
#define WHERE_SCOPE    (RSRC_CONF | ACCESS_CONF)
#define WHERE_FILEINFO OR_FILEINFO
#define WHERE_AUTHCFG  OR_AUTHCFG

enum kind {
    KIND_FLAG,
    KIND_GROUP,
    KIND_HEAD,
    KIND_HEADER,
    KIND_INTERVAL,
    KIND_LEVEL,
    KIND_NAME,
    KIND_NETWORK,
    KIND_ROOTED,
    KIND_SEED,
    KIND_TEXT,
    KIND_TEXTS,
    KIND_TIME,
};

/* Where the value of a row goes: an offset into the record of its family. */
struct row {
    enum kind kind;
    size_t offset;
};

enum row_number {
#define CASK_DIRECTIVE_SCOPE(name, where, kind, field, fallback, syntax, help) ROW_##name,
#define CASK_DIRECTIVE_LIST(name, where, kind, field, syntax, help)            ROW_##name,
#define CASK_DIRECTIVE_MAIN(name, kind, field, fallback, syntax, help)         ROW_##name,
#define CASK_DIRECTIVE_INTERP(name, kind, field, fallback, syntax, help)       ROW_##name,
#include "apache/directives.def"
};

static const struct row rows[] = {
#define CASK_DIRECTIVE_SCOPE(name, where, kind, field, fallback, syntax, help) \
    {KIND_##kind, offsetof(struct cask_config_scope, field)},
#define CASK_DIRECTIVE_LIST(name, where, kind, field, syntax, help) \
    {KIND_##kind, offsetof(struct cask_config_scope, field)},
#define CASK_DIRECTIVE_MAIN(name, kind, field, fallback, syntax, help) \
    {KIND_##kind, offsetof(struct cask_config_main, field)},
#define CASK_DIRECTIVE_INTERP(name, kind, field, fallback, syntax, help) \
    {KIND_##kind, offsetof(struct cask_interp_settings, field)},
#include "apache/directives.def"
};

static const char *
read_head(const char *value, int *ret_head, apr_pool_t *pool)
{
    static const char *const names[] = {
        [CASK_CONFIG_HEAD_OFF] = "Off",
        [CASK_CONFIG_HEAD_ON] = "On",
        [CASK_CONFIG_HEAD_AUTO] = "Auto",
    };
    size_t head = 0;
    const char *wrong =
        cask_values_choice(value, names, sizeof(names) / sizeof(names[0]), &head, pool);

    if (wrong == NULL) {
        *ret_head = (int)head;
    }
    return wrong;
}

/* Adds a value to the list a field points to, made when there is none. */
static void
add_value(apr_array_header_t **field, const char *value, apr_pool_t *pool)
{
    if (*field == NULL) {
        *field = apr_array_make(pool, 2, sizeof(value));
    }
    *(const char **)apr_array_push(*field) = value;
}

/* Reads a value into its field: NULL, or what is allowed instead. */
static const char *
read_value(const cmd_parms *cmd, enum kind kind, const char *value, void *field)
{
    switch (kind) {
    case KIND_FLAG:
        return cask_values_flag(value, field);
    case KIND_HEAD:
        return read_head(value, field, cmd->pool);
    case KIND_SEED:
        return cask_values_seed(value, field, cmd->pool);
    case KIND_LEVEL:
        return cask_values_integer(value, 0, INT32_MAX, field, cmd->pool);
    case KIND_TIME:
        return cask_values_time(value, 0, 86400 * CASK_CLOCK_SECOND, field, cmd->pool);
    case KIND_INTERVAL:
        return cask_values_time(value, 1, 86400 * CASK_CLOCK_SECOND, field, cmd->pool);
    case KIND_ROOTED:
        value = ap_server_root_relative(cmd->pool, value);
        if (value == NULL) {
            return "a path";
        }
        break;
    case KIND_TEXTS:
        add_value(field, value, cmd->pool);
        return NULL;
    case KIND_GROUP:
        cask_config_check_name(cmd, value);
        cask_config_mention_group(cmd, value);
        break;
    case KIND_NAME:
        cask_config_check_name(cmd, value);
        break;
    case KIND_TEXT:
    case KIND_HEADER: /* in lists only */
    case KIND_NETWORK:
        break;
    }
    *(const char **)field = value;
    return NULL;
}

/* Stores the argument of a one-argument directive in its field of `record`. */
static const char *
set_value(const cmd_parms *cmd, void *record, const char *value)
{
    const struct row *row = &rows[(size_t)cmd->info];
    const char *wrong = read_value(cmd, row->kind, value, (char *)record + row->offset);

    return wrong == NULL ? NULL : cask_values_refuse(cmd->cmd->name, NULL, value, wrong, cmd->pool);
}

static const char *
parse_scope(cmd_parms *cmd, void *dir, const char *value)
{
    struct cask_config_dir *config = dir;

    if (rows[(size_t)cmd->info].offset == offsetof(struct cask_config_scope, callable_object) &&
        cmd->path != NULL && cask_config_is_startup(cmd)) {
        cask_config_main()->callables_vary = true;
    }
    return set_value(cmd, &config->scope, value);
}

static const char *
parse_main(cmd_parms *cmd, void *dir, const char *value)
{
    const char *wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)dir;
    return wrong != NULL ? wrong : set_value(cmd, cask_config_main(), value);
}

static const char *
parse_interp(cmd_parms *cmd, void *dir, const char *value)
{
    struct cask_config_main *main_config = cask_config_main();
    const char *wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)dir;
    if (wrong != NULL) {
        return wrong;
    }
    return set_value(
        cmd, main_config->open_layer != NULL ? main_config->open_layer : &main_config->interp,
        value);
}

/* Remembers a WSGITrustedProxyHeaders, once for each line. */
static void
remember_headers(const cmd_parms *cmd, const struct cask_config_scope *scope)
{
    apr_array_header_t *list;
    struct cask_config_headers *last;

    if (!cask_config_is_startup(cmd)) {
        return;
    }
    list = cask_config_main()->headers;
    last = list->nelts > 0 ? &((struct cask_config_headers *)list->elts)[list->nelts - 1] : NULL;
    if (last == NULL || last->scope != scope) {
        last = apr_array_push(list);
        last->scope = scope;
        last->server = cmd->server;
        last->location = cask_config_location(cmd);
    }
}

/* A header name in the form it is kept in, or NULL. */
static const char *
read_header(const cmd_parms *cmd, const struct cask_config_scope *scope, const char *value)
{
    const char *name = cask_proxies_name(value, cmd->pool);

    if (name == NULL) {
        return NULL;
    }
    if (strchr(value, '_') != NULL) {
        cask_config_remark(cmd, 180, "'%s' is read as '%s'", value, name);
    }
    if (cask_proxies_find(name, strlen(name)) < 0) {
        cask_config_remark(cmd, 181, "header '%s' tells nothing about the client; known are: %s",
                           value, cask_proxies_names(cmd->pool));
    }
    remember_headers(cmd, scope);
    return name;
}

/* Adds one word to a list; NULL, or what is allowed instead. */
static const char *
add_item(const cmd_parms *cmd, enum kind kind, struct cask_config_scope *scope, const char *word,
         apr_array_header_t *list)
{
    const void *item = word;

    if (kind == KIND_HEADER) {
        item = read_header(cmd, scope, word);
        if (item == NULL) {
            return "the name of a header: letters, digits and '-'";
        }
    } else if (kind == KIND_NETWORK) {
        apr_ipsubnet_t *subnet = NULL;
        const char *allowed = cask_proxies_text_subnet(word, &subnet, cmd->pool);

        if (allowed != NULL) {
            return allowed;
        }
        item = subnet;
    } else if (word[0] == '%' && strcmp(word, "%{GLOBAL}") != 0) {
        return "the name of a daemon group, or %{GLOBAL} for embedded mode";
    } else {
        cask_config_mention_group(cmd, word);
    }
    *(const void **)apr_array_push(list) = item;
    return NULL;
}

/* Only a list of groups may be empty: then none is allowed. */
static const char *
parse_list(cmd_parms *cmd, void *dir, const char *line)
{
    const struct row *row = &rows[(size_t)cmd->info];
    struct cask_config_scope *scope = &((struct cask_config_dir *)dir)->scope;
    apr_array_header_t **field = (apr_array_header_t **)((char *)scope + row->offset);
    const char *name = cmd->cmd->name;

    if (*line == '\0' && row->kind != KIND_GROUP) {
        return apr_psprintf(cmd->pool, "%s: needs %s", name, cmd->cmd->errmsg);
    }
    if (*field == NULL) {
        *field = apr_array_make(cmd->pool, 2, sizeof(void *));
    }
    while (*line != '\0') {
        const char *word = ap_getword_conf(cmd->pool, &line);
        const char *wrong = add_item(cmd, row->kind, scope, word, *field);

        if (wrong != NULL) {
            return cask_values_refuse(name, NULL, word, wrong, cmd->pool);
        }
    }
    return NULL;
}

const command_rec cask_directives_commands[] = {
#define CASK_DIRECTIVE_LINE(name, where, parser, syntax, help) \
    AP_INIT_RAW_ARGS(#name, parser, NULL, WHERE_##where, syntax),
#define CASK_DIRECTIVE_SCOPE(name, where, kind, field, fallback, syntax, help) \
    AP_INIT_TAKE1(#name, parse_scope, (void *)(size_t)ROW_##name, WHERE_##where, syntax),
#define CASK_DIRECTIVE_LIST(name, where, kind, field, syntax, help) \
    AP_INIT_RAW_ARGS(#name, parse_list, (void *)(size_t)ROW_##name, WHERE_##where, syntax),
#define CASK_DIRECTIVE_SCRIPT(name, where, field, syntax, help) \
    AP_INIT_RAW_ARGS(#name, cask_script_directives_asked,       \
                     (void *)offsetof(struct cask_config_scope, field), WHERE_##where, syntax),
#define CASK_DIRECTIVE_MAIN(name, kind, field, fallback, syntax, help) \
    AP_INIT_TAKE1(#name, parse_main, (void *)(size_t)ROW_##name, RSRC_CONF, syntax),
#define CASK_DIRECTIVE_INTERP(name, kind, field, fallback, syntax, help) \
    AP_INIT_TAKE1(#name, parse_interp, (void *)(size_t)ROW_##name, RSRC_CONF, syntax),
#define CASK_DIRECTIVE_IDLE(name, where, kind, number, syntax, help)                      \
    AP_INIT_RAW_ARGS(#name, cask_idle_directives_parse, (void *)(size_t)CASK_IDLE_##name, \
                     WHERE_##where, syntax),
#include "apache/directives.def"
    {.name = NULL},
};
