/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/gateway/driver.c - runs the engine without httpd: requests come from stdin, what the
 * gateway does with body and reply is written to stdout.
 *
 *   driver PROGRAM PACKAGE_DIR [daemon]
 *
 * One command per line, fields separated by tabs, bytes as %XX where needed:
 *   app SCRIPT CALLABLE GROUP · var NAME VALUE · header NAME VALUE · flags NUMBER
 *   body BYTES (one read of the body each) · body-error ERRNO · fail ERRNO (of reply operations)
 *   id (the script's, as httpd sees it now) · interrupt MS (the next serve) · clear (all but app)
 *   serve · thread (serve on a fresh thread) · many THREADS REQUESTS · load · loaded · dump
 *   ask FUNCTION ACCEPTS ARGUMENT (and FUNCTION again, with one environ) · stop MS
 * Each command from serve on ends its output with a line ".".
 * Used by test_gateway.py, which builds it with sanitizers, and for callgrind.
 */
#include "gateway/engine.h"

#include "driver_text.h"
#include "platform/clock.h"
#include "platform/problem.h"
#include "platform/process.h"
#include "request/keys.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_FIELDS 64
#define MAX_READS  64

struct driver {
    const struct cask_engine_ops *ops;
    struct cask_engine *engine;
    char *script, *callable, *group;
    struct cask_field vars[MAX_FIELDS], headers[MAX_FIELDS];
    size_t n_vars, n_headers;
    char *reads[MAX_READS];
    size_t read_lens[MAX_READS];
    size_t n_reads;
    int body_error;
    int reply_error;
    uint32_t flags;
    struct cask_script_id id;
    int interrupt_ms;
};

struct ends {
    const struct driver *driver;
    size_t next_read;
    size_t offset;
    bool quiet;
    size_t finished;
};

/* Each line of a record, behind the word that is the context. */
static void
put_record(void *context, const struct cask_log_record *record)
{
    const char *at = record->text;
    const char *end = at + record->text_len;

    flockfile(stdout);
    do {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *line_end = newline != NULL ? newline : end;

        (void)printf("%s %s ", (const char *)context, cask_log_level_name(record->level));
        driver_put_text(at, (size_t)(line_end - at));
        at = newline != NULL ? newline + 1 : end;
    } while (at < end);
    funlockfile(stdout);
}

static const struct cask_log_sink sink = {.write = put_record};

static ssize_t
fake_read(void *body, char *buffer, size_t size, struct cask_problem *reterr_problem)
{
    struct ends *ends = body;
    const struct driver *driver = ends->driver;
    size_t left;

    if (ends->next_read == driver->n_reads) {
        if (driver->body_error != 0) {
            (void)cask_problem_set(reterr_problem, driver->body_error, 0, "fake body");
            return -1;
        }
        return 0;
    }
    left = driver->read_lens[ends->next_read] - ends->offset;
    if (size > left) {
        size = left;
    }
    memcpy(buffer, driver->reads[ends->next_read] + ends->offset, size);
    ends->offset += size;
    if (ends->offset == driver->read_lens[ends->next_read]) {
        ends->next_read += 1;
        ends->offset = 0;
    }
    return (ssize_t)size;
}

static const struct cask_body_ops body_ops = {.read = fake_read};

static void
put_fields(const char *what, const struct cask_field *fields, size_t n_fields)
{
    for (size_t i = 0; i < n_fields; i++) {
        (void)printf("%s %.*s: ", what, (int)fields[i].name.len, fields[i].name.data);
        driver_put_bytes(fields[i].value.data, fields[i].value.len);
    }
}

static int
fake_failure(const struct ends *ends, struct cask_problem *reterr_problem)
{
    int error = ends->driver->reply_error;

    return error != 0 ? cask_problem_set(reterr_problem, error, 0, "fake client") : 0;
}

static int
fake_hint(void *reply, const struct cask_field *headers, size_t n_headers,
          struct cask_problem *reterr_problem)
{
    put_fields("hint", headers, n_headers);
    return fake_failure(reply, reterr_problem);
}

static int
fake_start(void *reply, const struct cask_reply_head *head, struct cask_problem *reterr_problem)
{
    const struct ends *ends = reply;

    (void)reterr_problem;
    if (!ends->quiet) {
        (void)printf("start %d length=%" PRId64 " ", head->status, head->content_length);
        driver_put_text(head->reason.data, head->reason.len);
        put_fields("header", head->headers, head->n_headers);
    }
    return 0;
}

static int
fake_write(void *reply, const char *data, size_t len, void (*release)(void *owner), void *owner,
           struct cask_problem *reterr_problem)
{
    struct ends *ends = reply;
    int status = fake_failure(ends, reterr_problem);

    if (status == 0 && !ends->quiet) {
        (void)printf("write %zu %s", len, release != NULL ? "lent " : "");
        driver_put_bytes(data, len);
    }
    if (release != NULL) {
        release(owner);
    }
    return status;
}

static int
fake_send_file(void *reply, int fd, int64_t offset, int64_t length,
               struct cask_problem *reterr_problem)
{
    struct ends *ends = reply;
    int status = fake_failure(ends, reterr_problem);
    struct stat about;

    if (fstat(fd, &about) != 0 || about.st_size < offset + length) {
        (void)printf("BAD FILE RANGE\n");
    }
    (void)printf("file %" PRId64 " %" PRId64 "\n", offset, length);
    return status;
}

static int
fake_flush(void *reply, struct cask_problem *reterr_problem)
{
    const struct ends *ends = reply;
    int status = fake_failure(ends, reterr_problem);

    if (!ends->quiet) {
        (void)printf("flush\n");
    }
    return status;
}

static int
fake_finish(void *reply, struct cask_problem *reterr_problem)
{
    struct ends *ends = reply;
    int status = fake_failure(ends, reterr_problem);

    ends->finished += 1;
    if (!ends->quiet) {
        (void)printf("finish\n");
    }
    return status;
}

static const struct cask_reply_ops reply_ops = {
    .hint = fake_hint,
    .start = fake_start,
    .write = fake_write,
    .send_file = fake_send_file,
    .flush = fake_flush,
    .finish = fake_finish,
};

static void
fill_app(const struct driver *driver, struct cask_app *app)
{
    app->script.data = driver->script;
    app->script.len = (uint32_t)strlen(driver->script);
    app->callable.data = driver->callable;
    app->callable.len = (uint32_t)strlen(driver->callable);
    app->application_group.data = driver->group;
    app->application_group.len = (uint32_t)strlen(driver->group);
}

static struct cask_request
make_request(const struct driver *driver, uint32_t thread_id)
{
    static char word[] = "log";
    struct cask_request request = {
        .script_id = driver->id,
        .start_us = cask_clock_wall_us(),
        .flags = driver->flags,
        .thread_id = thread_id,
        .vars = driver->vars,
        .n_vars = driver->n_vars,
        .headers = driver->headers,
        .n_headers = driver->n_headers,
        .log = &sink,
        .log_context = word,
        .log_level = CASK_LOG_INFO,
    };

    fill_app(driver, &request.app);
    return request;
}

static enum cask_outcome
serve(const struct driver *driver, struct ends *ends, uint32_t thread_id,
      struct cask_problem *problem)
{
    struct cask_request request = make_request(driver, thread_id);
    struct cask_exchange exchange = {
        .request = &request,
        .body_ops = &body_ops,
        .body = ends,
        .reply_ops = &reply_ops,
        .reply = ends,
    };

    for (size_t i = 0; i < driver->n_reads; i++) {
        request.content_length += (int64_t)driver->read_lens[i];
    }
    if ((driver->flags & CASK_REQUEST_CHUNKED) != 0) {
        request.content_length = -1;
    }
    return driver->ops->serve(driver->engine, &exchange, problem);
}

static void *
interrupt_later(void *argument)
{
    const struct driver *driver = argument;
    struct timespec pause = {.tv_sec = driver->interrupt_ms / 1000,
                             .tv_nsec = driver->interrupt_ms % 1000 * 1000000L};

    (void)nanosleep(&pause, NULL);
    (void)driver->ops->interrupt(driver->engine, 1);
    return NULL;
}

static void *
serve_one(void *argument)
{
    struct driver *driver = argument;
    struct ends ends = {.driver = driver};
    struct cask_problem problem = {.number = 0};
    enum cask_outcome outcome;
    pthread_t later;
    bool interrupting =
        driver->interrupt_ms != 0 && pthread_create(&later, NULL, interrupt_later, driver) == 0;

    outcome = serve(driver, &ends, 1, &problem);
    if (interrupting) {
        (void)pthread_join(later, NULL);
    }
    (void)printf("outcome %s\n", driver_outcome_name(outcome));
    driver_put_problem(&problem);
    cask_problem_done(&problem);
    return NULL;
}

struct crowd {
    const struct driver *driver;
    int requests;
    atomic_int next_id;
    atomic_int failed;
};

static void *
serve_crowd(void *argument)
{
    struct crowd *crowd = argument;
    uint32_t id = (uint32_t)atomic_fetch_add(&crowd->next_id, 1);
    int i;

    for (i = 0; i < crowd->requests; i++) {
        struct ends ends = {.driver = crowd->driver, .quiet = true};
        struct cask_problem problem = {.number = 0};

        if (serve(crowd->driver, &ends, id, &problem) != CASK_OUTCOME_DONE || ends.finished != 1) {
            (void)atomic_fetch_add(&crowd->failed, 1);
        }
        cask_problem_done(&problem);
    }
    return NULL;
}

static void
serve_many(const struct driver *driver, int n_threads, int requests)
{
    struct crowd crowd = {.driver = driver, .requests = requests, .next_id = 1};
    pthread_t threads[64];
    int i;

    if (n_threads == 1) {
        (void)serve_crowd(&crowd);
    }
    for (i = 0; i < n_threads && n_threads > 1; i++) {
        if (pthread_create(&threads[i], NULL, serve_crowd, &crowd) != 0) {
            abort();
        }
    }
    for (i = 0; i < n_threads && n_threads > 1; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    (void)printf("failed %d\n", atomic_load(&crowd.failed));
}

static void
print_loaded(void *context, const struct cask_app *app)
{
    (void)context;
    (void)printf("loaded %.*s %.*s %.*s\n", (int)app->script.len, app->script.data,
                 (int)app->callable.len, app->callable.data, (int)app->application_group.len,
                 app->application_group.data);
}

static void
print_stale(void *context, const struct cask_app *app)
{
    (void)context;
    (void)printf("stale %.*s\n", (int)app->script.len, app->script.data);
}

/* %XX in place. */
static size_t
decode(char *text)
{
    char *out = text;
    const char *in = text;

    while (*in != '\0') {
        unsigned value;

        if (*in == '%' && sscanf(in + 1, "%2x", &value) == 1) {
            *out++ = (char)value;
            in += 3;
        } else {
            *out++ = *in++;
        }
    }
    *out = '\0';
    return (size_t)(out - text);
}

static void
add_field(struct cask_field *fields, size_t *n, char *name, char *value, bool header)
{
    struct cask_field *field = &fields[*n];
    uint16_t key = 0;
    uint16_t i;

    memset(field, 0, sizeof(*field));
    field->value.len = (uint32_t)decode(value);
    field->value.data = value;
    if (header) {
        key = cask_keys_find_header(name, strlen(name));
    } else {
        for (i = 1; i < CASK_KEY_LIMIT; i++) {
            struct cask_str text = cask_keys_environ_name(i);

            if (text.len == strlen(name) && memcmp(text.data, name, text.len) == 0) {
                key = i;
            }
        }
    }
    field->key = key;
    if (key == 0) {
        field->name.data = name;
        field->name.len = (uint32_t)strlen(name);
    }
    *n += 1;
}

static void
read_id(struct driver *driver)
{
    struct stat about;

    if (stat(driver->script, &about) == 0) {
        cask_script_id_from_stat(&about, &driver->id);
    }
}

static void
run_load(const struct driver *driver)
{
    struct cask_problem problem = {.number = 0};
    struct cask_app app;
    fill_app(driver, &app);
    (void)printf("outcome %s\n",
                 driver_outcome_name(driver->ops->load(driver->engine, &app, &problem)));
    driver_put_problem(&problem);
    cask_problem_done(&problem);
}

static void
run_ask(const struct driver *driver, char **words)
{
    struct cask_request request = make_request(driver, 1);
    struct cask_str argument = {words[3], (uint32_t)decode(words[3])};
    struct cask_question question = {
        .function = words[1],
        .arguments = &argument,
        .n_arguments = argument.len > 0 ? 1 : 0,
        .accepts = (uint32_t)strtoul(words[2], NULL, 10),
    };
    struct cask_question questions[] = {question, question};
    struct cask_problem problem = {.number = 0};
    enum cask_outcome outcome = driver->ops->ask(driver->engine, &request, questions, 2, &problem);

    (void)printf("outcome %s\n", driver_outcome_name(outcome));
    for (size_t i = 0; i < 2; i++) {
        driver_put_answer(&questions[i].answer);
        cask_question_done(&questions[i]);
    }
    driver_put_problem(&problem);
    cask_problem_done(&problem);
}

/* Commands that set something up. */
static bool
set_up(struct driver *driver, char **words)
{
    if (strcmp(words[0], "app") == 0) {
        driver->script = words[1];
        driver->callable = words[2];
        driver->group = words[3];
    } else if (strcmp(words[0], "var") == 0) {
        add_field(driver->vars, &driver->n_vars, words[1], words[2], false);
    } else if (strcmp(words[0], "header") == 0) {
        add_field(driver->headers, &driver->n_headers, words[1], words[2], true);
    } else if (strcmp(words[0], "body") == 0) {
        driver->read_lens[driver->n_reads] = decode(words[1]);
        driver->reads[driver->n_reads] = words[1];
        driver->n_reads += 1;
    } else if (strcmp(words[0], "body-error") == 0) {
        driver->body_error = (int)strtol(words[1], NULL, 10);
    } else if (strcmp(words[0], "fail") == 0) {
        driver->reply_error = (int)strtol(words[1], NULL, 10);
    } else if (strcmp(words[0], "flags") == 0) {
        driver->flags = (uint32_t)strtoul(words[1], NULL, 10);
    } else if (strcmp(words[0], "id") == 0) {
        read_id(driver);
    } else if (strcmp(words[0], "interrupt") == 0) {
        driver->interrupt_ms = (int)strtol(words[1], NULL, 10);
    } else if (strcmp(words[0], "clear") == 0) {
        driver->n_vars = driver->n_headers = driver->n_reads = 0;
        driver->body_error = driver->reply_error = driver->interrupt_ms = 0;
        driver->flags = 0;
        memset(&driver->id, 0, sizeof(driver->id));
    } else {
        return false;
    }
    return true;
}

static void
run(struct driver *driver, char **words)
{
    pthread_t thread;

    if (strcmp(words[0], "serve") == 0) {
        (void)serve_one(driver);
    } else if (strcmp(words[0], "thread") == 0) {
        if (pthread_create(&thread, NULL, serve_one, driver) == 0) {
            (void)pthread_join(thread, NULL);
        }
    } else if (strcmp(words[0], "many") == 0) {
        serve_many(driver, (int)strtol(words[1], NULL, 10), (int)strtol(words[2], NULL, 10));
    } else if (strcmp(words[0], "load") == 0) {
        run_load(driver);
    } else if (strcmp(words[0], "ask") == 0) {
        run_ask(driver, words);
    } else if (strcmp(words[0], "loaded") == 0) {
        driver->ops->loaded(driver->engine, print_loaded, NULL);
    } else if (strcmp(words[0], "dump") == 0) {
        (void)fflush(stdout);
        driver->ops->dump_stacks(driver->engine, STDOUT_FILENO);
    } else if (strcmp(words[0], "stop") == 0) {
        int64_t deadline_us = cask_clock_deadline(strtol(words[1], NULL, 10) * 1000);

        (void)printf("stopped %d\n", driver->ops->stop(driver->engine, deadline_us));
    }
    (void)printf(".\n");
    (void)fflush(stdout);
}

int
main(int argc, char **argv)
{
    struct driver driver = {.ops = cask_engine_entry(CASK_ENGINE_ABI)};
    struct cask_problem problem = {.number = 0};
    struct cask_engine_config config = {
        .embedded = true,
        .program = argc > 1 ? argv[1] : NULL,
        .package_dir = argc > 2 ? argv[2] : NULL,
        .hash_seed = CASK_ENGINE_SEED_DEFAULT,
        .interps.base = {.restrict_signal = 1, .python_path = getenv("DRIVER_PYTHON_PATH")},
        .process_group = "",
        .processes = 1,
        .threads = 4,
        .multithread = true,
        .httpd_version = {2, 4, 58},
        .httpd_description = "Apache/2.4.58",
        .mpm_name = "event",
        .mpm_processes = 1,
        .mpm_threads = 64,
        .log = &sink,
        .log_context = (char[]){"process-log"},
        .log_level = CASK_LOG_INFO,
        .stale = argc > 3 ? print_stale : NULL,
    };
    char *line = NULL;
    size_t size = 0;

    cask_process_begin(CASK_ROLE_CHILD);
    if (driver.ops->open(&config, &driver.engine, &problem) != 0) {
        driver_put_problem(&problem);
        return 1;
    }
    while (getline(&line, &size, stdin) > 0) {
        char *words[4] = {line, line, line, line};
        char *next = line;
        int i;

        line[strcspn(line, "\n")] = '\0';
        for (i = 0; i < 4 && next != NULL; i++) {
            words[i] = strsep(&next, "\t");
        }
        for (; i < 4; i++) {
            words[i] = words[0] + strlen(words[0]); /* "" */
        }
        if (!set_up(&driver, words)) {
            run(&driver, words);
        }
        line = NULL; /* fields point into it */
        size = 0;
    }
    return 0;
}
