/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/settings.c - what is said of one interpreter, out of what is said of all of them.
 *
 * Touches: engine.h's configuration.
 * Threads: the one that makes the interpreter.
 */
#include "interp/gil.h"

#include "gateway/settings.h"

#include "gateway/engine.h"
#include "platform/clock.h"
#include "platform/log.h"

#include <stdlib.h>
#include <string.h>

/* All interpreters share one GIL, so the main one's interval is everybody's. */
static void
complain_of_interval(const struct cask_engine_config *config, const char *name)
{
    for (size_t i = 0; i < config->interps.n_layers; i++) {
        const struct cask_interp_layer *layer = &config->interps.layers[i];

        if (layer->values.switch_interval_us > 0 && layer->application_group != NULL &&
            strcmp(layer->application_group, name) == 0) {
            cask_log(609,
                     "interpreter '%s': the switch interval given for it has no effect, it shares "
                     "its GIL with all others; give one for the process",
                     name);
            return;
        }
    }
}

/* A path or name from the configuration, in the file system's encoding; NULL counts as "". */
CASK_GIL_HELD static PyObject *
text_of(const char *text)
{
    return PyUnicode_DecodeFSDefault(text != NULL ? text : "");
}

/* New reference: a list, in the order in which the paths are put in front. */
CASK_GIL_HELD static PyObject *
make_paths(const struct cask_engine_config *config, const char *name)
{
    const char **texts = calloc(config->interps.n_layers + 1, sizeof(*texts));
    PyObject *paths;
    size_t count;

    if (texts == NULL) {
        return PyErr_NoMemory();
    }
    count = cask_interp_settings_paths(&config->interps, config->process_group, name, texts);
    paths = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; paths != NULL && i < count; i++) {
        PyObject *path = text_of(texts[i]);

        if (path == NULL) {
            Py_CLEAR(paths);
        } else {
            PyList_SET_ITEM(paths, (Py_ssize_t)i, path);
        }
    }
    free(texts);
    return paths;
}

/* New reference: the attributes of module `apache`. */
CASK_GIL_HELD static PyObject *
make_apache(const struct cask_engine_config *config)
{
    const int *httpd = config->httpd_version;

    return Py_BuildValue("{s(iii)szszszsisi}", "version", httpd[0], httpd[1], httpd[2],
                         "description", config->httpd_description, "build_date",
                         config->httpd_built, "mpm_name", config->mpm_name, "maximum_processes",
                         config->mpm_processes, "threads_per_process", config->mpm_threads);
}

CASK_GIL_HELD static PyObject *
make_interval(int64_t interval_us)
{
    if (interval_us == 0) {
        Py_RETURN_NONE;
    }
    return PyFloat_FromDouble((double)interval_us / (double)CASK_CLOCK_SECOND);
}

/* Borrowed: what was said, else the default. */
static PyObject *
flag_of(int said, bool fallback)
{
    return (said >= 0 ? said != 0 : fallback) ? Py_True : Py_False;
}

PyObject *
cask_settings_new(const struct cask_engine_config *config, const char *name)
{
    struct cask_interp_settings values =
        cask_interp_settings_resolve(&config->interps, config->process_group, name);

    if (name[0] != '\0') {
        complain_of_interval(config, name);
        values.switch_interval_us = 0;
    }
    if (config->terminal) {
        values.restrict_stdin = 0;
        values.restrict_stdout = 0;
    }
    if (config->service) {
        values.restrict_signal = 0; /* signals are the script's there */
    }
    return Py_BuildValue(
        "{sNsNsNsNsNsOsOsOsOsO}", "python_paths", make_paths(config, name), "working_home",
        text_of(config->working_home), "python_eggs", text_of(config->python_eggs), "apache",
        make_apache(config), "switch_interval", make_interval(values.switch_interval_us),
        "restrict_stdin", flag_of(values.restrict_stdin, false), "restrict_stdout",
        flag_of(values.restrict_stdout, false), "restrict_signal",
        flag_of(values.restrict_signal, true), "service", flag_of(config->service, false),
        "embedded", flag_of(config->embedded, false));
}
