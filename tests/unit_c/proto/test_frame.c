/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/proto/test_frame.c - the decoders against the corpus, against changed copies of it, and
 * against the encoders. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/frame.h"
#include "proto/head.h"
#include "unit.h"

#include "proto/fuzz_frame.c"

#define CORPUS_LIMIT 256
#define N_MUTATIONS  1000000

struct sample {
    char name[256];
    size_t len;
    char *data;
};

struct corpus {
    size_t n;
    struct sample samples[CORPUS_LIMIT];
};

static void
read_corpus(struct corpus *corpus)
{
    const char *top = getenv("UNIT_CORPUS");
    char path[4096];
    struct dirent *entry;
    DIR *folder;

    (void)snprintf(path, sizeof(path), "%s/proto", top != NULL ? top : "tests/corpus");
    folder = opendir(path);
    if (folder == NULL) {
        unit_failed(__FILE__, __LINE__, "cannot read '%s' (UNIT_CORPUS)", path);
    }
    for (entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        struct sample *sample = &corpus->samples[corpus->n];
        char file_path[4500];
        FILE *file;

        if (strstr(entry->d_name, ".bin") == NULL) {
            continue;
        }
        CHECK(corpus->n < CORPUS_LIMIT);
        (void)snprintf(sample->name, sizeof(sample->name), "%s", entry->d_name);
        (void)snprintf(file_path, sizeof(file_path), "%s/%s", path, entry->d_name);
        file = fopen(file_path, "rb");
        CHECK(file != NULL);
        sample->data = malloc(65536);
        CHECK(sample->data != NULL);
        sample->len = fread(sample->data, 1, 65536, file);
        CHECK(sample->len < 65536);
        (void)fclose(file);
        corpus->n++;
    }
    (void)closedir(folder);
    CHECK(corpus->n > 50);
}

static void
free_corpus(struct corpus *corpus)
{
    for (size_t i = 0; i < corpus->n; i++) {
        free(corpus->samples[i].data);
    }
    free(corpus);
}

/* What the name of a file says the decoder must answer. */
static enum cask_frame_status
wanted_status(const char *name)
{
    static const struct {
        const char *prefix;
        enum cask_frame_status status;
    } prefixes[] = {
        {"ok-", CASK_FRAME_OK},
        {"more-", CASK_FRAME_MORE},
        {"bad_kind-", CASK_FRAME_BAD_KIND},
        {"bad_flags-", CASK_FRAME_BAD_FLAGS},
        {"bad_reserved-", CASK_FRAME_BAD_RESERVED},
        {"too_large-", CASK_FRAME_TOO_LARGE},
        {"bad_payload-", CASK_FRAME_BAD_PAYLOAD},
        {"bad_magic-", CASK_FRAME_BAD_MAGIC},
        {"bad_version-", CASK_FRAME_BAD_VERSION},
        {"bad_text-", CASK_FRAME_BAD_TEXT},
        {"too_many-", CASK_FRAME_TOO_MANY},
    };

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strncmp(name, prefixes[i].prefix, strlen(prefixes[i].prefix)) == 0) {
            return prefixes[i].status;
        }
    }
    unit_failed(__FILE__, __LINE__, "no status is called like '%s'", name);
}

static enum cask_frame_status
decode(const struct cask_frame *frame, const char *payload)
{
    struct cask_head_field fields[MAX_FIELDS];
    struct cask_head_request request;
    struct cask_head_reply reply;
    struct cask_frame_hello hello;
    struct cask_frame_abort abort_;
    struct cask_frame_end end;
    struct cask_frame_log log;
    const char *body;
    uint64_t offset;
    uint64_t length;
    uint32_t value;
    size_t len = frame->payload_len;

    switch ((enum cask_frame_kind)frame->kind) {
    case CASK_FRAME_HELLO:
        return cask_frame_get_hello(payload, len, &hello);
    case CASK_FRAME_HEAD:
        return cask_head_get_request(payload, len, &request, fields, MAX_FIELDS, &body);
    case CASK_FRAME_REPLY:
        return cask_head_get_reply(payload, len, &reply, fields, MAX_FIELDS, &body);
    case CASK_FRAME_ABORT:
    case CASK_FRAME_REFUSED:
        return cask_frame_get_abort(payload, len, &abort_);
    case CASK_FRAME_END:
        return cask_frame_get_end(payload, len, &end);
    case CASK_FRAME_FILE:
        return cask_frame_get_file(payload, len, &offset, &length);
    case CASK_FRAME_CREDIT:
    case CASK_FRAME_GOAWAY:
        return cask_frame_get_u32(payload, len, &value);
    case CASK_FRAME_LOG:
        return cask_frame_get_log(payload, len, &log);
    case CASK_FRAME_HINTS:
        return cask_head_get_hints(payload, len, fields, MAX_FIELDS, &value);
    case CASK_FRAME_DATA:
    case CASK_FRAME_UPGRADE:
        break;
    }
    return CASK_FRAME_OK;
}

