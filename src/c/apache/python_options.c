/* SPDX-License-Identifier: Apache-2.0 */
/* apache/python_options.c - the options of Python itself as they are in force.
 *
 * Owns:    nothing; results live in the pool given.
 * Touches: records of apache/config.
 * Threads: configuration time, single-threaded. May be called twice for one record.
 */
#include "apache/python_options.h"

#include <apr_strings.h>

#include <string.h>

/* A line for each; NULL: none. */
static const char *
join_lines(apr_array_header_t *texts, apr_pool_t *pool)
{
    return texts != NULL && texts->nelts > 0 ? apr_array_pstrcat(pool, texts, '\n') : NULL;
}

/* "a,b" as two lines. */
static const char *
split_commas(const char *text, apr_pool_t *pool)
{
    char *lines = apr_pstrdup(pool, text);

    for (char *at = lines; *at != '\0'; at++) {
        *at = *at == ',' ? '\n' : *at;
    }
    return lines;
}

void
cask_python_options_embedded(struct cask_config_main *main_config, apr_pool_t *pool)
{
    main_config->embedded_warnings = join_lines(main_config->python_warnings, pool);
}

/* A group gets no sections that are about others. */
static struct cask_interp_rules
rules_of(const struct cask_group_spec *spec, const struct cask_config_main *main_config,
         apr_pool_t *pool)
{
    struct cask_interp_rules rules = cask_config_interp_rules(main_config);
    struct cask_interp_layer *layers = apr_palloc(pool, (rules.n_layers + 1) * sizeof(*layers));
    size_t n_layers = 0;

    for (size_t i = 0; i < rules.n_layers; i++) {
        if (rules.layers[i].process_group == NULL ||
            strcmp(rules.layers[i].process_group, spec->name) == 0) {
            layers[n_layers++] = rules.layers[i];
        }
    }
    rules.layers = layers;
    rules.n_layers = n_layers;
    /* These two have options of the group; the directives are for embedded mode. */
    rules.base.python_path = spec->python_path;
    rules.base.switch_interval_us = spec->switch_interval_us;
    return rules;
}

void
cask_python_options_group(struct cask_group_spec *spec, const struct cask_config_main *main_config,
                          apr_pool_t *pool)
{
    spec->interps = rules_of(spec, main_config, pool);
    if (spec->python_optimize < 0) {
        spec->python_optimize =
            main_config->python_optimize > 0 ? (int)main_config->python_optimize : 0;
    }
    if (spec->python_hash_seed == CASK_ENGINE_SEED_DEFAULT) {
        spec->python_hash_seed = main_config->python_hash_seed;
    }
    if (spec->dont_write_bytecode < 0) {
        spec->dont_write_bytecode = main_config->dont_write_bytecode;
    }
    spec->python_warnings = spec->python_warnings != NULL
                                ? split_commas(spec->python_warnings, pool)
                                : join_lines(main_config->python_warnings, pool);
    spec->keep_interpreter = main_config->destroy_interpreter == 0;
    spec->case_insensitive = main_config->case_sensitivity == 0;
}
