/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/apps.c - the applications of an interpreter: found, loaded, looked at for changes.
 *
 * What is done with a script whose file has changed:
 *   never loaded        loaded in place, at once or after the loader's delay;
 *   embedded            loaded again in place; the old module serves until the new one is ready;
 *   daemon, quiet       STALE, and a reload is asked for: httpd waits for the new generation;
 *   daemon, busy        the old code serves, and a reload is asked for.
 *
 * Owns:    struct cask_apps_entry, one per script and interpreter; struct cask_apps, the list of
 *          what was loaded in the process.
 * Touches: request/, interp/loader.
 * Threads: any. Entries with the GIL, the list under its own mutex (a leaf).
 */
#include "interp/gil.h"

#include "gateway/apps.h"

#include "gateway/pymodule.h"
#include "interp/compat.h"
#include "interp/interp.h"
#include "interp/loader.h"
#include "interp/pyerr.h"
#include "platform/clock.h"
#include "platform/problem.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_REQUESTS \
    10 /* a script asked for less often in a second is reloaded in front of them */
#define LISTED_LIMIT 256
#define NAMED_LIMIT  20 /* callables named when the right one is missing */
#define SLOW_TAIL_US (2 * CASK_CLOCK_MS)

struct cask_apps_entry {
    struct cask_apps_entry *next;      /* of the bucket */
    struct cask_loader_script *script; /* [init] */
    char *key;                         /* [init] the path; in lower case without case sensitivity */
    size_t key_len;                    /* [init] */
    unsigned seen_attempts;            /* [gil] the ids below belong to this attempt */
    struct cask_script_id loaded;      /* [gil] of the module in service */
    struct cask_script_id tried;       /* [gil] of the last attempt */
    PyObject *callable_name;           /* [gil] str, of the last request */
    bool listed;                       /* [gil] that callable is in the list */
    bool warned_hop;                   /* [gil] */
    bool slow_tail;                    /* [gil] */
    int64_t second_us;                 /* [gil] when the second being counted began */
    unsigned this_second;              /* [gil] requests in it */
    unsigned last_second;              /* [gil] requests in the one before, if it was just before */
    int64_t asked_us;                  /* [gil] when a reload was asked for */
    struct cask_script_id asked_for;   /* the file that was asked for then */
};

struct listed {
    struct listed *next;
    struct cask_app app;
};

struct cask_apps {
    pthread_mutex_t mutex;
    struct listed *first; /* [lock:mutex] */
    unsigned n;           /* [lock:mutex] */
};

int
cask_apps_new(struct cask_apps **ret_apps)
{
    struct cask_apps *apps = calloc(1, sizeof(*apps));

    if (apps == NULL) {
        return ENOMEM;
    }
    (void)pthread_mutex_init(&apps->mutex, NULL);
    *ret_apps = apps;
    return 0;
}

struct cask_apps *
cask_apps_free(struct cask_apps *apps)
{
    struct listed *listed;

    if (apps != NULL) {
        while (apps->first != NULL) {
            listed = apps->first;
            apps->first = listed->next;
            free(listed);
        }
        (void)pthread_mutex_destroy(&apps->mutex);
        free(apps);
    }
    return NULL;
}

void
cask_apps_list(struct cask_apps *apps, cask_engine_loaded_fn *call, void *context)
{
    const struct listed *listed;

    (void)pthread_mutex_lock(&apps->mutex);
    listed = apps->first;
    (void)pthread_mutex_unlock(&apps->mutex);
    /* Members are added in front and stay until the end, so the rest needs no lock. */
    for (; listed != NULL; listed = listed->next) {
        call(context, &listed->app);
    }
}

