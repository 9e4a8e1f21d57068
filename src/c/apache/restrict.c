/* SPDX-License-Identifier: Apache-2.0 */
/* apache/restrict.c - may a request run where its names lead it?
 *
 * Owns:    nothing.
 * Touches: frozen records of apache/config.
 * Threads: request threads; cask_restrict_resolve() at configuration time.
 *
 * Invariants:
 *   (1) a request that asks for an interpreter with a GIL of its own, or for free threading, is
 *       refused: neither exists here yet, and code that was written for it must not run without;
 *   (2) a request that nothing restricts pays for three comparisons.
 */
#include "apache/restrict.h"

#include "apache/config.h"
#include "apache/expand.h"
#include "apache/logsink.h"
#include "platform/interp_settings.h"

#include <string.h>
#include <strings.h>

static const char *
name_of(const char *process_group)
{
    return *process_group != '\0' ? process_group : "%{GLOBAL}";
}

/* Is the group on the list? Case does not count, as it does not with mod_wsgi. */
static bool
is_listed(const apr_array_header_t *list, const char *process_group)
{
    const char *const *names = (const char *const *)list->elts;

    for (int i = 0; i < list->nelts; i++) {
        if (*process_group == '\0' ? cask_expand_is_embedded(names[i])
                                   : strcasecmp(names[i], process_group) == 0) {
            return true;
        }
    }
    return false;
}

/* The directive that asks for what this interpreter cannot have; NULL: none. */
static const char *
unmet_wish(const struct cask_config_main *main_config, const char *process_group,
           const char *application_group)
{
    const struct cask_interp_rules rules = cask_config_interp_rules(main_config);
    struct cask_interp_settings settings =
        cask_interp_settings_resolve(&rules, process_group, application_group);

    if (settings.free_threading == 1) {
        return "WSGIFreeThreading";
    }
    /* The main interpreter's GIL is the process's in any case. */
    return settings.per_interpreter_gil == 1 && *application_group != '\0' ? "WSGIPerInterpreterGIL"
                                                                           : NULL;
}

int
cask_restrict_check(request_rec *r, const struct cask_config_scope *scope,
                    const char *process_group, const char *application_group)
{
    const struct cask_config_main *main_config = cask_config_main();
    const char *wish;

    if (scope->restrict_process != NULL && !is_listed(scope->restrict_process, process_group)) {
        cask_logsink_line(r, 133, "script '%s': WSGIRestrictProcess does not allow group '%s' here",
                          r->filename, name_of(process_group));
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (*process_group == '\0' && cask_config_restrict_embedded(main_config)) {
        cask_logsink_line(r, 124,
                          "script '%s': WSGIRestrictEmbedded is On and no daemon group is "
                          "configured for it",
                          r->filename);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (!main_config->interp_wishes) {
        return OK;
    }
    wish = unmet_wish(main_config, process_group, application_group);
    if (wish == NULL) {
        return OK;
    }
    cask_logsink_line(r, 134,
                      "script '%s': %s is On for interpreter '%s' of group '%s', and this version "
                      "cannot do that",
                      r->filename, wish, name_of(application_group), name_of(process_group));
    return HTTP_INTERNAL_SERVER_ERROR;
}

void
cask_restrict_resolve(struct cask_config_main *main_config)
{
    const struct cask_interp_rules rules = cask_config_interp_rules(main_config);

    main_config->interp_wishes =
        rules.base.per_interpreter_gil == 1 || rules.base.free_threading == 1;
    for (size_t i = 0; i < rules.n_layers; i++) {
        main_config->interp_wishes |= rules.layers[i].values.per_interpreter_gil == 1 ||
                                      rules.layers[i].values.free_threading == 1;
    }
}
