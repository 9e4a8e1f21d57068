/* SPDX-License-Identifier: Apache-2.0 */
/* apache/proxies.c - what forwarding headers say about a client, and whom to believe.
 *
 * Each header tells one or more parts of the picture (address, scheme, host ...). The headers that
 * the configuration names are read in its order, and the last usable one of a part wins. The others
 * of that part are hidden: an application that reads them by itself would believe what nobody
 * checked. Parts that no header is named for are left alone.
 *
 * A proxy appends to a list, so the right end is the nearest one's word. An address list is walked
 * from there as long as it names proxies that are trusted: each vouches for the item to its left.
 * The walk ends at the first item that is no trusted proxy, or no address at all. The number of
 * items it took is the number of trusted proxies, and tells which item of other lists was written
 * by the outermost of them. If everybody is believed, the left end is taken instead.
 *
 * Owns:    nothing; results live in the pool given.
 * Touches: apache/proxies_text.
 * Threads: any.
 */
#include "apache/proxies.h"

#include "apache/proxies_text.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum part { PART_CLIENT, PART_SCHEME, PART_HOST, PART_SERVER, PART_PORT, PART_SCRIPT, N_PARTS };

/* What kind of text a header holds. */
enum form {
    FORM_CHAIN,     /* a list of addresses */
    FORM_ADDRESS,   /* one address */
    FORM_SCHEME,    /* http, https */
    FORM_SWITCH,    /* on, off */
    FORM_HOST,      /* of part HOST or SERVER */
    FORM_PORT,      /* a number */
    FORM_PATH,      /* a URL path */
    FORM_FORWARDED, /* RFC 7239 */
};

struct header {
    const char *name;
    unsigned parts;
    enum form form;
};

#define BIT(number) (1u << (number))

static const struct header known[] = {
    {"x-forwarded-for", BIT(PART_CLIENT), FORM_CHAIN},
    {"x-client-ip", BIT(PART_CLIENT), FORM_ADDRESS},
    {"x-real-ip", BIT(PART_CLIENT), FORM_ADDRESS},
    {"x-forwarded-proto", BIT(PART_SCHEME), FORM_SCHEME},
    {"x-forwarded-scheme", BIT(PART_SCHEME), FORM_SCHEME},
    {"x-scheme", BIT(PART_SCHEME), FORM_SCHEME},
    {"x-forwarded-https", BIT(PART_SCHEME), FORM_SWITCH},
    {"x-forwarded-ssl", BIT(PART_SCHEME), FORM_SWITCH},
    {"x-https", BIT(PART_SCHEME), FORM_SWITCH},
    {"x-forwarded-host", BIT(PART_HOST), FORM_HOST},
    {"x-host", BIT(PART_HOST), FORM_HOST},
    {"x-forwarded-server", BIT(PART_SERVER), FORM_HOST},
    {"x-forwarded-port", BIT(PART_PORT), FORM_PORT},
    {"x-script-name", BIT(PART_SCRIPT), FORM_PATH},
    {"x-forwarded-script-name", BIT(PART_SCRIPT), FORM_PATH},
    {"forwarded", BIT(PART_CLIENT) | BIT(PART_SCHEME) | BIT(PART_HOST), FORM_FORWARDED},
};
_Static_assert(sizeof(known) / sizeof(known[0]) == CASK_PROXIES_HEADERS, "one bit for each");

/* One request being looked at. */
struct look {
    const struct cask_proxies_rules *rules;
    struct cask_proxies_view *view;
    apr_pool_t *pool;
    int trusted; /* proxies that appended to lists, as far as is known: at least 1; INT_MAX: take
                    the left end */
    int winner[N_PARTS]; /* the header that told it; -1: none */
};

int
cask_proxies_find(const char *name, size_t name_len)
{
    for (int i = 0; i < CASK_PROXIES_HEADERS; i++) {
        if (strlen(known[i].name) == name_len && strncasecmp(known[i].name, name, name_len) == 0) {
            return i;
        }
    }
    return -1;
}

const char *
cask_proxies_name(const char *word, apr_pool_t *pool)
{
    char *name = apr_pstrdup(pool, word);

    for (char *at = name; *at != '\0'; at++) {
        *at = *at == '_' ? '-' : (char)apr_tolower(*at);
        if (!apr_isalnum(*at) && *at != '-') {
            return NULL;
        }
    }
    return *name == '\0' ? NULL : name;
}

const char *
cask_proxies_names(apr_pool_t *pool)
{
    const char *names = known[0].name;

    for (int i = 1; i < CASK_PROXIES_HEADERS; i++) {
        names = apr_pstrcat(pool, names, ", ", known[i].name, NULL);
    }
    return names;
}

static const struct cask_proxies_item *
items_of(const apr_array_header_t *array)
{
    return (const struct cask_proxies_item *)array->elts;
}

static const char *
text_of(const struct look *look, const struct cask_proxies_item *item)
{
    return apr_pstrmemdup(look->pool, item->data, item->len);
}

