/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/fuzz_main.c - runs a fuzzer without libFuzzer: fuzz_x SECONDS FOLDER...
 *
 * Every file of the folders as it is, then changed copies of them until the time is up: always in
 * the same order, so that what fails fails again. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "fuzz.h"

#define MAX_FILES 4096
#define MAX_SIZE  65536

struct input {
    uint8_t *data;
    size_t len;
};
struct inputs {
    size_t n;
    struct input all[MAX_FILES];
};

static void
read_file(const char *path, struct inputs *inputs)
{
    FILE *file = fopen(path, "rb");
    struct stat status;

    if (file == NULL || stat(path, &status) != 0 || !S_ISREG(status.st_mode) ||
        inputs->n == MAX_FILES || status.st_size > MAX_SIZE) {
        if (file != NULL) {
            (void)fclose(file);
        }
        return;
    }
    inputs->all[inputs->n].data = malloc((size_t)status.st_size + 1);
    must(inputs->all[inputs->n].data != NULL);
    inputs->all[inputs->n].len =
        fread(inputs->all[inputs->n].data, 1, (size_t)status.st_size, file);
    inputs->n++;
    (void)fclose(file);
}

static int
visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void
read_folder(const char *folder, struct inputs *inputs)
{
    struct dirent **entries = NULL;
    int n = scandir(folder, &entries, visible, alphasort);

    for (int i = 0; i < n; i++) {
        char path[4096];

        (void)snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        read_file(path, inputs);
        free(entries[i]);
    }
    free(entries);
}

static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* One change: a byte, a run of bytes taken out or doubled, or the tail of another input. */
static size_t
change(uint8_t *data, size_t len, const struct inputs *inputs, uint64_t *state)
{
    const struct input *other = &inputs->all[next_random(state) % inputs->n];
    size_t at = len > 0 ? next_random(state) % len : 0;
    size_t run = len > 0 ? next_random(state) % (len - at) + 1 : 0;

    switch (next_random(state) % 5) {
    case 0:
    case 1:
        if (len > 0) {
            data[at] = (uint8_t)next_random(state);
        }
        return len;
    case 2:
        memmove(data + at, data + at + run, len - at - run);
        return len - run;
    case 3:
        run = run < MAX_SIZE - len ? run : MAX_SIZE - len;
        memmove(data + at + run, data + at, len - at);
        return len + run;
    default: /* of a remainder */
        run = other->len < MAX_SIZE - at ? other->len : MAX_SIZE - at;
        memcpy(data + at, other->data, run);
        return at + run;
    }
}

int
main(int argc, char **argv)
{
    struct inputs *inputs = calloc(1, sizeof(*inputs));
    uint8_t *data = malloc(MAX_SIZE);
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
    time_t end = time(NULL) + (argc > 1 ? strtol(argv[1], NULL, 10) : 0);
    size_t runs = 0;

    must(inputs != NULL && data != NULL);
    for (int i = 2; i < argc; i++) {
        read_folder(argv[i], inputs);
    }
    for (; runs < inputs->n; runs++) {
        (void)LLVMFuzzerTestOneInput(inputs->all[runs].data, inputs->all[runs].len);
    }
    while (inputs->n > 0 && time(NULL) < end) {
        const struct input *input = &inputs->all[next_random(&state) % inputs->n];
        size_t len = input->len;
        uint8_t *exact;

        memcpy(data, input->data, len);
        for (uint64_t i = next_random(&state) % 4 + 1; i > 0; i--) {
            len = change(data, len, inputs, &state);
        }
        exact = malloc(len + 1);
        must(exact != NULL);
        memcpy(exact, data, len);
        (void)LLVMFuzzerTestOneInput(exact, len);
        free(exact);
        runs++;
    }
    (void)printf("%zu files, %zu runs\n", inputs->n, runs);
    for (size_t i = 0; i < inputs->n; i++) {
        free(inputs->all[i].data);
    }
    free(inputs);
    free(data);
    return 0;
}
