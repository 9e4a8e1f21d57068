/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/request/test_request.c - well-known names and what a request knows about its script. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "platform/process.h"
#include "request/keys.h"
#include "request/request.h"
#include "unit.h"

struct known_row {
    uint16_t id;
    const char *header; /* NULL: a CGI variable */
    const char *name;
};

static const struct known_row known_rows[] = {
#define CASK_KEY_VAR(id, symbol, name)                 {id, NULL, name},
#define CASK_KEY_HEADER(id, symbol, header_name, name) {id, header_name, name},
#include "request/keys.def"
#undef CASK_KEY_VAR
#undef CASK_KEY_HEADER
};
#define N_ROWS (sizeof(known_rows) / sizeof(known_rows[0]))

static void
check_text(struct cask_str got, const char *wanted)
{
    CHECK_INT(got.len, strlen(wanted));
    CHECK(memcmp(got.data, wanted, got.len) == 0);
}

static void
test_every_row(void)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        const struct known_row *row = &known_rows[i];
        char text[128];
        size_t len;

        check_text(cask_keys_environ_name(row->id), row->name);
        if (row->header == NULL) {
            CHECK_INT(cask_keys_header_name(row->id).len, 0);
            continue;
        }
        len = strlen(row->header);
        check_text(cask_keys_header_name(row->id), row->header);
        CHECK_INT(cask_keys_find_header(row->header, len), row->id);
        for (size_t j = 0; j < len; j++) {
            text[j] = (char)toupper((unsigned char)row->header[j]);
        }
        CHECK_INT(cask_keys_find_header(text, len), row->id);
        /* Any one byte changed, or one less or more, is another name. */
        for (size_t j = 0; j < len; j++) {
            char saved = text[j];

            text[j] = saved == '_' ? '-' : '_';
            CHECK(cask_keys_find_header(text, len) != row->id);
            text[j] = (char)(saved ^ 0x80);
            CHECK(cask_keys_find_header(text, len) != row->id);
            if (saved == '-') {
                text[j] = '\r'; /* '-' without the bit that upper and lower case differ in */
                CHECK(cask_keys_find_header(text, len) != row->id);
            }
            text[j] = saved;
        }
        CHECK(cask_keys_find_header(text, len - 1) != row->id);
        text[len] = 'S';
        CHECK(cask_keys_find_header(text, len + 1) != row->id);
    }
}

/* The environ name of a header follows from the header: CGI's rule. */
static void
test_environ_names(void)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        char text[128] = "HTTP_";
        size_t len = 5;

        CHECK(i == 0 || known_rows[i].id > known_rows[i - 1].id);
        if (known_rows[i].header == NULL) {
            continue;
        }
        for (const char *at = known_rows[i].header; *at != '\0'; at++) {
            text[len++] = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
            CHECK(!isupper((unsigned char)*at));
        }
        text[len] = '\0';
        CHECK_STR(known_rows[i].name, text);
    }
}

static void
test_unknown_names(void)
{
    CHECK_INT(cask_keys_find_header(NULL, 0), CASK_KEY_NONE);
    CHECK_INT(cask_keys_find_header("x", 1), CASK_KEY_NONE);
    CHECK_INT(cask_keys_find_header("xy", 2), CASK_KEY_NONE);
    CHECK_INT(cask_keys_find_header("x-unheard-of", 12), CASK_KEY_NONE);
    CHECK_INT(cask_keys_environ_name(0).len, 0);
    CHECK_INT(cask_keys_environ_name(63).len, 0);
    CHECK_INT(cask_keys_environ_name(CASK_KEY_LIMIT).len, 0);
    CHECK_INT(cask_keys_header_name(UINT16_MAX).len, 0);
}

static void
test_script_id(void)
{
    struct cask_script_id none = {0};
    struct cask_script_id a;
    struct cask_script_id b;
    struct stat status;

    CHECK_INT(stat("/", &status), 0);
    cask_script_id_from_stat(&status, &a);
    b = a;
    CHECK(cask_script_id_known(&a));
    CHECK(!cask_script_id_known(&none));
    CHECK(!cask_script_id_same(&none, &none));
    CHECK(!cask_script_id_same(&a, &none));
    CHECK(cask_script_id_same(&a, &b));
    b.mtime_ns++;
    CHECK(!cask_script_id_same(&a, &b));
    b = a;
    b.inode++;
    CHECK(!cask_script_id_same(&a, &b));
    b = a;
    b.size++;
    CHECK(!cask_script_id_same(&a, &b));
    b = a;
    b.device++;
    CHECK(!cask_script_id_same(&a, &b));
}

static char last_line[256];

static void
keep_line(void *context, const struct cask_log_record *record)
{
    CHECK(record->level <= CASK_LOG_TRACE1);
    (void)snprintf(last_line, sizeof(last_line), "%s: %.*s", (const char *)context,
                   (int)record->text_len, record->text);
}

static void
test_log(void)
{
    static const struct cask_log_sink sink = {.write = keep_line};
    struct cask_request request = {.log = &sink, .log_context = (char[]){"vhost"}};

    cask_process_log_to(&sink, (char[]){"process"}, CASK_LOG_WARNING);
    cask_request_log(&request, 320, "user '%s'", "joe");
    CHECK_STR(last_line, "vhost: CASK0320: user 'joe'");
    request.log = NULL;
    cask_request_log(&request, 320, "user '%s'", "jim");
    CHECK_STR(last_line, "process: CASK0320: user 'jim'");
    cask_process_log_to(NULL, NULL, CASK_LOG_WARNING);
}

const struct unit_test unit_tests[] = {
    {"every row is found in any case, and nothing near it", test_every_row, 0},
    {"rows are sorted and environ names follow CGI", test_environ_names, 0},
    {"unknown names and numbers", test_unknown_names, 0},
    {"identities of scripts", test_script_id, 0},
    {"a line goes to the request's log", test_log, 0},
    {0},
};
