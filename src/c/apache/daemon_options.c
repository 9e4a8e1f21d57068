/* SPDX-License-Identifier: Apache-2.0 */
/* apache/daemon_options.c - the rows of daemon_options.def at work.
 *
 * Owns:    nothing; strings live in the pool given.
 * Touches: proc/spec.h (fields), platform/cred (names of users and groups).
 * Threads: configuration time, single-threaded.
 */
#include "apache/daemon_options.h"

#include "apache/idle_directives.h"
#include "apache/values.h"
#include "apache/words.h"
#include "platform/clock.h"
#include "platform/cred.h"
#include "platform/problem.h"
#include "proc/spec.h"

#include <httpd.h>
#include <http_config.h>
#include <apr_strings.h>

#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <string.h>

#define MOST_NAMES               1000 /* looked through for the one that was meant */
#define CASK_DAEMON_OPTIONS_YEAR (365 * 24 * 3600 * CASK_CLOCK_SECOND)

enum kind {
    KIND_INTEGER,
    KIND_SIZE,
    KIND_FLAG,
    KIND_SEED,
    KIND_OCTAL,
    KIND_TIME,
    KIND_MILLISECONDS,
    KIND_TEXT,
    KIND_PATH,
    KIND_ROOTED,
    KIND_USER,
    KIND_OWNER,
    KIND_GROUP,
    KIND_GROUPS,
    KIND_ENVIRONMENT,
};

enum row_number {
#define CASK_DAEMON_OPTION(option, ident, kind, field, fallback, low, high, help) ROW_##ident,
#include "apache/daemon_options.def"
#undef CASK_DAEMON_OPTION
    ROW_COUNT,
};

struct row {
    const char *option;
    enum kind kind;
    size_t offset;
    size_t size; /* of the field: int or int64_t for numbers */
    int64_t low;
    int64_t high;
};

static const struct row rows[ROW_COUNT] = {
#define CASK_DAEMON_OPTION(option, ident, kind, field, fallback, low, high, help) \
    {option,                                                                      \
     KIND_##kind,                                                                 \
     offsetof(struct cask_group_spec, field),                                     \
     sizeof(((struct cask_group_spec *)0)->field),                                \
     low,                                                                         \
     high},
#include "apache/daemon_options.def"
#undef CASK_DAEMON_OPTION
};

static const char *const names[ROW_COUNT] = {
#define CASK_DAEMON_OPTION(option, ident, kind, field, fallback, low, high, help) option,
#include "apache/daemon_options.def"
#undef CASK_DAEMON_OPTION
};

static void *
field_of(struct cask_group_spec *spec, const struct row *row)
{
    return (char *)spec + row->offset;
}

void
cask_daemon_options_defaults(struct cask_group_spec *spec)
{
    memset(spec, 0, sizeof(*spec));
#define CASK_DAEMON_OPTION(option, ident, kind, field, fallback, low, high, help) \
    spec->field = fallback;
#include "apache/daemon_options.def"
#undef CASK_DAEMON_OPTION
}

static void
set_integer(struct cask_group_spec *spec, const struct row *row, int64_t number)
{
    if (row->size == sizeof(int)) {
        *(int *)field_of(spec, row) = (int)number;
    } else {
        *(int64_t *)field_of(spec, row) = number;
    }
}

static int64_t
get_integer(const struct cask_group_spec *spec, const struct row *row)
{
    const char *field = (const char *)spec + row->offset;

    return row->size == sizeof(int) ? *(const int *)(const void *)field
                                    : *(const int64_t *)(const void *)field;
}

static const char *
get_text(const struct cask_group_spec *spec, const struct row *row)
{
    const char *field = (const char *)spec + row->offset;

    return *(const char *const *)(const void *)field;
}

/* `allowed`, and the name on this machine that was probably meant. */
static const char *
suggest(const char *allowed, const char *word, apr_array_header_t *known, apr_pool_t *pool)
{
    const char *nearest =
        cask_values_nearest(word, (const char *const *)known->elts, (size_t)known->nelts, pool);

    return nearest == NULL ? allowed
                           : apr_psprintf(pool, "%s; did you mean '%s'?", allowed, nearest);
}

