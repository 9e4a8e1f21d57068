/* SPDX-License-Identifier: Apache-2.0 */
/* proc/spec.c - the byte form of a group's settings.
 *
 * Owns:    decoded specs: one block holding the struct, a copy of the bytes and the list of apps.
 * Touches: platform/problem, proc/pack.
 * Threads: any.
 * Invariants:
 *   (1) every member of struct cask_group_spec has one row in `fields` or is handled beside it
 *       (secret, apps, interps, httpd_version), so that nothing is lost on the way to a daemon;
 *   (2) a decoded spec has a name and numbers in the ranges a configuration can give.
 */
#include "proc/spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "platform/clock.h"
#include "platform/problem.h"
#include "proc/pack.h"

#define SPEC_MAGIC     0x53505301u /* "SPS", version 1 */
#define SPEC_APP_LIMIT 4096u
#define SPEC_LAYERS    4096u
#define SPEC_MAX_COUNT 65535 /* processes, threads */
#define DRAIN_US       (60 * CASK_CLOCK_SECOND)

enum field_kind {
    FIELD_TEXT,
    FIELD_U32, /* uint32_t, uid_t, gid_t, int */
    FIELD_I64,
    FIELD_BOOL,
};

struct field {
    size_t offset;
    enum field_kind kind;
};

#define FIELD(member, kind)                            \
    {                                                  \
        offsetof(struct cask_group_spec, member), kind \
    }

_Static_assert(sizeof(uid_t) == 4 && sizeof(gid_t) == 4 && sizeof(int) == 4, "FIELD_U32");

static const struct field fields[] = {
    FIELD(name, FIELD_TEXT),
    FIELD(id, FIELD_U32),
    FIELD(user, FIELD_TEXT),
    FIELD(group, FIELD_TEXT),
    FIELD(uid, FIELD_U32),
    FIELD(gid, FIELD_U32),
    FIELD(supplementary_groups, FIELD_TEXT),
    FIELD(no_new_privileges, FIELD_U32),
    FIELD(cpu_priority, FIELD_U32),
    FIELD(cpu_time_limit_us, FIELD_I64),
    FIELD(memory_limit, FIELD_I64),
    FIELD(virtual_memory_limit, FIELD_I64),
    FIELD(open_files_limit, FIELD_U32),
    FIELD(home, FIELD_TEXT),
    FIELD(umask, FIELD_U32),
    FIELD(display_name, FIELD_TEXT),
    FIELD(inherit_environment, FIELD_U32),
    FIELD(env_file, FIELD_TEXT),
    FIELD(environment, FIELD_TEXT),
    FIELD(lang, FIELD_TEXT),
    FIELD(locale, FIELD_TEXT),
    FIELD(python_home, FIELD_TEXT),
    FIELD(python_path, FIELD_TEXT),
    FIELD(python_optimize, FIELD_U32),
    FIELD(python_hash_seed, FIELD_I64),
    FIELD(dont_write_bytecode, FIELD_U32),
    FIELD(keep_interpreter, FIELD_BOOL),
    FIELD(python_warnings, FIELD_TEXT),
    FIELD(python_eggs, FIELD_TEXT),
    FIELD(switch_interval_us, FIELD_I64),
    FIELD(interpreter, FIELD_TEXT),
    FIELD(engine, FIELD_TEXT),
    FIELD(package_dir, FIELD_TEXT),
    FIELD(fault, FIELD_TEXT),
    FIELD(processes, FIELD_U32),
    FIELD(processes_given, FIELD_BOOL),
    FIELD(threads, FIELD_U32),
    FIELD(socket_user, FIELD_TEXT),
    FIELD(send_buffer_size, FIELD_U32),
    FIELD(receive_buffer_size, FIELD_U32),
    FIELD(header_buffer_size, FIELD_U32),
    FIELD(response_buffer_size, FIELD_U32),
    FIELD(response_flush_delay_us, FIELD_I64),
    FIELD(script_user, FIELD_TEXT),
    FIELD(script_group, FIELD_TEXT),
    FIELD(stack_size, FIELD_I64),
    FIELD(listen_backlog, FIELD_U32),
    FIELD(maximum_requests, FIELD_I64),
    FIELD(startup_timeout_us, FIELD_I64),
    FIELD(request_timeout_us, FIELD_I64),
    FIELD(interrupt_timeout_us, FIELD_I64),
    FIELD(deadlock_timeout_us, FIELD_I64),
    FIELD(restart_interval_us, FIELD_I64),
    FIELD(inactivity_timeout_us, FIELD_I64),
    FIELD(graceful_timeout_us, FIELD_I64),
    FIELD(graceful_timeout_given, FIELD_BOOL),
    FIELD(eviction_timeout_us, FIELD_I64),
    FIELD(shutdown_timeout_us, FIELD_I64),
    FIELD(connect_timeout_us, FIELD_I64),
    FIELD(socket_timeout_us, FIELD_I64),
    FIELD(response_socket_timeout_us, FIELD_I64),
    FIELD(queue_timeout_us, FIELD_I64),
    FIELD(reload_wait_us, FIELD_I64),
    FIELD(socket_path, FIELD_TEXT),
    FIELD(httpd_uid, FIELD_U32),
    FIELD(case_insensitive, FIELD_BOOL),
    FIELD(mpm_processes, FIELD_U32),
    FIELD(mpm_threads, FIELD_U32),
    FIELD(httpd_description, FIELD_TEXT),
    FIELD(httpd_built, FIELD_TEXT),
    FIELD(mpm_name, FIELD_TEXT),
    FIELD(log_level, FIELD_U32),
    FIELD(printed_as_errors, FIELD_BOOL),
};

