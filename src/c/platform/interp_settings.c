/* SPDX-License-Identifier: Apache-2.0 */
/* platform/interp_settings.c - which settings hold for an interpreter.
 *
 * Owns:    nothing; results point to what the rules point to.
 * Touches: nothing. Pure.
 * Threads: any.
 */
#include "platform/interp_settings.h"

#include <stdbool.h>
#include <string.h>

#define MOST_SELECTORS 2

struct cask_interp_settings
cask_interp_settings_unset(void)
{
    return (struct cask_interp_settings){
        .per_interpreter_gil = -1,
        .free_threading = -1,
        .restrict_stdin = -1,
        .restrict_stdout = -1,
        .restrict_signal = -1,
    };
}

static bool
selects(const char *selector, const char *name)
{
    return selector == NULL || strcmp(selector, name) == 0;
}

/* Does the layer hold for the interpreter, with just so many selectors? */
static bool
holds(const struct cask_interp_layer *layer, int n_selectors, const char *process_group,
      const char *application_group)
{
    int given = (layer->process_group != NULL ? 1 : 0) + (layer->application_group != NULL ? 1 : 0);

    return given == n_selectors && selects(layer->process_group, process_group) &&
           selects(layer->application_group, application_group);
}

static void
override(struct cask_interp_settings *settings, const struct cask_interp_layer *layer)
{
    const struct cask_interp_settings *values = &layer->values;

#define OVERRIDE(field, is_set) settings->field = (is_set) ? values->field : settings->field
    OVERRIDE(per_interpreter_gil, values->per_interpreter_gil >= 0);
    OVERRIDE(free_threading, values->free_threading >= 0 && layer->application_group == NULL);
    OVERRIDE(restrict_stdin, values->restrict_stdin >= 0);
    OVERRIDE(restrict_stdout, values->restrict_stdout >= 0);
    OVERRIDE(restrict_signal, values->restrict_signal >= 0);
    OVERRIDE(switch_interval_us, values->switch_interval_us > 0);
    OVERRIDE(python_path, values->python_path != NULL);
#undef OVERRIDE
}

struct cask_interp_settings
cask_interp_settings_resolve(const struct cask_interp_rules *rules, const char *process_group,
                             const char *application_group)
{
    struct cask_interp_settings settings = rules->base;

    for (int n_selectors = 0; n_selectors <= MOST_SELECTORS; n_selectors++) {
        for (size_t i = 0; i < rules->n_layers; i++) {
            if (holds(&rules->layers[i], n_selectors, process_group, application_group)) {
                override(&settings, &rules->layers[i]);
            }
        }
    }
    return settings;
}

size_t
cask_interp_settings_paths(const struct cask_interp_rules *rules, const char *process_group,
                           const char *application_group, const char **ret_paths)
{
    size_t n_paths = 0;

    if (rules->base.python_path != NULL) {
        ret_paths[n_paths++] = rules->base.python_path;
    }
    for (int n_selectors = 0; n_selectors <= MOST_SELECTORS; n_selectors++) {
        for (size_t i = 0; i < rules->n_layers; i++) {
            const struct cask_interp_layer *layer = &rules->layers[i];

            if (layer->values.python_path != NULL &&
                holds(layer, n_selectors, process_group, application_group)) {
                ret_paths[n_paths++] = layer->values.python_path;
            }
        }
    }
    return n_paths;
}
