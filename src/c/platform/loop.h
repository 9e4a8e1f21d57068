/* SPDX-License-Identifier: Apache-2.0 */
/* platform/loop.h - a small single-threaded event loop: descriptors, timers, signals.
 *
 * For processes that wait for several things and never block: the supervisor and a daemon's main
 * thread. poll(2) inside; tens of descriptors. Callbacks may add and remove anything, also
 * themselves.
 */
#ifndef CASK_PLATFORM_LOOP_H
#define CASK_PLATFORM_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct cask_loop;
struct cask_loop_timer;
struct cask_problem;

typedef void cask_loop_fd_fn(void *context, int fd, short revents);
typedef void cask_loop_timer_fn(void *context);
typedef void cask_loop_signal_fn(void *context, int signal_number);

int cask_loop_new(struct cask_loop **ret_loop, struct cask_problem *reterr_problem);
/* Closes nothing it was given; restores signal handlers. */
struct cask_loop *cask_loop_free(struct cask_loop *loop);

/* events as poll(2); one entry per fd, adding again replaces it. ENOMEM. */
int cask_loop_watch(struct cask_loop *loop, int fd, short events, cask_loop_fd_fn *call,
                    void *context);
void cask_loop_unwatch(struct cask_loop *loop, int fd);

/* A one-shot timer; it stays allocated until freed. Setting CASK_CLOCK_NEVER stops it. */
int cask_loop_timer_new(struct cask_loop *loop, cask_loop_timer_fn *call, void *context,
                        struct cask_loop_timer **ret_timer);
void cask_loop_timer_set(struct cask_loop_timer *timer, int64_t deadline_us);
struct cask_loop_timer *cask_loop_timer_free(struct cask_loop_timer *timer);

/* Handles a signal through a pipe (one byte from the handler); one loop per process may do so. */
int cask_loop_signal(struct cask_loop *loop, int signal_number, cask_loop_signal_fn *call,
                     void *context);

/* Runs until cask_loop_stop(); returns 0 or the errno of a failing poll. */
int cask_loop_run(struct cask_loop *loop);
void cask_loop_stop(struct cask_loop *loop); /* from a callback */

#endif
