/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/platform/test_problem.c - problems, and the records they become. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/log.h"
#include "platform/problem.h"
#include "platform/process.h"
#include "unit.h"

/* A sink that keeps every record. */
struct lines {
    size_t n;
    enum cask_log_level levels[8];
    char text[8][16 * 1024];
};

static void
keep_record(void *context, const struct cask_log_record *record)
{
    struct lines *lines = context;

    CHECK(lines->n < 8);
    CHECK(record->text_len < sizeof(lines->text[0]));
    CHECK(record->file == NULL && !record->printed);
    lines->levels[lines->n] = record->level;
    memcpy(lines->text[lines->n], record->text, record->text_len);
    lines->text[lines->n][record->text_len] = '\0';
    lines->n++;
}

static const struct cask_log_sink keeping = {.write = keep_record};

static void
test_set(void)
{
    struct cask_problem problem = {0};

    CHECK_INT(cask_problem_set(NULL, ENOENT, 1, "x"), ENOENT);
    CHECK_INT(cask_problem_set(NULL, 0, 1, "x"), EIO);
    CHECK_INT(cask_problem_set(&problem, ENOENT, 310, "file '%s'", "a"), ENOENT);
    CHECK_STR(problem.text, "file 'a': No such file or directory");
    CHECK_INT(problem.error, ENOENT);
    CHECK_INT(problem.number, 310);
    CHECK_INT(cask_problem_set(&problem, 0, 311, "no reason"), EIO);
    CHECK_STR(problem.text, "no reason");
    CHECK_INT(problem.error, 0);
    /* A problem may be wrapped into itself. */
    CHECK_INT(cask_problem_set(&problem, 0, 312, "group 'b': %s", problem.text), EIO);
    CHECK_STR(problem.text, "group 'b': no reason");
    cask_problem_done(&problem);
    CHECK_INT(problem.number, 0);
    CHECK_STR(problem.text, "");
    cask_problem_done(&problem);
    cask_problem_done(NULL);
}

static void
test_long_text(void)
{
    struct cask_problem problem = {0};
    char text[3 * CASK_PROBLEM_TEXT_SIZE];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    CHECK_INT(cask_problem_set(&problem, EACCES, 310, "%s", text), EACCES);
    CHECK_INT(strlen(problem.text), CASK_PROBLEM_TEXT_SIZE - 1);
    text[CASK_PROBLEM_TEXT_SIZE - 5] = '\0';
    CHECK_INT(cask_problem_set(&problem, EACCES, 310, "%s", text), EACCES);
    CHECK_INT(strlen(problem.text), CASK_PROBLEM_TEXT_SIZE - 1);
    cask_problem_done(&problem);
}

static void
test_detail(void)
{
    struct cask_problem problem = {0};
    struct cask_problem other = {0};
    size_t sizes[] = {1,
                      10,
                      CASK_PROBLEM_DETAIL_LIMIT - 1,
                      CASK_PROBLEM_DETAIL_LIMIT,
                      CASK_PROBLEM_DETAIL_LIMIT + 1,
                      5 * CASK_PROBLEM_DETAIL_LIMIT};
    char *detail = NULL;

    unit_calm(true);
    detail = malloc(5 * CASK_PROBLEM_DETAIL_LIMIT);
    unit_calm(false);
    CHECK(detail != NULL);
    memset(detail, 'a', 5 * CASK_PROBLEM_DETAIL_LIMIT);
    cask_problem_set(&problem, EIO, 311, "it broke");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        detail[sizes[i] - 1] = 'z';
        cask_problem_detail(&problem, detail, sizes[i]);
        detail[sizes[i] - 1] = 'a';
        if (problem.detail == NULL) {
            CHECK(unit_torture());
            continue;
        }
        CHECK(strlen(problem.detail) < CASK_PROBLEM_DETAIL_LIMIT);
        CHECK(problem.detail[strlen(problem.detail) - 1] == 'z');
        CHECK((sizes[i] >= CASK_PROBLEM_DETAIL_LIMIT) ==
              (strstr(problem.detail, "bytes left out") != NULL));
    }
    cask_problem_set(&other, EIO, 310, "old");
    cask_problem_detail(&other, "old", 3);
    cask_problem_move(&other, &problem);
    CHECK_STR(other.text, "it broke: Input/output error");
    CHECK(problem.detail == NULL && problem.number == 0);
    cask_problem_move(&other, &other);
    CHECK_INT(other.number, 311);
    cask_problem_detail(&other, "", 0);
    CHECK(other.detail == NULL);
    cask_problem_done(&other);
    free(detail);
}

