/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/fuzz.h - what the fuzzers share. Each is one function for libFuzzer; what it finds wrong
 * ends the program. fuzz_main.c calls them where there is no clang. */
#ifndef CASK_FUZZ_H
#define CASK_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void
must(int condition)
{
    if (!condition) {
        abort();
    }
}

/* So that the sanitizers see every byte of what a decoder hands out. */
static inline void
read_all(const void *data, size_t len)
{
    static volatile unsigned char sink;

    for (size_t i = 0; i < len; i++) {
        sink = (unsigned char)(sink ^ ((const unsigned char *)data)[i]);
    }
}

#endif
