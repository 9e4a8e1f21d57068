/* SPDX-License-Identifier: Apache-2.0 */
/* apache/directives.c - the rows of directives.def at work: the command table and its parsers.
 *
 * Owns:    nothing; what is read goes to the records of apache/config, in cmd->pool.
 * Touches: apache/daemon_options, apache/values.
 * Threads: configuration time, single-threaded; rows FILEINFO also on request threads (.htaccess),
 *          where they write to a record of that request only.
 *
 * A parser returns NULL or the whole text of an error; httpd puts file and line before it.
 */
#include "apache/directives.h"

#include "apache/config.h"
#include "apache/daemon_options.h"
#include "apache/values.h"
#include "apache/words.h"
#include "proc/spec.h"

#include <ap_regex.h>
#include <apr_strings.h>

#include <string.h>

#define WHERE_SERVER   RSRC_CONF
#define WHERE_SCOPE    (RSRC_CONF | ACCESS_CONF)
#define WHERE_FILEINFO OR_FILEINFO

enum kind {
    KIND_FLAG,
    KIND_GROUP,
    KIND_NAME,
    KIND_TEXT,
    KIND_ROOTED,
};

/* Where the value of a row goes: an offset into the record of its family. */
struct row {
    enum kind kind;
    size_t offset;
};

enum row_number {
#define CASK_DIRECTIVE_LINE(name, where, parser, syntax, help)
#define CASK_DIRECTIVE_SCOPE(name, where, kind, field, fallback, syntax, help) ROW_##name,
#define CASK_DIRECTIVE_MAIN(name, kind, field, fallback, syntax, help)         ROW_##name,
#include "apache/directives.def"
#undef CASK_DIRECTIVE_LINE
#undef CASK_DIRECTIVE_SCOPE
#undef CASK_DIRECTIVE_MAIN
};