static const char *
suggest_user(const char *allowed, const char *word, apr_pool_t *pool)
{
    apr_array_header_t *known = apr_array_make(pool, 64, sizeof(const char *));
    const struct passwd *entry;

    setpwent();
    for (entry = getpwent(); entry != NULL && known->nelts < MOST_NAMES; entry = getpwent()) {
        if (entry->pw_uid != 0) {
            *(const char **)apr_array_push(known) = apr_pstrdup(pool, entry->pw_name);
        }
    }
    endpwent();
    return suggest(allowed, word, known, pool);
}

static const char *
suggest_group(const char *allowed, const char *word, apr_pool_t *pool)
{
    apr_array_header_t *known = apr_array_make(pool, 64, sizeof(const char *));
    const struct group *entry;

    setgrent();
    for (entry = getgrent(); entry != NULL && known->nelts < MOST_NAMES; entry = getgrent()) {
        *(const char **)apr_array_push(known) = apr_pstrdup(pool, entry->gr_name);
    }
    endgrent();
    return suggest(allowed, word, known, pool);
}

/* NULL, or what is allowed instead. The ids themselves are set when the configuration is resolved:
 * only then httpd's own user is known. */
static const char *
check_user(const char *value, bool root_allowed, apr_pool_t *pool)
{
    uid_t uid = 0;
    gid_t gid = 0;

    if (cask_cred_user(value, &uid, &gid, NULL) != 0) {
        return suggest_user("a user of this machine, by name or as #uid", value, pool);
    }
    return uid == 0 && !root_allowed ? "any user but root" : NULL;
}

static const char *
check_group(const char *value, apr_pool_t *pool)
{
    gid_t gid = 0;

    return cask_cred_group(value, &gid, NULL) == 0
               ? NULL
               : suggest_group("a group of this machine, by name or as #gid", value, pool);
}

/* Names of groups with commas between them. */
static const char *
check_groups(const char *value, apr_pool_t *pool)
{
    char *rest = apr_pstrdup(pool, value);
    size_t n_groups = 0;

    while (rest != NULL) {
        char *name = rest;

        rest = strchr(name, ',');
        if (rest != NULL) {
            *rest++ = '\0';
        }
        if (check_group(name, pool) != NULL || ++n_groups >= CASK_CRED_MAX_GROUPS) {
            return "groups of this machine, by name or as #gid, with commas between them";
        }
    }
    return NULL;
}

static bool
is_assignment(const char *value)
{
    size_t len = strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

    return len > 0 && value[len] == '=' && (value[0] < '0' || value[0] > '9');
}

/* Sets one option; NULL, or what is allowed instead. */
static const char *
set_option(struct cask_group_spec *spec, const struct row *row, const char *value, apr_pool_t *pool)
{
    const char **text = (const char **)field_of(spec, row);
    const char *allowed = NULL;
    int64_t number = 0;
    int small = 0;

    switch (row->kind) {
    case KIND_INTEGER:
        allowed = cask_values_integer(value, row->low, row->high, &number, pool);
        break;
    case KIND_SIZE:
        allowed = cask_values_size(value, row->low, row->high, &number, pool);
        break;
    case KIND_FLAG:
        allowed = cask_values_flag(value, &small);
        number = small;
        break;
    case KIND_SEED:
        allowed = cask_values_seed(value, &number, pool);
        break;
    case KIND_OCTAL:
        allowed = cask_values_octal(value, &small);
        number = small;
        break;
    case KIND_TIME:
        allowed = cask_values_time(value, row->low, row->high, &number, pool);
        break;
    case KIND_MILLISECONDS:
        if (value[strspn(value, "0123456789")] == '\0') {
            value = apr_pstrcat(pool, value, "ms", NULL);
        }
        allowed = cask_values_time(value, row->low, row->high, &number, pool);
        break;
    case KIND_TEXT:
        *text = value;
        return NULL;
    case KIND_PATH:
        *text = value;
        return value[0] == '/' ? NULL : "an absolute path";
    case KIND_ROOTED:
        *text = ap_server_root_relative(pool, value);
        return *text != NULL ? NULL : "a path";
    case KIND_USER:
        *text = value;
        return check_user(value, false, pool);
    case KIND_OWNER:
        *text = value;
        return check_user(value, true, pool);
    case KIND_GROUP:
        *text = value;
        return check_group(value, pool);
    case KIND_ENVIRONMENT:
        if (!is_assignment(value)) {
            return "NAME=value, the name of letters, digits and '_'";
        }
        *text = *text == NULL ? value : apr_pstrcat(pool, *text, "\n", value, NULL);
        return NULL;
    case KIND_GROUPS:
        *text = value;
        return check_groups(value, pool);
    }
    if (allowed == NULL) {
        set_integer(spec, row, number);
    }
    return allowed;
}

