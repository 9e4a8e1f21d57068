/* SPDX-License-Identifier: Apache-2.0 */
/* apache/check.c - what is checked of a whole configuration.
 *
 * Owns:    nothing; texts live in the temporary pool.
 * Touches: resolved records of apache/config, the file system (looking only; no Python is executed,
 *          no library loaded).
 * Threads: configuration time, single-threaded.
 *
 * Everything here is a warning: wrong words have stopped httpd before, and wrong surroundings of
 * one application must not keep the others from being served.
 */
#include "apache/check.h"

#include "apache/check_aliases.h"
#include "apache/check_groups.h"
#include "apache/check_scripts.h"
#include "apache/check_services.h"
#include "apache/config.h"
#include "apache/expand.h"
#include "apache/notice.h"
#include "apache/resolve.h"
#include "apache/routing.h"
#include "apache/values.h"

#include <http_core.h>
#include <apr_strings.h>

/* A configured name for "did you mean"; "" when none is near. */
static const char *
suggest_group(const struct cask_config_main *main_config, const char *name, apr_pool_t *pool)
{
    struct cask_config_group **groups = (struct cask_config_group **)main_config->group_list->elts;
    size_t n_groups = (size_t)main_config->group_list->nelts;
    const char **names = apr_pcalloc(pool, (n_groups + 1) * sizeof(*names));
    const char *nearest;

    for (size_t i = 0; i < n_groups; i++) {
        names[i] = groups[i]->spec.name;
    }
    nearest = cask_values_nearest(name, names, n_groups, pool);
    return nearest == NULL ? "" : apr_psprintf(pool, "; did you mean '%s'?", nearest);
}

/* Are the daemon groups that directives name defined, and usable there? */
static void
check_mention(const struct cask_config_main *main_config, const struct cask_config_mention *mention,
              apr_pool_t *pool)
{
    const struct cask_config_group *group;

    if (cask_expand_is_embedded(mention->name) || mention->name[0] == '%') {
        return;
    }
    group = apr_hash_get(main_config->groups, mention->name, APR_HASH_KEY_STRING);
    if (group == NULL) {
        cask_notice_server(mention->server, pool, 101,
                           "%s at %s: no WSGIDaemonProcess defines a group '%s'%s",
                           mention->directive, mention->location, mention->name,
                           suggest_group(main_config, mention->name, pool));
    } else if (mention->server->is_virtual && !cask_routing_may_use(mention->server, group)) {
        /* a line of the main server counts in the virtual host of the group as well */
        cask_notice_server(mention->server, pool, 114,
                           "%s at %s: group '%s' belongs to a virtual host of another ServerName "
                           "(%s)",
                           mention->directive, mention->location, mention->name, group->location);
    }
}

/* Whose headers are believed? Everybody's is seldom meant. */
static void
check_headers(const struct cask_config_headers *headers, apr_pool_t *pool)
{
    if (headers->scope->trusted_proxies == NULL &&
        cask_config_of_server_level(headers->server)->scope.trusted_proxies == NULL) {
        cask_notice_server(headers->server, pool, 182,
                           "WSGITrustedProxyHeaders at %s: no WSGITrustedProxies is set with it, "
                           "every client is believed",
                           headers->location);
    }
}

void
cask_check_warn(server_rec *main_server, apr_pool_t *ptemp)
{
    const struct cask_config_main *main_config = cask_config_main();
    const struct cask_config_mention *mentions =
        (const struct cask_config_mention *)main_config->mentions->elts;
    const struct cask_config_remark *remarks =
        (const struct cask_config_remark *)main_config->remarks->elts;
    const struct cask_config_headers *headers =
        (const struct cask_config_headers *)main_config->headers->elts;

    for (int i = 0; i < main_config->mentions->nelts; i++) {
        check_mention(main_config, &mentions[i], ptemp);
    }
    for (int i = 0; i < main_config->remarks->nelts; i++) {
        cask_notice_server(remarks[i].server, ptemp, remarks[i].number, "%s", remarks[i].text);
    }
    for (int i = 0; i < main_config->headers->nelts; i++) {
        check_headers(&headers[i], ptemp);
    }
    cask_check_groups_warn(main_config, main_server, ptemp);
    cask_check_aliases_warn(main_config, main_server, ptemp);
    cask_check_scripts_warn(main_config, main_server, ptemp);
    cask_check_services_warn(main_config, ptemp);
}

int
cask_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *main_server)
{
    int status;

    (void)plog;
    if (ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK; /* said when the configuration was read first, or by post_config */
    }
    status = cask_resolve_config(pconf, ptemp, main_server);
    if (status == OK) {
        cask_check_warn(main_server, ptemp);
    }
    return status;
}
