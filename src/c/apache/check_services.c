/* SPDX-License-Identifier: Apache-2.0 */
/* apache/check_services.c - service groups (threads=0) that have nothing to do, or are sent
 * requests.
 *
 * Owns:    nothing; texts live in the pool given.
 * Touches: resolved records of apache/config.
 * Threads: configuration time, single-threaded.
 */
#include "apache/check_services.h"

#include "apache/config.h"
#include "apache/notice.h"

#include <string.h>

/* Does this directive send requests to the group it names? */
static bool
sends_requests(const struct cask_config_mention *mention)
{
    return strcmp(mention->directive, "WSGIProcessGroup") == 0 ||
           strcmp(mention->directive, "WSGIScriptAlias") == 0 ||
           strcmp(mention->directive, "WSGIScriptAliasMatch") == 0 ||
           strcmp(mention->directive, "WSGIHandlerScript") == 0;
}

static void
check_mention(const struct cask_config_main *main_config, const struct cask_config_mention *mention,
              apr_pool_t *pool)
{
    const struct cask_config_group *group =
        apr_hash_get(main_config->groups, mention->name, APR_HASH_KEY_STRING);

    if (group != NULL && group->spec.threads == 0 && sends_requests(mention)) {
        cask_notice_server(mention->server, pool, 153,
                           "%s at %s: group '%s' (%s) has threads=0 and serves no requests",
                           mention->directive, mention->location, mention->name, group->location);
    }
}

void
cask_check_services_warn(const struct cask_config_main *main_config, apr_pool_t *pool)
{
    const struct cask_config_mention *mentions =
        (const struct cask_config_mention *)main_config->mentions->elts;
    struct cask_config_group **groups = (struct cask_config_group **)main_config->group_list->elts;

    for (int i = 0; i < main_config->mentions->nelts; i++) {
        check_mention(main_config, &mentions[i], pool);
    }
    for (int i = 0; i < main_config->group_list->nelts; i++) {
        if (groups[i]->spec.threads == 0 && groups[i]->spec.n_apps == 0) {
            cask_notice_server(groups[i]->server, pool, 152,
                               "group '%s' at %s has threads=0 and no WSGIImportScript: its "
                               "processes have nothing to do",
                               groups[i]->spec.name, groups[i]->location);
        }
    }
}
