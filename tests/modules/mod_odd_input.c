/* SPDX-License-Identifier: Apache-2.0 */
/* tests/modules/mod_odd_input.c - input filters that do what filters may do, but seldom do.
 *
 * ODD_SPLIT    one byte per bucket, metadata buckets between them
 * ODD_GREEDY   more bytes than were asked for
 * ODD_EMPTY    every second call an empty brigade and success
 * ODD_REFUSE   after 1000 bytes: a page of its own (403) down the output filters
 * ODD_FAIL     after 1000 bytes: a failure without any explanation
 * ODD_ERROR    after 1000 bytes: an error bucket (403) in the brigade
 * OddInspect On: like mod_security, reads the whole body before the handler, refuses those with the
 *              word "attack" (403), and gives it back from memory.
 */
#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>
#include <util_filter.h>
#include <apr_buckets.h>
#include <apr_strings.h>

#include <string.h>

module AP_MODULE_DECLARE_DATA odd_input_module;

#define REFUSE_AFTER 1000

struct count {
    apr_off_t bytes;
    int calls;
};

static struct count *
count_of(ap_filter_t *f)
{
    if (f->ctx == NULL) {
        f->ctx = apr_pcalloc(f->r->pool, sizeof(struct count));
    }
    return f->ctx;
}

static apr_status_t
split(ap_filter_t *f, apr_bucket_brigade *bb, ap_input_mode_t mode, apr_read_type_e block,
      apr_off_t bytes)
{
    apr_bucket_alloc_t *list = f->c->bucket_alloc;
    apr_status_t rv = ap_get_brigade(f->next, bb, mode, block, bytes < 50 ? bytes : 50);
    apr_bucket *e;

    for (e = APR_BRIGADE_FIRST(bb); rv == APR_SUCCESS && e != APR_BRIGADE_SENTINEL(bb);
         e = APR_BUCKET_NEXT(e)) {
        const char *data;
        apr_size_t len;

        if (APR_BUCKET_IS_METADATA(e)) {
            continue;
        }
        rv = apr_bucket_read(e, &data, &len, block);
        if (rv == APR_SUCCESS && len > 1) {
            (void)apr_bucket_split(e, 1);
        }
        APR_BUCKET_INSERT_BEFORE(e, apr_bucket_flush_create(list));
        APR_BUCKET_INSERT_BEFORE(e, apr_bucket_immortal_create("", 0, list));
    }
    return rv;
}

static apr_status_t
greedy(ap_filter_t *f, apr_bucket_brigade *bb, ap_input_mode_t mode, apr_read_type_e block,
       apr_off_t bytes)
{
    (void)bytes;
    return ap_get_brigade(f->next, bb, mode, block, 1024 * 1024);
}

static apr_status_t
empty(ap_filter_t *f, apr_bucket_brigade *bb, ap_input_mode_t mode, apr_read_type_e block,
      apr_off_t bytes)
{
    if (count_of(f)->calls++ % 2 == 0) {
        return APR_SUCCESS;
    }
    return ap_get_brigade(f->next, bb, mode, block, bytes);
}

/* Passes bytes through until there were enough of them; then *ret_over is set. */
static apr_status_t
pass_some(ap_filter_t *f, apr_bucket_brigade *bb, ap_input_mode_t mode, apr_read_type_e block,
          apr_off_t bytes, int *ret_over)
{
    struct count *count = count_of(f);
    apr_off_t len = 0;
    apr_status_t rv;

    *ret_over = count->bytes >= REFUSE_AFTER;
    if (*ret_over) {
        return APR_SUCCESS;
    }
    rv = ap_get_brigade(f->next, bb, mode, block, bytes < 200 ? bytes : 200);
    if (rv == APR_SUCCESS && apr_brigade_length(bb, 0, &len) == APR_SUCCESS && len > 0) {
        count->bytes += len;
    }
    return rv;
}

static apr_status_t
refuse(ap_filter_t *f, apr_bucket_brigade *bb, ap_input_mode_t mode, apr_read_type_e block,
       apr_off_t bytes)
{
    apr_bucket_alloc_t *list = f->c->bucket_alloc;
    int over;
    apr_status_t rv = pass_some(f, bb, mode, block, bytes, &over);

    if (over) {
        apr_brigade_cleanup(bb);
        APR_BRIGADE_INSERT_TAIL(bb, ap_bucket_error_create(HTTP_FORBIDDEN, NULL, f->r->pool, list));
        APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(list));
        rv = ap_pass_brigade(f->r->output_filters, bb);
        apr_brigade_cleanup(bb);
        return AP_FILTER_ERROR;
    }
    return rv;
}

static apr_status_t
fail(ap_filter_t *f, apr_bucket_brigade *bb, ap_input_mode_t mode, apr_read_type_e block,
     apr_off_t bytes)
{
    int over;
    apr_status_t rv = pass_some(f, bb, mode, block, bytes, &over);

    return over ? APR_EGENERAL : rv;
}

