/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/proc/fuzz_spec.c - the settings of a daemon group as bytes. What decodes encodes to
 * something that decodes to the same. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "platform/problem.h"
#include "proc/pack.h"
#include "proc/spec.h"

/* The messages of a channel are made of the same pieces. */
static void
check_unpack(const char *data, size_t len)
{
    struct cask_unpack unpack = cask_unpack_begin(data, len);

    for (size_t i = 0; i < 64 && !unpack.bad && !cask_unpack_end(&unpack); i++) {
        const char *text;
        char bytes[7];

        switch (data[i % len] & 3) {
        case 0:
            (void)cask_unpack_u32(&unpack);
            break;
        case 1:
            (void)cask_unpack_u64(&unpack);
            break;
        case 2:
            text = cask_unpack_text(&unpack);
            read_all(text, text != NULL ? strlen(text) + 1 : 0);
            break;
        default: /* of two bits */
            cask_unpack_bytes(&unpack, bytes, sizeof(bytes));
            break;
        }
    }
}

static void
check_spec(const char *data, size_t len)
{
    struct cask_problem problem = {0};
    struct cask_group_spec *spec = NULL;
    struct cask_group_spec *again = NULL;
    char *bytes = NULL;
    char *same = NULL;
    size_t bytes_len = 0;
    size_t same_len = 0;

    if (cask_spec_decode(data, len, &spec, &problem) == 0) {
        must(cask_spec_encode(spec, &bytes, &bytes_len, &problem) == 0);
        must(cask_spec_decode(bytes, bytes_len, &again, &problem) == 0);
        must(cask_spec_encode(again, &same, &same_len, &problem) == 0);
        must(same_len == bytes_len && memcmp(same, bytes, same_len) == 0);
        (void)cask_spec_drain_us(spec);
        (void)cask_spec_eviction_us(spec);
        (void)cask_spec_overdue_us(spec);
        cask_spec_free(again);
        cask_spec_free(spec);
        free(bytes);
        free(same);
    }
    cask_problem_done(&problem);
}

/* A good encoding with some bytes changed, {u16 offset, u8 byte} each: the format may change, and
 * the corpus still leads deep into it. */
static void
check_changed(const uint8_t *data, size_t size)
{
    const struct cask_spec_app apps[] = {{.script = "/srv/one.py", .callable = "application"},
                                         {.script = "/srv/two.py", .application_group = "two"}};
    const struct cask_group_spec spec = {
        .name = "blog", .python_path = "/srv/lib", .threads = 5, .apps = apps, .n_apps = 2};
    struct cask_problem problem = {0};
    char *bytes = NULL;
    size_t len = 0;

    must(cask_spec_encode(&spec, &bytes, &len, &problem) == 0);
    for (size_t i = 0; i + 3 <= size; i += 3) {
        bytes[(data[i] | (size_t)data[i + 1] << 8) % len] = (char)data[i + 2];
    }
    check_spec(bytes, size % 7 == 6 && size < len ? len - size : len);
    free(bytes);
    cask_problem_done(&problem);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy;

    if (size == 0) {
        return 0;
    }
    copy = malloc(size); /* of its exact size, so that reading beyond it shows */
    must(copy != NULL);
    memcpy(copy, data, size);
    check_unpack(copy, size);
    check_spec(copy, size);
    check_changed(data, size);
    free(copy);
    return 0;
}
