/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/proc/test_rules.c - the decisions of the supervisor and the daemons without either:
 * states, delays, reloads, timeouts, lists, orphans, log lines.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metrics/board.h"
#include "platform/buf.h"
#include "platform/clock.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "proc/backoff.h"
#include "proc/generation.h"
#include "proc/loadlist.h"
#include "proc/logline.h"
#include "proc/orphans.h"
#include "proc/pool.h"
#include "proc/reload.h"
#include "proc/stale.h"
#include "proc/watchdog.h"
#include "unit.h"

#define STR(text)                               \
    {                                           \
        .data = (text), .len = sizeof(text) - 1 \
    }

static void
test_states(void)
{
    static const char *const table[CASK_GENERATION_STATES] = {
        /* from: what it may become */
        [CASK_GENERATION_STARTING] = "READY FAILED LOST ",
        [CASK_GENERATION_READY] = "DRAINING LOST ",
        [CASK_GENERATION_DRAINING] = "GONE LOST ",
        [CASK_GENERATION_GONE] = "",
        [CASK_GENERATION_FAILED] = "",
        [CASK_GENERATION_LOST] = "",
    };

    for (unsigned from = 0; from < CASK_GENERATION_STATES; from++) {
        char may[128] = "";
        size_t used = 0;

        for (unsigned to = 0; to < CASK_GENERATION_STATES; to++) {
            if (cask_generation_may_become(from, to)) {
                const char *name = cask_generation_state_name(to);

                memcpy(may + used, name, strlen(name));
                used += strlen(name);
                may[used++] = ' ';
            }
        }
        may[used] = '\0';
        CHECK_STR(may, table[from]);
    }
}

static void
test_backoff(void)
{
    struct cask_backoff backoff = {.first_us = 100, .last_us = 700};

    CHECK_INT(cask_backoff_take(&backoff), 100);
    CHECK_INT(cask_backoff_take(&backoff), 200);
    CHECK_INT(cask_backoff_take(&backoff), 400);
    CHECK_INT(cask_backoff_take(&backoff), 700);
    CHECK_INT(cask_backoff_take(&backoff), 700);
    cask_backoff_reset(&backoff);
    CHECK_INT(cask_backoff_take(&backoff), 100);
}

static void
test_reload(void)
{
    const struct cask_str script = STR("/a.wsgi");
    const struct cask_str other = STR("/b.wsgi");
    const struct cask_script_id first = {.device = 1, .inode = 1, .mtime_ns = 1};
    const struct cask_script_id second = {.device = 1, .inode = 1, .mtime_ns = 2};
    struct cask_reload reload;

    cask_reload_init(&reload);
    CHECK_INT(cask_reload_report(&reload, &script, &first, 1), CASK_RELOAD_START);
    cask_reload_began(&reload);
    CHECK_INT(cask_reload_report(&reload, &script, &first, 2), CASK_RELOAD_RUNNING);
    CHECK(!cask_reload_ended(&reload, true, 3)); /* the same change: nothing more to do */

    CHECK_INT(cask_reload_report(&reload, &script, &second, 4), CASK_RELOAD_START);
    cask_reload_began(&reload);
    CHECK_INT(cask_reload_report(&reload, &other, &first, 5), CASK_RELOAD_RUNNING);
    CHECK_INT(cask_reload_report(&reload, &script, &first, 5), CASK_RELOAD_RUNNING);
    CHECK(cask_reload_ended(&reload, true, 6)); /* two more changes: one more reload */
    cask_reload_began(&reload);
    CHECK(!cask_reload_ended(&reload, true, 7));
}

static void
test_failed_reload(void)
{
    const struct cask_str script = STR("/a.wsgi");
    const struct cask_script_id broken = {.inode = 1};
    const struct cask_script_id mended = {.inode = 2};
    struct cask_reload reload;
    int64_t now_us = 1000;

    cask_reload_init(&reload);
    for (int64_t delay_us = CASK_CLOCK_SECOND; delay_us <= 4 * CASK_CLOCK_SECOND; delay_us *= 2) {
        CHECK_INT(cask_reload_report(&reload, &script, &broken, now_us), CASK_RELOAD_START);
        cask_reload_began(&reload);
        CHECK(!cask_reload_ended(&reload, false, now_us));
        CHECK_INT(cask_reload_report(&reload, &script, &broken, now_us + delay_us - 1),
                  CASK_RELOAD_HOPELESS);
        now_us += delay_us;
    }
    CHECK_INT(cask_reload_report(&reload, &script, &mended, now_us), CASK_RELOAD_START);
    cask_reload_began(&reload);
    CHECK(!cask_reload_ended(&reload, true, now_us));
}