#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

/* A decoded spec: what its strings point into comes with it. */
struct decoded {
    struct cask_group_spec spec; /* first: freed through it */
    struct cask_spec_app *apps;
    struct cask_interp_layer *layers;
    char *data;
};

static void
field_put(struct cask_pack *pack, const struct cask_group_spec *spec, const struct field *field)
{
    const char *at = (const char *)spec + field->offset;
    const char *text;
    uint32_t number;
    int64_t large;
    bool flag;

    switch (field->kind) {
    case FIELD_TEXT:
        memcpy(&text, at, sizeof(text));
        cask_pack_text(pack, text);
        break;
    case FIELD_U32:
        memcpy(&number, at, sizeof(number));
        cask_pack_u32(pack, number);
        break;
    case FIELD_I64:
        memcpy(&large, at, sizeof(large));
        cask_pack_u64(pack, (uint64_t)large);
        break;
    case FIELD_BOOL:
        memcpy(&flag, at, sizeof(flag));
        cask_pack_u32(pack, flag ? 1 : 0);
        break;
    }
}

static void
field_get(struct cask_unpack *unpack, struct cask_group_spec *spec, const struct field *field)
{
    char *at = (char *)spec + field->offset;
    const char *text;
    uint32_t number;
    int64_t large;
    bool flag;

    switch (field->kind) {
    case FIELD_TEXT:
        text = cask_unpack_text(unpack);
        memcpy(at, &text, sizeof(text));
        break;
    case FIELD_U32:
        number = cask_unpack_u32(unpack);
        memcpy(at, &number, sizeof(number));
        break;
    case FIELD_I64:
        large = (int64_t)cask_unpack_u64(unpack);
        memcpy(at, &large, sizeof(large));
        break;
    case FIELD_BOOL:
        number = cask_unpack_u32(unpack);
        unpack->bad = unpack->bad || number > 1;
        flag = number == 1;
        memcpy(at, &flag, sizeof(flag));
        break;
    }
}

/* The flags are -1, 0 or 1. */
static void
put_settings(struct cask_pack *pack, const struct cask_interp_settings *settings)
{
    cask_pack_u32(pack, (uint32_t)settings->per_interpreter_gil);
    cask_pack_u32(pack, (uint32_t)settings->free_threading);
    cask_pack_u32(pack, (uint32_t)settings->restrict_stdin);
    cask_pack_u32(pack, (uint32_t)settings->restrict_stdout);
    cask_pack_u32(pack, (uint32_t)settings->restrict_signal);
    cask_pack_u64(pack, (uint64_t)settings->switch_interval_us);
    cask_pack_text(pack, settings->python_path);
}

