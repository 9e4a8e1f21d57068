/* SPDX-License-Identifier: Apache-2.0 */
/* apache/proxies_text.h - the texts of forwarding headers taken apart: lists, addresses, and the
 * elements of RFC 7239's Forwarded. Strict: what is not well-formed is no value at all, and nothing
 * is ever looked up by name. */
#ifndef CASK_APACHE_PROXIES_TEXT_H
#define CASK_APACHE_PROXIES_TEXT_H

#include <apr_network_io.h>
#include <apr_tables.h>

#include <stdbool.h>
#include <stddef.h>

/* Part of a header's value, without blanks around it. */
struct cask_proxies_item {
    const char *data;
    size_t len;
};

/* An IPv4 or IPv6 address; one of ::ffff:0:0/96 counts as the IPv4 address it stands for. */
struct cask_proxies_address {
    int family; /* APR_INET, APR_INET6 */
    unsigned char bytes[16];
};

/* The items between commas, from the right to the left (the nearest proxy's is the first); empty
 * ones are left out. With `quoted` commas in quoted strings do not count: quotes are followed from
 * the right, so that what a client wrote cannot swallow what its proxy put behind. */
apr_array_header_t *cask_proxies_text_split(const char *text, bool quoted, apr_pool_t *pool);

/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:DB8::1]:80". */
bool cask_proxies_text_address(const struct cask_proxies_item *item,
                               struct cask_proxies_address *ret_address);
/* The same written in the usual way: lower case, without brackets and port. */
const char *cask_proxies_text_of(const struct cask_proxies_address *address, apr_pool_t *pool);
/* "192.0.2.0/24", "192.0.2.1", "192.0.2", "2001:DB8::/32". NULL, or what is allowed instead. */
const char *cask_proxies_text_subnet(const char *text, apr_ipsubnet_t **ret_subnet,
                                     apr_pool_t *pool);
/* Is the address in one of these (apr_ipsubnet_t *)? */
bool cask_proxies_text_is_in(const struct cask_proxies_address *address,
                             const apr_array_header_t *subnets);

/* A parameter (name in lower case) of one element of Forwarded, without quotes. NULL: it is not
 * there, or the element is not well-formed. */
const char *cask_proxies_text_pair(const struct cask_proxies_item *element, const char *name,
                                   apr_pool_t *pool);

#endif
