/* SPDX-License-Identifier: Apache-2.0 */
/* proc/spec.h - what a daemon group is: the settings that apache/ reads and the supervisor and the
 * daemons obey.
 *
 * Filled from rows of apache/daemon_options.def (offsets into this struct), frozen after
 * post-config, sent to the supervisor and by it to each daemon (fd 3), encoded by spec.c. Strings
 * are NUL-terminated; in httpd they live in pconf, elsewhere the decoder owns them.
 */
#ifndef CASK_PROC_SPEC_H
#define CASK_PROC_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "gateway/engine.h"
#include "platform/cred.h"
#include "platform/interp_settings.h"
#include "proto/frame.h"

struct cask_problem;

/* An application to load before READY. */
struct cask_spec_app {
    const char *script;
    const char *callable; /* "": only the script (WSGIImportScript) */
    const char *application_group;
    bool proven; /* a process of the group has loaded it before: a strict daemon must, too */
};

struct cask_group_spec {
    /* identity */
    const char *name;
    uint32_t id;      /* order of definition, from 1 */
    const char *user; /* as configured; NULL: httpd's */
    const char *group;
    uid_t uid; /* resolved */
    gid_t gid;
    const char *supplementary_groups; /* "a,b"; NULL: those of the user */
    int no_new_privileges;
    int cpu_priority;             /* 0: as httpd's */
    int64_t cpu_time_limit_us;    /* 0: off, here and below */
    int64_t memory_limit;         /* bytes */
    int64_t virtual_memory_limit; /* bytes */
    int open_files_limit;
    const char *home;         /* NULL: the user's home, or "/" */
    int umask;                /* -1: inherit */
    const char *display_name; /* with %{GROUP} expanded; NULL: leave */
    int inherit_environment;
    const char *env_file;
    const char *environment; /* lines of NAME=value; NULL: none */
    const char *lang;
    const char *locale;
    /* Python */
    /* Effective: option, else WSGIPythonHome, else the package's; NULL never after post-config. */
    const char *python_home;
    const char *python_path;
    /* Options of Python itself; effective after post-config: option, else directive. */
    int python_optimize;         /* at least this level; -1: not given */
    int64_t python_hash_seed;    /* or CASK_ENGINE_SEED_… */
    int dont_write_bytecode;     /* -1: not given */
    bool keep_interpreter;       /* WSGIDestroyInterpreter Off */
    const char *python_warnings; /* a line each; NULL: none */
    const char *python_eggs;
    int64_t switch_interval_us;       /* 0: Python's own */
    struct cask_interp_rules interps; /* python_path and switch_interval_us are in its base */
    const char *interpreter;          /* resolved python_home/bin/python3; NULL: `fault` */
    const char *engine;               /* path of the _engine library that fits */
    const char *package_dir;          /* directory of the Python package mod_cask */
    /* Why this group cannot start at all (no engine, no python); NULL: nothing known. */
    const char *fault;
    /* concurrency */
    int processes;
    bool processes_given;    /* wsgi.multiprocess */
    int threads;             /* 0: a service group, which runs its scripts and serves no requests */
    const char *socket_user; /* NULL: httpd's */
    int send_buffer_size;    /* bytes; 0: the system's, here and below */
    int receive_buffer_size;
    int header_buffer_size; /* 0: no limit of its own */
    int response_buffer_size;
    int64_t response_flush_delay_us;
    const char *script_user; /* NULL: whoever owns it, here and below */
    const char *script_group;
    int64_t stack_size; /* bytes; 0: the system's */
    int listen_backlog;
    int64_t maximum_requests; /* 0: off */
    /* timeouts in microseconds; 0: off */
    int64_t startup_timeout_us;
    int64_t request_timeout_us;
    int64_t interrupt_timeout_us;
    int64_t deadlock_timeout_us;
    int64_t restart_interval_us;
    int64_t inactivity_timeout_us;
    int64_t graceful_timeout_us;
    bool graceful_timeout_given;
    int64_t eviction_timeout_us;
    int64_t shutdown_timeout_us;
    int64_t connect_timeout_us;
    int64_t socket_timeout_us;          /* 0: httpd's Timeout, resolved in post-config */
    int64_t response_socket_timeout_us; /* 0: httpd's Timeout */
    int64_t queue_timeout_us;
    int64_t reload_wait_us; /* 5 s */
    /* transport, set in post-config */
    const char *socket_path;
    uid_t httpd_uid; /* who may connect */
    unsigned char secret[CASK_FRAME_SECRET_SIZE];
    /* preload, in configuration order */
    const struct cask_spec_app *apps;
    size_t n_apps;
    /* for the API inside */
    bool case_insensitive;
    int mpm_processes, mpm_threads;
    int httpd_version[3];
    const char *httpd_description;
    const char *httpd_built; /* build date of httpd */
    const char *mpm_name;
    int log_level;          /* of module wsgi in the vhost; enum cask_log_level */
    bool printed_as_errors; /* WSGIRecordLevels Off */
};

/* Byte form: versioned, self-describing lengths; decode checks everything. */
int cask_spec_encode(const struct cask_group_spec *spec, char **ret_data, size_t *ret_len,
                     struct cask_problem *reterr_problem);
int cask_spec_decode(const char *data, size_t len, struct cask_group_spec **ret_spec,
                     struct cask_problem *reterr_problem);
struct cask_group_spec *cask_spec_free(struct cask_group_spec *spec); /* of a decoded one */

/* How long a drain for a reload, restart or replacement lasts: graceful-timeout where it was given
 * (0: stop at once, within shutdown-timeout), else 60 s, since a successor serves already. */
int64_t cask_spec_drain_us(const struct cask_group_spec *spec);
/* The same for a process that got SIGUSR1: eviction-timeout where it was given. */
int64_t cask_spec_eviction_us(const struct cask_group_spec *spec);
/* When a request is given up with its process: request-timeout and interrupt-timeout; 0: never. */
int64_t cask_spec_overdue_us(const struct cask_group_spec *spec);

#endif