/* A header's own text where it is one value; the item that counts where proxies made it a list.
 * NULL: empty. */
static const char *
choose(const struct look *look, const char *value)
{
    const apr_array_header_t *items = cask_proxies_text_split(value, false, look->pool);
    int at = look->trusted < items->nelts ? look->trusted : items->nelts;

    return items->nelts > 0 ? text_of(look, &items_of(items)[at - 1]) : NULL;
}

/* ---- addresses ---- */

/* How far a chain of addresses could be followed, counted from the right. */
struct walk {
    int reached; /* the item that the outermost trusted proxy wrote */
    int client;  /* the last item that is an address; -1: none */
    struct cask_proxies_address address;
};

static bool
read_node(const struct look *look, const struct cask_proxies_item *item, bool forwarded,
          struct cask_proxies_address *ret_address)
{
    struct cask_proxies_item node = *item;

    if (forwarded) {
        node.data = cask_proxies_text_pair(item, "for", look->pool);
        if (node.data == NULL) {
            return false;
        }
        node.len = strlen(node.data);
    }
    return cask_proxies_text_address(&node, ret_address);
}

static struct walk
walk_chain(const struct look *look, const apr_array_header_t *items, bool forwarded)
{
    const apr_array_header_t *subnets = look->rules->subnets;
    struct walk walk = {.reached = subnets != NULL ? 0 : items->nelts - 1, .client = -1};

    while (walk.reached < items->nelts &&
           read_node(look, &items_of(items)[walk.reached], forwarded, &walk.address)) {
        walk.client = walk.reached;
        if (subnets == NULL || walk.reached == items->nelts - 1 ||
            !cask_proxies_text_is_in(&walk.address, subnets)) {
            break;
        }
        walk.reached++;
    }
    return walk;
}

/* The items from the one at `outermost` to the right end, in the order they came in. */
static const char *
join(const struct look *look, const apr_array_header_t *array, int outermost)
{
    const struct cask_proxies_item *items = items_of(array);
    size_t size = 0;
    char *text;
    char *out;

    for (int i = outermost; i >= 0; i--) {
        size += items[i].len + 2;
    }
    text = apr_palloc(look->pool, size);
    out = text;
    for (int i = outermost; i >= 0; i--) {
        memcpy(out, items[i].data, items[i].len);
        out += items[i].len;
        if (i > 0) {
            *out++ = ',';
            *out++ = ' ';
        }
    }
    *out = '\0';
    return text;
}

static void
believe_chain(struct look *look, int number, const apr_array_header_t *items)
{
    bool forwarded = known[number].form == FORM_FORWARDED;
    struct walk walk;

    if (items->nelts == 0) {
        return;
    }
    walk = walk_chain(look, items, forwarded);
    if (look->rules->subnets != NULL) {
        look->trusted = walk.reached + 1;
    }
    if (walk.client < 0) {
        return;
    }
    look->view->client = cask_proxies_text_of(&walk.address, look->pool);
    look->winner[PART_CLIENT] = number;
    if (look->rules->subnets != NULL && !forwarded) {
        look->view->shown[number] = join(look, items, walk.client);
    }
}

static void
believe_client(struct look *look, int number, const char *value)
{
    const char *text;
    struct cask_proxies_address address;
    struct cask_proxies_item item;

    if (known[number].form != FORM_ADDRESS) {
        believe_chain(
            look, number,
            cask_proxies_text_split(value, known[number].form == FORM_FORWARDED, look->pool));
        return;
    }
    text = choose(look, value);
    if (text == NULL) {
        return;
    }
    item = (struct cask_proxies_item){text, strlen(text)};
    if (cask_proxies_text_address(&item, &address)) {
        look->view->client = cask_proxies_text_of(&address, look->pool);
        look->view->shown[number] = text;
        look->winner[PART_CLIENT] = number;
    }
}

/* ---- everything else ---- */

struct word {
    const char *text;
    int https;
};

static const struct word schemes[] = {{"https", 1}, {"http", 0}, {NULL, 0}};
static const struct word switches[] = {{"on", 1},    {"true", 1}, {"1", 1}, {"off", 0},
                                       {"false", 0}, {"0", 0},    {NULL, 0}};

static bool
set_https(struct cask_proxies_view *view, const struct word *words, const char *text)
{
    for (; words->text != NULL; words++) {
        if (strcasecmp(words->text, text) == 0) {
            view->https = words->https;
            return true;
        }
    }
    return false;
}

static bool
is_host(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (!apr_isalnum(*at) && strchr(".-_:[]%", *at) == NULL) {
            return false;
        }
    }
    return *text != '\0';
}

static bool
is_port_number(const char *text)
{
    size_t len = strspn(text, "0123456789");
    apr_int64_t number = len > 0 && len <= 5 ? apr_atoi64(text) : 0;

    return text[len] == '\0' && number >= 1 && number <= 65535;
}

