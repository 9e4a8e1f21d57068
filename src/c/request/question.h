/* SPDX-License-Identifier: Apache-2.0 */
/* request/question.h - a function of a script that httpd's side asks about a request, and what it
 * answered.
 *
 * For scripts that decide something about a request without serving it: where it goes, who may make
 * it. The function is called with the environ of the request and the arguments of the question.
 */
#ifndef CASK_REQUEST_QUESTION_H
#define CASK_REQUEST_QUESTION_H

#include "request/request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CASK_QUESTION_ARGUMENTS   3u             /* at most, behind the environ */
#define CASK_QUESTION_TEXTS_LIMIT 16384u         /* texts in one answer */
#define CASK_QUESTION_BYTES_LIMIT (1024u * 1024) /* of all texts of one answer */

enum cask_answer_kind {
    CASK_ANSWER_ABSENT, /* the script has no such function */
    CASK_ANSWER_NONE,   /* None */
    CASK_ANSWER_BOOL,   /* True or False: see truth */
    CASK_ANSWER_TEXT,   /* str: one text, in UTF-8 */
    CASK_ANSWER_BYTES,  /* bytes: one text, as it is */
    CASK_ANSWER_LIST,   /* any other iterable, of str and bytes: any number of texts */
};

struct cask_answer {
    enum cask_answer_kind kind;
    bool truth;
    /* Each NUL-terminated and without a NUL inside; one block of heap memory, owned. */
    struct cask_str *texts;
    size_t n_texts;
};

struct cask_question {
    const char *function;             /* its global name in the script */
    const struct cask_str *arguments; /* str, decoded as latin-1 */
    size_t n_arguments;
    uint32_t accepts;          /* CASK_QUESTION_ACCEPTS of each kind of answer that is no mistake */
    struct cask_answer answer; /* ABSENT until it was asked */
};

#define CASK_QUESTION_ACCEPTS(kind) (1u << CASK_ANSWER_##kind)

/* Releases the answer; the question may be asked again. */
void cask_question_done(struct cask_question *question);

#endif
