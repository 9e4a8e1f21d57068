/* SPDX-License-Identifier: Apache-2.0 */
/* tests/tools/analyzer.h - what gcc -fanalyzer cannot see across files; included before each. */
#ifndef CASK_TOOLS_ANALYZER_H
#define CASK_TOOLS_ANALYZER_H

#include <pthread.h>

/* The thread keeps the pointer, though its type says const. */
int cask_analyzer_keeps(pthread_key_t key, void *pointer);
#define pthread_setspecific cask_analyzer_keeps

#ifndef CASK_PROBLEM_ITSELF
#include "platform/problem.h"

/* It never returns 0, so that `return cask_problem_set(...)` always means failure. */
#define cask_problem_set(...)                         \
    __extension__({                                   \
        int error_ = (cask_problem_set)(__VA_ARGS__); \
        if (error_ == 0) {                            \
            __builtin_unreachable();                  \
        }                                             \
        error_;                                       \
    })
#endif

#endif
