/* SPDX-License-Identifier: Apache-2.0 */
/* apache/behind_proxy.c - a request as its client sent it to the outermost proxy.
 *
 * Only what the application sees changes: httpd's own view (access log, Require ip) is
 * mod_remoteip's business, whose result counts as the peer here.
 *
 * Owns:    nothing; new arrays of fields are in the request pool.
 * Touches: apache/proxies (the rules).
 * Threads: the thread that serves the request.
 */
#include "apache/behind_proxy.h"

#include "apache/config.h"
#include "apache/proxies.h"
#include "apache/proxies_text.h"
#include "request/keys.h"
#include "request/request.h"

#include <string.h>

/* What a variable becomes; NULL: it stays. */
static const char *
new_value(const struct cask_proxies_view *view, uint16_t key)
{
    switch (key) {
    case CASK_KEY_REMOTE_ADDR:
        return view->client;
    case CASK_KEY_SERVER_NAME:
        return view->server_name;
    case CASK_KEY_SERVER_PORT:
        return view->server_port;
    case CASK_KEY_SCRIPT_NAME:
        return view->script_name;
    case CASK_KEY_HOST:
        return view->host;
    default:
        return NULL;
    }
}

static void
rewrite_variables(const struct cask_proxies_view *view, struct cask_request *request,
                  apr_pool_t *pool)
{
    struct cask_field *fields = apr_palloc(pool, (request->n_vars + 1) * sizeof(*fields));

    for (size_t i = 0; i < request->n_vars; i++) {
        const char *value = new_value(view, request->vars[i].key);

        fields[i] = request->vars[i];
        if (value != NULL) {
            fields[i].value = cask_request_str(value);
        }
    }
    if (view->script_name != NULL) {
        fields[request->n_vars++] = (struct cask_field){
            .key = CASK_KEY_WSGI_MOUNT_POINT, .value = cask_request_str(view->script_name)};
    }
    request->vars = fields;
}

/* Number of a header field among those that proxies set, or -1. */
static int
find_field(const struct cask_field *field)
{
    struct cask_str name =
        field->key != CASK_KEY_NONE ? cask_keys_header_name(field->key) : field->name;

    return cask_proxies_find(name.data, name.len);
}

static void
rewrite_headers(const struct cask_proxies_view *view, struct cask_request *request,
                apr_pool_t *pool)
{
    struct cask_field *fields = apr_palloc(pool, (request->n_headers + 1) * sizeof(*fields));
    struct cask_field *next = fields;
    bool has_host = false;

    for (size_t i = 0; i < request->n_headers; i++) {
        const struct cask_field *field = &request->headers[i];
        int number = find_field(field);
        const char *value = number >= 0 ? view->shown[number] : new_value(view, field->key);

        if (number >= 0 && (view->hidden & (1u << number)) != 0) {
            continue;
        }
        *next = *field;
        if (value != NULL) {
            next->value = cask_request_str(value);
        }
        next++;
        has_host = has_host || field->key == CASK_KEY_HOST;
    }
    if (!has_host && view->host != NULL) { /* HTTP/1.0 */
        *next++ = (struct cask_field){.key = CASK_KEY_HOST, .value = cask_request_str(view->host)};
    }
    request->headers = fields;
    request->n_headers = (size_t)(next - fields);
}

void
cask_behind_proxy_apply(request_rec *r, const struct cask_config_scope *values,
                        struct cask_request *request)
{
    const struct cask_proxies_rules rules = {
        .headers = values->trusted_headers,
        .subnets = values->trusted_proxies,
    };
    const struct cask_proxies_item peer_text = {r->useragent_ip, strlen(r->useragent_ip)};
    struct cask_proxies_address peer;
    struct cask_proxies_view view;

    cask_proxies_look(&rules, cask_proxies_text_address(&peer_text, &peer) ? &peer : NULL,
                      r->headers_in, &view, r->pool);
    rewrite_variables(&view, request, r->pool);
    rewrite_headers(&view, request, r->pool);
    if (view.https == 1) {
        request->flags |= CASK_REQUEST_HTTPS;
    } else if (view.https == 0) {
        request->flags &= ~(uint32_t)CASK_REQUEST_HTTPS;
    }
}
