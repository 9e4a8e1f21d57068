/* SPDX-License-Identifier: Apache-2.0 */
/* apache/variables.c - CGI variables and headers, straight from the request_rec.
 *
 * Runs for every request: no tables are built (ap_add_common_vars and ap_add_cgi_vars are not
 * used), one array takes all fields, and values are pointers into the request_rec.
 *
 * Owns:    nothing; everything is in the request pool.
 * Threads: the thread that serves the request.
 */
#include "apache/variables.h"

#include "apache/behind_proxy.h"
#include "apache/config.h"
#include "apache/routing.h"
#include "platform/process.h"
#include "request/keys.h"

#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <http_ssl.h>
#include <util_filter.h>
#include <util_script.h>
#include <apr_strings.h>

#include <string.h>
#include <strings.h>

/* Computed variables: at most one for each CGI and module key, and REDIRECT_REMOTE_USER. */
#define MAX_COMPUTED 48

/* A number as text, with room for 32 bits. */
#define NUMBER_SIZE 11u
#define MAX_NUMBERS 4u

struct filling {
    request_rec *r;
    struct cask_field *next; /* where the next field goes */
    struct cask_field *end;
    char *numbers; /* room for MAX_NUMBERS texts */
    bool https;
};

static void
add(struct filling *filling, uint16_t key, const char *value, size_t value_len)
{
    struct cask_field *field = filling->next;

    cask_assert(field < filling->end);
    field->name = (struct cask_str){NULL, 0};
    field->key = key;
    field->value = (struct cask_str){value, (uint32_t)value_len};
    filling->next = field + 1;
}

/* NULL: no such variable. */
static void
add_text(struct filling *filling, uint16_t key, const char *value)
{
    if (value != NULL) {
        add(filling, key, value, strlen(value));
    }
}

static void
add_named(struct filling *filling, const char *name, const char *value)
{
    struct cask_field *field = filling->next;

    add(filling, CASK_KEY_NONE, value, strlen(value));
    field->name = (struct cask_str){name, (uint32_t)strlen(name)};
}

static void
add_number(struct filling *filling, uint16_t key, uint32_t value)
{
    char *end = filling->numbers + NUMBER_SIZE;
    char *at = end;

    filling->numbers = end;
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    add(filling, key, at, (size_t)(end - at));
}

/* Length of a header's name if applications may see it; 0 if it has a character that the rule
 * "'-' becomes '_'" would make ambiguous. */
static size_t
plain_name_len(const char *name)
{
    static const bool plain[256] = {
        ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['-'] = true};
    size_t len = 0;

    while (plain[(unsigned char)name[len]]) {
        len++;
    }
    return name[len] == '\0' ? len : 0;
}

static bool
is_https_on(const char *value)
{
    return strcasecmp(value, "on") == 0 || strcmp(value, "1") == 0;
}

/* SetEnv, SetEnvIf, RewriteRule, mod_ssl, mod_unique_id and the like. */
static void
add_environment(struct filling *filling)
{
    const apr_array_header_t *entries = apr_table_elts(filling->r->subprocess_env);
    const apr_table_entry_t *entry = (const apr_table_entry_t *)entries->elts;

    for (int i = 0; i < entries->nelts; i++, entry++) {
        const char *name = entry->key;

        if (name == NULL || entry->val == NULL) {
            continue;
        }
        switch (name[0]) {
        case 'H':
            if (strcmp(name, "HTTPS") == 0) {
                filling->https = is_https_on(entry->val); /* becomes wsgi.url_scheme */
                continue;
            }
            break;
        case 'P':
            if (strcmp(name, "PATH") == 0) {
                continue;
            }
            break;
        case 'm':
            if (strncmp(name, "mod_wsgi.x-", 11) == 0) {
                continue;
            }
            break;
        default:
            break;
        }
        add_named(filling, name, entry->val);
    }
}

