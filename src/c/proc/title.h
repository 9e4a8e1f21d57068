/* SPDX-License-Identifier: Apache-2.0 */
/* proc/title.h - the name of this process in ps(1). */
#ifndef CASK_PROC_TITLE_H
#define CASK_PROC_TITLE_H

/* Overwrites the whole argument area of this process (/proc/self/stat, arg_start to arg_end) and
 * the name of the calling thread; a longer title is cut at the area's end. Without /proc only the
 * thread gets the name. argv[] of this process must not be used afterwards. */
void cask_title_set(const char *title);

#endif
