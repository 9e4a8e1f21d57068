/* SPDX-License-Identifier: Apache-2.0 */
/* apache/idle_directives.c - directives that are accepted without effect, so that existing
 * configurations start: rows IDLE of directives.def.
 *
 * Owns:    nothing; lines are remembered in the main record and told by apache/check.
 * Touches: apache/values.
 * Threads: configuration time, single-threaded; rows AUTHCFG also on request threads (.htaccess).
 */
#include "apache/idle_directives.h"

#include "apache/config.h"
#include "apache/values.h"
#include "platform/clock.h"

#include <apr_strings.h>

#include <string.h>
#include <strings.h>

enum kind {
    KIND_FLAG,
    KIND_TEXT,
    KIND_MUTEX,
    KIND_SERVICE,
    KIND_OPTIONS,
};

static const struct {
    enum kind kind;
    bool main_only;
    unsigned number;
    const char *why;
} rows[] = {
#define MAIN_ONLY_MAIN    true
#define MAIN_ONLY_AUTHCFG false
#define CASK_DIRECTIVE_IDLE(name, where, kind, number, syntax, help) \
    {KIND_##kind, MAIN_ONLY_##where, number, help},
#include "apache/directives.def"
};

static const struct {
    const char *name;
    enum kind kind;
    unsigned number;
    const char *why;
} options[] = {
#define CASK_DAEMON_OPTION(option, ident, kind, field, fallback, low, high, help)
#define CASK_DAEMON_IDLE(option, kind, number, help) {option, KIND_##kind, number, help},
#include "apache/daemon_options.def"
#undef CASK_DAEMON_IDLE
#undef CASK_DAEMON_OPTION
};

static const char *
check_mutex(const char *word, apr_pool_t *pool)
{
    static const char *const mutexes[] = {"default", "flock",    "fcntl",
                                          "sysvsem", "posixsem", "pthread"};
    size_t index;

    return cask_values_choice(word, mutexes, sizeof(mutexes) / sizeof(mutexes[0]), &index, pool);
}

static const char *
check_service(const char *word, const char *rest, apr_pool_t *pool)
{
    static const char allowed[] =
        "unix: and the absolute path of a socket, then perhaps interval=seconds";
    const char *option = ap_getword_conf(pool, &rest);
    int64_t interval_us;

    if (strncmp(word, "unix:/", 6) != 0 || *rest != '\0') {
        return allowed;
    }
    if (*option == '\0') {
        return NULL;
    }
    if (strncmp(option, "interval=", 9) != 0) {
        return allowed;
    }
    return cask_values_time(option + 9, CASK_CLOCK_SECOND / 2, 86400 * CASK_CLOCK_SECOND,
                            &interval_us, pool);
}

/* Either names with + or - before each, or names without, of which None and All may be one. */
static const char *
check_flags(const char *line, apr_pool_t *pool)
{
    static const char *const names[] = {"CaptureUserAgent", "None", "All"};
    bool signs = *line == '+' || *line == '-';

    while (*line != '\0') {
        const char *word = ap_getword_conf(pool, &line);
        bool has_sign = *word == '+' || *word == '-';
        const char *wrong;
        size_t index;

        if (has_sign != signs) {
            return "either options with + or - before each, or options without";
        }
        wrong = cask_values_choice(word + has_sign, names, has_sign ? 1 : 3, &index, pool);
        if (wrong != NULL) {
            return wrong;
        }
    }
    return NULL;
}

/* What is allowed instead; NULL: the words are fine. */
static const char *
check_words(const cmd_parms *cmd, enum kind kind, const char *line)
{
    const char *rest = line;
    const char *word = ap_getword_conf(cmd->pool, &rest);
    int flag;

    if (*word == '\0') {
        return cmd->cmd->errmsg;
    }
    switch (kind) {
    case KIND_FLAG:
        return *rest != '\0' ? "one word, On or Off" : cask_values_flag(word, &flag);
    case KIND_MUTEX:
        return *rest != '\0' ? "one word" : check_mutex(word, cmd->pool);
    case KIND_SERVICE:
        return check_service(word, rest, cmd->pool);
    case KIND_OPTIONS:
        return check_flags(line, cmd->pool);
    case KIND_TEXT:
        break;
    }
    return NULL;
}

/* A remark for the first line of a directive; one is enough. */
static void
remark_once(const cmd_parms *cmd, unsigned number, const char *subject, const char *why)
{
    const apr_array_header_t *list = cask_config_main()->remarks;
    const struct cask_config_remark *remarks = (const struct cask_config_remark *)list->elts;
    const char *text = apr_psprintf(cmd->pool, "%shas no effect: %s", subject, why);

    for (int i = 0; i < list->nelts && cask_config_is_startup(cmd); i++) {
        if (remarks[i].number == number && strstr(remarks[i].text, text) != NULL &&
            strncmp(remarks[i].text, cmd->cmd->name, strlen(cmd->cmd->name)) == 0) {
            return;
        }
    }
    cask_config_remark(cmd, number, "%s", text);
}

const char *
cask_idle_directives_parse(cmd_parms *cmd, void *dir, const char *line)
{
    size_t row = (size_t)cmd->info;
    const char *wrong = rows[row].main_only ? ap_check_cmd_context(cmd, GLOBAL_ONLY) : NULL;

    (void)dir;
    if (wrong != NULL) {
        return wrong;
    }
    wrong = check_words(cmd, rows[row].kind, line);
    if (wrong != NULL) {
        return cask_values_refuse(cmd->cmd->name, NULL, line, wrong, cmd->pool);
    }
    remark_once(cmd, rows[row].number, "", rows[row].why);
    return NULL;
}

bool
cask_idle_directives_option(const cmd_parms *cmd, const char *name, const char *value,
                            const char **ret_wrong)
{
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (strcmp(name, options[i].name) == 0) {
            *ret_wrong = check_words(cmd, options[i].kind, value);
            if (*ret_wrong == NULL) {
                remark_once(cmd, options[i].number, apr_pstrcat(cmd->pool, name, "= ", NULL),
                            options[i].why);
            }
            return true;
        }
    }
    return false;
}
