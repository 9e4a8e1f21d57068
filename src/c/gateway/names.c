/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/names.c - interned strings of one interpreter: rows of names.def and of keys.def.
 *
 * Owns:    the strings. Nothing is looked up by C string once they are made.
 * Touches: request/keys.
 * Threads: made with the interpreter, then constant.
 */
#include "interp/gil.h"

#include "gateway/names.h"

#include <stddef.h>

static const char *const texts[] = {
#define CASK_NAME(symbol, text) text,
#include "gateway/names.def"
#undef CASK_NAME
};

int
cask_names_init(struct cask_names *names)
{
    struct cask_str text;
    uint16_t key;
    size_t i;

    for (i = 0; i < CASK_NAME_LIMIT; i++) {
        names->name[i] = PyUnicode_InternFromString(texts[i]);
        if (names->name[i] == NULL) {
            return -1;
        }
    }
    for (key = 1; key < CASK_KEY_LIMIT; key++) {
        text = cask_keys_environ_name(key);
        if (text.len == 0) {
            continue;
        }
        names->key[key] = PyUnicode_FromStringAndSize(text.data, (Py_ssize_t)text.len);
        if (names->key[key] == NULL) {
            return -1;
        }
        PyUnicode_InternInPlace(&names->key[key]);
        if (PyObject_Hash(names->key[key]) == -1) { /* from now on it is kept in the string */
            return -1;
        }
    }
    return 0;
}
