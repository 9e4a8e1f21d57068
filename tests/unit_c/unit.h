/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/unit.h - the runner of the C unit tests.
 *
 * A test file holds test functions and one table:
 *
 *     const struct unit_test unit_tests[] = {
 *         {"an empty buffer has no bytes", test_empty, 0},
 *         {"growing", test_growing, UNIT_TORTURE},
 *         {0},
 *     };
 *
 * A failing check reports itself and ends the program: the next line could not be trusted.
 * UNIT_TORTURE: the runner calls the test again and again and lets allocation 1, 2, 3, ... of the
 * code under test fail, until a run needs no more. Such a test accepts ENOMEM wherever it may come.
 */
#ifndef CASK_UNIT_H
#define CASK_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UNIT_TORTURE = 1 };

struct unit_test {
    const char *name;
    void (*run)(void);
    unsigned flags;
};

extern const struct unit_test unit_tests[]; /* ends with a row of zeros */

_Noreturn void unit_failed(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void unit_check_int(const char *file, int line, const char *text, long long got, long long wanted);
void unit_check_str(const char *file, int line, const char *text, const char *got,
                    const char *wanted);

/* True while an allocation is due to fail or has failed in this run. */
bool unit_torture(void);
/* Suspends failing allocations (setting up, looking at results); nests. */
void unit_calm(bool on);
/* Seconds after which the program is killed: a hanging test fails. 60 at the start of each. */
void unit_time_limit(unsigned seconds);

#define CHECK(condition) \
    ((condition) ? (void)0 : unit_failed(__FILE__, __LINE__, "not true: %s", #condition))
#define CHECK_INT(got, wanted) \
    unit_check_int(__FILE__, __LINE__, #got, (long long)(got), (long long)(wanted))
#define CHECK_STR(got, wanted) unit_check_str(__FILE__, __LINE__, #got, (got), (wanted))

/* For calls that may fail for lack of memory under torture: leaves the test then. */
#define OK_OR_LEAVE(call)                               \
    do {                                                \
        int unit_status_ = (call);                      \
        if (unit_status_ == ENOMEM && unit_torture()) { \
            goto leave;                                 \
        }                                               \
        CHECK_INT(unit_status_, 0);                     \
    } while (0)

#endif