/* Empty, or a path below the server's root. "//name" would become a link to another server. */
static bool
is_mount(const char *text)
{
    if (text[0] != '\0' && (text[0] != '/' || text[1] == '/' || text[1] == '\\')) {
        return false;
    }
    for (const char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at <= ' ' || *at == '\x7f') {
            return false;
        }
    }
    return true;
}

/* Takes a text for a part; false: it cannot be used. */
static bool
set_part(struct cask_proxies_view *view, const struct header *header, const char *text)
{
    switch (header->form) {
    case FORM_SCHEME:
        return set_https(view, schemes, text);
    case FORM_SWITCH:
        return set_https(view, switches, text);
    case FORM_HOST:
        if (!is_host(text)) {
            return false;
        }
        *(header->parts == BIT(PART_HOST) ? &view->host : &view->server_name) = text;
        return true;
    case FORM_PORT:
        if (!is_port_number(text)) {
            return false;
        }
        view->server_port = text;
        return true;
    case FORM_PATH:
        if (!is_mount(text)) {
            return false;
        }
        view->script_name = text;
        return true;
    case FORM_CHAIN:
    case FORM_ADDRESS:
    case FORM_FORWARDED:
        break;
    }
    return false;
}

/* Scheme and host, from the element that the outermost trusted proxy wrote. */
static void
believe_forwarded(struct look *look, int number, const char *value)
{
    const apr_array_header_t *items = cask_proxies_text_split(value, true, look->pool);
    const struct cask_proxies_item *element;
    const char *scheme;
    const char *host;
    int reached;

    if (items->nelts == 0) {
        return;
    }
    reached = walk_chain(look, items, true).reached;
    element = &items_of(items)[reached];
    scheme = cask_proxies_text_pair(element, "proto", look->pool);
    host = cask_proxies_text_pair(element, "host", look->pool);
    if (scheme != NULL && set_https(look->view, schemes, scheme)) {
        look->winner[PART_SCHEME] = number;
    }
    if (host != NULL && is_host(host)) {
        look->view->host = host;
        look->winner[PART_HOST] = number;
    }
    if (look->rules->subnets != NULL) {
        look->view->shown[number] = join(look, items, reached);
    }
}

/* The part of a header that tells just one. */
static enum part
part_of(const struct header *header)
{
    return (enum part)__builtin_ctz(header->parts);
}

static void
believe_rest(struct look *look, int number, const char *value)
{
    const char *text;

    if (known[number].form == FORM_FORWARDED) {
        believe_forwarded(look, number, value);
        return;
    }
    /* A path may hold commas, and an empty one is a value. */
    text = known[number].form == FORM_PATH ? value : choose(look, value);
    if (text != NULL && set_part(look->view, &known[number], text)) {
        look->view->shown[number] = text;
        look->winner[part_of(&known[number])] = number;
    }
}

/* Reads the headers named; returns the parts they are about. */
static unsigned
read_headers(struct look *look, const apr_table_t *headers, bool trusted)
{
    const apr_array_header_t *list = look->rules->headers;
    const char *const *names = (const char *const *)list->elts;
    unsigned declared = 0;

    /* Addresses first: they tell how many proxies there are. */
    for (int i = 0; i < 2 * list->nelts; i++) {
        const char *name = names[i % list->nelts];
        bool addresses = i < list->nelts;
        int number = cask_proxies_find(name, strlen(name));
        const char *value = trusted && number >= 0 ? apr_table_get(headers, name) : NULL;

        declared |= number >= 0 ? known[number].parts : 0;
        if (value == NULL) {
            continue;
        }
        if (addresses && (known[number].parts & BIT(PART_CLIENT)) != 0) {
            believe_client(look, number, value);
        } else if (!addresses && known[number].parts != BIT(PART_CLIENT)) {
            believe_rest(look, number, value);
        }
    }
    return declared;
}

void
cask_proxies_look(const struct cask_proxies_rules *rules, const struct cask_proxies_address *peer,
                  const apr_table_t *headers, struct cask_proxies_view *ret_view, apr_pool_t *pool)
{
    bool trusted =
        rules->subnets == NULL || (peer != NULL && cask_proxies_text_is_in(peer, rules->subnets));
    struct look look = {.rules = rules,
                        .view = ret_view,
                        .pool = pool,
                        .trusted = rules->subnets != NULL ? 1 : INT_MAX,
                        .winner = {-1, -1, -1, -1, -1, -1}};
    unsigned declared;

    *ret_view = (struct cask_proxies_view){.https = -1};
    declared = read_headers(&look, headers, trusted);
    for (int i = 0; i < CASK_PROXIES_HEADERS; i++) {
        ret_view->hidden |= (known[i].parts & declared) != 0 ? BIT(i) : 0;
    }
    for (int part = 0; part < N_PARTS; part++) {
        ret_view->hidden &= look.winner[part] >= 0 ? ~BIT(look.winner[part]) : ~0u;
    }
}