static void
test_corpus(void)
{
    struct corpus *corpus = calloc(1, sizeof(*corpus));

    CHECK(corpus != NULL);
    read_corpus(corpus);
    for (size_t i = 0; i < corpus->n; i++) {
        const struct sample *sample = &corpus->samples[i];
        enum cask_frame_status wanted = wanted_status(sample->name);
        struct cask_frame frame;
        enum cask_frame_status status = cask_frame_get_header(sample->data, sample->len, &frame);

        if (status == CASK_FRAME_OK) {
            CHECK(frame.payload_len <= sample->len - CASK_FRAME_HEADER_SIZE);
            status = decode(&frame, sample->data + CASK_FRAME_HEADER_SIZE);
        }
        if (status != wanted) {
            unit_failed(__FILE__, __LINE__, "%s: '%s', not '%s'", sample->name,
                        cask_frame_status_text(status), cask_frame_status_text(wanted));
        }
        (void)LLVMFuzzerTestOneInput((const uint8_t *)sample->data, sample->len);
    }
    free_corpus(corpus);
}

/* The same numbers in every run. */
static uint32_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 16);
}

static void
mutate(char *data, size_t *len, const struct corpus *corpus, uint64_t *state)
{
    static const uint32_t numbers[] = {0,          1,          2,         7,       8,
                                       0xff,       0xffff,     0x10000,   0x40000, 0x7fffffff,
                                       0x80000000, 0xffffffff, 0xfffffff8};
    size_t at = *len > 0 ? next_random(state) % *len : 0;
    const struct sample *other = &corpus->samples[next_random(state) % corpus->n];
    size_t part;

    switch (next_random(state) % 6) {
    case 0: /* a bit */
        if (*len > 0) {
            data[at] = (char)(data[at] ^ (1 << next_random(state) % 8));
        }
        break;
    case 1: /* a byte */
        if (*len > 0) {
            data[at] = (char)next_random(state);
        }
        break;
    case 2: /* a number */
        if (*len >= 4) {
            at = next_random(state) % (*len - 3);
            memcpy(data + at, &numbers[next_random(state) % (sizeof(numbers) / 4)], 4);
        }
        break;
    case 3: /* cut */
        *len = at;
        break;
    case 4: /* the beginning of one, the end of another */
        part = other->len > 0 ? next_random(state) % other->len : 0;
        memcpy(data + at, other->data + part, other->len - part);
        *len = at + other->len - part;
        break;
    default: /* make the payload's length right again, so that the inside is looked at */
        if (*len >= CASK_FRAME_HEADER_SIZE) {
            uint32_t payload_len = (uint32_t)(*len - CASK_FRAME_HEADER_SIZE);

            memcpy(data, &payload_len, 4);
        }
        break;
    }
}

static void
test_mutations(void)
{
    struct corpus *corpus = calloc(1, sizeof(*corpus));
    char *data = malloc(2 * 65536 * 8);
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

    CHECK(corpus != NULL && data != NULL);
    read_corpus(corpus);
    for (int round = 0; round < N_MUTATIONS; round++) {
        const struct sample *sample = &corpus->samples[next_random(&state) % corpus->n];
        uint32_t changes = next_random(&state) % 5 + 1;
        size_t len = sample->len;

        memcpy(data, sample->data, len);
        for (uint32_t i = 0; i < changes; i++) {
            mutate(data, &len, corpus, &state);
        }
        (void)LLVMFuzzerTestOneInput((const uint8_t *)data, len);
    }
    free(data);
    free_corpus(corpus);
}

/* Every prefix and every single changed byte of a good head. */
static void
test_every_cut(void)
{
    struct corpus *corpus = calloc(1, sizeof(*corpus));

    CHECK(corpus != NULL);
    read_corpus(corpus);
    for (size_t i = 0; i < corpus->n; i++) {
        struct sample *sample = &corpus->samples[i];
        struct cask_frame frame;

        if (cask_frame_get_header(sample->data, sample->len, &frame) != CASK_FRAME_OK ||
            (frame.kind != CASK_FRAME_HEAD && frame.kind != CASK_FRAME_REPLY)) {
            continue;
        }
        for (uint32_t len = 0; len < frame.payload_len; len++) {
            char *payload = malloc(len + (size_t)(len == 0));

            CHECK(payload != NULL);
            memcpy(payload, sample->data + CASK_FRAME_HEADER_SIZE, len);
            check_request(payload, len);
            check_reply(payload, len);
            free(payload);
        }
        for (size_t at = 0; at < sample->len; at++) {
            char saved = sample->data[at];

            for (int value = 0; value < 256; value += 15) {
                sample->data[at] = (char)value;
                (void)LLVMFuzzerTestOneInput((const uint8_t *)sample->data, sample->len);
            }
            sample->data[at] = saved;
        }
    }
    free_corpus(corpus);
}