static bool
get_settings(struct cask_unpack *unpack, struct cask_interp_settings *ret_settings)
{
    ret_settings->per_interpreter_gil = (int)cask_unpack_u32(unpack);
    ret_settings->free_threading = (int)cask_unpack_u32(unpack);
    ret_settings->restrict_stdin = (int)cask_unpack_u32(unpack);
    ret_settings->restrict_stdout = (int)cask_unpack_u32(unpack);
    ret_settings->restrict_signal = (int)cask_unpack_u32(unpack);
    ret_settings->switch_interval_us = (int64_t)cask_unpack_u64(unpack);
    ret_settings->python_path = cask_unpack_text(unpack);
    return !unpack->bad && ret_settings->switch_interval_us >= 0;
}

static void
put_interps(struct cask_pack *pack, const struct cask_interp_rules *rules)
{
    put_settings(pack, &rules->base);
    cask_pack_u32(pack, (uint32_t)rules->n_layers);
    for (size_t i = 0; i < rules->n_layers; i++) {
        cask_pack_text(pack, rules->layers[i].process_group);
        cask_pack_text(pack, rules->layers[i].application_group);
        put_settings(pack, &rules->layers[i].values);
    }
}

int
cask_spec_encode(const struct cask_group_spec *spec, char **ret_data, size_t *ret_len,
                 struct cask_problem *reterr_problem)
{
    struct cask_pack pack = {0};

    cask_pack_u32(&pack, SPEC_MAGIC);
    for (size_t i = 0; i < N_FIELDS; i++) {
        field_put(&pack, spec, &fields[i]);
    }
    cask_pack_bytes(&pack, spec->secret, sizeof(spec->secret));
    for (size_t i = 0; i < 3; i++) {
        cask_pack_u32(&pack, (uint32_t)spec->httpd_version[i]);
    }
    cask_pack_u32(&pack, (uint32_t)spec->n_apps);
    for (size_t i = 0; i < spec->n_apps; i++) {
        cask_pack_text(&pack, spec->apps[i].script);
        cask_pack_text(&pack, spec->apps[i].callable);
        cask_pack_text(&pack, spec->apps[i].application_group);
        cask_pack_u32(&pack, spec->apps[i].proven ? 1 : 0);
    }
    put_interps(&pack, &spec->interps);
    if (pack.error != 0) {
        int error = pack.error;

        cask_pack_done(&pack);
        return cask_problem_set(reterr_problem, error, 401, "cannot pack the settings of '%s'",
                                spec->name);
    }
    *ret_data = pack.buf.data;
    *ret_len = cask_buf_len(&pack.buf);
    return 0;
}

static bool
decode_apps(struct decoded *decoded, struct cask_unpack *unpack, int *ret_error)
{
    uint32_t count = cask_unpack_u32(unpack);

    if (unpack->bad || count > SPEC_APP_LIMIT) {
        return false;
    }
    if (count == 0) {
        return true;
    }
    decoded->apps = calloc(count, sizeof(*decoded->apps));
    if (decoded->apps == NULL) {
        *ret_error = ENOMEM;
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct cask_spec_app *app = &decoded->apps[i];

        app->script = cask_unpack_text(unpack);
        app->callable = cask_unpack_text(unpack);
        app->application_group = cask_unpack_text(unpack);
        app->proven = cask_unpack_u32(unpack) != 0;
        if (app->script == NULL || app->callable == NULL || app->application_group == NULL) {
            return false;
        }
    }
    decoded->spec.apps = decoded->apps;
    decoded->spec.n_apps = count;
    return true;
}

static bool
decode_interps(struct decoded *decoded, struct cask_unpack *unpack, int *ret_error)
{
    bool good = get_settings(unpack, &decoded->spec.interps.base);
    uint32_t count = cask_unpack_u32(unpack);

    if (!good || unpack->bad || count > SPEC_LAYERS) {
        return false;
    }
    decoded->layers = calloc(count + 1, sizeof(*decoded->layers));
    if (decoded->layers == NULL) {
        *ret_error = ENOMEM;
        return false;
    }
    for (uint32_t i = 0; i < count && good; i++) {
        decoded->layers[i].process_group = cask_unpack_text(unpack);
        decoded->layers[i].application_group = cask_unpack_text(unpack);
        good = get_settings(unpack, &decoded->layers[i].values);
    }
    decoded->spec.interps.layers = decoded->layers;
    decoded->spec.interps.n_layers = count;
    return good;
}