static void
test_watchdog(void)
{
    const struct cask_group_spec spec = {
        .request_timeout_us = 100, .startup_timeout_us = 1000, .inactivity_timeout_us = 500};
    struct cask_watchdog watchdog = {.spec = &spec};
    struct cask_pool_figures figures = {.oldest_us = CASK_CLOCK_NEVER};
    int64_t next = 0;

    CHECK_INT(cask_watchdog_look(&watchdog, &figures, 10000, &next), 0);
    CHECK_INT(next, CASK_CLOCK_NEVER); /* no request yet: nothing is inactive */

    figures = (struct cask_pool_figures){
        .active = 1, .oldest_us = 20000, .first_us = 20000, .last_activity = 20000};
    CHECK_INT(cask_watchdog_look(&watchdog, &figures, 20050, &next), 0);
    CHECK_INT(next, 20100);
    CHECK_INT(cask_watchdog_look(&watchdog, &figures, 20100, &next), CASK_CHANNEL_REQUEST_TIMEOUT);
    CHECK_INT(cask_watchdog_look(&watchdog, &figures, 20200, &next), 0); /* once */
    CHECK_INT(cask_watchdog_look(&watchdog, &figures, 21000, &next), CASK_CHANNEL_STARTUP_TIMEOUT);

    /* passive requests only: nothing to be inactive after, but one may not start up in time */
    watchdog.told = 0;
    figures = (struct cask_pool_figures){.active = 1, .oldest_us = 29950, .first_us = 29950};
    CHECK_INT(cask_watchdog_look(&watchdog, &figures, 30000, &next), 0);
    CHECK_INT(next, 30050);
    figures = (struct cask_pool_figures){.oldest_us = CASK_CLOCK_NEVER, .first_us = 29950};
    CHECK_INT(cask_watchdog_look(&watchdog, &figures, 30000, &next), 0);
    CHECK_INT(next, 30950);
    CHECK_INT(cask_watchdog_look(&watchdog, &figures, 30950, &next), CASK_CHANNEL_STARTUP_TIMEOUT);
    CHECK_INT(next, CASK_CLOCK_NEVER);

    figures = (struct cask_pool_figures){.oldest_us = CASK_CLOCK_NEVER, .last_activity = 30000};
    CHECK_INT(cask_watchdog_look(&watchdog, &figures, 30100, &next), 0);
    CHECK_INT(next, 30500);
    CHECK_INT(cask_watchdog_look(&watchdog, &figures, 30500, &next),
              CASK_CHANNEL_INACTIVITY_TIMEOUT);
}

static void
test_loadlist(void)
{
    const struct cask_app app = {.script = STR("/a.wsgi"), .callable = STR("app")};
    struct cask_spec_app row = {.script = "/a.wsgi", .callable = "app", .application_group = ""};
    struct cask_loadlist *list = NULL;
    const struct cask_spec_app *apps;
    size_t count = 0;

    OK_OR_LEAVE(cask_loadlist_new(&list, NULL));
    if (!cask_loadlist_add(list, &app)) {
        CHECK(unit_torture());
        goto leave;
    }
    CHECK(!cask_loadlist_add(list, &app));
    CHECK(!cask_loadlist_add_row(list, &row));
    row.application_group = "x";
    if (!cask_loadlist_add_row(list, &row)) {
        CHECK(unit_torture());
        goto leave;
    }
    apps = cask_loadlist_apps(list, &count);
    CHECK_INT(count, 2);
    CHECK_STR(apps[0].application_group, "");
    CHECK_STR(apps[1].application_group, "x");

leave:
    cask_loadlist_free(list);
}

/* What a process has loaded before must load in a strict start. */
static void
test_loadlist_proven(void)
{
    const struct cask_spec_app import = {
        .script = "/i.py", .callable = "", .application_group = ""};
    const struct cask_spec_app app = {
        .script = "/i.py", .callable = "app", .application_group = "", .proven = true};
    struct cask_loadlist *list = NULL;
    struct cask_loadlist *loaded = NULL;
    const struct cask_spec_app *apps;
    size_t count = 0;

    CHECK_INT(cask_loadlist_new(&list, NULL), 0);
    CHECK_INT(cask_loadlist_new(&loaded, NULL), 0);
    CHECK(cask_loadlist_add_row(list, &import));
    CHECK(cask_loadlist_add_row(list, &app));
    apps = cask_loadlist_apps(list, &count);
    CHECK(!apps[0].proven && apps[1].proven);
    cask_loadlist_prove(list, loaded); /* takes nothing away */
    CHECK(!apps[0].proven && apps[1].proven);
    CHECK(cask_loadlist_add_row(loaded, &import));
    cask_loadlist_prove(list, loaded);
    CHECK(apps[0].proven && apps[1].proven);
    cask_loadlist_free(loaded);
    cask_loadlist_free(list);
}

