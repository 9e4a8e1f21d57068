/* SPDX-License-Identifier: Apache-2.0 */
/* proc/title.c - the name of this process in ps(1).
 *
 * Owns:    nothing. The kernel shows the bytes between arg_start and arg_end of the process; both
 *          are fields of /proc/self/stat, so that nobody has to keep argv from main().
 * Touches: libc.
 * Threads: call it before other threads read argv; the write itself is plain memory.
 */
#include "proc/title.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define STAT_ARG_START 48 /* field numbers of proc(5), from 1 */
#define STAT_ARG_END   49

/* The unsigned number in field `number` of the text; 0 when there is none. The second field, the
 * name in parentheses, may hold blanks: counting starts behind its last parenthesis. */
static uintptr_t
stat_field(const char *text, int number)
{
    const char *at = strrchr(text, ')');

    for (int field = 2; at != NULL && field < number; field++) {
        at = strchr(at + 1, ' ');
    }
    return at != NULL ? (uintptr_t)strtoull(at, NULL, 10) : 0;
}

void
cask_title_set(const char *title)
{
    char text[2048];
    size_t used = 0;
    ssize_t got = 0;
    uintptr_t start;
    uintptr_t end;
    int fd;

    (void)prctl(PR_SET_NAME, title);
    fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    do {
        got = read(fd, text + used, sizeof(text) - 1 - used);
        used += got > 0 ? (size_t)got : 0;
    } while (got > 0 && used < sizeof(text) - 1);
    (void)close(fd);
    text[used] = '\0';

    start = stat_field(text, STAT_ARG_START);
    end = stat_field(text, STAT_ARG_END);
    /* Below valgrind the area is valgrind's, and it still reads its options there. */
    if ((uintptr_t)program_invocation_name >= start && (uintptr_t)program_invocation_name < end) {
        char *area = (char *)start; /* our own stack, above main()'s frame */
        size_t size = (size_t)(end - start);
        size_t len = strnlen(title, size - 1);

        memcpy(area, title, len);
        memset(area + len, 0, size - len);
    }
}
