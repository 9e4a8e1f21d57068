/* SPDX-License-Identifier: Apache-2.0 */
/* wire/wire_fields.c - variables and headers between struct cask_field and the fields of a frame.
 *
 * Owns:    the arrays of each struct cask_wire_fields.
 * Touches: proto/.
 * Threads: any; a set of arrays belongs to one call or job.
 */
#include "wire/wire_fields.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

int
cask_wire_fields_grow(struct cask_wire_fields *fields, size_t max)
{
    struct cask_head_field *wire = reallocarray(fields->wire, max, sizeof(*wire));
    struct cask_field *copies;

    if (wire == NULL) {
        return ENOMEM;
    }
    fields->wire = wire;
    copies = reallocarray(fields->fields, max, sizeof(*copies));
    if (copies == NULL) {
        return ENOMEM;
    }
    fields->fields = copies;
    fields->max = max;
    return 0;
}

void
cask_wire_fields_done(struct cask_wire_fields *fields)
{
    free(fields->wire);
    free(fields->fields);
    *fields = (struct cask_wire_fields){0};
}

void
cask_wire_fields_copy(struct cask_wire_fields *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct cask_head_field *from = &fields->wire[i];
        struct cask_field *to = &fields->fields[i];

        to->name.data = from->name.data;
        to->name.len = from->name.len;
        to->value.data = from->value.data;
        to->value.len = from->value.len;
        to->key = from->key;
    }
}

size_t
cask_wire_fields_size(const struct cask_field *fields, size_t n_fields, size_t size)
{
    if (n_fields > CASK_WIRE_FIELDS_LIMIT) {
        return SIZE_MAX;
    }
    for (size_t i = 0; i < n_fields; i++) {
        if (size > CASK_FRAME_HEAD_LIMIT || fields[i].name.len > UINT16_MAX) {
            return SIZE_MAX;
        }
        size += cask_head_field_size(fields[i].key, fields[i].name.len, fields[i].value.len);
    }
    return size <= CASK_FRAME_HEAD_LIMIT ? size : SIZE_MAX;
}

char *
cask_wire_fields_put(char *out, const struct cask_field *fields, size_t n_fields)
{
    for (size_t i = 0; i < n_fields; i++) {
        out = cask_head_put_field(out, fields[i].key, fields[i].name.data, fields[i].name.len,
                                  fields[i].value.data, fields[i].value.len);
    }
    return out;
}