static apr_status_t
error(ap_filter_t *f, apr_bucket_brigade *bb, ap_input_mode_t mode, apr_read_type_e block,
      apr_off_t bytes)
{
    apr_bucket_alloc_t *list = f->c->bucket_alloc;
    int over;
    apr_status_t rv = pass_some(f, bb, mode, block, bytes, &over);

    if (over) {
        APR_BRIGADE_INSERT_TAIL(bb, ap_bucket_error_create(HTTP_FORBIDDEN, NULL, f->r->pool, list));
    }
    return rv;
}

/* ---- like mod_security ---- */

struct inspect {
    int on;
};

/* Gives back what was kept, the end of it included, as much as is asked for. */
static apr_status_t
replay(ap_filter_t *f, apr_bucket_brigade *bb, ap_input_mode_t mode, apr_read_type_e block,
       apr_off_t bytes)
{
    apr_bucket_brigade *kept = f->ctx;
    apr_bucket *after = NULL;
    apr_status_t rv;

    (void)block;
    if (mode != AP_MODE_READBYTES) {
        return APR_ENOTIMPL;
    }
    rv = apr_brigade_partition(kept, bytes, &after);
    if (rv != APR_SUCCESS && rv != APR_INCOMPLETE) {
        return rv;
    }
    while (APR_BRIGADE_FIRST(kept) != after && !APR_BRIGADE_EMPTY(kept)) {
        apr_bucket *e = APR_BRIGADE_FIRST(kept);

        APR_BUCKET_REMOVE(e);
        APR_BRIGADE_INSERT_TAIL(bb, e);
    }
    if (APR_BRIGADE_EMPTY(kept) && !APR_BUCKET_IS_EOS(APR_BRIGADE_LAST(bb))) {
        APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(f->c->bucket_alloc));
    }
    return APR_SUCCESS;
}

static int
inspect(request_rec *r)
{
    const struct inspect *config = ap_get_module_config(r->per_dir_config, &odd_input_module);
    apr_bucket_brigade *kept;
    apr_bucket_brigade *bb;
    char *text;
    int ended = 0;

    if (!config->on || r->main != NULL || r->prev != NULL) {
        return DECLINED;
    }
    kept = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    while (!ended) {
        if (ap_get_brigade(r->input_filters, bb, AP_MODE_READBYTES, APR_BLOCK_READ, 8192) !=
            APR_SUCCESS) {
            return HTTP_BAD_REQUEST;
        }
        ended = APR_BUCKET_IS_EOS(APR_BRIGADE_LAST(bb));
        (void)ap_save_brigade(NULL, &kept, &bb, r->pool);
    }
    if (apr_brigade_pflatten(kept, &text, &(apr_size_t){0}, r->pool) == APR_SUCCESS &&
        text != NULL) {
        apr_off_t len = 0;

        (void)apr_brigade_length(kept, 1, &len);
        if (strstr(apr_pstrmemdup(r->pool, text, (apr_size_t)len), "attack") != NULL) {
            return HTTP_FORBIDDEN;
        }
    }
    ap_add_input_filter("ODD_REPLAY", kept, r, r->connection);
    return DECLINED;
}

static void *
create(apr_pool_t *pool, char *dir)
{
    (void)dir;
    return apr_pcalloc(pool, sizeof(struct inspect));
}

static const command_rec commands[] = {
    AP_INIT_FLAG("OddInspect", ap_set_flag_slot, (void *)APR_OFFSETOF(struct inspect, on),
                 ACCESS_CONF, "read the body first"),
    {NULL},
};

static void
hooks(apr_pool_t *pool)
{
    (void)pool;
    (void)ap_register_input_filter("ODD_SPLIT", split, NULL, AP_FTYPE_RESOURCE);
    (void)ap_register_input_filter("ODD_GREEDY", greedy, NULL, AP_FTYPE_RESOURCE);
    (void)ap_register_input_filter("ODD_EMPTY", empty, NULL, AP_FTYPE_RESOURCE);
    (void)ap_register_input_filter("ODD_REFUSE", refuse, NULL, AP_FTYPE_RESOURCE);
    (void)ap_register_input_filter("ODD_FAIL", fail, NULL, AP_FTYPE_RESOURCE);
    (void)ap_register_input_filter("ODD_ERROR", error, NULL, AP_FTYPE_RESOURCE);
    (void)ap_register_input_filter("ODD_REPLAY", replay, NULL, AP_FTYPE_RESOURCE);
    ap_hook_fixups(inspect, NULL, NULL, APR_HOOK_REALLY_FIRST);
}

AP_DECLARE_MODULE(odd_input) = {
    .version = MODULE_MAGIC_NUMBER_MAJOR,
    .minor_version = MODULE_MAGIC_NUMBER_MINOR,
    .module_index = -1,
    .name = "mod_odd_input.c",
    .magic = MODULE_MAGIC_COOKIE,
    .create_dir_config = create,
    .cmds = commands,
    .register_hooks = hooks,
};
