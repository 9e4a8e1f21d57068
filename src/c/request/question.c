/* SPDX-License-Identifier: Apache-2.0 */
/* request/question.c - the end of an answer (see question.h).
 *
 * Owns nothing; any thread.
 */
#include "request/question.h"

#include <stdlib.h>
#include <string.h>

void
cask_question_done(struct cask_question *question)
{
    free(question->answer.texts);
    memset(&question->answer, 0, sizeof(question->answer));
}
