/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/proc/fuzz_logline.c - what a daemon's pipe brings becomes lines of a log, and nothing
 * else: each begins as the supervisor begins it and holds no control character. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "platform/net.h"
#include "proc/logline.h"

#define PID_TEXT "] [pid 4711] "

static void
check_log(int fd)
{
    off_t len = lseek(fd, 0, SEEK_END);
    char *text = malloc((size_t)len + 1);
    char *line = text;

    must(text != NULL && pread(fd, text, (size_t)len, 0) == len);
    text[len] = '\0';
    must(memchr(text, '\0', (size_t)len) == NULL);
    while (*line != '\0') {
        char *newline = strchr(line, '\n');

        must(newline != NULL);
        *newline = '\0';
        must(*line == '[' && strstr(line, PID_TEXT) != NULL && strstr(line, "[wsgi:") != NULL);
        for (const char *at = line; *at != '\0'; at++) {
            must(((unsigned char)*at >= 0x20 && *at != 0x7f) || *at == '\t');
        }
        line = newline + 1;
    }
    free(text);
}

/* The first byte says in which pieces the rest comes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cask_logline_reader *reader = calloc(1, sizeof(*reader));
    int log_fd = memfd_create("log", MFD_CLOEXEC);
    int ends[2];
    size_t at = 1;

    must(reader != NULL && log_fd >= 0);
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    reader->fd = ends[0];
    reader->pid = 4711;
    while (at < size) {
        size_t piece = 1u + data[0] * 64u;
        ssize_t sent = write(ends[1], data + at, piece < size - at ? piece : size - at);

        must(sent > 0);
        at += (size_t)sent;
        must(cask_logline_read(reader, log_fd) == 0);
    }
    cask_net_close(&ends[1]);
    (void)cask_logline_read(reader, log_fd);
    read_all(reader->last, strlen(reader->last));
    check_log(log_fd);
    cask_net_close(&log_fd);
    cask_net_close(&ends[0]);
    free(reader);
    return 0;
}
