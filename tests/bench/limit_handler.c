/* SPDX-License-Identifier: Apache-2.0 */
/* tests/bench/limit_handler.c - the floor: the answer of the hello application from a bare C
 * handler.
 *
 * What a request costs here is httpd's own work; everything above it is the price of running
 * Python.
 */
#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>

static int
limit_handle(request_rec *r)
{
    static const char body[] = "Hello, World!";

    if (r->handler == NULL || strcmp(r->handler, "bench-limit") != 0) {
        return DECLINED;
    }
    ap_set_content_type(r, "text/plain");
    ap_set_content_length(r, sizeof(body) - 1);
    (void)ap_rwrite(body, sizeof(body) - 1, r);
    return OK;
}

static void
limit_hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_handler(limit_handle, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(bench_limit) = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, limit_hooks,
};