static void
test_loadlist_limit(void)
{
    struct cask_loadlist *list = NULL;
    size_t count = 0;

    CHECK_INT(cask_loadlist_new(&list, NULL), 0);
    for (int i = 0; i < CASK_LOADLIST_LIMIT + 5; i++) {
        char script[] = {'/', (char)('a' + i % 26), (char)('a' + i / 26), '\0'};
        const struct cask_spec_app row = {
            .script = script, .callable = "application", .application_group = ""};

        CHECK_INT(cask_loadlist_add_row(list, &row), i < CASK_LOADLIST_LIMIT);
    }
    (void)cask_loadlist_apps(list, &count);
    CHECK_INT(count, CASK_LOADLIST_LIMIT);
    cask_loadlist_free(list);
}

/* A daemon may say anything: 256 names of 64 KiB would fill the supervisor, and no specification
 * could hold them. */
static void
test_loadlist_names(void)
{
    static char name[CASK_LOADLIST_NAMES + 1];
    struct cask_app app = {.script = {name, CASK_LOADLIST_NAMES - 2}, .callable = STR("a")};
    struct cask_loadlist *list = NULL;

    memset(name, 'x', sizeof(name));
    CHECK_INT(cask_loadlist_new(&list, NULL), 0);
    app.application_group = (struct cask_str){"gg", 2};
    CHECK(!cask_loadlist_add(list, &app));
    app.application_group.len = 1;
    CHECK(cask_loadlist_add(list, &app));
    app.script.len = UINT32_MAX; /* not even looked at */
    CHECK(!cask_loadlist_add(list, &app));
    cask_loadlist_free(list);
}

static void
test_stale(void)
{
    const struct cask_app app = {.script = STR("/a.wsgi")};
    const struct cask_app other = {.script = STR("/b.wsgi")};
    struct cask_stale *stale = NULL;
    char path[CASK_STALE_PATH_SIZE];

    OK_OR_LEAVE(cask_stale_new(&stale, NULL));
    unit_calm(true);
    cask_stale_add(stale, &app);
    cask_stale_add(stale, &app);
    cask_stale_add(stale, &other);
    CHECK(cask_stale_take(stale, path));
    CHECK_STR(path, "/a.wsgi");
    CHECK(cask_stale_take(stale, path));
    CHECK_STR(path, "/b.wsgi");
    CHECK(!cask_stale_take(stale, path));
    unit_calm(false);

leave:
    cask_stale_free(stale);
}

/* What a pipe brought, as lines of a log, without the time in front. */
static void
test_log_lines(void)
{
    static struct cask_logline_reader reader;
    char mark[CASK_LOGLINE_MARK_SIZE];
    char path[] = "/tmp/cask-unit-XXXXXX";
    char text[4096] = {0};
    int ends[2];
    int log_fd = mkstemp(path);

    CHECK(log_fd >= 0);
    CHECK_INT(unlink(path), 0);
    CHECK_INT(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    memset(&reader, 0, sizeof(reader));
    reader.fd = ends[0];
    reader.pid = 42;
    cask_logline_mark(CASK_LOG_WARNING, mark);
    CHECK_INT(write(ends[1], "one\ntw", 6), 6);
    CHECK_INT(cask_logline_read(&reader, log_fd), 0);
    CHECK_INT(write(ends[1], "o\x1b\n\n", 4), 4);
    CHECK_INT(write(ends[1], mark, sizeof(mark)), sizeof(mark));
    CHECK_INT(write(ends[1], "three\n", 6), 6);
    CHECK_INT(write(ends[1], "\0010emergency\nfour", 16), 16); /* syslog would tell all terminals */
    cask_net_close(&ends[1]);
    CHECK_INT(cask_logline_read(&reader, log_fd), ECONNRESET);
    CHECK(pread(log_fd, text, sizeof(text) - 1, 0) > 0);
    CHECK(strstr(text, "] [wsgi:error] [pid 42] one\n") != NULL);
    CHECK(strstr(text, "] [wsgi:error] [pid 42] two\\x1b\n") != NULL);
    CHECK(strstr(text, "] [wsgi:warn] [pid 42] three\n") != NULL);
    CHECK(strstr(text, "] [wsgi:crit] [pid 42] emergency\n") != NULL);
    CHECK(strstr(text, "] [wsgi:error] [pid 42] four\n") != NULL);
    CHECK_STR(reader.last, "four");
    cask_net_close(&ends[0]);
    cask_net_close(&log_fd);
}

static size_t
count(const char *text, const char *part)
{
    size_t n = 0;

    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        n++;
    }
    return n;
}

