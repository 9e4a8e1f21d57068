/* SPDX-License-Identifier: Apache-2.0 */
/* wire/wire_job.c - one request inside a daemon: taking it, its end, its log.
 *
 * Owns:    the buffers of one worker thread.
 * Touches: proto/, request/, platform/, the other halves wire_input and wire_output.
 * Threads: the worker; the log sink may be called from any thread.
 * Invariant: views of the request point into `head`, which stays as it is until conclude.
 */
#include "wire/wire_job.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform/clock.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "platform/process.h"
#include "proto/head.h"
#include "wire/wire_conn.h"
#include "wire/wire_fields.h"
#include "wire/wire_input.h"
#include "wire/wire_output.h"

/* A request with its headers and first body bytes is one recv. */
#define FIRST_ROOM   (32u * 1024u)
#define FIRST_FIELDS 128u
/* For the rest of a HEAD that has begun. */
#define HEAD_TIMEOUT_US (10 * CASK_CLOCK_SECOND)

struct cask_wire_job {
    pid_t owner;                    /* [init] */
    pthread_t thread;               /* [owner] that serves the current request */
    int fd;                         /* [owner] -1 between requests */
    struct cask_buf head;           /* [owner] HEAD as received */
    struct cask_wire_fields fields; /* [owner] of the current request */
    struct cask_wire_input input;
    struct cask_wire_output output;
    struct cask_request request;
    struct cask_exchange exchange;
    int64_t begin_us; /* monotonic */
};

/* ---- the request's log ---- */

static void
log_to_process(const struct cask_log_record *record)
{
    const struct cask_process *process = cask_process_get();

    process->sink->write(process->sink_context, record);
}

/* Lines of the request go to httpd, which knows the right error log. */
static void
job_log(void *context, const struct cask_log_record *record)
{
    struct cask_wire_job *job = context;

    /* Threads of the application's own have no place in the stream of frames, nor have processes
     * that it forked. */
    if (job->fd < 0 || getpid() != job->owner || !pthread_equal(pthread_self(), job->thread) ||
        cask_wire_output_log(&job->output, record) != 0) {
        log_to_process(record);
    }
}

static const struct cask_log_sink job_sink = {.write = job_log};

/* ---- life ---- */

int
cask_wire_job_new(struct cask_wire_job **ret_job, uint32_t thread_id, int64_t socket_timeout_us,
                  struct cask_problem *reterr_problem)
{
    struct cask_wire_job *job = calloc(1, sizeof(*job));

    if (job == NULL || cask_wire_fields_grow(&job->fields, FIRST_FIELDS) != 0 ||
        cask_buf_reserve(&job->head, FIRST_ROOM) != 0) {
        cask_wire_job_free(job);
        return cask_problem_set(reterr_problem, ENOMEM, 711, "worker thread '%u'", thread_id);
    }
    job->owner = getpid();
    job->fd = -1;
    job->request.thread_id = thread_id;
    job->input.timeout_us = socket_timeout_us;
    job->input.output = &job->output;
    job->output.timeout_us = socket_timeout_us;
    job->output.input = &job->input;
    job->exchange = (struct cask_exchange){
        .request = &job->request,
        .body_ops = cask_wire_input_ops(),
        .body = &job->input,
        .reply_ops = cask_wire_output_ops(),
        .reply = &job->output,
    };
    *ret_job = job;
    return 0;
}

struct cask_wire_job *
cask_wire_job_free(struct cask_wire_job *job)
{
    if (job != NULL) {
        cask_buf_done(&job->head);
        cask_wire_input_done(&job->input);
        cask_wire_output_done(&job->output);
        cask_wire_fields_done(&job->fields);
        free(job);
    }
    return NULL;
}

const struct cask_exchange *
cask_wire_job_exchange(const struct cask_wire_job *job)
{
    return &job->exchange;
}

/* ---- taking a request ---- */

