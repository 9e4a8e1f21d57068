/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/platform/test_buf.c - growing buffers. */
#include <errno.h>
#include <string.h>

#include "platform/buf.h"
#include "unit.h"

static void
test_empty(void)
{
    struct cask_buf buf = {0};

    CHECK_INT(cask_buf_len(&buf), 0);
    cask_buf_consume(&buf, 0);
    cask_buf_consume(&buf, 100);
    CHECK_INT(cask_buf_add(&buf, NULL, 0), 0);
    CHECK(buf.data == NULL);
    cask_buf_done(&buf);
}

static void
test_order(void)
{
    struct cask_buf buf = {0};
    unsigned char next_in = 0;
    unsigned char next_out = 0;

    for (int round = 0; round < 2000; round++) {
        unsigned char piece[37];
        size_t take = (size_t)(round * 7 % 35);

        for (size_t i = 0; i < sizeof(piece); i++) {
            piece[i] = next_in++;
        }
        OK_OR_LEAVE(cask_buf_add(&buf, piece, sizeof(piece)));
        CHECK(take <= cask_buf_len(&buf));
        for (size_t i = 0; i < take; i++) {
            CHECK_INT((unsigned char)buf.data[buf.begin + i], next_out);
            next_out++;
        }
        cask_buf_consume(&buf, take);
    }
    cask_buf_consume(&buf, cask_buf_len(&buf));
    CHECK_INT(buf.begin, 0);
    CHECK_INT(buf.end, 0);
leave:
    CHECK(buf.begin <= buf.end && buf.end <= buf.capacity);
    cask_buf_done(&buf);
    CHECK(buf.data == NULL && buf.capacity == 0);
}

static void
test_reserve(void)
{
    struct cask_buf buf = {0};
    const char *before;

    OK_OR_LEAVE(cask_buf_reserve(&buf, 1000));
    before = buf.data;
    memset(buf.data, 'x', 1000);
    buf.end = 1000;
    CHECK_INT(cask_buf_reserve(&buf, buf.capacity - 1000), 0);
    CHECK(buf.data == before); /* what was reserved does not move */
    cask_buf_consume(&buf, 900);
    CHECK_INT(cask_buf_reserve(&buf, buf.capacity - 200), 0); /* moves down instead of growing */
    CHECK(buf.data == before && buf.begin == 0 && buf.end == 100);
leave:
    cask_buf_done(&buf);
}

static void
test_too_large(void)
{
    struct cask_buf buf = {0};

    CHECK_INT(cask_buf_reserve(&buf, SIZE_MAX), ENOMEM);
    CHECK_INT(cask_buf_reserve(&buf, SIZE_MAX / 2), ENOMEM);
    OK_OR_LEAVE(cask_buf_add(&buf, "abc", 3));
    CHECK_INT(cask_buf_reserve(&buf, SIZE_MAX), ENOMEM);
    CHECK_INT(cask_buf_reserve(&buf, SIZE_MAX - 3), ENOMEM);
    CHECK_INT(cask_buf_len(&buf), 3);
    CHECK(memcmp(buf.data, "abc", 3) == 0);
leave:
    cask_buf_done(&buf);
}

const struct unit_test unit_tests[] = {
    {"an empty buffer", test_empty, 0},
    {"bytes come out in the order they went in", test_order, UNIT_TORTURE},
    {"reserved room stays where it is", test_reserve, UNIT_TORTURE},
    {"a size that no memory holds is refused", test_too_large, UNIT_TORTURE},
    {0},
};