/* A record of several lines comes out as as many, and a long one whole, in UTF-8. */
static void
test_log_records(void)
{
    static struct cask_logline_reader reader;
    static char text[512 * 1024];
    static char json[150001];
    struct cask_log_record record = {.level = CASK_LOG_INFO,
                                     .text = "one\n\ntwo \001\002\n\xc3\xa4"};
    char path[] = "/tmp/cask-unit-XXXXXX";
    int log_fd = mkstemp(path);
    size_t sent = 0;
    struct cask_buf line = {0};
    int ends[2];

    CHECK(log_fd >= 0);
    CHECK_INT(unlink(path), 0);
    CHECK_INT(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    memset(&reader, 0, sizeof(reader));
    reader.fd = ends[0];
    reader.pid = 42;
    record.text_len = strlen(record.text);
    CHECK_INT(cask_logline_encode(&line, &record), 0);
    for (size_t i = 0; i < sizeof(json) - 1; i += 3) {
        memcpy(json + i, "\xe2\x82\xac", 3);
    }
    record = (struct cask_log_record){
        .level = CASK_LOG_WARNING, .text = json, .text_len = sizeof(json) - 1};
    CHECK_INT(cask_logline_encode(&line, &record), 0);
    while (sent < line.end) {
        ssize_t done = write(ends[1], line.data + sent, line.end - sent);

        sent += done > 0 ? (size_t)done : 0;
        CHECK_INT(cask_logline_read(&reader, log_fd), 0);
    }
    CHECK(pread(log_fd, text, sizeof(text) - 1, 0) > 0);
    CHECK_INT(count(text, "] [wsgi:info] [pid 42] one\n["), 1);
    CHECK_INT(count(text, "] [wsgi:info] [pid 42] \n["), 1);
    CHECK_INT(count(text, "] [wsgi:info] [pid 42] two \\x01\\x02\n["), 1);
    CHECK_INT(count(text, "] [wsgi:info] [pid 42] \xc3\xa4\n["), 1);
    CHECK_INT(count(text, "[wsgi:error]"), 0);
    CHECK_INT(count(text, "\\xe2") + count(text, "\\x82") + count(text, "\\xac"), 0);
    CHECK_INT(count(text, "\xe2\x82\xac"), 50000);
    CHECK(count(text, "[wsgi:warn]") <= 6);
    cask_buf_done(&line);
    cask_net_close(&ends[1]);
    cask_net_close(&ends[0]);
    cask_net_close(&log_fd);
}

/* One that nobody collects counts as ended all the same. */
static void
test_orphans(void)
{
    const struct cask_board_size size = {.rows = 4, .children = 1};
    struct cask_problem problem = {0};
    struct cask_orphans *orphans = NULL;
    struct cask_board *board = NULL;
    siginfo_t info;
    uint32_t next = 0;
    int board_fd = -1;
    pid_t pid = fork();
    int row;

    CHECK(pid >= 0);
    if (pid == 0) {
        (void)pause();
        _exit(0);
    }
    CHECK_INT(cask_board_create(&size, &board_fd, &problem), 0);
    CHECK_INT(cask_board_map(board_fd, true, &board, &problem), 0);
    row = cask_board_take_row(board, 7, 1);
    CHECK(row >= 0);
    cask_board_set_row(board, (uint32_t)row, CASK_ROW_READY, pid);
    CHECK_INT(cask_orphans_new(&orphans, board, &next, &problem), 0);
    CHECK_INT(next, 8);
    cask_orphans_tick(orphans, board);
    CHECK_INT(cask_orphans_left(orphans), 1);
    cask_orphans_supersede(orphans, board);
    CHECK_INT(cask_board_row_state(board, (uint32_t)row), CASK_ROW_DRAINING);

    CHECK_INT(kill(pid, SIGKILL), 0);
    CHECK_INT(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    cask_orphans_tick(orphans, board);
    CHECK_INT(cask_orphans_left(orphans), 0);
    CHECK_INT(cask_board_row_state(board, (uint32_t)row), CASK_ROW_FREE);
    CHECK_INT(waitpid(pid, NULL, 0), pid);
    cask_orphans_free(orphans);
    cask_board_free(board);
    cask_net_close(&board_fd);
}

const struct unit_test unit_tests[] = {
    {"states of a generation", test_states, 0},
    {"a delay doubles", test_backoff, 0},
    {"one change, one reload", test_reload, 0},
    {"a failed reload waits, unless it was mended", test_failed_reload, 0},
    {"timeouts of a daemon", test_watchdog, 0},
    {"loaded applications, each once", test_loadlist, UNIT_TORTURE},
    {"not too many loaded applications", test_loadlist_limit, 0},
    {"no endless names of loaded applications", test_loadlist_names, 0},
    {"what was loaded before must load again", test_loadlist_proven, 0},
    {"stale scripts, each once", test_stale, UNIT_TORTURE},
    {"orphans, also those that nobody collects", test_orphans, 0},
    {"lines of a daemon", test_log_lines, 0},
    {"records of a daemon", test_log_records, 0},
    {0},
};
