/* SPDX-License-Identifier: Apache-2.0 */
/* proc/reload.c - one change, one reload.
 *
 * Owns:    nothing; struct cask_reload is the group's.
 * Touches: request/ (script ids), platform/clock.
 * Threads: the supervisor's only one.
 * States: idle (running false), running. → running by cask_reload_began(), → idle by _ended().
 */
#include "proc/reload.h"

#include <string.h>

#include "platform/clock.h"

#define RETRY_FIRST_US CASK_CLOCK_SECOND
#define RETRY_LAST_US  (30 * CASK_CLOCK_SECOND)

void
cask_reload_init(struct cask_reload *reload)
{
    memset(reload, 0, sizeof(*reload));
    reload->backoff.first_us = RETRY_FIRST_US;
    reload->backoff.last_us = RETRY_LAST_US;
}

static uint64_t
hash(const struct cask_str *text)
{
    uint64_t value = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

    for (uint32_t i = 0; i < text->len; i++) {
        value = (value ^ (unsigned char)text->data[i]) * UINT64_C(0x100000001b3);
    }
    return value;
}

static bool
set_has(const struct cask_reload_set *set, const struct cask_reload_change *change)
{
    for (size_t i = 0; i < set->n_changes; i++) {
        if (set->changes[i].path == change->path &&
            memcmp(&set->changes[i].id, &change->id, sizeof(change->id)) == 0) {
            return true;
        }
    }
    return false;
}

static void
set_add(struct cask_reload_set *set, const struct cask_reload_change *change)
{
    if (!set_has(set, change) && set->n_changes < CASK_RELOAD_LIMIT) {
        set->changes[set->n_changes++] = *change;
    }
}

static void
set_add_all(struct cask_reload_set *set, const struct cask_reload_set *more)
{
    for (size_t i = 0; i < more->n_changes; i++) {
        set_add(set, &more->changes[i]);
    }
}

enum cask_reload_answer
cask_reload_report(struct cask_reload *reload, const struct cask_str *script,
                   const struct cask_script_id *id, int64_t now_us)
{
    const struct cask_reload_change change = {.path = hash(script), .id = *id};

    if (set_has(&reload->failed, &change)) {
        if (now_us < reload->failed_until_us) {
            return CASK_RELOAD_HOPELESS;
        }
    } else {
        cask_backoff_reset(&reload->backoff); /* somebody is mending it */
    }
    if (reload->running) {
        if (!set_has(&reload->known, &change)) {
            set_add(&reload->later, &change);
        }
        return CASK_RELOAD_RUNNING;
    }
    set_add(&reload->later, &change);
    return CASK_RELOAD_START;
}

void
cask_reload_began(struct cask_reload *reload)
{
    reload->running = true;
    reload->known = reload->later;
    reload->later.n_changes = 0;
}

bool
cask_reload_ended(struct cask_reload *reload, bool ready, int64_t now_us)
{
    reload->running = false;
    if (ready) {
        reload->failed.n_changes = 0;
        cask_backoff_reset(&reload->backoff);
    } else {
        reload->failed.n_changes = 0;
        set_add_all(&reload->failed, &reload->known);
        reload->failed_until_us = now_us + cask_backoff_take(&reload->backoff);
    }
    reload->known.n_changes = 0;
    return reload->later.n_changes > 0;
}
