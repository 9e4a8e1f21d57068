/* SPDX-License-Identifier: Apache-2.0 */
/* apache/values.c - values of the configuration language, and messages about bad ones.
 *
 * Owns:    nothing; results live in the pool given.
 * Touches: APR strings only, no httpd call: tested without a server.
 * Threads: any.
 */
#include "apache/values.h"

#include "gateway/engine.h"
#include "platform/clock.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct unit {
    const char *name;
    int64_t us;
};

/* Largest first, so that the first that divides a time writes it shortest. */
static const struct unit time_units[] = {
    {"h", 3600 * CASK_CLOCK_SECOND},
    {"m", 60 * CASK_CLOCK_SECOND},
    {"s", CASK_CLOCK_SECOND},
    {"ms", CASK_CLOCK_MS},
};

static const struct {
    const char *name;
    int64_t bytes;
} size_units[] = {
    {"G", INT64_C(1) << 30},
    {"M", INT64_C(1) << 20},
    {"K", INT64_C(1) << 10},
};
#define N_SIZE_UNITS (sizeof(size_units) / sizeof(size_units[0]))

/* Reads the digits at *text; -1 when there is none or the number does not fit. */
static int64_t
read_digits(const char **text, int base)
{
    int64_t number = 0;
    const char *at = *text;

    while (*at >= '0' && *at < '0' + base) {
        if (number > (INT64_MAX - base) / base) {
            return -1;
        }
        number = number * base + (*at - '0');
        at++;
    }
    if (at == *text) {
        return -1;
    }
    *text = at;
    return number;
}

const char *
cask_values_flag(const char *text, int *ret_flag)
{
    if (strcasecmp(text, "on") == 0) {
        *ret_flag = 1;
        return NULL;
    }
    if (strcasecmp(text, "off") == 0) {
        *ret_flag = 0;
        return NULL;
    }
    return "On or Off";
}

const char *
cask_values_integer(const char *text, int64_t low, int64_t high, int64_t *ret_number,
                    apr_pool_t *pool)
{
    bool negative = low < 0 && text[0] == '-';
    const char *rest = negative ? text + 1 : text;
    int64_t number = read_digits(&rest, 10);
    bool read = number >= 0 && *rest == '\0';

    number = negative ? -number : number;
    if (!read || number < low || number > high) {
        return apr_psprintf(pool, "a whole number from %" APR_INT64_T_FMT " to %" APR_INT64_T_FMT,
                            low, high);
    }
    *ret_number = number;
    return NULL;
}

const char *
cask_values_size(const char *text, int64_t low, int64_t high, int64_t *ret_bytes, apr_pool_t *pool)
{
    const char *rest = text;
    int64_t number = read_digits(&rest, 10);
    int64_t unit = *rest == '\0' ? 1 : 0;

    for (size_t i = 0; i < N_SIZE_UNITS; i++) {
        if (strcasecmp(rest, size_units[i].name) == 0) {
            unit = size_units[i].bytes;
        }
    }
    if (number < 0 || unit == 0 || number > high / unit || number * unit < low) {
        return apr_psprintf(pool,
                            "a number of bytes, or one with K, M or G behind it, from %s to %s",
                            cask_values_size_text(low, pool), cask_values_size_text(high, pool));
    }
    *ret_bytes = number * unit;
    return NULL;
}

const char *
cask_values_size_text(int64_t bytes, apr_pool_t *pool)
{
    for (size_t i = 0; i < N_SIZE_UNITS && bytes != 0; i++) {
        if (bytes % size_units[i].bytes == 0) {
            return apr_psprintf(pool, "%" APR_INT64_T_FMT "%s", bytes / size_units[i].bytes,
                                size_units[i].name);
        }
    }
    return apr_psprintf(pool, "%" APR_INT64_T_FMT, bytes);
}

const char *
cask_values_choice(const char *text, const char *const *names, size_t n_names, size_t *ret_index,
                   apr_pool_t *pool)
{
    const char *allowed = "";
    const char *nearest;

    for (size_t i = 0; i < n_names; i++) {
        if (strcasecmp(text, names[i]) == 0) {
            *ret_index = i;
            return NULL;
        }
        allowed = apr_pstrcat(pool, allowed,
                              i == 0             ? ""
                              : i + 1 == n_names ? " or "
                                                 : ", ",
                              names[i], NULL);
    }
    nearest = cask_values_nearest(text, names, n_names, pool);
    return nearest == NULL ? allowed
                           : apr_psprintf(pool, "%s; did you mean '%s'?", allowed, nearest);
}

const char *
cask_values_seed(const char *text, int64_t *ret_seed, apr_pool_t *pool)
{
    if (strcmp(text, "random") == 0) {
        *ret_seed = CASK_ENGINE_SEED_RANDOM;
        return NULL;
    }
    return cask_values_integer(text, 0, UINT32_MAX, ret_seed, pool) == NULL
               ? NULL
               : "random, or a whole number from 0 to 4294967295";
}

const char *
cask_values_octal(const char *text, int *ret_number)
{
    const char *rest = text;
    int64_t number = read_digits(&rest, 8);

    if (number < 0 || *rest != '\0' || number > 0777) {
        return "an octal number from 0 to 0777";
    }
    *ret_number = (int)number;
    return NULL;
}

/* Reads digits with perhaps a '.' among them, before or behind, as millionths; -1 when there is no
 * number or it does not fit. Digits behind the sixth are dropped. */