static bool
same_text(const struct cask_str *a, const struct cask_str *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* Copies text to *place and moves that behind it. */
static struct cask_str
copy_text(const struct cask_str *text, char **place)
{
    struct cask_str copy = {.data = *place, .len = text->len};

    if (text->len > 0) {
        memcpy(*place, text->data, text->len);
    }
    (*place)[text->len] = '\0';
    *place += text->len + 1;
    return copy;
}

/* Notes that the application is loaded well. Out of memory only makes a later reload slower. */
static void
list_add(struct cask_apps *apps, const struct cask_app *app)
{
    size_t size = (size_t)app->script.len + app->callable.len + app->application_group.len + 3;
    struct listed *listed;
    char *place;

    (void)pthread_mutex_lock(&apps->mutex);
    for (listed = apps->first; listed != NULL; listed = listed->next) {
        if (same_text(&listed->app.script, &app->script) &&
            same_text(&listed->app.callable, &app->callable) &&
            same_text(&listed->app.application_group, &app->application_group)) {
            break;
        }
    }
    if (listed == NULL && apps->n < LISTED_LIMIT) {
        listed = malloc(sizeof(*listed) + size);
        if (listed != NULL) {
            place = (char *)(listed + 1);
            listed->app.script = copy_text(&app->script, &place);
            listed->app.callable = copy_text(&app->callable, &place);
            listed->app.application_group = copy_text(&app->application_group, &place);
            listed->next = apps->first;
            apps->first = listed;
            apps->n += 1;
        }
    }
    (void)pthread_mutex_unlock(&apps->mutex);
}

CASK_GIL_HELD static struct cask_apps_entry *
entry_free(struct cask_apps_entry *entry)
{
    if (entry != NULL) {
        entry->script = cask_loader_free(entry->script);
        Py_CLEAR(entry->callable_name);
        free(entry->key);
        free(entry);
    }
    return NULL;
}

static bool
same_path(const struct cask_apps_entry *entry, const struct cask_str *path, bool lower_case)
{
    uint32_t i;

    if (entry->key_len != path->len) {
        return false;
    }
    if (!lower_case) {
        return memcmp(entry->key, path->data, path->len) == 0;
    }
    for (i = 0; i < path->len; i++) {
        if (entry->key[i] != (char)tolower((unsigned char)path->data[i])) {
            return false;
        }
    }
    return true;
}

/* Paths differ most in their length and in their last letters. */
static size_t
bucket_of(const struct cask_str *path)
{
    size_t hash = path->len;
    uint32_t i = path->len > 16 ? path->len - 16 : 0;

    for (; i < path->len; i++) {
        hash = hash * 31 + ((unsigned char)path->data[i] | 0x20u);
    }
    return hash % 64;
}

CASK_GIL_HELD static struct cask_apps_entry *
entry_new(struct cask_gate *gate, const struct cask_str *path)
{
    bool lower_case = gate->gateway->config->case_insensitive;
    struct cask_apps_entry *entry = calloc(1, sizeof(*entry));
    uint32_t i;

    if (entry == NULL) {
        (void)PyErr_NoMemory();
        return NULL;
    }
    entry->key = malloc((size_t)path->len + 1);
    if (entry->key == NULL) {
        (void)PyErr_NoMemory();
        return entry_free(entry);
    }
    for (i = 0; i < path->len; i++) {
        unsigned char c = (unsigned char)path->data[i];

        entry->key[i] = (char)(lower_case ? tolower(c) : c);
    }
    entry->key[path->len] = '\0';
    entry->key_len = path->len;
    entry->script = cask_loader_new(gate->interp, path->data, path->len, lower_case);
    if (entry->script == NULL) {
        return entry_free(entry);
    }
    return entry;
}

/* The entry of the script, made when there is none; NULL with an exception. */
CASK_GIL_HELD static struct cask_apps_entry *
entry_get(struct cask_gate *gate, const struct cask_str *path)
{
    bool lower_case = gate->gateway->config->case_insensitive;
    struct cask_apps_entry **bucket = &gate->scripts[bucket_of(path)];
    struct cask_apps_entry *entry;
    struct cask_apps_entry *fresh;

    for (entry = *bucket; entry != NULL; entry = entry->next) {
        if (same_path(entry, path, lower_case)) {
            return entry;
        }
    }
    fresh = entry_new(gate, path); /* runs Python code: another thread may have been faster */
    for (entry = *bucket; entry != NULL && fresh != NULL; entry = entry->next) {
        if (same_path(entry, path, lower_case)) {
            (void)entry_free(fresh);
            return entry;
        }
    }
    if (fresh != NULL) {
        fresh->next = *bucket;
        *bucket = fresh;
    }
    return fresh;
}

const char *
cask_apps_path(const struct cask_apps_entry *entry)
{
    return entry->script->path;
}

PyObject *
cask_apps_module(const struct cask_apps_entry *entry)
{
    return entry->script->module;
}

void
cask_apps_warn_hop(struct cask_apps_entry *entry, const struct cask_request *request,
                   const struct cask_str *name)
{
    if (!entry->warned_hop) {
        entry->warned_hop = true;
        cask_request_log(request, 504,
                         "script '%s': header '%.*s' is for one connection only and was left out "
                         "(said once per script)",
                         entry->script->path, (int)name->len, name->data);
    }
}

bool
cask_apps_is_slow(const struct cask_apps_entry *entry)
{
    return entry->slow_tail;
}

void
cask_apps_note_tail(struct cask_apps_entry *entry, int64_t tail_us)
{
    entry->slow_tail = tail_us > SLOW_TAIL_US;
}

/* Whether the file the request saw is another one than `id`; false when either is unknown. */
static bool
is_other_file(const struct cask_request *request, const struct cask_script_id *id)
{
    return request != NULL && cask_script_id_known(&request->script_id) &&
           cask_script_id_known(id) && !cask_script_id_same(&request->script_id, id);
}

static void
refresh_ids(struct cask_apps_entry *entry)
{
    const struct cask_loader_script *script = entry->script;

    if (entry->seen_attempts != script->attempts && !script->loading) {
        entry->seen_attempts = script->attempts;
        memset(&entry->loaded, 0, sizeof(entry->loaded));
        memset(&entry->tried, 0, sizeof(entry->tried));
        if (script->module != NULL) {
            cask_script_id_from_stat(&script->loaded, &entry->loaded);
        }
        if (script->was_tried) {
            cask_script_id_from_stat(&script->tried, &entry->tried);
        }
        entry->listed = false;
    }
}

static enum cask_outcome
outcome_of(int status)
{
    switch (status) {
    case 0:
        return CASK_OUTCOME_DONE;
    case ENOENT:
        return CASK_OUTCOME_MISSING;
    case EBUSY:
        return CASK_OUTCOME_UNAVAILABLE;
    default:
        return CASK_OUTCOME_FAILED;
    }
}

/* Nothing is loaded yet. */
CASK_GIL_HELD static enum cask_outcome
load_first(struct cask_apps_entry *entry, const struct cask_request *request,
           struct cask_problem *reterr_problem)
{
    int status;

    if (!is_other_file(request, &entry->tried) &&
        !cask_loader_may_try(entry->script, reterr_problem)) {
        return CASK_OUTCOME_FAILED;
    }
    status = cask_loader_load(entry->script, reterr_problem);
    refresh_ids(entry);
    return outcome_of(status);
}

/* The file has changed, embedded: run it again, and go on with the old module if that fails. */
CASK_GIL_HELD static void
load_again(struct cask_apps_entry *entry, const struct cask_request *request)
{
    struct cask_problem problem = {.number = 0};

    if (entry->script->loading) {
        return; /* another thread is at it; the old module serves meanwhile */
    }
    if (!is_other_file(request, &entry->tried) && !cask_loader_may_try(entry->script, &problem)) {
        cask_problem_done(&problem); /* said when it failed */
        return;
    }
    if (cask_loader_load(entry->script, &problem) != 0) {
        cask_request_log(request, 510,
                         "script '%s' has changed but cannot be loaded; the old code "
                         "goes on serving",
                         entry->script->path);
        if (request->log != NULL) {
            cask_log_problem_to(request->log, request->log_context, &problem);
        } else {
            cask_log_problem(&problem);
        }
    }
    cask_problem_done(&problem);
    refresh_ids(entry);
}

/* Counts requests per second by the times they bring along. */
static void
count_request(struct cask_apps_entry *entry, const struct cask_request *request)
{
    int64_t now_us = request->daemon_us != 0 ? request->daemon_us : request->start_us;

    if (now_us - entry->second_us >= CASK_CLOCK_SECOND) {
        entry->last_second =
            now_us - entry->second_us < 2 * CASK_CLOCK_SECOND ? entry->this_second : 0;
        entry->this_second = 0;
        entry->second_us = now_us;
    }
    entry->this_second += 1;
}

/* The file has changed, in a daemon. True: refuse the request as STALE. */
CASK_GIL_HELD static bool
ask_for_reload(struct cask_gate *gate, struct cask_apps_entry *entry, const struct cask_app *app,
               const struct cask_request *request)
{
    const struct cask_engine_config *config = gate->gateway->config;
    int64_t now_us = cask_clock_mono_us();
    PyThreadState *state;

    if (entry->asked_us == 0 || now_us - entry->asked_us >= CASK_CLOCK_SECOND ||
        !cask_script_id_same(&entry->asked_for, &request->script_id)) {
        entry->asked_us = now_us;
        entry->asked_for = request->script_id;
        state = cask_gil_drop();
        config->stale(config->stale_context, app);
        cask_gil_retake(state);
    }
    return (request->flags & CASK_REQUEST_STALE_OK) == 0 && entry->this_second <= QUIET_REQUESTS &&
           entry->last_second <= QUIET_REQUESTS;
}

/* ", it has 'a', 'b'" : the callables a user may have meant. */
CASK_GIL_HELD static void
name_callables(PyObject *module, char *out, size_t size)
{
    PyObject *names = PyDict_Keys(PyModule_GetDict(module));
    size_t used = 0;
    int n_named = 0;
    Py_ssize_t i;

    out[0] = '\0';
    for (i = 0; names != NULL && i < PyList_GET_SIZE(names) && n_named < NAMED_LIMIT; i++) {
        PyObject *name = PyList_GET_ITEM(names, i);
        const char *text = PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : NULL;
        PyObject *value = NULL;

        if (text != NULL && text[0] != '_' &&
            cask_compat_dict_get(PyModule_GetDict(module), name, &value) > 0 &&
            PyCallable_Check(value) && used + strlen(text) + 8 < size) {
            used +=
                (size_t)snprintf(out + used, size - used, "%s'%s'", n_named > 0 ? ", " : "", text);
            n_named += 1;
        }
        Py_XDECREF(value);
        PyErr_Clear();
    }
    Py_XDECREF(names);
    PyErr_Clear();
}

/* The callable of that name, looked up at every request as applications may replace it. */
CASK_GIL_HELD static PyObject *
find_callable(struct cask_gate *gate, struct cask_apps_entry *entry, const struct cask_app *app,
              struct cask_problem *reterr_problem)
{
    PyObject *name = entry->callable_name;
    PyObject *value = NULL;
    char others[400];

    if (name == NULL || (size_t)PyUnicode_GET_LENGTH(name) != app->callable.len ||
        PyUnicode_KIND(name) != PyUnicode_1BYTE_KIND ||
        memcmp(PyUnicode_1BYTE_DATA(name), app->callable.data, app->callable.len) != 0) {
        name = PyUnicode_DecodeUTF8(app->callable.data, (Py_ssize_t)app->callable.len, "replace");
        if (name == NULL) {
            goto failed;
        }
        PyUnicode_InternInPlace(&name);
        Py_XSETREF(entry->callable_name, name);
        entry->listed = false;
    }
    if (cask_compat_lookup(entry->script->module, name, &value) < 0) {
        goto failed;
    }
    if (value == NULL) {
        name_callables(entry->script->module, others, sizeof(others));
        (void)cask_problem_set(reterr_problem, 0, 506, "script '%s' has no callable '%.*s'; %s%s",
                               entry->script->path, (int)app->callable.len, app->callable.data,
                               others[0] != '\0' ? "it has " : "it has none at all", others);
    } else if (!PyCallable_Check(value)) {
        (void)cask_problem_set(reterr_problem, 0, 507,
                               "script '%s': '%.*s' is not callable but of type %s",
                               entry->script->path, (int)app->callable.len, app->callable.data,
                               Py_TYPE(value)->tp_name);
        Py_CLEAR(value);
    } else if (!entry->listed) {
        entry->listed = true;
        list_add(gate->gateway->apps, app);
    }
    return value;

failed:
    cask_pyerr_fill(gate->interp, reterr_problem, 501, "script '%s': ", entry->script->path);
    return NULL;
}

enum cask_outcome
cask_apps_open(struct cask_gate *gate, const struct cask_app *app,
               const struct cask_request *request, struct cask_apps_entry **ret_entry,
               struct cask_problem *reterr_problem)
{
    struct cask_apps_entry *entry = entry_get(gate, &app->script);
    enum cask_outcome outcome = CASK_OUTCOME_DONE;

    if (entry == NULL) {
        cask_pyerr_fill(gate->interp, reterr_problem, 509, "script '%.*s': ", (int)app->script.len,
                        app->script.data);
        return CASK_OUTCOME_FAILED;
    }
    refresh_ids(entry);
    if (request != NULL) {
        count_request(entry, request);
    }
    if (entry->script->module == NULL) {
        outcome = load_first(entry, request, reterr_problem);
    } else if (request != NULL && (request->flags & CASK_REQUEST_RELOADING) != 0 &&
               is_other_file(request, &entry->loaded)) {
        if (gate->gateway->config->stale == NULL) {
            load_again(entry, request);
        } else if (ask_for_reload(gate, entry, app, request)) {
            outcome = CASK_OUTCOME_STALE;
        }
    }
    if (outcome == CASK_OUTCOME_DONE) {
        *ret_entry = entry;
    }
    return outcome;
}

enum cask_outcome
cask_apps_import(struct cask_gate *gate, const struct cask_app *app,
                 struct cask_problem *reterr_problem)
{
    struct cask_apps_entry *entry = NULL;
    enum cask_outcome outcome = cask_apps_open(gate, app, NULL, &entry, reterr_problem);

    if (outcome == CASK_OUTCOME_DONE) {
        list_add(gate->gateway->apps, app);
    }
    return outcome;
}

enum cask_outcome
cask_apps_find(struct cask_gate *gate, const struct cask_app *app,
               const struct cask_request *request, struct cask_apps_entry **ret_entry,
               PyObject **ret_callable, struct cask_problem *reterr_problem)
{
    enum cask_outcome outcome = cask_apps_open(gate, app, request, ret_entry, reterr_problem);

    if (outcome == CASK_OUTCOME_DONE) {
        *ret_callable = find_callable(gate, *ret_entry, app, reterr_problem);
        if (*ret_callable == NULL) {
            return CASK_OUTCOME_FAILED;
        }
    }
    return outcome;
}
