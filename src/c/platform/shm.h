/* SPDX-License-Identifier: Apache-2.0 */
/* platform/shm.h - anonymous shared segments (memfd), mode 0600, sealed against shrinking and
 * growing. */
#ifndef CASK_PLATFORM_SHM_H
#define CASK_PLATFORM_SHM_H

#include <stdbool.h>
#include <stddef.h>

struct cask_problem;

/* A sealed segment of `size` zero bytes; the descriptor is close-on-exec. name is for /proc. */
int cask_shm_create(const char *name, size_t size, int *ret_fd,
                    struct cask_problem *reterr_problem);
/* Maps a segment after checking that it is sealed and at least min_size bytes long. */
int cask_shm_map(int fd, size_t min_size, bool writable, void **ret_address, size_t *ret_size,
                 struct cask_problem *reterr_problem);
void cask_shm_unmap(void *address, size_t size);
/* Another descriptor of the segment that cannot be written through (for SCM_RIGHTS to a daemon). */
int cask_shm_reopen_readonly(int fd, int *ret_fd, struct cask_problem *reterr_problem);

#endif
