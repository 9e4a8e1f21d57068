/* SPDX-License-Identifier: Apache-2.0 */
/* request/keys.c - from well-known names to their numbers and back.
 *
 * Owns constant tables only; any thread.
 * Invariant: no two rows share a slot. The compiler says so when they do (-Woverride-init), and
 * the unit test looks every row up; then other multipliers in SLOT are needed.
 */
#include "request/keys.h"

struct key_row {
    struct cask_str header;
    struct cask_str environ_name;
};

static const struct key_row key_rows[CASK_KEY_LIMIT] = {
#define TEXT(literal)                  \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }
#define CASK_KEY_VAR(id, symbol, name) [id] = {.environ_name = TEXT(name)},
#define CASK_KEY_HEADER(id, symbol, header_name, name) \
    [id] = {.header = TEXT(header_name), .environ_name = TEXT(name)},
#include "request/keys.def"
#undef CASK_KEY_VAR
#undef CASK_KEY_HEADER
#undef TEXT
};

#define CASK_KEY_VAR(id, symbol, name) \
    _Static_assert((id) > 0 && (id) < CASK_KEY_LIMIT, "CASK_KEY_LIMIT is too small");
#define CASK_KEY_HEADER(id, symbol, header_name, name) CASK_KEY_VAR(id, symbol, name)
#include "request/keys.def"
#undef CASK_KEY_VAR
#undef CASK_KEY_HEADER

/* A name by its length and four of its letters: first, middle, last but one, last. */
#define N_SLOTS 512u
#define SLOT(len, first, middle, before_last, last) \
    ((unsigned)((len)*19u + (first)*38u + (middle)*63u + (before_last)*57u + (last)*32u) % N_SLOTS)
#define ROW(symbol, len, first, middle, before_last, last) \
    [SLOT(len, first, middle, before_last, last)] = CASK_KEY_##symbol

_Static_assert(CASK_KEY_LIMIT <= 255, "a slot holds a key in one byte");
static const uint8_t slots[N_SLOTS] = {
    ROW(HOST, 4, 'h', 's', 's', 't'),
    ROW(USER_AGENT, 10, 'u', 'a', 'n', 't'),
    ROW(ACCEPT, 6, 'a', 'e', 'p', 't'),
    ROW(ACCEPT_ENCODING, 15, 'a', 'e', 'n', 'g'),
    ROW(ACCEPT_LANGUAGE, 15, 'a', 'l', 'g', 'e'),
    ROW(ACCEPT_CHARSET, 14, 'a', 'c', 'e', 't'),
    ROW(AUTHORIZATION, 13, 'a', 'i', 'o', 'n'),
    ROW(CACHE_CONTROL, 13, 'c', 'c', 'o', 'l'),
    ROW(CONNECTION, 10, 'c', 'c', 'o', 'n'),
    ROW(COOKIE, 6, 'c', 'k', 'i', 'e'),
    ROW(DNT, 3, 'd', 'n', 'n', 't'),
    ROW(EXPECT, 6, 'e', 'e', 'c', 't'),
    ROW(FORWARDED, 9, 'f', 'a', 'e', 'd'),
    ROW(IF_MATCH, 8, 'i', 'a', 'c', 'h'),
    ROW(IF_MODIFIED_SINCE, 17, 'i', 'i', 'c', 'e'),
    ROW(IF_NONE_MATCH, 13, 'i', 'e', 'c', 'h'),
    ROW(IF_RANGE, 8, 'i', 'a', 'g', 'e'),
    ROW(IF_UNMODIFIED_SINCE, 19, 'i', 'f', 'c', 'e'),
    ROW(KEEP_ALIVE, 10, 'k', 'a', 'v', 'e'),
    ROW(ORIGIN, 6, 'o', 'g', 'i', 'n'),
    ROW(PRAGMA, 6, 'p', 'g', 'm', 'a'),
    ROW(PRIORITY, 8, 'p', 'r', 't', 'y'),
    ROW(RANGE, 5, 'r', 'n', 'g', 'e'),
    ROW(REFERER, 7, 'r', 'e', 'e', 'r'),
    ROW(SEC_CH_UA, 9, 's', 'c', 'u', 'a'),
    ROW(SEC_CH_UA_MOBILE, 16, 's', 'a', 'l', 'e'),
    ROW(SEC_CH_UA_PLATFORM, 18, 's', '-', 'r', 'm'),
    ROW(SEC_FETCH_DEST, 14, 's', 'c', 's', 't'),
    ROW(SEC_FETCH_MODE, 14, 's', 'c', 'd', 'e'),
    ROW(SEC_FETCH_SITE, 14, 's', 'c', 't', 'e'),
    ROW(SEC_FETCH_USER, 14, 's', 'c', 'e', 'r'),
    ROW(SEC_GPC, 7, 's', '-', 'p', 'c'),
    ROW(TE, 2, 't', 'e', 't', 'e'),
    ROW(TRANSFER_ENCODING, 17, 't', '-', 'n', 'g'),
    ROW(UPGRADE, 7, 'u', 'r', 'd', 'e'),
    ROW(UPGRADE_INSECURE_REQUESTS, 25, 'u', 'c', 't', 's'),
    ROW(VIA, 3, 'v', 'i', 'i', 'a'),
    ROW(X_CSRFTOKEN, 11, 'x', 'f', 'e', 'n'),
    ROW(X_FORWARDED_FOR, 15, 'x', 'r', 'o', 'r'),
    ROW(X_FORWARDED_HOST, 16, 'x', 'd', 's', 't'),
    ROW(X_FORWARDED_PORT, 16, 'x', 'd', 'r', 't'),
    ROW(X_FORWARDED_PROTO, 17, 'x', 'd', 't', 'o'),
    ROW(X_REAL_IP, 9, 'x', 'a', 'i', 'p'),
    ROW(X_REQUEST_ID, 12, 'x', 'e', 'i', 'd'),
    ROW(X_REQUESTED_WITH, 16, 'x', 't', 't', 'h'),
    ROW(TRACEPARENT, 11, 't', 'p', 'n', 't'),
    ROW(DEPTH, 5, 'd', 'p', 't', 'h'),
    ROW(DESTINATION, 11, 'd', 'n', 'o', 'n'),
};

struct cask_str
cask_keys_environ_name(uint16_t key)
{
    if (key >= CASK_KEY_LIMIT) {
        return (struct cask_str){0};
    }
    return key_rows[key].environ_name;
}

struct cask_str
cask_keys_header_name(uint16_t key)
{
    if (key >= CASK_KEY_LIMIT) {
        return (struct cask_str){0};
    }
    return key_rows[key].header;
}

/* ASCII only: header names are tokens, and the locale is the application's business. */
static unsigned char
lower(char byte)
{
    unsigned char value = (unsigned char)byte;

    return value >= 'A' && value <= 'Z' ? (unsigned char)(value | 0x20) : value;
}

uint16_t
cask_keys_find_header(const char *name, size_t name_len)
{
    const struct cask_str *known;
    uint16_t key;

    if (name_len < 2) {
        return CASK_KEY_NONE;
    }
    key = slots[SLOT(name_len, lower(name[0]), lower(name[name_len / 2]), lower(name[name_len - 2]),
                     lower(name[name_len - 1]))];
    known = &key_rows[key].header; /* of row 0: empty, equal to no name */
    if (known->len != name_len) {
        return CASK_KEY_NONE;
    }
    for (size_t i = 0; i < name_len; i++) {
        if (lower(name[i]) != (unsigned char)known->data[i]) {
            return CASK_KEY_NONE;
        }
    }
    return key;
}
