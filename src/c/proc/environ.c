/* SPDX-License-Identifier: Apache-2.0 */
/* proc/environ.c - the environment of a daemon.
 *
 * Owns:    nothing.
 * Touches: the environment of the calling process; the file of env-file=.
 * Threads: a child between fork and exec, on its only thread.
 */
#include "proc/environ.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/cred.h"
#include "proc/spec.h"

#define FILE_LIMIT (1024u * 1024u)

int
cask_environ_read_file(const struct cask_group_spec *spec, char **ret_text)
{
    struct stat status;
    char *text = NULL;
    size_t used = 0;
    int error = 0;
    int fd;

    *ret_text = NULL;
    if (spec->env_file == NULL) {
        return 0;
    }
    fd = open(spec->env_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) != 0) {
        error = errno;
    } else if (!S_ISREG(status.st_mode) || status.st_size > FILE_LIMIT) {
        error = EINVAL;
    } else {
        text = calloc(1, (size_t)status.st_size + 1);
        error = text == NULL ? ENOMEM : 0;
    }
    while (error == 0 && used < (size_t)status.st_size) {
        ssize_t got = read(fd, text + used, (size_t)status.st_size - used);

        if (got < 0 && errno != EINTR) {
            error = errno;
        } else if (got == 0) {
            break; /* it has become shorter */
        }
        used += got > 0 ? (size_t)got : 0;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (error != 0) {
        free(text);
        return error;
    }
    *ret_text = text;
    return 0;
}

/* "NAME=value", the value perhaps in quotes: sets it. Lines that are empty, or comments, or no
 * assignment are left out. */
static int
set_line(char *line)
{
    char *equals;
    size_t len;

    line += strspn(line, " \t");
    len = strlen(line);
    while (len > 0 && strchr(" \t\r", line[len - 1]) != NULL) {
        line[--len] = '\0';
    }
    equals = strchr(line, '=');
    if (*line == '#' || equals == NULL || equals == line) {
        return 0;
    }
    *equals = '\0';
    len = strlen(equals + 1);
    if (len >= 2 && (equals[1] == '"' || equals[1] == '\'') && equals[len] == equals[1]) {
        equals[len] = '\0';
        equals++;
    }
    return setenv(line, equals + 1, 1) == 0 ? 0 : errno;
}

static int
set_lines(const char *text)
{
    char *copy = text != NULL ? strdup(text) : NULL;
    char *rest = copy;
    int error = text != NULL && copy == NULL ? ENOMEM : 0;

    while (error == 0 && rest != NULL) {
        error = set_line(strsep(&rest, "\n"));
    }
    free(copy);
    return error;
}

/* Sets a variable unless there was an error, or there is no value. */
static int
set_text(int error, const char *name, const char *value)
{
    if (error != 0 || value == NULL) {
        return error;
    }
    return setenv(name, value, 1) == 0 ? 0 : errno;
}

int
cask_environ_set(const struct cask_group_spec *spec, const struct cask_cred *cred, const char *file)
{
    static const char *const user_names[] = {"USER", "USERNAME", "LOGNAME"};
    char seed[24];
    int error = 0;

    if (spec->inherit_environment == 0) {
        error = clearenv() == 0 ? 0 : ENOMEM;
    }
    error = set_text(error, "HOME", cred->home);
    for (size_t i = 0; i < sizeof(user_names) / sizeof(user_names[0]); i++) {
        if (getenv(user_names[i]) != NULL) {
            error = set_text(error, user_names[i], cred->name);
        }
    }
    if (spec->python_hash_seed >= 0) {
        (void)snprintf(seed, sizeof(seed), "%lld", (long long)spec->python_hash_seed);
        error = set_text(error, "PYTHONHASHSEED", seed);
    }
    error = set_text(error, "LANG", spec->lang);
    error = set_text(error, "LC_ALL", spec->locale);
    if (error == 0) {
        error = set_lines(file);
    }
    return error != 0 ? error : set_lines(spec->environment);
}
