/* SPDX-License-Identifier: Apache-2.0 */
/* wire/wire_fields.h - variables and headers between struct cask_field and the fields of a frame.
 */
#ifndef CASK_WIRE_WIRE_FIELDS_H
#define CASK_WIRE_WIRE_FIELDS_H

#include <stddef.h>

#include "proto/head.h"
#include "request/request.h"

/* Fields of one HEAD or REPLY; more are refused. */
#define CASK_WIRE_FIELDS_LIMIT 16384u

/* Room for received fields. All zeros is empty. */
struct cask_wire_fields {
    struct cask_head_field *wire; /* for the decoder */
    struct cask_field *fields;
    size_t max;
};
int cask_wire_fields_grow(struct cask_wire_fields *fields, size_t max); /* 0 or ENOMEM */
void cask_wire_fields_done(struct cask_wire_fields *fields);
/* Copies the first n of `wire` to `fields`. */
void cask_wire_fields_copy(struct cask_wire_fields *fields, size_t n);

/* size plus the bytes the fields take in a frame; SIZE_MAX when one or all of them are above the
 * limits. */
size_t cask_wire_fields_size(const struct cask_field *fields, size_t n_fields, size_t size);
/* Writes them, in that many bytes; returns a pointer behind the last. */
char *cask_wire_fields_put(char *out, const struct cask_field *fields, size_t n_fields);

#endif