static const struct row *
find_row(const char *name)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (strcmp(rows[i].option, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

/* Reads one option; NULL, or what is allowed instead. *ret_known: there is such an option. */
static const char *
read_option(struct cask_group_spec *spec, const cmd_parms *cmd, const char *name, const char *value,
            bool *ret_known)
{
    const struct row *row = find_row(name);
    const char *allowed = NULL;

    if (row == NULL) {
        *ret_known = cask_idle_directives_option(cmd, name, value, &allowed);
        return allowed;
    }
    *ret_known = true;
    allowed = set_option(spec, row, value, cmd->pool);
    if (row == &rows[ROW_processes]) {
        spec->processes_given = true;
    } else if (row == &rows[ROW_graceful_timeout]) {
        spec->graceful_timeout_given = true;
    }
    return allowed;
}

const char *
cask_daemon_options_parse(struct cask_group_spec *spec, const cmd_parms *cmd, const char *line)
{
    const char *directive = cmd->cmd->name;

    while (*line != '\0') {
        const char *name = NULL;
        const char *value = NULL;
        const char *wrong = cask_words_option(&line, &name, &value, cmd->pool);
        bool known = false;

        if (wrong != NULL) {
            return apr_psprintf(cmd->pool, "%s: %s", directive, wrong);
        }
        wrong = read_option(spec, cmd, name, value, &known);
        if (!known) {
            return cask_values_unknown(directive, name, names, ROW_COUNT, cmd->pool);
        }
        if (wrong != NULL) {
            return cask_values_refuse(directive, name, value, wrong, cmd->pool);
        }
    }
    if (spec->script_user != NULL && spec->script_group != NULL) {
        return apr_psprintf(cmd->pool, "%s: script-user= and script-group= exclude each other",
                            directive);
    }
    return NULL;
}

/* NULL: not given. */
static const char *
seed_text(int64_t number, apr_pool_t *pool)
{
    if (number < 0) {
        return number == CASK_ENGINE_SEED_RANDOM ? "random" : NULL;
    }
    return apr_psprintf(pool, "%" APR_INT64_T_FMT, number);
}

const char *
cask_daemon_options_text(const struct cask_group_spec *spec, size_t row_number,
                         const char **ret_value, apr_pool_t *pool)
{
    const struct row *row;
    const char *value = NULL;

    if (row_number >= ROW_COUNT) {
        return NULL;
    }
    row = &rows[row_number];
    switch (row->kind) {
    case KIND_INTEGER:
        value = apr_psprintf(pool, "%" APR_INT64_T_FMT, get_integer(spec, row));
        break;
    case KIND_SEED:
        value = seed_text(get_integer(spec, row), pool);
        break;
    case KIND_SIZE:
        value = cask_values_size_text(get_integer(spec, row), pool);
        break;
    case KIND_FLAG:
        value = get_integer(spec, row) < 0 ? NULL : get_integer(spec, row) != 0 ? "On" : "Off";
        break;
    case KIND_OCTAL:
        value = get_integer(spec, row) < 0
                    ? NULL
                    : apr_psprintf(pool, "%04o", (unsigned)get_integer(spec, row));
        break;
    case KIND_TIME:
    case KIND_MILLISECONDS:
        value = cask_values_time_text(get_integer(spec, row), pool);
        break;
    case KIND_TEXT:
    case KIND_PATH:
    case KIND_ROOTED:
    case KIND_USER:
    case KIND_OWNER:
    case KIND_GROUP:
    case KIND_ENVIRONMENT:
    case KIND_GROUPS:
        value = get_text(spec, row);
        break;
    }
    *ret_value = value != NULL ? value : "-";
    return row->option;
}
