/* SPDX-License-Identifier: Apache-2.0 */
/* platform/problem.c - what went wrong, carried up to whoever logs it.
 *
 * Owns:    the detail of each problem; the problem itself is its caller's.
 * Touches: nothing.
 * Threads: any; one problem belongs to one thread.
 */
#include "platform/problem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Arguments may point into the problem itself (a text wrapped by a longer one), hence the copy. */
int
cask_problem_set(struct cask_problem *reterr_problem, int error, unsigned number,
                 const char *format, ...)
{
    char text[CASK_PROBLEM_TEXT_SIZE];
    char reason[128];
    size_t used;
    va_list arguments;

    if (reterr_problem == NULL) {
        return error != 0 ? error : EIO;
    }
    va_start(arguments, format);
    if (vsnprintf(text, sizeof(text), format, arguments) < 0) {
        text[0] = '\0';
    }
    va_end(arguments);
    if (error != 0) {
        used = strlen(text);
        (void)snprintf(text + used, sizeof(text) - used, ": %s",
                       strerror_r(error, reason, sizeof(reason)));
    }
    cask_problem_done(reterr_problem);
    reterr_problem->error = error;
    reterr_problem->number = number;
    memcpy(reterr_problem->text, text, strlen(text) + 1);
    return error != 0 ? error : EIO;
}

void
cask_problem_detail(struct cask_problem *problem, const char *detail, size_t detail_len)
{
    const size_t half = CASK_PROBLEM_DETAIL_LIMIT / 2 - 64;
    char *copy;
    int used;

    free(problem->detail);
    problem->detail = NULL;
    if (detail_len == 0) {
        return;
    }
    if (detail_len < CASK_PROBLEM_DETAIL_LIMIT) {
        copy = malloc(detail_len + 1);
        if (copy == NULL) {
            return;
        }
        memcpy(copy, detail, detail_len);
        copy[detail_len] = '\0';
        problem->detail = copy;
        return;
    }
    copy = malloc(CASK_PROBLEM_DETAIL_LIMIT);
    if (copy == NULL) {
        return;
    }
    memcpy(copy, detail, half);
    used = snprintf(copy + half, 128, "\n[... %zu bytes left out ...]\n", detail_len - 2 * half);
    memcpy(copy + half + used, detail + detail_len - half, half);
    copy[2 * half + (size_t)used] = '\0';
    problem->detail = copy;
}

void
cask_problem_move(struct cask_problem *target, struct cask_problem *source)
{
    if (target == source) {
        return;
    }
    cask_problem_done(target);
    target->error = source->error;
    target->number = source->number;
    memcpy(target->text, source->text, sizeof(target->text));
    target->detail = source->detail;
    source->detail = NULL; /* moved */
    cask_problem_done(source);
}

void
cask_problem_done(struct cask_problem *problem)
{
    if (problem == NULL) {
        return;
    }
    free(problem->detail);
    problem->detail = NULL;
    problem->error = 0;
    problem->number = 0;
    problem->text[0] = '\0';
}