static void
test_simple_payloads(void)
{
    struct cask_frame_hello hello = {.secret = {1, 2, 3},
                                     .row = 4,
                                     .generation = 5,
                                     .threads = 6,
                                     .python_version = 7,
                                     .pid = -8};
    struct cask_frame_end end = {.application_us = UINT64_MAX, .body_read = 2};
    struct cask_frame_abort abort_ = {1, 2, 3, "text", 4, "detail", 6};
    struct cask_frame_hello hello_back;
    struct cask_frame_end end_back;
    struct cask_frame_abort abort_back;
    uint64_t offset = 0;
    uint64_t length = 0;
    char data[128];

    cask_frame_put_hello(data, &hello);
    CHECK_INT(cask_frame_get_hello(data, CASK_FRAME_HELLO_SIZE, &hello_back), CASK_FRAME_OK);
    CHECK(memcmp(&hello, &hello_back, sizeof(hello)) == 0);
    CHECK_INT(cask_frame_get_hello(data, 3, &hello_back), CASK_FRAME_BAD_PAYLOAD);
    cask_frame_put_end(data, &end);
    CHECK_INT(cask_frame_get_end(data, CASK_FRAME_END_SIZE, &end_back), CASK_FRAME_OK);
    CHECK(memcmp(&end, &end_back, sizeof(end)) == 0);
    CHECK_INT(cask_frame_get_end(data, 3, &end_back), CASK_FRAME_BAD_PAYLOAD);
    CHECK_INT(cask_frame_abort_size(&abort_), 30);
    cask_frame_put_abort(data, &abort_);
    CHECK_INT(cask_frame_get_abort(data, 30, &abort_back), CASK_FRAME_OK);
    CHECK(abort_back.outcome == 1 && abort_back.error == 2 && abort_back.number == 3);
    CHECK(abort_back.text_len == 4 && memcmp(abort_back.text, "text", 4) == 0);
    CHECK(abort_back.detail_len == 6 && memcmp(abort_back.detail, "detail", 6) == 0);
    cask_frame_put_file(data, 5, INT64_MAX - 5);
    CHECK_INT(cask_frame_get_file(data, 16, &offset, &length), CASK_FRAME_OK);
    CHECK(offset == 5 && length == INT64_MAX - 5);
    cask_frame_put_file(data, 6, INT64_MAX - 5);
    CHECK_INT(cask_frame_get_file(data, 16, &offset, &length), CASK_FRAME_TOO_LARGE);
    CHECK_INT(cask_frame_get_file(data, 15, &offset, &length), CASK_FRAME_BAD_PAYLOAD);
    cask_frame_put_u32(data, 77);
    CHECK_INT(cask_frame_get_u32(data, 3, &abort_back.number), CASK_FRAME_BAD_PAYLOAD);
    CHECK_INT(cask_frame_get_u32(data, 4, &abort_back.number), CASK_FRAME_OK);
    CHECK_INT(abort_back.number, 77);
}

/* Limits of HEAD and REPLY that the corpus does not hold for their size. */
static void
test_large_heads(void)
{
    struct cask_head_request head = {.body_len = CASK_FRAME_DATA_LIMIT, .n_vars = 1};
    struct cask_head_field fields[1];
    const char *body = NULL;
    size_t fixed = cask_head_request_size(&head);
    size_t value_len = CASK_FRAME_HEAD_LIMIT - fixed - cask_head_field_size(1, 0, 0);
    char *data = calloc(1, CASK_FRAME_PAYLOAD_LIMIT + 16);
    char *value = malloc(value_len + 16);
    char *end;

    CHECK(data != NULL && value != NULL);
    memset(value, 'v', value_len + 16);
    end = cask_head_put_request(data, &head);
    end = cask_head_put_field(end, 1, NULL, 0, value, value_len);
    CHECK_INT(end - data, CASK_FRAME_HEAD_LIMIT);
    CHECK_INT(cask_head_get_request(data, CASK_FRAME_PAYLOAD_LIMIT, &head, fields, 1, &body),
              CASK_FRAME_OK);
    CHECK(body == end);
    CHECK_INT(fields[0].value.len, value_len);
    /* One byte too many in the fields, then in the body. */
    end = cask_head_put_request(data, &head);
    (void)cask_head_put_field(end, 1, NULL, 0, value, value_len + 1);
    CHECK_INT(cask_head_get_request(data, CASK_FRAME_PAYLOAD_LIMIT + 1, &head, fields, 1, &body),
              CASK_FRAME_TOO_LARGE);
    head = (struct cask_head_request){.body_len = CASK_FRAME_DATA_LIMIT + 1};
    (void)cask_head_put_request(data, &head);
    CHECK_INT(
        cask_head_get_request(data, fixed + CASK_FRAME_DATA_LIMIT + 1, &head, fields, 1, &body),
        CASK_FRAME_TOO_LARGE);
    free(value);
    free(data);
}

static void
test_texts(void)
{
    for (int status = CASK_FRAME_OK; status <= CASK_FRAME_NO_SPACE + 1; status++) {
        CHECK(strlen(cask_frame_status_text((enum cask_frame_status)status)) > 5);
    }
}

const struct unit_test unit_tests[] = {
    {"every file of the corpus is judged as its name says", test_corpus, 0},
    {"changed copies of the corpus do no harm", test_mutations, 0},
    {"heads cut or changed anywhere do no harm", test_every_cut, 0},
    {"what is written is read", test_simple_payloads, 0},
    {"the largest heads", test_large_heads, 0},
    {"each status has a text", test_texts, 0},
    {0},
};
