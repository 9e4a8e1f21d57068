/* SPDX-License-Identifier: Apache-2.0 */
/* platform/interp_settings.h - what can differ from one Python interpreter to the next, and which
 * of several settings counts for one of them. Plain data: httpd reads it from the configuration,
 * the engine obeys it where interpreters are made.
 *
 * Rules: the base holds for every interpreter. A layer (<WSGIInterpreterOptions>) holds for those
 * its selectors name. For each value the layer with the most selectors counts, of several the later
 * one. Paths are not replaced but add up.
 */
#ifndef CASK_PLATFORM_INTERP_SETTINGS_H
#define CASK_PLATFORM_INTERP_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

/* Flags: -1 unset. */
struct cask_interp_settings {
    int per_interpreter_gil;
    int free_threading; /* of a whole process: layers with an application group do not count */
    int restrict_stdin;
    int restrict_stdout;
    int restrict_signal;
    int64_t switch_interval_us; /* 0 unset */
    const char *python_path;    /* ':' separated; NULL unset */
};

struct cask_interp_layer {
    const char *process_group;     /* selector; NULL: any; "": httpd's own processes */
    const char *application_group; /* selector; NULL: any; "": the main interpreter */
    struct cask_interp_settings values;
};

struct cask_interp_rules {
    struct cask_interp_settings base;
    const struct cask_interp_layer *layers; /* in the order of the configuration */
    size_t n_layers;
};

/* Nothing set. */
struct cask_interp_settings cask_interp_settings_unset(void);
/* The settings of one interpreter. Groups are resolved names, "" for embedded mode and the main
 * interpreter. python_path is that of one layer: see cask_interp_settings_paths(). */
struct cask_interp_settings cask_interp_settings_resolve(const struct cask_interp_rules *rules,
                                                         const char *process_group,
                                                         const char *application_group);
/* All python_path values that hold for the interpreter: the base's, then those of the layers with
 * ever more selectors. Each is to be put before the ones so far, so that the last ends up first.
 * ret_paths has room for n_layers + 1; returns how many there are. */
size_t cask_interp_settings_paths(const struct cask_interp_rules *rules, const char *process_group,
                                  const char *application_group, const char **ret_paths);

#endif
