/* SPDX-License-Identifier: Apache-2.0 */
/* apache/script_directives.c - directives that name a script, with options behind it.
 *
 * Owns:    nothing; what is read goes to the records of apache/config, in cmd->pool.
 * Touches: apache/words, apache/values.
 * Threads: configuration time, single-threaded; rows AUTHCFG also on request threads (.htaccess),
 *          where they write to a record of that request only.
 */
#include "apache/script_directives.h"

#include "apache/config.h"
#include "apache/routing.h"
#include "apache/values.h"
#include "apache/words.h"

#include <ap_regex.h>
#include <apr_strings.h>

#include <string.h>

/* What stands behind the fixed words; a directive allows a prefix of these. */
struct options {
    const char *process_group;
    const char *application_group;
    const char *callable_object;
    int pass_authorization;
};

enum {
    OPTION_APPLICATION_GROUP = 1 << 0,
    OPTION_PROCESS_GROUP = 1 << 1,
    OPTION_PASS_AUTHORIZATION = 1 << 2,
    OPTION_CALLABLE_OBJECT = 1 << 3,
    LITERAL_NAMES = 1 << 4, /* there is no request to expand them for */
};

static const struct {
    const char *name;
    int bit;
} option_names[] = {
    {"process-group", OPTION_PROCESS_GROUP},
    {"application-group", OPTION_APPLICATION_GROUP},
    {"callable-object", OPTION_CALLABLE_OBJECT},
    {"pass-authorization", OPTION_PASS_AUTHORIZATION},
};
#define N_OPTIONS (sizeof(option_names) / sizeof(option_names[0]))

/* %{GLOBAL} stands for the empty name from the start. */
static const char *
global_as_empty(const char *value)
{
    return strcmp(value, "%{GLOBAL}") == 0 ? "" : value;
}

static const char *
refuse_option(const cmd_parms *cmd, int allowed, const char *word)
{
    const char *names[N_OPTIONS];
    size_t n_names = 0;

    for (size_t i = 0; i < N_OPTIONS; i++) {
        if ((option_names[i].bit & allowed) != 0) {
            names[n_names++] = option_names[i].name;
        }
    }
    return cask_values_unknown(cmd->cmd->name, word, names, n_names, cmd->pool);
}

static int
option_bit(const char *name)
{
    for (size_t i = 0; i < N_OPTIONS; i++) {
        if (strcmp(name, option_names[i].name) == 0) {
            return option_names[i].bit;
        }
    }
    return 0;
}

static void
check_names(const cmd_parms *cmd, int allowed, const struct options *options)
{
    const char *const names[] = {options->process_group, options->application_group,
                                 options->callable_object};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i] != NULL && (allowed & LITERAL_NAMES) != 0) {
            cask_config_check_literal(cmd, names[i]);
        } else if (names[i] != NULL) {
            cask_config_check_name(cmd, names[i]);
        }
    }
    if (options->process_group != NULL) {
        cask_config_mention_group(cmd, options->process_group);
    }
}

/* Reads "option=value …" to the end of the line; NULL or the whole error. */
static const char *
read_options(const cmd_parms *cmd, const char *line, int allowed, struct options *options)
{
    *options = (struct options){.pass_authorization = -1};
    while (*line != '\0') {
        const char *name = NULL;
        const char *value = NULL;
        const char *wrong = cask_words_option(&line, &name, &value, cmd->pool);
        int bit;

        if (wrong != NULL) {
            return apr_psprintf(cmd->pool, "%s: %s", cmd->cmd->name, wrong);
        }
        bit = option_bit(name) & allowed;
        if (bit == OPTION_PROCESS_GROUP) {
            options->process_group = global_as_empty(value);
        } else if (bit == OPTION_APPLICATION_GROUP) {
            options->application_group = global_as_empty(value);
        } else if (bit == OPTION_CALLABLE_OBJECT) {
            options->callable_object = value;
        } else if (bit == OPTION_PASS_AUTHORIZATION) {
            wrong = cask_values_flag(value, &options->pass_authorization);
        } else {
            return refuse_option(cmd, allowed, name);
        }
        if (wrong != NULL) {
            return cask_values_refuse(cmd->cmd->name, name, value, wrong, cmd->pool);
        }
    }
    check_names(cmd, allowed, options);
    return NULL;
}

/* The path of a script, a relative one from ServerRoot; NULL: not usable. */
static const char *
rooted(const cmd_parms *cmd, const char *path)
{
    return path[0] == '/' ? path : ap_server_root_relative(cmd->pool, path);
}

/* Reads "first target option=value …" into an alias. */
static const char *
read_alias(const cmd_parms *cmd, const char *line, struct cask_config_alias *alias)
{
    struct options options;
    const char *wrong;

    alias->alias = ap_getword_conf(cmd->pool, &line);
    alias->target = ap_getword_conf(cmd->pool, &line);
    if (*alias->alias == '\0' || *alias->target == '\0') {
        return apr_psprintf(cmd->pool, "%s: needs two arguments, %s", cmd->cmd->name,
                            cmd->cmd->errmsg);
    }
    wrong = read_options(cmd, line,
                         OPTION_PROCESS_GROUP | OPTION_APPLICATION_GROUP | OPTION_CALLABLE_OBJECT |
                             OPTION_PASS_AUTHORIZATION,
                         &options);
    alias->process_group = options.process_group;
    alias->application_group = options.application_group;
    alias->callable_object = options.callable_object;
    alias->pass_authorization = options.pass_authorization;
    alias->order = cask_config_main()->n_ordered++;
    alias->server = cmd->server;
    alias->location = cask_config_location(cmd);
    alias->said = apr_pcalloc(cmd->pool, sizeof(*alias->said));
    return wrong;
}