static bool
may_pass(uint16_t key, const char *name, size_t len, bool authorization, bool cgi_authorization)
{
    if (key == CASK_KEY_AUTHORIZATION) {
        return authorization || cgi_authorization;
    }
    if (key != CASK_KEY_NONE) {
        return true;
    }
    if (len == 5) {
        return strcasecmp(name, "Proxy") != 0; /* HTTP_PROXY is a setting of many programs */
    }
    if (len == 19 && strcasecmp(name, "Proxy-Authorization") == 0) {
        return cgi_authorization;
    }
    return true;
}

/* httpd has joined Cookie headers with ", ", but cookies are separated by "; " (RFC 6265). A comma
 * in a value is left alone: what follows it does not look like the name of a cookie. */
static const char *
separate_cookies(const request_rec *r, const char *name, const char *value)
{
    const char *comma = strstr(value, ", ");
    const char *end = name + strlen(name) + 1;
    char *copy;

    while (end < value && (*end == ' ' || *end == '\t')) {
        end++;
    }
    /* A value that still stands behind its name, as it was received, was not joined; mod_http2
     * joins with ";". */
    if (comma == NULL || end == value || r->proto_num >= HTTP_VERSION(2, 0)) {
        return value;
    }
    copy = apr_pstrdup(r->pool, value);
    for (char *at = copy + (comma - value); at != NULL; at = strstr(at + 1, ", ")) {
        size_t len = strcspn(at + 2, "=;, \"");

        if (at[2] == '\0' || (len > 0 && at[2 + len] == '=')) {
            *at = ';';
        }
    }
    return copy;
}

/* The header fields; Content-Type and Content-Length are kept for the variables. */
static void
add_headers(struct filling *filling, const struct cask_route *route, const char **ret_type,
            const char **ret_length)
{
    const request_rec *r = filling->r;
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    bool cgi_authorization = core->cgi_pass_auth == AP_CGI_PASS_AUTH_ON;
    const apr_array_header_t *entries = apr_table_elts(r->headers_in);
    const apr_table_entry_t *entry = (const apr_table_entry_t *)entries->elts;

    for (int i = 0; i < entries->nelts; i++, entry++) {
        const char *name = entry->key;
        size_t len;
        uint16_t key;

        if (name == NULL || entry->val == NULL) {
            continue;
        }
        len = plain_name_len(name);
        if (len == 0) {
            continue;
        }
        key = cask_keys_find_header(name, len);
        if (key == CASK_KEY_NONE && len == 12 && strcasecmp(name, "Content-Type") == 0) {
            *ret_type = entry->val;
            continue;
        }
        if (key == CASK_KEY_NONE && len == 14 && strcasecmp(name, "Content-Length") == 0) {
            *ret_length = entry->val;
            continue;
        }
        if (!may_pass(key, name, len, route->values.pass_authorization != 0, cgi_authorization)) {
            continue;
        }
        add_text(filling, key,
                 key == CASK_KEY_COOKIE ? separate_cookies(r, name, entry->val) : entry->val);
        if (key == CASK_KEY_NONE) {
            filling->next[-1].name = (struct cask_str){name, (uint32_t)len};
        }
    }
}

/* The text with each run of '/' made one. */
static struct cask_str
collapse(const char *text, size_t len, apr_pool_t *pool)
{
    char *copy;
    size_t used = 0;
    size_t i = 1;

    while (i < len && (text[i] != '/' || text[i - 1] != '/')) {
        i++;
    }
    if (i >= len) {
        return (struct cask_str){text, (uint32_t)len};
    }
    copy = apr_palloc(pool, len);
    for (i = 0; i < len; i++) {
        if (text[i] != '/' || used == 0 || copy[used - 1] != '/') {
            copy[used++] = text[i];
        }
    }
    return (struct cask_str){copy, (uint32_t)used};
}

