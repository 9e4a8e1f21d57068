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

static const char *const mutexes[] = {"default", "flock",    "fcntl",
                                      "sysvsem", "posixsem", "pthread"};
#define N_MUTEXES (sizeof(mutexes) / sizeof(mutexes[0]))

static const char *
check_mutex(const char *word)
{
    for (size_t i = 0; i < N_MUTEXES; i++) {
        if (strcasecmp(word, mutexes[i]) == 0) {
            return NULL;
        }
    }
    return "default, flock, fcntl, sysvsem, posixsem or pthread";
}

static const char *
check_service(const char *word, const char *rest, apr_pool_t *pool)
{
    int64_t interval_us;

    if (strncmp(word, "unix:/", 6) != 0) {
        return "unix: and the absolute path of a socket, then perhaps interval=seconds";
    }
    if (*rest == '\0') {
        return NULL;
    }
    if (strncmp(rest, "interval=", 9) != 0) {
        return "unix:/path, then perhaps interval=seconds";
    }
    return cask_values_time(rest + 9, CASK_CLOCK_SECOND / 2, 86400 * CASK_CLOCK_SECOND,
                            &interval_us, pool);
}

/* What is allowed instead; NULL: the words are fine. */
static const char *
check_words(const cmd_parms *cmd, enum kind kind, const char *word, const char *rest)
{
    int flag;

    if (*word == '\0') {
        return cmd->cmd->errmsg;
    }
    switch (kind) {
    case KIND_FLAG:
        return *rest != '\0' ? "one word, On or Off" : cask_values_flag(word, &flag);
    case KIND_MUTEX:
        return *rest != '\0' ? "one word" : check_mutex(word);
    case KIND_SERVICE:
        return check_service(word, rest, cmd->pool);
    case KIND_OPTIONS:
    case KIND_TEXT:
        break;
    }
    return NULL;
}

const char *
cask_idle_directives_parse(cmd_parms *cmd, void *dir, const char *line)
{
    size_t row = (size_t)cmd->info;
    const char *rest = line;
    const char *word = ap_getword_conf(cmd->pool, &rest);
    const char *wrong = rows[row].main_only ? ap_check_cmd_context(cmd, GLOBAL_ONLY) : NULL;

    (void)dir;
    if (wrong != NULL) {
        return wrong;
    }
    wrong = check_words(cmd, rows[row].kind, word, rest);
    if (wrong != NULL) {
        return cask_values_refuse(cmd->cmd->name, NULL, line, wrong, cmd->pool);
    }
    cask_config_remark(cmd, rows[row].number, "has no effect: %s", rows[row].why);
    return NULL;
}