static const struct row rows[] = {
#define CASK_DIRECTIVE_LINE(name, where, parser, syntax, help)
#define CASK_DIRECTIVE_SCOPE(name, where, kind, field, fallback, syntax, help) \
    {KIND_##kind, offsetof(struct cask_config_scope, field)},
#define CASK_DIRECTIVE_MAIN(name, kind, field, fallback, syntax, help) \
    {KIND_##kind, offsetof(struct cask_config_main, field)},
#include "apache/directives.def"
#undef CASK_DIRECTIVE_LINE
#undef CASK_DIRECTIVE_SCOPE
#undef CASK_DIRECTIVE_MAIN
};

static const char *
location_of(const cmd_parms *cmd)
{
    return apr_psprintf(cmd->pool, "%s:%d", cmd->directive->filename, cmd->directive->line_num);
}

/* Remembers that a daemon group was named here. */
static void
mention_group(const cmd_parms *cmd, const char *name)
{
    struct cask_config_mention *mention = apr_array_push(cask_config_main()->mentions);

    mention->directive = cmd->cmd->name;
    mention->name = name;
    mention->server = cmd->server;
    mention->location = location_of(cmd);
}

/* Stores the argument of a one-argument directive in its field of `record`. */
static const char *
set_value(const cmd_parms *cmd, void *record, const char *value)
{
    const struct row *row = &rows[(size_t)cmd->info];
    void *field = (char *)record + row->offset;
    const char *name = cmd->cmd->name;
    const char *wrong;

    if (row->kind == KIND_FLAG) {
        wrong = cask_values_flag(value, field);
        return wrong == NULL ? NULL : cask_values_refuse(name, NULL, value, wrong, cmd->pool);
    }
    if (row->kind == KIND_ROOTED) {
        value = ap_server_root_relative(cmd->pool, value);
        if (value == NULL) {
            return apr_psprintf(cmd->pool, "%s: '%s' cannot be used as a path", name,
                                cmd->directive->args);
        }
    }
    if (row->kind == KIND_GROUP) {
        mention_group(cmd, value);
    }
    *(const char **)field = value;
    return NULL;
}

static const char *
parse_scope(cmd_parms *cmd, void *dir, const char *value)
{
    struct cask_config_dir *config = dir;

    return set_value(cmd, &config->scope, value);
}

static const char *
parse_main(cmd_parms *cmd, void *dir, const char *value)
{
    const char *wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)dir;
    return wrong != NULL ? wrong : set_value(cmd, cask_config_main(), value);
}

static const char *const alias_options[] = {
    "process-group",
    "application-group",
    "callable-object",
    "pass-authorization",
};

/* %{GLOBAL} of an alias option stands for the empty name from the start. */
static const char *
global_as_empty(const char *value)
{
    return strcmp(value, "%{GLOBAL}") == 0 ? "" : value;
}

/* Sets one option of an alias; NULL or the whole error. */
static const char *
set_alias_option(const cmd_parms *cmd, struct cask_config_alias *alias, const char *name,
                 const char *value)
{
    const char *wrong = NULL;

    if (strcmp(name, "process-group") == 0) {
        alias->process_group = global_as_empty(value);
    } else if (strcmp(name, "application-group") == 0) {
        alias->application_group = global_as_empty(value);
    } else if (strcmp(name, "callable-object") == 0) {
        alias->callable_object = value;
    } else if (strcmp(name, "pass-authorization") == 0) {
        wrong = cask_values_flag(value, &alias->pass_authorization);
    } else {
        return cask_values_unknown(cmd->cmd->name, name, alias_options,
                                   sizeof(alias_options) / sizeof(alias_options[0]), cmd->pool);
    }
    return wrong == NULL ? NULL : cask_values_refuse(cmd->cmd->name, name, value, wrong, cmd->pool);
}

/* Reads "first target option=value …" into an alias. */
static const char *
read_alias(const cmd_parms *cmd, const char *line, struct cask_config_alias *alias)
{
    const char *name = cmd->cmd->name;

    alias->alias = ap_getword_conf(cmd->pool, &line);
    alias->target = ap_getword_conf(cmd->pool, &line);
    alias->pass_authorization = -1;
    alias->server = cmd->server;
    alias->location = location_of(cmd);
    if (*alias->alias == '\0' || *alias->target == '\0') {
        return apr_psprintf(cmd->pool, "%s: needs two arguments, %s", name, cmd->cmd->errmsg);
    }
    while (*line != '\0') {
        const char *option = NULL;
        const char *value = NULL;
        const char *wrong = cask_words_option(&line, &option, &value, cmd->pool);

        if (wrong != NULL) {
            return apr_psprintf(cmd->pool, "%s: %s", name, wrong);
        }
        wrong = set_alias_option(cmd, alias, option, value);
        if (wrong != NULL) {
            return wrong;
        }
    }
    if (alias->process_group != NULL) {
        mention_group(cmd, alias->process_group);
    }
    return NULL;
}

static void
add_alias(const cmd_parms *cmd, const struct cask_config_alias *alias)
{
    struct cask_config_server *config = cask_config_of_server(cmd->server);

    *(struct cask_config_alias *)apr_array_push(config->aliases) = *alias;
}

static const char *
parse_alias(cmd_parms *cmd, void *dir, const char *line)
{
    struct cask_config_alias alias = {.alias = NULL};
    const char *wrong = read_alias(cmd, line, &alias);

    (void)dir;
    if (wrong != NULL) {
        return wrong;
    }
    if (alias.alias[0] != '/') {
        return cask_values_refuse(cmd->cmd->name, NULL, alias.alias,
                                  "a URL path that begins with '/'", cmd->pool);
    }
    if (alias.target[0] != '/') {
        alias.target = ap_server_root_relative(cmd->pool, alias.target);
        if (alias.target == NULL) {
            return apr_psprintf(cmd->pool, "%s: the target cannot be used as a path",
                                cmd->cmd->name);
        }
    }
    add_alias(cmd, &alias);
    return NULL;
}

static const char *
parse_alias_match(cmd_parms *cmd, void *dir, const char *line)
{
    struct cask_config_alias alias = {.alias = NULL};
    const char *wrong = read_alias(cmd, line, &alias);

    (void)dir;
    if (wrong != NULL) {
        return wrong;
    }
    alias.regex = ap_pregcomp(cmd->pool, alias.alias, AP_REG_EXTENDED);
    if (alias.regex == NULL) {
        return apr_psprintf(cmd->pool, "%s: '%s' is not a valid regular expression", cmd->cmd->name,
                            alias.alias);
    }
    add_alias(cmd, &alias);
    return NULL;
}

static const char *
parse_daemon_process(cmd_parms *cmd, void *dir, const char *line)
{
    struct cask_config_main *config = cask_config_main();
    struct cask_config_group *group = apr_pcalloc(cmd->pool, sizeof(*group));
    const char *directive = cmd->cmd->name;
    const char *name = ap_getword_conf(cmd->pool, &line);
    const struct cask_config_group *other;
    const char *wrong;

    (void)dir;
    if (*name == '\0') {
        return apr_psprintf(cmd->pool, "%s: needs a name for the group", directive);
    }
    if (*name == '%' || strchr(name, '=') != NULL) {
        return cask_values_refuse(directive, NULL, name,
                                  "a name for the group as the first word, without '=' and not "
                                  "beginning with '%'",
                                  cmd->pool);
    }
    other = apr_hash_get(config->groups, name, APR_HASH_KEY_STRING);
    if (other != NULL) {
        return apr_psprintf(cmd->pool, "%s: the name '%s' is already used by the group of %s",
                            directive, name, other->location);
    }
    cask_daemon_options_defaults(&group->spec);
    wrong = cask_daemon_options_parse(&group->spec, directive, line, cmd->pool);
    if (wrong != NULL) {
        return wrong;
    }
    group->spec.name = name;
    group->spec.id = (uint32_t)config->group_list->nelts + 1;
    group->server = cmd->server;
    group->location = location_of(cmd);
    group->listen_fd = -1;
    group->board_fd = -1;
    apr_hash_set(config->groups, name, APR_HASH_KEY_STRING, group);
    *(struct cask_config_group **)apr_array_push(config->group_list) = group;
    return NULL;
}

const command_rec cask_directives_commands[] = {
#define CASK_DIRECTIVE_LINE(name, where, parser, syntax, help) \
    AP_INIT_RAW_ARGS(#name, parse_##parser, NULL, WHERE_##where, syntax),
#define CASK_DIRECTIVE_SCOPE(name, where, kind, field, fallback, syntax, help) \
    AP_INIT_TAKE1(#name, parse_scope, (void *)(size_t)ROW_##name, WHERE_##where, syntax),
#define CASK_DIRECTIVE_MAIN(name, kind, field, fallback, syntax, help) \
    AP_INIT_TAKE1(#name, parse_main, (void *)(size_t)ROW_##name, RSRC_CONF, syntax),
#include "apache/directives.def"
#undef CASK_DIRECTIVE_LINE
#undef CASK_DIRECTIVE_SCOPE
#undef CASK_DIRECTIVE_MAIN
    {.name = NULL},
};
