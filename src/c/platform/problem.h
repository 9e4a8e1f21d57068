/* SPDX-License-Identifier: Apache-2.0 */
/* platform/problem.h - what went wrong, carried up to whoever logs it.
 *
 * A problem lives in the caller's storage, starts as all zeros ("none") and is logged once, by the
 * first caller in apache/ or proc/. Its number is a row of platform/lognums.def; its text names the
 * object in single quotes and, where there is one, the next step.
 */
#ifndef CASK_PLATFORM_PROBLEM_H
#define CASK_PLATFORM_PROBLEM_H

#include <stddef.h>

#define CASK_PROBLEM_TEXT_SIZE    768
#define CASK_PROBLEM_DETAIL_LIMIT (64u * 1024u) /* bytes; longer details lose their middle */

struct cask_problem {
    int error;       /* errno of the cause, or 0 when there is none */
    unsigned number; /* CASKnnnn; 0: no problem */
    char text[CASK_PROBLEM_TEXT_SIZE];
    char *detail; /* heap, may hold several lines (a traceback), or NULL; owned */
};

/* Fills the problem (any earlier content is released) and returns error, or EIO when error is 0, so
 * that a failing function can end with `return cask_problem_set(...)`. reterr_problem may be NULL.
 * When error is not 0, ": <strerror>" is appended to the text. Longer text is cut at the buffer's
 * end. */
int cask_problem_set(struct cask_problem *reterr_problem, int error, unsigned number,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Copies detail (not NUL-terminated) into the problem; out of memory leaves it without. */
void cask_problem_detail(struct cask_problem *problem, const char *detail, size_t detail_len);

/* Moves *source into *target (released first); *source becomes "none". */
void cask_problem_move(struct cask_problem *target, struct cask_problem *source);

/* Releases what the problem owns and makes it "none" again. NULL is accepted. */
void cask_problem_done(struct cask_problem *problem);

#endif
