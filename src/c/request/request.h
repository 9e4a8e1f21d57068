/* SPDX-License-Identifier: Apache-2.0 */
/* request/request.h - one request as plain data: what travels from httpd to a gateway.
 *
 * Embedded, every pointer is into the request pool; in a daemon, into the frame that brought it.
 * All strings are borrowed for the time of the request, counted, and not NUL-terminated unless said
 * so. Bytes are as httpd gave them (PEP 3333: latin-1).
 */
#ifndef CASK_REQUEST_REQUEST_H
#define CASK_REQUEST_REQUEST_H

#include "platform/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cask_str {
    const char *data; /* may be NULL when len is 0 */
    uint32_t len;
};

/* A C string, borrowed; NULL is "". */
static inline struct cask_str
cask_request_str(const char *text)
{
    return (struct cask_str){text, text != NULL ? (uint32_t)strlen(text) : 0};
}

/* A CGI variable or a header. key is a row of request/keys.def (then name is empty), or 0. */
struct cask_field {
    struct cask_str name;
    struct cask_str value;
    uint16_t key;
};

/* What a script file was when somebody looked. All zeros: unknown. */
struct cask_script_id {
    uint64_t device;
    uint64_t inode;
    uint64_t size;
    int64_t mtime_ns; /* whole microseconds */
};

/* An application: which file, which name in it, in which interpreter. */
struct cask_app {
    struct cask_str script;            /* absolute path */
    struct cask_str callable;          /* "application" by default */
    struct cask_str application_group; /* interpreter; "" is the main one */
};

enum cask_request_flag {
    CASK_REQUEST_HEAD = 1u << 0,      /* the client asked HEAD: no body goes out */
    CASK_REQUEST_HTTPS = 1u << 1,     /* wsgi.url_scheme */
    CASK_REQUEST_RELOADING = 1u << 2, /* WSGIScriptReloading On: compare script_id */
    CASK_REQUEST_STALE_OK = 1u << 3,  /* serve old code rather than refuse as STALE */
    CASK_REQUEST_CHUNKED = 1u << 4,   /* body of unknown length */
    CASK_REQUEST_PASSIVE = 1u << 5,   /* WSGIIgnoreActivity On: no activity of its group */
};

struct cask_request {
    struct cask_app app;
    struct cask_script_id script_id;
    int64_t content_length; /* bytes; 0: no body; -1: unknown (CASK_REQUEST_CHUNKED) */
    int64_t start_us;       /* when httpd began the request, wall clock */
    int64_t queue_us;       /* when it was handed to the daemon group; 0 embedded */
    int64_t daemon_us;      /* when a daemon took it; 0 embedded */
    uint32_t flags;         /* enum cask_request_flag */
    uint32_t thread_id;     /* index of the serving thread in its process, from 1; 0 unknown */
    const struct cask_field *vars; /* CGI variables and SetEnv values, no wsgi.* */
    size_t n_vars;
    /* Request headers that applications may see; one each, httpd has merged them. */
    const struct cask_field *headers;
    size_t n_headers;
    const struct cask_log_sink *log; /* [init] error log of the vhost */
    void *log_context;
    enum cask_log_level log_level; /* LogLevel of the request: what is above need not be made */
    void *httpd_request;           /* embedded, WSGIPassApacheRequest On: the request_rec, for
                                      apache.request_rec; else NULL */
};

/* Equal bytes, and both known (not all zeros). */
bool cask_script_id_same(const struct cask_script_id *a, const struct cask_script_id *b);
bool cask_script_id_known(const struct cask_script_id *id);
/* fstat/stat result as an id. */
struct stat;
void cask_script_id_from_stat(const struct stat *status, struct cask_script_id *ret_id);

/* One numbered line to the log of the request (the process sink when it has none). */
void cask_request_log(const struct cask_request *request, unsigned number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