static int64_t
read_millionths(const char **text)
{
    const char *rest = *text;
    bool bare = rest[0] == '.' && apr_isdigit(rest[1]); /* ".5", as mod_wsgi takes it */
    int64_t whole = bare ? 0 : read_digits(&rest, 10);
    int64_t scale = CASK_CLOCK_SECOND;
    int64_t number;

    if (whole < 0 || whole > INT64_MAX / CASK_CLOCK_SECOND - 1) {
        return -1;
    }
    number = whole * CASK_CLOCK_SECOND;
    if (*rest == '.') {
        rest++;
        for (; *rest >= '0' && *rest <= '9'; rest++) {
            scale /= 10;
            number += scale * (*rest - '0');
        }
    }
    *text = rest;
    return number;
}

/* Microseconds of a time as text; -1 when it is none or does not fit. */
static int64_t
read_time(const char *text)
{
    int64_t millionths = read_millionths(&text);
    int64_t unit_us = *text == '\0' ? CASK_CLOCK_SECOND : 0;
    int64_t factor;

    for (size_t i = 0; i < sizeof(time_units) / sizeof(time_units[0]); i++) {
        if (strcmp(text, time_units[i].name) == 0) {
            unit_us = time_units[i].us;
        }
    }
    factor = unit_us / CASK_CLOCK_MS; /* units are whole milliseconds */
    if (millionths < 0 || factor == 0 || millionths > INT64_MAX / factor) {
        return -1;
    }
    return millionths * factor / (CASK_CLOCK_SECOND / CASK_CLOCK_MS);
}

const char *
cask_values_time(const char *text, int64_t low_us, int64_t high_us, int64_t *ret_us,
                 apr_pool_t *pool)
{
    int64_t time_us = read_time(text);

    if (time_us < 0 || time_us < low_us || time_us > high_us) {
        return apr_psprintf(pool,
                            "a number of seconds, or one with ms, s, m or h behind it, from %s "
                            "to %s",
                            cask_values_time_text(low_us, pool),
                            cask_values_time_text(high_us, pool));
    }
    *ret_us = time_us;
    return NULL;
}

const char *
cask_values_time_text(int64_t time_us, apr_pool_t *pool)
{
    if (time_us == 0) {
        return "0";
    }
    for (size_t i = 0; i < sizeof(time_units) / sizeof(time_units[0]); i++) {
        if (time_us % time_units[i].us == 0) {
            return apr_psprintf(pool, "%" APR_INT64_T_FMT "%s", time_us / time_units[i].us,
                                time_units[i].name);
        }
    }
    return apr_psprintf(pool, "%" APR_INT64_T_FMT ".%03dms", time_us / CASK_CLOCK_MS,
                        (int)(time_us % CASK_CLOCK_MS));
}

/* Case does not tell words apart here, nor does '_' from '-': Python_Home means python-home. */
static char
fold(char c)
{
    return (char)(c == '_' ? '-' : apr_tolower(c));
}

/* Levenshtein's distance: insertions, deletions, replacements. */
static size_t
distance_between(const char *a, const char *b, apr_pool_t *pool)
{
    size_t b_len = strlen(b);
    size_t *row = apr_palloc(pool, (b_len + 1) * sizeof(*row));

    for (size_t j = 0; j <= b_len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t best = diagonal + (fold(a[i - 1]) == fold(b[j - 1]) ? 0 : 1);

            diagonal = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            row[j] = best;
        }
    }
    return row[b_len];
}

const char *
cask_values_nearest(const char *word, const char *const *names, size_t n_names, apr_pool_t *pool)
{
    const char *nearest = NULL;
    size_t nearest_distance = strlen(word) / 3 + 1;

    if (strlen(word) > 64) { /* nothing of ours is that long */
        return NULL;
    }
    for (size_t i = 0; i < n_names; i++) {
        size_t distance = distance_between(word, names[i], pool);

        if (distance < nearest_distance || (nearest == NULL && distance == nearest_distance)) {
            nearest = names[i];
            nearest_distance = distance;
        }
    }
    return nearest;
}

const char *
cask_values_refuse(const char *directive, const char *option, const char *word, const char *allowed,
                   apr_pool_t *pool)
{
    if (option != NULL) {
        return apr_psprintf(pool, "%s: %s=%s is refused: allowed is %s", directive, option, word,
                            allowed);
    }
    return apr_psprintf(pool, "%s: '%s' is refused: allowed is %s", directive, word, allowed);
}

const char *
cask_values_list(const char *const *names, size_t n_names, apr_pool_t *pool)
{
    const char *list = "";

    for (size_t i = 0; i < n_names; i++) {
        list = apr_pstrcat(pool, list, i > 0 ? ", " : "", names[i], NULL);
    }
    return list;
}

const char *
cask_values_unknown(const char *directive, const char *word, const char *const *names,
                    size_t n_names, apr_pool_t *pool)
{
    const char *nearest = cask_values_nearest(word, names, n_names, pool);
    const char *list = cask_values_list(names, n_names, pool);

    if (nearest != NULL) {
        return apr_psprintf(pool, "%s: unknown option '%s', did you mean '%s'? Options are: %s",
                            directive, word, nearest, list);
    }
    return apr_psprintf(pool, "%s: unknown option '%s'; options are: %s", directive, word, list);
}
