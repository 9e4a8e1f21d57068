/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/apache/fuzz_text.c - text from configurations and clients: values, names to expand, URL
 * prefixes, forwarding headers, and names of headers. */
#include <stdbool.h>
#include <string.h>

#include <apr_general.h>
#include <apr_network_io.h>
#include <apr_pools.h>

#include "apache/expand.h"
#include "apache/prefix.h"
#include "apache/proxies_text.h"
#include "apache/values.h"
#include "fuzz.h"
#include "request/keys.h"

static void
check_values(const char *text, apr_pool_t *pool)
{
    static const char *const names[] = {"threads", "processes", "user", "group"};
    int64_t number = 0;
    int64_t again = 0;
    size_t index = 0;
    int flag = 0;

    (void)cask_values_flag(text, &flag);
    (void)cask_values_octal(text, &flag);
    if (cask_values_integer(text, -5, 1000, &number, pool) == NULL) {
        must(number >= -5 && number <= 1000);
    }
    if (cask_values_size(text, 0, INT64_MAX, &number, pool) == NULL) {
        must(number >= 0 && cask_values_size(cask_values_size_text(number, pool), 0, INT64_MAX,
                                             &again, pool) == NULL);
        must(again == number);
    }
    if (cask_values_time(text, 0, INT64_C(1) << 50, &number, pool) == NULL) {
        must(number >= 0 && number <= INT64_C(1) << 50);
        must(cask_values_time(cask_values_time_text(number, pool), 0, INT64_C(1) << 50, &again,
                              pool) == NULL);
        must(again == number);
    }
    if (cask_values_choice(text, names, 4, &index, pool) == NULL) {
        must(index < 4);
    }
    must(cask_values_unknown("WSGIDaemonProcess", text, names, 4, pool) != NULL);
}

static const char *
look_up(void *context, const char *name)
{
    return strlen(name) % 2 == 0 ? context : NULL;
}

static void
check_names(const char *text, const char *other, apr_pool_t *pool)
{
    const struct cask_expand_facts facts = {.server_name = "example.test",
                                            .host = other,
                                            .port = 8080,
                                            .uri = other,
                                            .path_info = text,
                                            .lookup = look_up,
                                            .context = (char *)(uintptr_t)other};

    (void)cask_expand_group(text, &facts, pool);
    (void)cask_expand_callable(text, &facts, pool);
    (void)cask_expand_is_literal(text);
    (void)cask_expand_is_embedded(text);
    (void)cask_expand_is_unknown(text);
    must(strlen(cask_expand_script_name(other, text, pool)) <= strlen(other));
    must(cask_prefix_match(other, text) <= strlen(other));
    must(cask_keys_find_header(text, strlen(text)) < CASK_KEY_LIMIT);
}

static void
check_item(const struct cask_proxies_item *item, const apr_array_header_t *subnets,
           apr_pool_t *pool)
{
    struct cask_proxies_address address;
    struct cask_proxies_address again;

    (void)cask_proxies_text_pair(item, "for", pool);
    (void)cask_proxies_text_pair(item, "proto", pool);
    if (cask_proxies_text_address(item, &address)) {
        const char *text = cask_proxies_text_of(&address, pool);
        const struct cask_proxies_item same = {.data = text, .len = strlen(text)};

        (void)cask_proxies_text_is_in(&address, subnets);
        must(cask_proxies_text_address(&same, &again) && again.family == address.family);
        must(memcmp(again.bytes, address.bytes, address.family == APR_INET ? 4 : 16) == 0);
    }
}

static void
check_proxies(const char *text, const char *other, apr_pool_t *pool)
{
    apr_array_header_t *subnets = apr_array_make(pool, 1, sizeof(apr_ipsubnet_t *));
    apr_ipsubnet_t *subnet = NULL;

    if (cask_proxies_text_subnet(other, &subnet, pool) == NULL) {
        APR_ARRAY_PUSH(subnets, apr_ipsubnet_t *) = subnet;
    }
    for (int quoted = 0; quoted < 2; quoted++) {
        const apr_array_header_t *items = cask_proxies_text_split(text, quoted != 0, pool);

        for (int i = 0; i < items->nelts; i++) {
            check_item(&APR_ARRAY_IDX(items, i, struct cask_proxies_item), subnets, pool);
        }
    }
}

/* Two texts, of which the first ends at the first NUL. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool begun;
    apr_pool_t *pool = NULL;
    size_t first = strnlen((const char *)data, size);
    char *text = malloc(first + 1);
    char *other = malloc(size - first + 1);

    must(text != NULL && other != NULL);
    memcpy(text, data, first);
    text[first] = '\0';
    memcpy(other, data + first, size - first);
    other[size - first] = '\0';
    if (size > first) { /* behind the NUL */
        memmove(other, other + 1, size - first);
    }
    if (!begun) {
        must(apr_initialize() == APR_SUCCESS);
        begun = true;
    }
    must(apr_pool_create(&pool, NULL) == APR_SUCCESS);
    check_values(text, pool);
    check_names(text, other, pool);
    check_proxies(text, other, pool);
    apr_pool_destroy(pool);
    free(text);
    free(other);
    return 0;
}
