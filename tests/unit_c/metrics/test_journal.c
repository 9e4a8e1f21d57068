/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/metrics/test_journal.c - what a thread does, read by another process; nothing of it is
 * believed. */
#include <string.h>
#include <sys/mman.h>

#include "metrics/journal.h"
#include "platform/net.h"
#include "unit.h"

#define THREADS 3u

struct pair {
    struct cask_journal *writer;
    struct cask_journal *reader;
    int fd;
};

static struct pair
pair_new(void)
{
    struct pair pair = {.fd = -1};

    CHECK_INT(cask_journal_create(THREADS, &pair.fd, NULL), 0);
    CHECK_INT(cask_journal_map(pair.fd, THREADS, true, &pair.writer, NULL), 0);
    CHECK_INT(cask_journal_map(pair.fd, THREADS, false, &pair.reader, NULL), 0);
    return pair;
}

static void
pair_done(struct pair *pair)
{
    cask_journal_free(pair->writer);
    cask_journal_free(pair->reader);
    cask_net_close(&pair->fd);
}

static void
begin(struct cask_journal *journal, uint32_t thread, const char *url)
{
    cask_journal_begin(journal, thread, 77, "GET", 3, url, strlen(url));
}

static void
test_make(void)
{
    struct cask_journal *journal = NULL;
    int fd = -1;

    if (cask_journal_create(THREADS, &fd, NULL) == 0 &&
        cask_journal_map(fd, THREADS, true, &journal, NULL) == 0) {
        CHECK_INT(cask_journal_threads(journal), THREADS);
    }
    cask_journal_free(journal);
    cask_net_close(&fd);
}

static void
test_entries(void)
{
    struct pair pair = pair_new();
    struct cask_journal_entry entry;

    CHECK(!cask_journal_read(pair.reader, 1, &entry));
    begin(pair.writer, 2, "/a?b=c");
    CHECK(!cask_journal_read(pair.reader, 1, &entry));
    CHECK(cask_journal_read(pair.reader, 2, &entry));
    CHECK_STR(entry.text, "GET /a?b=c");
    CHECK_INT(entry.start_us, 77);
    CHECK_INT(entry.thread, 2);
    cask_journal_end(pair.writer, 2);
    CHECK(!cask_journal_read(pair.reader, 2, &entry));
    CHECK(!cask_journal_read(pair.reader, 0, &entry));
    CHECK(!cask_journal_read(pair.reader, THREADS + 1, &entry));
    begin(pair.writer, THREADS + 1, "/");
    begin(NULL, 1, "/");
    pair_done(&pair);
}

static void
test_text_is_cut_and_printable(void)
{
    struct pair pair = pair_new();
    struct cask_journal_entry entry;
    char url[2000];

    memset(url, 'x', sizeof(url) - 1);
    url[sizeof(url) - 1] = '\0';
    begin(pair.writer, 1, url);
    CHECK(cask_journal_read(pair.reader, 1, &entry));
    CHECK_INT(strlen(entry.text), CASK_JOURNAL_TEXT - 1);
    begin(pair.writer, 1, "/\n[error] forged \x1b[31m\xff");
    CHECK(cask_journal_read(pair.reader, 1, &entry));
    CHECK_STR(entry.text, "GET /?[error] forged ?[31m?");
    pair_done(&pair);
}

/* The daemon's code may have written anything. */
static void
test_garbage(void)
{
    struct pair pair = pair_new();
    struct cask_journal_entry entry;
    size_t size = 64 + THREADS * 512;
    unsigned char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, pair.fd, 0);

    CHECK(bytes != MAP_FAILED);
    for (unsigned value = 0; value < 256; value++) {
        memset(bytes, (int)value, size);
        for (uint32_t thread = 0; thread < THREADS + 2; thread++) {
            if (cask_journal_read(pair.reader, thread, &entry)) {
                CHECK(strlen(entry.text) < CASK_JOURNAL_TEXT);
            }
        }
        CHECK(cask_journal_crashed(pair.reader).signal_number < 128);
    }
    CHECK_INT(munmap(bytes, size), 0);
    pair_done(&pair);
}

static void
test_first_crash_counts(void)
{
    struct pair pair = pair_new();
    const struct cask_journal_crash first = {.signal_number = 11, .stack_full = true, .thread = 2};
    const struct cask_journal_crash second = {.signal_number = 6};

    CHECK_INT(cask_journal_crashed(pair.reader).signal_number, 0);
    cask_journal_crash(pair.writer, &first);
    cask_journal_crash(pair.writer, &second);
    CHECK_INT(cask_journal_crashed(pair.reader).signal_number, 11);
    CHECK(cask_journal_crashed(pair.reader).stack_full);
    CHECK_INT(cask_journal_crashed(pair.reader).thread, 2);
    pair_done(&pair);
}

const struct unit_test unit_tests[] = {
    {"a journal is made and mapped", test_make, UNIT_TORTURE},
    {"a request is seen while it runs", test_entries, 0},
    {"text is cut and printable", test_text_is_cut_and_printable, 0},
    {"garbage is not believed", test_garbage, 0},
    {"the first crash counts", test_first_crash_counts, 0},
    {0},
};