static void
add_alias(const cmd_parms *cmd, const struct cask_config_alias *alias)
{
    struct cask_config_server *config = cask_config_of_server(cmd->server);

    *(struct cask_config_alias *)apr_array_push(config->aliases) = *alias;
}

const char *
cask_script_directives_alias(cmd_parms *cmd, void *dir, const char *line)
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
    alias.target = rooted(cmd, alias.target);
    if (alias.target == NULL) {
        return apr_psprintf(cmd->pool, "%s: the target cannot be used as a path", cmd->cmd->name);
    }
    add_alias(cmd, &alias);
    return NULL;
}

const char *
cask_script_directives_alias_match(cmd_parms *cmd, void *dir, const char *line)
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

/* Reads "path option=value …"; NULL or the whole error. */
static const char *
read_script(const cmd_parms *cmd, const char *line, int allowed, struct cask_config_script *script)
{
    const char *path = ap_getword_conf(cmd->pool, &line);
    struct options options;
    const char *wrong;

    if (*path == '\0') {
        return apr_psprintf(cmd->pool, "%s: needs the path of a script, %s", cmd->cmd->name,
                            cmd->cmd->errmsg);
    }
    wrong = read_options(cmd, line, allowed, &options);
    script->directive = cmd->cmd->name;
    script->path = rooted(cmd, path);
    script->process_group = options.process_group;
    script->application_group = options.application_group;
    script->pass_authorization = options.pass_authorization;
    script->server = cmd->server;
    script->location = cask_config_location(cmd);
    if (wrong == NULL && script->path == NULL) {
        return apr_psprintf(cmd->pool, "%s: '%s' cannot be used as a path", cmd->cmd->name, path);
    }
    return wrong;
}

/* For checks of the whole configuration, and the dump. */
static void
keep_script(const cmd_parms *cmd, const struct cask_config_script *script)
{
    if (cask_config_is_startup(cmd)) {
        *(const struct cask_config_script **)apr_array_push(cask_config_main()->scripts) = script;
    }
}

const char *
cask_script_directives_handler(cmd_parms *cmd, void *dir, const char *line)
{
    struct cask_config_scope *scope = &((struct cask_config_dir *)dir)->scope;
    struct cask_config_script *script = apr_pcalloc(cmd->pool, sizeof(*script));
    char *name = ap_getword_conf(cmd->pool, &line);
    const char *wrong;

    if (*name == '\0') {
        return apr_psprintf(cmd->pool, "%s: needs two arguments, %s", cmd->cmd->name,
                            cmd->cmd->errmsg);
    }
    ap_str_tolower(name); /* as SetHandler and AddHandler do */
    if (cask_routing_is_builtin(name)) {
        return cask_values_refuse(cmd->cmd->name, NULL, name, "another name, this one is taken",
                                  cmd->pool);
    }
    wrong = read_script(cmd, line,
                        OPTION_PROCESS_GROUP | OPTION_APPLICATION_GROUP | OPTION_PASS_AUTHORIZATION,
                        script);
    if (wrong != NULL) {
        return wrong;
    }
    if (scope->handler_scripts == NULL) {
        scope->handler_scripts = apr_hash_make(cmd->pool);
    }
    script->handler = name;
    apr_hash_set(scope->handler_scripts, name, APR_HASH_KEY_STRING, script);
    keep_script(cmd, script);
    return NULL;
}

const char *
cask_script_directives_import(cmd_parms *cmd, void *dir, const char *line)
{
    struct cask_config_script script = {.path = NULL};
    const char *wrong = read_script(
        cmd, line, OPTION_PROCESS_GROUP | OPTION_APPLICATION_GROUP | LITERAL_NAMES, &script);

    (void)dir;
    if (wrong != NULL) {
        return wrong;
    }
    if (script.process_group == NULL || script.application_group == NULL) {
        return apr_psprintf(cmd->pool,
                            "%s: '%s' needs process-group= and application-group=", cmd->cmd->name,
                            script.path);
    }
    script.order = cask_config_main()->n_ordered++;
    *(struct cask_config_script *)apr_array_push(cask_config_main()->imports) = script;
    return NULL;
}

const char *
cask_script_directives_asked(cmd_parms *cmd, void *dir, const char *line)
{
    struct cask_config_scope *scope = &((struct cask_config_dir *)dir)->scope;
    struct cask_config_script *script = apr_pcalloc(cmd->pool, sizeof(*script));
    const char *wrong = read_script(cmd, line, OPTION_APPLICATION_GROUP, script);

    if (wrong != NULL) {
        return wrong;
    }
    *(const struct cask_config_script **)((char *)scope + (size_t)cmd->info) = script;
    keep_script(cmd, script);
    if (cask_config_is_startup(cmd)) {
        cask_config_main()->asks_scripts = true;
        cask_config_main()->callables_vary |= scope->dispatch_script == script;
    }
    return NULL;
}
