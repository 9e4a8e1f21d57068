/* SPDX-License-Identifier: Apache-2.0 */
/* apache/group_directive.c - WSGIDaemonProcess: a daemon group from a line of the configuration.
 *
 * Owns:    nothing; the group goes to the main record, in cmd->pool.
 * Touches: apache/daemon_options, apache/config.
 * Threads: configuration time, single-threaded.
 */
#include "apache/group_directive.h"

#include "apache/config.h"
#include "apache/daemon_options.h"
#include "apache/values.h"
#include "proc/spec.h"

#include <apr_strings.h>

#include <string.h>

const char *
cask_group_directive_parse(cmd_parms *cmd, void *dir, const char *line)
{
    struct cask_config_main *config = cask_config_main();
    struct cask_config_group *group = apr_pcalloc(cmd->pool, sizeof(*group));
    const char *directive = cmd->cmd->name;
    const char *name = ap_getword_conf(cmd->pool, &line);
    const struct cask_config_group *other;
    const char *wrong;

    (void)dir;
    if (*name == '\0') {
        return apr_psprintf(cmd->pool, "%s: needs a name for the group", directive);
    }
    if (*name == '%' || strchr(name, '=') != NULL) {
        return cask_values_refuse(directive, NULL, name,
                                  "a name for the group as the first word, without '=' and not "
                                  "beginning with '%'",
                                  cmd->pool);
    }
    other = apr_hash_get(config->groups, name, APR_HASH_KEY_STRING);
    if (other != NULL) {
        return apr_psprintf(cmd->pool, "%s: the name '%s' is already used by the group of %s",
                            directive, name, other->location);
    }
    cask_daemon_options_defaults(&group->spec);
    wrong = cask_daemon_options_parse(&group->spec, cmd, line);
    if (wrong != NULL) {
        return wrong;
    }
    group->spec.name = name;
    group->spec.id = (uint32_t)config->group_list->nelts + 1;
    group->server = cmd->server;
    group->location = cask_config_location(cmd);
    group->listen_fd = -1;
    group->board_fd = -1;
    apr_hash_set(config->groups, name, APR_HASH_KEY_STRING, group);
    *(struct cask_config_group **)apr_array_push(config->group_list) = group;
    return NULL;
}
