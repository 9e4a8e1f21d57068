/* SPDX-License-Identifier: Apache-2.0 */
/* platform/shm.c - anonymous shared segments.
 *
 * Owns:    nothing; descriptors and mappings are the caller's.
 * Threads: any.
 * Invariant: a segment is sealed before anybody else gets it, so no peer can make a reader of it
 * die by SIGBUS.
 */
#include "platform/shm.h"

#include "platform/net.h"
#include "platform/problem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS_NEEDED (F_SEAL_SHRINK | F_SEAL_GROW)

int
cask_shm_create(const char *name, size_t size, int *ret_fd, struct cask_problem *reterr_problem)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int status;

    if (fd < 0) {
        goto failed;
    }
    if (fchmod(fd, 0600) != 0 || ftruncate(fd, (off_t)size) != 0) {
        goto failed;
    }
    if (fcntl(fd, F_ADD_SEALS, SEALS_NEEDED | F_SEAL_SEAL) != 0) {
        goto failed;
    }
    *ret_fd = fd;
    return 0;

failed:
    status = cask_problem_set(reterr_problem, errno, 301,
                              "cannot make shared memory segment '%s' of %zu bytes", name, size);
    cask_net_close(&fd);
    return status;
}

int
cask_shm_map(int fd, size_t min_size, bool writable, void **ret_address, size_t *ret_size,
             struct cask_problem *reterr_problem)
{
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    struct stat file;
    void *address;
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0 || fstat(fd, &file) != 0) {
        return cask_problem_set(reterr_problem, errno, 302,
                                "cannot look at shared memory segment '%d'", fd);
    }
    if ((seals & SEALS_NEEDED) != SEALS_NEEDED || file.st_size < 0 ||
        (size_t)file.st_size < min_size || file.st_size == 0) {
        return cask_problem_set(reterr_problem, EPROTO, 303,
                                "shared memory segment '%d' is not sealed or too small", fd);
    }
    address = mmap(NULL, (size_t)file.st_size, protection, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED) {
        return cask_problem_set(reterr_problem, errno, 302, "cannot map shared memory segment '%d'",
                                fd);
    }
    *ret_address = address;
    *ret_size = (size_t)file.st_size;
    return 0;
}

void
cask_shm_unmap(void *address, size_t size)
{
    if (address != NULL) {
        (void)munmap(address, size);
    }
}

int
cask_shm_reopen_readonly(int fd, int *ret_fd, struct cask_problem *reterr_problem)
{
    char path[64];
    int copy;

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    copy = open(path, O_RDONLY | O_CLOEXEC);
    if (copy < 0) {
        return cask_problem_set(reterr_problem, errno, 302, "cannot open '%s' read-only", path);
    }
    *ret_fd = copy;
    return 0;
}