static void
add_paths(struct filling *filling)
{
    request_rec *r = filling->r;
    const char *path_info = r->path_info != NULL ? r->path_info : "";
    size_t script_len;
    struct cask_str script_name;
    struct cask_str path;

    if (*path_info == '\0' || strcmp(r->protocol, "INCLUDED") == 0) {
        script_len = strlen(r->uri);
    } else {
        script_len = (size_t)ap_find_path_info(r->uri, path_info);
    }
    script_name = collapse(r->uri, script_len, r->pool);
    path = collapse(path_info, strlen(path_info), r->pool);
    add(filling, CASK_KEY_SCRIPT_NAME, script_name.data, script_name.len);
    add(filling, CASK_KEY_PATH_INFO, path.data, path.len);
    add(filling, CASK_KEY_WSGI_SCRIPT_NAME, script_name.data, script_name.len);
    add(filling, CASK_KEY_WSGI_PATH_INFO, path.data, path.len);
}

/* The target as it stands in the request line, or what it became by now (CGIVar). */
static void
add_request_uri(struct filling *filling)
{
    const request_rec *r = filling->r;
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    const char *begin = r->the_request;
    size_t len;

    if (core->cgi_var_rules != NULL) {
        const char *rule = apr_hash_get(core->cgi_var_rules, "REQUEST_URI", APR_HASH_KEY_STRING);

        if (rule != NULL && strcmp(rule, "current-uri") == 0) {
            add_text(filling, CASK_KEY_REQUEST_URI, r->uri);
            return;
        }
    }
    if (begin == NULL) {
        return;
    }
    begin += strcspn(begin, " ");
    begin += strspn(begin, " ");
    len = strcspn(begin, " ");
    add(filling, CASK_KEY_REQUEST_URI, begin, len);
}

/* After an internal redirect: where the request came from. */
static void
add_redirect(struct filling *filling)
{
    request_rec *r = filling->r;
    request_rec *prev = r->prev;
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);

    if (prev == NULL) {
        return;
    }
    if (r->user == NULL && prev->user != NULL) {
        add_named(filling, "REDIRECT_REMOTE_USER", prev->user);
    }
    if (core->qualify_redirect_url == AP_CORE_CONFIG_ON) {
        add_text(filling, CASK_KEY_REDIRECT_URL,
                 ap_construct_url(r->pool, prev->unparsed_uri, prev));
    } else {
        add_text(filling, CASK_KEY_REDIRECT_URL, prev->uri);
    }
    add_text(filling, CASK_KEY_REDIRECT_QUERY_STRING, prev->args);
}

/* HTML's special characters made harmless, as ap_add_common_vars does. */
static const char *
safe_server_name(request_rec *r)
{
    const char *name = ap_get_server_name_for_url(r);

    return strpbrk(name, "<>&\"") == NULL ? name : ap_escape_html(r->pool, name);
}

static void
add_server(struct filling *filling)
{
    request_rec *r = filling->r;
    const conn_rec *c = r->connection;

    add_text(filling, CASK_KEY_SERVER_NAME, safe_server_name(r));
    add_number(filling, CASK_KEY_SERVER_PORT, ap_get_server_port(r));
    add_text(filling, CASK_KEY_SERVER_ADDR, c->local_ip);
    add_text(filling, CASK_KEY_SERVER_PROTOCOL, r->protocol);
    add_text(filling, CASK_KEY_SERVER_SOFTWARE, ap_get_server_banner());
    add_text(filling, CASK_KEY_SERVER_ADMIN, r->server->server_admin);
    add_text(filling, CASK_KEY_DOCUMENT_ROOT, ap_document_root(r));
    add_text(filling, CASK_KEY_CONTEXT_PREFIX, ap_context_prefix(r));
    add_text(filling, CASK_KEY_CONTEXT_DOCUMENT_ROOT, ap_context_document_root(r));
    add_text(filling, CASK_KEY_SCRIPT_FILENAME, r->filename);
    add_text(filling, CASK_KEY_REQUEST_SCHEME, ap_http_scheme(r));
    add_text(filling, CASK_KEY_REMOTE_ADDR, r->useragent_ip);
    add_number(filling, CASK_KEY_REMOTE_PORT, c->client_addr->port);
    add_text(filling, CASK_KEY_REMOTE_USER, r->user);
    add_text(filling, CASK_KEY_AUTH_TYPE, r->ap_auth_type);
}

