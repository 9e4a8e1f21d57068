/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/gateway/driver_text.c - what the driver writes to stdout (see driver.c). */
#include "driver_text.h"

#include "platform/problem.h"

#include <stdio.h>
#include <string.h>

void
driver_put_bytes(const char *data, size_t len)
{
    size_t i;

    for (i = 0; i < len && i < 4096; i++) {
        unsigned char c = (unsigned char)data[i];

        if (c > 0x20 && c < 0x7f && c != '%') {
            (void)putchar(c);
        } else {
            (void)printf("%%%02X", c);
        }
    }
    (void)putchar('\n');
}

void
driver_put_text(const char *data, size_t len)
{
    (void)fwrite(data, 1, len, stdout);
    (void)putchar('\n');
}

void
driver_put_problem(const struct cask_problem *problem)
{
    const char *line = problem->detail;
    if (problem->number != 0 || problem->text[0] != '\0') {
        (void)printf("problem %u %s\n", problem->number, problem->text);
    }
    while (line != NULL && *line != '\0') {
        size_t len = strcspn(line, "\n");

        (void)printf("detail ");
        driver_put_text(line, len);
        line += len + (line[len] == '\n');
    }
}

const char *
driver_outcome_name(enum cask_outcome outcome)
{
    switch (outcome) {
    case CASK_OUTCOME_DONE:
        return "DONE";
    case CASK_OUTCOME_FAILED:
        return "FAILED";
    case CASK_OUTCOME_CLIENT_GONE:
        return "CLIENT_GONE";
    case CASK_OUTCOME_BODY_BAD:
        return "BODY_BAD";
    case CASK_OUTCOME_STALE:
        return "STALE";
    case CASK_OUTCOME_UNAVAILABLE:
        return "UNAVAILABLE";
    case CASK_OUTCOME_TIMEOUT:
        return "TIMEOUT";
    case CASK_OUTCOME_LOST:
        return "LOST";
    case CASK_OUTCOME_MISSING:
        return "MISSING";
    }
    return "?";
}

void
driver_put_answer(const struct cask_answer *answer)
{
    static const char *const kinds[] = {"ABSENT", "NONE", "BOOL", "TEXT", "BYTES", "LIST"};

    (void)printf("answer %s %d %zu\n", kinds[answer->kind], answer->truth, answer->n_texts);
    for (size_t i = 0; i < answer->n_texts && i < 8; i++) {
        (void)printf("text ");
        driver_put_bytes(answer->texts[i].data, answer->texts[i].len);
    }
}
