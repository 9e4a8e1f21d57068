/* SPDX-License-Identifier: Apache-2.0 */
/* apache/proxies_text.c - the texts of forwarding headers taken apart.
 *
 * Owns:    nothing; results live in the pool given.
 * Touches: APR and inet_pton only, no httpd call: tested without a server.
 * Threads: any.
 */
#include "apache/proxies_text.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define PORT_DIGITS 5u

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct cask_proxies_item
trimmed(const char *begin, const char *end)
{
    while (begin < end && is_blank(*begin)) {
        begin++;
    }
    while (end > begin && is_blank(end[-1])) {
        end--;
    }
    return (struct cask_proxies_item){begin, (size_t)(end - begin)};
}

/* Is the quote at `at` taken literally (an odd number of backslashes before it)? */
static bool
is_escaped(const char *begin, const char *at)
{
    const char *first = at;

    while (first > begin && first[-1] == '\\') {
        first--;
    }
    return (at - first) % 2 == 1;
}

apr_array_header_t *
cask_proxies_text_split(const char *text, bool quoted, apr_pool_t *pool)
{
    apr_array_header_t *items = apr_array_make(pool, 4, sizeof(struct cask_proxies_item));
    const char *end = text + strlen(text);
    bool in_quotes = false;

    for (const char *at = end;; at--) {
        if (quoted && at > text && at[-1] == '"' && !is_escaped(text, at - 1)) {
            in_quotes = !in_quotes;
        } else if (at == text || (at[-1] == ',' && !in_quotes)) {
            struct cask_proxies_item item = trimmed(at, end);

            if (item.len > 0) {
                *(struct cask_proxies_item *)apr_array_push(items) = item;
            }
            if (at == text) {
                return items;
            }
            end = at - 1;
        }
    }
}

static bool
read_bytes(int family, const char *text, size_t len, struct cask_proxies_address *ret_address)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct cask_proxies_address address = {.family = family};
    char copy[INET6_ADDRSTRLEN];

    if (len >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (strlen(copy) != len || inet_pton(family, copy, address.bytes) != 1) {
        return false;
    }
    if (family == APR_INET6 && memcmp(address.bytes, mapped, sizeof(mapped)) == 0) {
        address.family = APR_INET;
        memcpy(address.bytes, address.bytes + sizeof(mapped), 4);
    }
    *ret_address = address;
    return true;
}

/* ":80" or, in Forwarded, ":_name"; or nothing. */
static bool
is_port(const char *text, size_t len)
{
    size_t i = 1;

    if (len == 0) {
        return true;
    }
    if (text[0] != ':' || len == 1) {
        return false;
    }
    if (text[1] == '_') {
        while (i < len && (apr_isalnum(text[i]) || strchr("._-", text[i]) != NULL)) {
            i++;
        }
        return i == len && len > 2;
    }
    while (i < len && apr_isdigit(text[i])) {
        i++;
    }
    return i == len && len - 1 <= PORT_DIGITS;
}

bool
cask_proxies_text_address(const struct cask_proxies_item *item,
                          struct cask_proxies_address *ret_address)
{
    const char *text = item->data;
    const char *colon = memchr(text, ':', item->len);
    const char *end;

    if (item->len > 0 && text[0] == '[') {
        end = memchr(text, ']', item->len);
        return end != NULL && is_port(end + 1, item->len - (size_t)(end + 1 - text)) &&
               read_bytes(APR_INET6, text + 1, (size_t)(end - text) - 1, ret_address);
    }
    if (colon != NULL && memchr(colon + 1, ':', item->len - (size_t)(colon + 1 - text)) != NULL) {
        return read_bytes(APR_INET6, text, item->len, ret_address);
    }
    end = colon != NULL ? colon : text + item->len;
    return is_port(end, item->len - (size_t)(end - text)) &&
           read_bytes(APR_INET, text, (size_t)(end - text), ret_address);
}

const char *
cask_proxies_text_of(const struct cask_proxies_address *address, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, INET6_ADDRSTRLEN);

    return inet_ntop(address->family, address->bytes, text, INET6_ADDRSTRLEN);
}

