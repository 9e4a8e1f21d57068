/* SPDX-License-Identifier: Apache-2.0 */
/* apache/interp_options.c - <WSGIInterpreterOptions>: values for some interpreters only.
 *
 * Owns:    nothing; layers go to the main record, in cmd->pool.
 * Touches: apache/config, apache/words; directives.def (what may stand in a section).
 * Threads: configuration time, single-threaded.
 */
#include "apache/interp_options.h"

#include "apache/config.h"
#include "apache/values.h"
#include "apache/words.h"

#include <apr_strings.h>

#include <string.h>
#include <strings.h>

static const char *const selectors[] = {"process-group", "application-group"};

static const char *const children[] = {
#define CASK_DIRECTIVE_INTERP(name, kind, field, fallback, syntax, help) #name,
#include "apache/directives.def"
};

/* Reads "process-group=N application-group=N"; NULL or the whole error. */
static const char *
read_selectors(const cmd_parms *cmd, const char *line, struct cask_interp_layer *layer)
{
    const char *directive = cmd->cmd->name;

    while (*line != '\0') {
        const char *name = NULL;
        const char *value = NULL;
        const char *wrong = cask_words_option(&line, &name, &value, cmd->pool);
        const char **field;

        if (wrong != NULL) {
            return apr_psprintf(cmd->pool, "%s: %s", directive, wrong);
        }
        if (strcasecmp(name, selectors[0]) == 0) {
            field = &layer->process_group;
        } else if (strcasecmp(name, selectors[1]) == 0) {
            field = &layer->application_group;
        } else {
            return cask_values_unknown(directive, name, selectors, 2, cmd->pool);
        }
        if (*field != NULL) {
            return apr_psprintf(cmd->pool, "%s: %s= is given twice", directive, name);
        }
        cask_config_check_literal(cmd, value);
        *field = strcmp(value, "%{GLOBAL}") == 0 ? "" : value;
    }
    if (layer->process_group != NULL) {
        cask_config_mention_group(cmd, layer->process_group);
    }
    return NULL;
}

/* Only directives of the family INTERP may stand in a section: others would count everywhere. */
static const char *
refuse_strangers(cmd_parms *cmd)
{
    size_t n_children = sizeof(children) / sizeof(children[0]);

    for (const ap_directive_t *child = cmd->directive->first_child; child != NULL;
         child = child->next) {
        size_t i = 0;

        while (i < n_children && strcasecmp(child->directive, children[i]) != 0) {
            i++;
        }
        if (i == n_children) {
            cmd->err_directive = child; /* for the file and line that httpd names */
            return apr_psprintf(cmd->pool,
                                "%s>: '%s' cannot be set for single interpreters, move it out of "
                                "the section; allowed in it are: %s",
                                cmd->cmd->name, child->directive,
                                cask_values_list(children, n_children, cmd->pool));
        }
    }
    return NULL;
}

/* Values that no interpreter of the section can have. */
static void
remark_vain(const cmd_parms *cmd, const struct cask_interp_layer *layer)
{
    if (layer->application_group == NULL) {
        return;
    }
    if (layer->values.free_threading >= 0) {
        cask_config_remark(cmd, 138,
                           "WSGIFreeThreading has no effect with application-group=, it is for "
                           "whole processes; give process-group= alone, or nothing");
    }
    if (layer->values.per_interpreter_gil == 1 && *layer->application_group == '\0') {
        cask_config_remark(cmd, 138,
                           "WSGIPerInterpreterGIL has no effect on the main interpreter; give "
                           "another application-group=");
    }
}

const char *
cask_interp_options_section(cmd_parms *cmd, void *dir, const char *line)
{
    struct cask_config_main *main_config = cask_config_main();
    struct cask_interp_layer layer = {.values = cask_interp_settings_unset()};
    const cmd_parms section = *cmd; /* the walk leaves cmd at the last line of the section */
    const char *wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    const char *end = strrchr(line, '>');

    (void)dir;
    if (wrong != NULL) {
        return wrong;
    }
    if (end == NULL) {
        return apr_psprintf(cmd->pool, "%s: a '>' is missing at the end", cmd->cmd->name);
    }
    wrong = read_selectors(cmd, apr_pstrmemdup(cmd->pool, line, (size_t)(end - line)), &layer);
    if (wrong == NULL) {
        wrong = refuse_strangers(cmd);
    }
    if (wrong != NULL) {
        return wrong;
    }
    main_config->open_layer = &layer.values;
    wrong = ap_walk_config(cmd->directive->first_child, cmd, cmd->context);
    main_config->open_layer = NULL;
    *(struct cask_interp_layer *)apr_array_push(main_config->interp_layers) = layer;
    if (wrong == NULL) {
        remark_vain(&section, &layer);
    }
    return wrong;
}