static void
add_module(struct filling *filling, const struct cask_route *route)
{
    request_rec *r = filling->r;
    const conn_rec *c = r->connection;

    add_text(filling, CASK_KEY_WSGI_PROCESS_GROUP, route->process_group);
    add_text(filling, CASK_KEY_WSGI_APPLICATION_GROUP, route->application_group);
    add_text(filling, CASK_KEY_WSGI_CALLABLE_OBJECT, route->callable);
    add_text(filling, CASK_KEY_WSGI_REQUEST_HANDLER, r->handler);
    add_text(filling, CASK_KEY_WSGI_HANDLER_SCRIPT, route->handler_script);
    add_text(filling, CASK_KEY_WSGI_LISTENER_HOST,
             c->local_addr->hostname != NULL ? c->local_addr->hostname : "");
    add_number(filling, CASK_KEY_WSGI_LISTENER_PORT, c->local_addr->port);
    add_number(filling, CASK_KEY_WSGI_SERVER_PID, (uint32_t)cask_process_get()->pid);
    if (r->log_id == NULL) {
        (void)ap_run_generate_log_id(c, r, &r->log_id);
    }
    add_text(filling, CASK_KEY_WSGI_REQUEST_ID, r->log_id);
    add_text(filling, CASK_KEY_WSGI_CONNECTION_ID, c->log_id);
}

/* Does the application see a HEAD request as one? Asked as GET, httpd drops the body. Auto: it is
 * when filters between the application and the protocol need the body (DEFLATE for its length). */
static bool
asks_for_head(const request_rec *r, int head_to_get)
{
    if (!r->header_only || head_to_get == CASK_CONFIG_HEAD_ON) {
        return false;
    }
    return head_to_get == CASK_CONFIG_HEAD_OFF || r->method_number != M_GET ||
           r->output_filters == NULL || r->output_filters->frec->ftype >= AP_FTYPE_PROTOCOL;
}

static bool
is_tls(conn_rec *c)
{
    return ap_ssl_conn_is_ssl(c->master != NULL ? c->master : c) != 0;
}

void
cask_variables_fill(request_rec *r, const struct cask_route *route, struct cask_request *request)
{
    size_t n = (size_t)apr_table_elts(r->headers_in)->nelts +
               (size_t)apr_table_elts(r->subprocess_env)->nelts + MAX_COMPUTED;
    struct cask_field *fields =
        apr_palloc(r->pool, n * sizeof(*fields) + (size_t)MAX_NUMBERS * NUMBER_SIZE);
    struct filling filling = {
        .r = r, .next = fields, .end = fields + n, .numbers = (char *)(fields + n)};
    const char *content_type = NULL;
    const char *content_length = NULL;
    bool head = asks_for_head(r, route->values.head_to_get);

    request->headers = filling.next;
    add_headers(&filling, route, &content_type, &content_length);
    request->n_headers = (size_t)(filling.next - request->headers);

    request->vars = filling.next;
    add_environment(&filling);
    add_text(&filling, CASK_KEY_REQUEST_METHOD, r->header_only && !head ? "GET" : r->method);
    add_paths(&filling);
    add_text(&filling, CASK_KEY_QUERY_STRING, r->args != NULL ? r->args : "");
    add_request_uri(&filling);
    add_server(&filling);
    add_redirect(&filling);
    add_text(&filling, CASK_KEY_CONTENT_TYPE, content_type);
    add_text(&filling, CASK_KEY_CONTENT_LENGTH, content_length);
    add_module(&filling, route);
    request->n_vars = (size_t)(filling.next - request->vars);

    if (head) {
        request->flags |= CASK_REQUEST_HEAD;
    }
    if (filling.https || is_tls(r->connection)) {
        request->flags |= CASK_REQUEST_HTTPS;
    }
    if (route->values.trusted_headers != NULL) {
        cask_behind_proxy_apply(r, &route->values, request);
    }
}
