/* SPDX-License-Identifier: Apache-2.0 */
/* apache/proxies.h - what forwarding headers say about a client, and whom to believe: the rules of
 * WSGITrustedProxyHeaders and WSGITrustedProxies, without a server. */
#ifndef CASK_APACHE_PROXIES_H
#define CASK_APACHE_PROXIES_H

#include <apr_tables.h>

#include <stddef.h>

struct cask_proxies_address;

/* Headers that are known; each has one bit in `hidden` of a view. */
enum { CASK_PROXIES_HEADERS = 16 };

/* What the directives say. */
struct cask_proxies_rules {
    const apr_array_header_t *headers; /* const char *: names of known headers, in lower case */
    const apr_array_header_t *subnets; /* apr_ipsubnet_t *; NULL: everybody is believed */
};

/* How a request looks behind its proxies. NULL and -1: as it looks without them. */
struct cask_proxies_view {
    const char *client;                      /* REMOTE_ADDR, in its usual form */
    const char *host;                        /* HTTP_HOST */
    const char *server_name;                 /* SERVER_NAME */
    const char *server_port;                 /* SERVER_PORT */
    const char *script_name;                 /* SCRIPT_NAME */
    int https;                               /* 1, 0 */
    unsigned hidden;                         /* headers that the application must not see */
    const char *shown[CASK_PROXIES_HEADERS]; /* another text for a header it may see */
};

/* The name of a header as rules hold it: lower case, '_' read as '-'. NULL: it cannot be one. */
const char *cask_proxies_name(const char *word, apr_pool_t *pool);
/* All known names, for messages. */
const char *cask_proxies_names(apr_pool_t *pool);
/* Number of a known header (any case), or -1. */
int cask_proxies_find(const char *name, size_t name_len);

/* Reads the request headers (names in any case) of a request that came from `peer` (NULL: an
 * address that cannot be told, believed only when everybody is). */
void cask_proxies_look(const struct cask_proxies_rules *rules,
                       const struct cask_proxies_address *peer, const apr_table_t *headers,
                       struct cask_proxies_view *ret_view, apr_pool_t *pool);

#endif
