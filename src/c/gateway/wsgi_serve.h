/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/wsgi_serve.h - one request on its way through a WSGI application.
 *
 * The call is on the serving thread's stack. Python objects that outlive it (wsgi.input,
 * start_response) lose their pointer to it when the request ends.
 */
#ifndef CASK_GATEWAY_WSGI_SERVE_H
#define CASK_GATEWAY_WSGI_SERVE_H

#include "interp/gil.h"

#include "platform/problem.h"
#include "request/exchange.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct cask_apps_entry;
struct cask_gate;
struct cask_released;
struct cask_thread;

#define CASK_WSGI_HEAD_TEXT   2048
#define CASK_WSGI_HEAD_FIELDS 24
#define CASK_WSGI_PIECES      16
#define CASK_WSGI_SMALL       8192

/* What start_response() was given, copied; wsgi_head.c. */
struct cask_wsgi_head {
    bool set;
    int status;
    int64_t content_length; /* -1: not given */
    struct cask_str reason;
    struct cask_field *fields; /* inline_fields or heap */
    size_t n_fields;
    char *text; /* inline_text or heap; the bytes of reason and fields */
    char inline_text[CASK_WSGI_HEAD_TEXT];
    struct cask_field inline_fields[CASK_WSGI_HEAD_FIELDS];
};

/* A part of the body that has not left yet. */
struct cask_wsgi_piece {
    const char *data;
    size_t len;
    struct cask_released *owner; /* of the bytes object; NULL: the bytes are in `small` */
};

/* The reply as far as it has come; wsgi_reply.c. */
struct cask_wsgi_reply {
    bool committed; /* start() has been called, or will be with the pieces */
    bool started;   /* start() has been called */
    bool no_body;   /* HEAD, 204, 304 */
    bool cut;       /* no line (any more) about bytes over Content-Length */
    bool failed;    /* an operation failed, `problem` says how; no further one is called */
    int64_t length; /* Content-Length in force, or -1 */
    int64_t given;  /* body bytes accepted from the application */
    unsigned n_pieces;
    size_t small_len;
    struct cask_wsgi_piece pieces[CASK_WSGI_PIECES];
    char small[CASK_WSGI_SMALL];
};

struct cask_wsgi_call {
    const struct cask_exchange *exchange; /* [init] */
    struct cask_gate *gate;               /* [init] */
    struct cask_thread *thread;           /* [init] serves */
    struct cask_apps_entry *app;          /* [init] */
    PyObject *input;                      /* [owner] wsgi.input */
    PyObject *start;                      /* [owner] start_response */
    PyObject *capsule;                    /* [owner] apache.request_rec; NULL: not passed */
    PyObject *hints;                      /* [owner] wsgi.early_hints */
    unsigned n_hints;                     /* [gil] early hints sent */
    bool body_touched;                    /* [gil] a first read has been made */
    bool body_failed;                     /* [gil] with body_problem */
    /* An operation on body or reply is under way, perhaps on another thread (an application may
     * read its input on one). */
    bool busy;             /* [gil, and mutex for writing when there are others] */
    bool over;             /* [gil] the request is ending: nothing new begins */
    unsigned users;        /* [gil, and mutex for writing when there are others] with who waits */
    pthread_mutex_t mutex; /* a leaf */
    pthread_cond_t idle;   /* busy became false, or users fewer */
    struct cask_problem body_problem;
    struct cask_problem reply_problem;
    struct cask_wsgi_head head;
    struct cask_wsgi_reply reply;
};

/* Serves the request with the application, from environ to finish(). Enters with the GIL held and
 * leaves without it: what is left to send is sent after it was dropped. */
CASK_GIL_ATTRIBUTE(release_capability(cask_gil))
enum cask_outcome cask_wsgi_serve(struct cask_gate *gate, struct cask_thread *thread,
                                  struct cask_apps_entry *app, PyObject *steal_callable,
                                  const struct cask_exchange *exchange,
                                  struct cask_problem *reterr_problem);

/* Around an operation on body or reply that drops the GIL. Begin waits while another thread has one
 * under way: 0, or -1 with RuntimeError when the request ended meanwhile. After end, the call must
 * not be touched by another thread than the serving one. */
CASK_GIL_HELD int cask_wsgi_serve_begin_io(struct cask_wsgi_call *call);
CASK_GIL_HELD void cask_wsgi_serve_end_io(struct cask_wsgi_call *call);

#endif