static void
test_lines(void)
{
    struct cask_problem problem = {0};
    struct lines *lines = calloc(1, sizeof(*lines));

    CHECK(lines != NULL);
    cask_problem_set(&problem, 0, 310, "bad\nthing\r\x01'%s'\ttab", "\x7f");
    cask_problem_detail(&problem, "Traceback\n\n  line\twith tab\r\nlast", 32);
    cask_log_problem_to(&keeping, lines, &problem);
    if (unit_torture() && lines->n == 2) { /* no memory to put them together */
        CHECK_STR(lines->text[0], "CASK0310: bad thing\r\x01'\x7f'\ttab");
    } else {
        CHECK_INT(lines->n, 1);
        CHECK_STR(lines->text[0], "CASK0310: bad thing\r\x01'\x7f'\ttab\n"
                                  "Traceback\n\n  line\twith tab\r\nlast");
    }
    CHECK_INT(lines->levels[0], CASK_LOG_ERROR);
    cask_problem_done(&problem);

    lines->n = 0;
    cask_problem_set(&problem, 0, 0, "without a number");
    cask_process_log_to(&keeping, lines, CASK_LOG_INFO);
    cask_log_problem(&problem);
    CHECK_STR(lines->text[0], "without a number");
    cask_log(320, "user '%s'", "joe");
    CHECK_STR(lines->text[1], "CASK0320: user 'joe'");
    cask_log_debug(CASK_LOG_DEBUG, "not this one");
    CHECK_INT(lines->n, 2);
    cask_log_debug(CASK_LOG_INFO, "but %s", "this");
    CHECK_STR(lines->text[2], "but this");
    cask_process_log_to(NULL, NULL, CASK_LOG_WARNING);
    CHECK(cask_process_get()->sink != NULL);
    cask_problem_done(&problem);
    free(lines);
}

static void
test_long_lines(void)
{
    struct cask_problem problem = {0};
    struct lines *lines = calloc(1, sizeof(*lines));
    char *detail = malloc(10000);
    size_t sum = 0;

    CHECK(lines != NULL && detail != NULL);
    memset(detail, 'd', 10000);
    cask_problem_set(&problem, 0, 310, "x");
    cask_problem_detail(&problem, detail, 10000);
    cask_log_problem_to(&keeping, lines, &problem);
    for (size_t i = 0; i < lines->n; i++) {
        sum += strlen(lines->text[i]);
    }
    CHECK_INT(sum, strlen("CASK0310: x\n") + 10000);
    lines->n = 0;
    cask_process_log_to(&keeping, lines, CASK_LOG_TRACE1);
    detail[9999] = '\0';
    cask_log(320, "%s", detail);
    cask_log_debug(CASK_LOG_TRACE1, "%s", detail);
    CHECK_INT(lines->n, 2);
    cask_process_log_to(NULL, NULL, CASK_LOG_WARNING);
    cask_problem_done(&problem);
    free(detail);
    free(lines);
}

static void
test_names(void)
{
    CHECK_STR(cask_log_level_name(CASK_LOG_EMERG), "emerg");
    CHECK_STR(cask_log_level_name(CASK_LOG_WARNING), "warn");
    CHECK_STR(cask_log_level_name(CASK_LOG_DEBUG), "debug");
    CHECK_STR(cask_log_level_name(CASK_LOG_TRACE1), "trace1");
    CHECK_STR(cask_log_level_name((enum cask_log_level)99), "trace1");
    CHECK_INT(cask_log_number_level(99999), CASK_LOG_ERROR);
}

const struct unit_test unit_tests[] = {
    {"a problem holds errno, number and text", test_set, 0},
    {"a long text is cut", test_long_text, 0},
    {"a detail is copied, moved, and loses its middle", test_detail, UNIT_TORTURE},
    {"a problem becomes one record", test_lines, 0},
    {"long details are whole, long lines cut", test_long_lines, 0},
    {"names and levels", test_names, 0},
    {0},
};