/* Invariant (2): a wrong number must not become an allocation or a division. */
static bool
in_range(const struct cask_group_spec *spec)
{
    const int64_t times[] = {
        spec->startup_timeout_us,  spec->request_timeout_us,   spec->inactivity_timeout_us,
        spec->graceful_timeout_us, spec->shutdown_timeout_us,  spec->connect_timeout_us,
        spec->socket_timeout_us,   spec->queue_timeout_us,     spec->reload_wait_us,
        spec->maximum_requests,    spec->interrupt_timeout_us, spec->deadlock_timeout_us,
        spec->restart_interval_us, spec->eviction_timeout_us,  spec->cpu_time_limit_us,
        spec->memory_limit,        spec->virtual_memory_limit, spec->stack_size,
        spec->switch_interval_us};

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        if (times[i] < 0) {
            return false;
        }
    }
    return spec->name != NULL && spec->name[0] != '\0' && spec->processes >= 1 &&
           spec->processes <= SPEC_MAX_COUNT && spec->threads >= 0 &&
           spec->threads <= SPEC_MAX_COUNT && spec->umask >= -1 && spec->umask <= 0777;
}

static void
decoded_free(struct decoded *decoded)
{
    free(decoded->apps);
    free(decoded->layers);
    free(decoded->data);
    free(decoded);
}

int
cask_spec_decode(const char *data, size_t len, struct cask_group_spec **ret_spec,
                 struct cask_problem *reterr_problem)
{
    struct decoded *decoded = calloc(1, sizeof(*decoded));
    struct cask_unpack unpack;
    int error = EBADMSG;

    if (decoded == NULL) {
        return cask_problem_set(reterr_problem, ENOMEM, 402, "settings of a group");
    }
    decoded->data = malloc(len > 0 ? len : 1);
    if (decoded->data == NULL) {
        error = ENOMEM;
        goto failed;
    }
    memcpy(decoded->data, data, len);
    unpack = cask_unpack_begin(decoded->data, len);
    if (cask_unpack_u32(&unpack) != SPEC_MAGIC) {
        goto failed;
    }
    for (size_t i = 0; i < N_FIELDS; i++) {
        field_get(&unpack, &decoded->spec, &fields[i]);
    }
    cask_unpack_bytes(&unpack, decoded->spec.secret, sizeof(decoded->spec.secret));
    for (size_t i = 0; i < 3; i++) {
        decoded->spec.httpd_version[i] = (int)cask_unpack_u32(&unpack);
    }
    if (!decode_apps(decoded, &unpack, &error) || !decode_interps(decoded, &unpack, &error) ||
        !cask_unpack_end(&unpack) || !in_range(&decoded->spec)) {
        goto failed;
    }
    *ret_spec = &decoded->spec;
    return 0;

failed:
    decoded_free(decoded);
    return cask_problem_set(reterr_problem, error, 402, "settings of a group are not readable");
}

struct cask_group_spec *
cask_spec_free(struct cask_group_spec *spec)
{
    if (spec != NULL) {
        decoded_free((struct decoded *)spec);
    }
    return NULL;
}

int64_t
cask_spec_drain_us(const struct cask_group_spec *spec)
{
    return spec->graceful_timeout_given ? spec->graceful_timeout_us : DRAIN_US;
}

int64_t
cask_spec_eviction_us(const struct cask_group_spec *spec)
{
    return spec->eviction_timeout_us > 0 ? spec->eviction_timeout_us : cask_spec_drain_us(spec);
}

int64_t
cask_spec_overdue_us(const struct cask_group_spec *spec)
{
    return spec->request_timeout_us > 0 ? spec->request_timeout_us + spec->interrupt_timeout_us : 0;
}