/* Receives until the buffer holds `size` bytes. */
static int
receive_up_to(struct cask_wire_job *job, int fd, size_t size, int64_t deadline_us)
{
    while (cask_buf_len(&job->head) < size) {
        size_t missing = size - cask_buf_len(&job->head);
        int status =
            cask_wire_conn_receive(fd, &job->head, missing > FIRST_ROOM ? missing : FIRST_ROOM);

        if (status == EAGAIN) {
            if (deadline_us == 0) {
                return EAGAIN;
            }
            status = cask_net_wait(fd, POLLIN, deadline_us, NULL);
        }
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

static struct cask_str
str_of(struct cask_head_bytes bytes)
{
    return (struct cask_str){.data = bytes.data, .len = bytes.len};
}

/* The payload of HEAD as a request. ret_body: the bytes of body inside. */
static int
decode(struct cask_wire_job *job, const char *payload, size_t len, struct cask_str *ret_body)
{
    struct cask_request *request = &job->request;
    struct cask_head_request head;
    const char *body;
    enum cask_frame_status defect;

    for (;;) {
        defect =
            cask_head_get_request(payload, len, &head, job->fields.wire, job->fields.max, &body);
        if (defect != CASK_FRAME_TOO_MANY || job->fields.max >= CASK_WIRE_FIELDS_LIMIT) {
            break;
        }
        if (cask_wire_fields_grow(&job->fields, job->fields.max * 2) != 0) {
            return ENOMEM;
        }
    }
    if (defect != CASK_FRAME_OK) {
        cask_log_debug(CASK_LOG_DEBUG, "request refused: %s", cask_frame_status_text(defect));
        return EPROTO;
    }
    cask_wire_fields_copy(&job->fields, (size_t)head.n_vars + head.n_headers);
    request->app.script = str_of(head.script);
    request->app.callable = str_of(head.callable);
    request->app.application_group = str_of(head.application_group);
    request->script_id = (struct cask_script_id){.device = head.script_device,
                                                 .inode = head.script_inode,
                                                 .size = head.script_size,
                                                 .mtime_ns = head.script_mtime_ns};
    request->content_length = head.content_length;
    request->start_us = head.start_us;
    request->queue_us = head.queue_us;
    request->daemon_us = cask_clock_wall_us();
    request->flags = head.request_flags & CASK_HEAD_FLAGS_MASK;
    request->log_level = cask_log_level_of_number(head.request_flags >> CASK_HEAD_LEVEL_SHIFT);
    request->vars = job->fields.fields;
    request->n_vars = head.n_vars;
    request->headers = job->fields.fields + head.n_vars;
    request->n_headers = head.n_headers;
    request->log = &job_sink;
    request->log_context = job;
    *ret_body = (struct cask_str){.data = body, .len = head.body_len};
    return 0;
}

int
cask_wire_job_take(struct cask_wire_job *job, int fd, int64_t deadline_us)
{
    struct cask_frame frame;
    struct cask_str body;
    int status;

    cask_wire_conn_reset_buf(&job->head);
    status = receive_up_to(job, fd, 1, deadline_us);
    if (status != 0) {
        return status;
    }
    deadline_us = cask_clock_deadline(HEAD_TIMEOUT_US);
    status = receive_up_to(job, fd, CASK_FRAME_HEADER_SIZE, deadline_us);
    if (status != 0) {
        return status == ETIMEDOUT ? EPROTO : status;
    }
    if (cask_frame_get_header(job->head.data, CASK_FRAME_HEADER_SIZE, &frame) != CASK_FRAME_OK ||
        frame.kind != CASK_FRAME_HEAD) {
        return EPROTO;
    }
    status = receive_up_to(job, fd, CASK_FRAME_HEADER_SIZE + frame.payload_len, deadline_us);
    if (status != 0) {
        return status == ETIMEDOUT ? EPROTO : status;
    }
    status = decode(job, job->head.data + CASK_FRAME_HEADER_SIZE, frame.payload_len, &body);
    if (status != 0) {
        return status;
    }
    status = cask_wire_input_begin(&job->input, fd, &job->request, &frame, body);
    if (status == 0) {
        size_t used = CASK_FRAME_HEADER_SIZE + frame.payload_len;

        /* What came behind HEAD. */
        status = cask_buf_add(&job->input.buf, job->head.data + used, job->head.end - used);
    }
    if (status == 0) {
        status = cask_wire_output_begin(&job->output, fd);
    }
    if (status != 0) {
        return status;
    }
    job->fd = fd;
    job->thread = pthread_self();
    job->begin_us = cask_clock_mono_us();
    return 0;
}

/* ---- the end ---- */

int
cask_wire_job_conclude(struct cask_wire_job *job, enum cask_outcome outcome,
                       const struct cask_problem *problem, bool leaving, uint32_t accepted,
                       bool *ret_reusable)
{
    const struct cask_frame_end figures = {
        .application_us = (uint64_t)(cask_clock_mono_us() - job->begin_us),
        .body_read = job->input.taken,
    };
    bool whole = cask_wire_input_is_clean(&job->input);
    const uint32_t *goaway = leaving || !whole ? &accepted : NULL;
    int status;

    if (outcome == CASK_OUTCOME_DONE && job->output.finished) {
        status = cask_wire_output_end(&job->output, &figures, goaway);
    } else {
        if (outcome == CASK_OUTCOME_DONE) {
            outcome = CASK_OUTCOME_FAILED; /* a reply that nobody finished is not complete */
        }
        status = cask_wire_output_abort(&job->output, outcome, problem, goaway);
    }
    *ret_reusable = status == 0 && goaway == NULL;
    job->fd = -1;
    return status;
}
