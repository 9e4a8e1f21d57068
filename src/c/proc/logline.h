/* SPDX-License-Identifier: Apache-2.0 */
/* proc/logline.h - lines of the supervisor and of daemons on their way into an ErrorLog.
 *
 * A daemon's stdout and stderr are one pipe. Its own lines begin with a mark that holds their
 * level; whatever Python, libraries or the C runtime write has none and counts as "error", as
 * httpd treats the stderr of programs it runs. The lines of one record stay together.
 */
#ifndef CASK_PROC_LOGLINE_H
#define CASK_PROC_LOGLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "platform/log.h"

struct cask_buf;

#define CASK_LOGLINE_MARK_SIZE 2

/* The mark in front of a line of `level`. */
void cask_logline_mark(enum cask_log_level level, char ret_mark[CASK_LOGLINE_MARK_SIZE]);

/* A record as one line of that pipe. 0 or ENOMEM. */
int cask_logline_encode(struct cask_buf *line, const struct cask_log_record *record);

/* Writes lines, separated by newlines, in httpd's format to fd (an ErrorLog; -1: syslog). pid: who
 * said it. Control characters are escaped, very long lines are split. Waits at most a second for a
 * pipe that is full. */
void cask_logline_write(int fd, enum cask_log_level level, pid_t pid, const char *text, size_t len);

/* Collects bytes of a pipe until lines are whole. */
struct cask_logline_reader {
    int fd;                    /* [owner] the pipe, non-blocking; -1 at its end */
    pid_t pid;                 /* [init] the daemon at its other end */
    size_t used;               /* bytes in text */
    bool more;                 /* the line before was only a part */
    enum cask_log_level level; /* its level */
    char text[64 * 1024];
    bool crashing;   /* faulthandler writes: its lines go to `stacks` */
    size_t n_stacks; /* bytes in stacks */
    char stacks[16 * 1024];
    char last[256]; /* the beginning of the last line, for the reason of a failed start */
};

/* Reads what is there (bounded, so that a flood does not hold up the loop) and writes whole lines
 * to log_fd. 0; ECONNRESET at the end of the pipe, after the last, unfinished line. */
int cask_logline_read(struct cask_logline_reader *reader, int log_fd);
/* Writes what is left of an unfinished line: the daemon has ended, though a child of it may still
 * hold the pipe. */
void cask_logline_finish(struct cask_logline_reader *reader, int log_fd);
/* Writes the stacks that were kept for the line about a crash: there will be no such line. */
void cask_logline_give_stacks(struct cask_logline_reader *reader, int log_fd);

#endif