const char *
cask_proxies_text_subnet(const char *text, apr_ipsubnet_t **ret_subnet, apr_pool_t *pool)
{
    static const char allowed[] = "an IP address, or a network like 192.0.2.0/24 or 2001:db8::/32; "
                                  "names are not looked up";
    const char *slash = strchr(text, '/');
    const char *mask = slash != NULL ? slash + 1 : NULL;
    const char *address_text =
        slash != NULL ? apr_pstrmemdup(pool, text, (size_t)(slash - text)) : text;
    struct cask_proxies_item item = {address_text, strlen(address_text)};
    struct cask_proxies_address address;

    if (strchr(address_text, ':') != NULL) { /* APR knows no IPv6 address that stands for IPv4 */
        if (!read_bytes(APR_INET6, item.data, item.len, &address)) {
            return allowed;
        }
        address_text = cask_proxies_text_of(&address, pool);
        if (address.family == APR_INET && mask != NULL) {
            apr_int64_t bits = apr_strtoi64(mask, NULL, 10);

            if (bits < 96 || bits > 128 || strspn(mask, "0123456789") != strlen(mask)) {
                return allowed;
            }
            mask = apr_itoa(pool, (int)(bits - 96));
        }
    }
    return apr_ipsubnet_create(ret_subnet, address_text, mask, pool) == APR_SUCCESS ? NULL
                                                                                    : allowed;
}

bool
cask_proxies_text_is_in(const struct cask_proxies_address *address,
                        const apr_array_header_t *subnets)
{
    apr_ipsubnet_t *const *subnet = (apr_ipsubnet_t *const *)subnets->elts;
    apr_sockaddr_t socket_address = {.family = address->family};

    if (address->family == APR_INET) {
        memcpy(&socket_address.sa.sin.sin_addr, address->bytes, 4);
        socket_address.ipaddr_ptr = &socket_address.sa.sin.sin_addr;
    } else {
        memcpy(&socket_address.sa.sin6.sin6_addr, address->bytes, 16);
        socket_address.ipaddr_ptr = &socket_address.sa.sin6.sin6_addr;
    }
    for (int i = 0; i < subnets->nelts; i++) {
        if (apr_ipsubnet_test(subnet[i], &socket_address)) {
            return true;
        }
    }
    return false;
}

/* RFC 9110 tchar. */
static bool
is_token(char c)
{
    return apr_isalnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* What a token may hold in Forwarded in practice: addresses and hosts are often not quoted. */
static bool
is_bare(char c)
{
    return is_token(c) || c == ':' || c == '[' || c == ']';
}

/* Reads a token or a quoted string at *at; NULL when it is neither. */
static const char *
read_value(const char **at, const char *end, apr_pool_t *pool)
{
    const char *begin = *at;
    char *value;
    char *out;

    if (begin == end || *begin != '"') {
        while (*at < end && is_bare(**at)) {
            (*at)++;
        }
        return *at > begin ? apr_pstrmemdup(pool, begin, (size_t)(*at - begin)) : NULL;
    }
    value = apr_palloc(pool, (size_t)(end - begin));
    out = value;
    for (const char *from = begin + 1; from < end; from++) {
        if (*from == '"') {
            *out = '\0';
            *at = from + 1;
            return value;
        }
        if (*from == '\\' && ++from == end) {
            break;
        }
        *out++ = *from;
    }
    return NULL;
}

static void
skip_blanks(const char **at, const char *end)
{
    while (*at < end && is_blank(**at)) {
        (*at)++;
    }
}

const char *
cask_proxies_text_pair(const struct cask_proxies_item *element, const char *name, apr_pool_t *pool)
{
    const char *at = element->data;
    const char *end = at + element->len;
    const char *found = NULL;

    while (at < end) {
        const char *begin = at;
        const char *value;
        size_t name_len;

        if (*at == ';' || is_blank(*at)) { /* empty pairs are allowed */
            at++;
            continue;
        }
        while (at < end && is_token(*at)) {
            at++;
        }
        name_len = (size_t)(at - begin);
        if (name_len == 0 || at == end || *at != '=') {
            return NULL;
        }
        at++;
        value = read_value(&at, end, pool);
        skip_blanks(&at, end);
        if (value == NULL || (at < end && *at != ';')) {
            return NULL;
        }
        if (name_len == strlen(name) && strncasecmp(begin, name, name_len) == 0) {
            if (found != NULL) {
                return NULL; /* twice: which one was meant? */
            }
            found = value;
        }
    }
    return found;
}
