/* SPDX-License-Identifier: Apache-2.0 */
/* proc/group.c - which generation of a group serves, which one starts, which ones go.
 *
 * Owns:    see group.h. How a group ends is in group_end.c.
 * Touches: metrics/board, platform/, proc/generation, proc/reload.
 * Threads: the supervisor's only one.
 * Invariants: those of group_state.h.
 */
#include "proc/group.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "metrics/board.h"
#include "platform/clock.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "platform/process.h"
#include "proc/generation.h"
#include "proc/group_state.h"
#include "proc/loadlist.h"
#include "proc/orphans.h"

#define BACKOFF_FIRST_US (100 * CASK_CLOCK_MS)
#define BACKOFF_LAST_US  (60 * CASK_CLOCK_SECOND)
#define PATIENCE_US      CASK_CLOCK_SECOND /* a gap that requests may wait for */

static const char *
name_of(const struct cask_group *self)
{
    return self->settings->spec->name;
}

static struct cask_group_shared_spec *
shared_unref(struct cask_group_shared_spec *shared)
{
    if (shared != NULL && --shared->users == 0) {
        cask_spec_free(shared->spec);
        free(shared);
    }
    return NULL;
}

/* ---- the board ---- */

/* The reason stands without the name in front: who shows it names the group. */
static void
show_failed(struct cask_group *self, const char *reason)
{
    char prefix[CASK_PROBLEM_TEXT_SIZE];
    int len = snprintf(prefix, sizeof(prefix), "group '%s': ", name_of(self));

    if (len > 0 && (size_t)len < sizeof(prefix) && strncmp(reason, prefix, (size_t)len) == 0) {
        reason += len;
    }
    if (!self->going) {
        cask_board_set_group(self->board, CASK_GROUP_FAILED, reason);
    }
}

static void
show_starting(struct cask_group *self)
{
    if (!self->going && cask_board_group(self->board) != CASK_GROUP_FAILED) {
        cask_board_set_group(self->board, CASK_GROUP_STARTING, NULL);
    }
}

static void
show_serving(struct cask_group *self, uint32_t generation)
{
    cask_board_set_serving(self->board, generation);
    cask_board_set_group(self->board, CASK_GROUP_SERVING, NULL);
}

/* Those who wait for a reload are woken: it has ended, or there is none. */
static void
show_successor(struct cask_group *self)
{
    if (!self->going) {
        cask_board_set_starting(self->board,
                                self->serving != NULL && (self->next != NULL || self->wanted));
    }
}

/* ---- starting generations ---- */

static size_t
count_draining(const struct cask_group *self)
{
    size_t n = 0;

    for (size_t i = 0; i < self->n_members; i++) {
        n += cask_generation_state(self->members[i].generation) == CASK_GENERATION_DRAINING;
    }
    return n;
}

static void
retry_later(struct cask_group *self, int64_t delay_us)
{
    cask_loop_timer_set(self->retry, cask_clock_mono_us() + delay_us);
}

void
cask_group_next_ended(struct cask_group *group)
{
    group->next = NULL;
    if (group->next_counted) {
        group->next_counted = false;
        group->host->starting--;
        group->host->idle(group->host->context);
    }
}

void
cask_group_remember_loaded(struct cask_group *group, const struct cask_generation *generation)
{
    size_t count = 0;
    const struct cask_spec_app *apps =
        cask_loadlist_apps(cask_generation_loaded(generation), &count);
    struct cask_loadlist *list = NULL;

    if (cask_loadlist_new(&list, NULL) != 0) {
        return; /* the older list does as well */
    }
    for (size_t i = 0; i < count; i++) {
        (void)cask_loadlist_add_row(list, &apps[i]);
    }
    cask_loadlist_free(group->load);
    group->load = list;
}

static void
generation_ready(struct cask_group *self, struct cask_generation *generation)
{
    struct cask_generation *old = self->serving;
    uint32_t number = cask_generation_number(generation);

    cask_group_next_ended(self);
    self->history.ready++;
    self->serving = generation;
    self->changed = self->wanted && self->changed;
    show_serving(self, number);
    cask_orphans_supersede(self->orphans, self->board);
    if (old != NULL) {
        cask_grouplog_say(&self->log, 423, "group '%s': generation %u serves now, %u drains",
                          name_of(self), number, cask_generation_number(old));
        cask_generation_drain(old, cask_spec_drain_us(cask_generation_spec(old)));
    }
    if (cask_reload_ended(&self->reload, true, cask_clock_mono_us())) {
        self->wanted = true;
    }
    self->host->idle(self->host->context);
    cask_group_poke(self);
    show_successor(self);
}

/* For who has asked for this generation, and for the status. */
static void
keep_failure(struct cask_group *self, const struct cask_generation *generation)
{
    const struct cask_problem *problem = cask_generation_problem(generation);

    self->failed_number = cask_generation_number(generation);
    cask_history_trouble(&self->history, &self->history.failed, problem->text);
    (void)cask_problem_set(&self->failure, 0, problem->number, "%s", problem->text);
    if (problem->detail != NULL) {
        cask_problem_detail(&self->failure, problem->detail, strlen(problem->detail));
    }
    self->host->idle(self->host->context);
}

static void
generation_failed(struct cask_group *self, const struct cask_generation *generation)
{
    const struct cask_problem *problem = cask_generation_problem(generation);
    bool again = cask_reload_ended(&self->reload, false, cask_clock_mono_us());

    cask_group_next_ended(self);
    keep_failure(self, generation);
    if (self->serving != NULL) {
        struct cask_problem line = {0};

        (void)cask_problem_set(&line, 0, 422,
                               "group '%s': the new generation %u failed, %u keeps serving: %s",
                               name_of(self), cask_generation_number(generation),
                               cask_generation_number(self->serving), problem->text);
        if (problem->detail != NULL) {
            cask_problem_detail(&line, problem->detail, strlen(problem->detail));
        }
        cask_grouplog_problem(&self->log, &line);
        cask_problem_done(&line);
        if (self->changed && !again) {
            retry_later(self, cask_backoff_take(&self->backoff));
        }
    } else {
        cask_grouplog_problem(&self->log, problem);
        if (cask_orphans_left(self->orphans) == 0) {
            show_failed(self, problem->text); /* keeps (2) */
        }
        retry_later(self, cask_backoff_take(&self->backoff));
    }
    if (again) {
        cask_group_start(self);
    }
    show_successor(self);
}

static void
generation_lost(struct cask_group *self, struct cask_generation *generation)
{
    int64_t delay_us;

    if (self->serving != generation) {
        return;
    }
    self->serving = NULL;
    cask_group_remember_loaded(self, generation);
    delay_us = cask_backoff_take(&self->backoff);
    if (delay_us > PATIENCE_US && self->next == NULL) {
        show_failed(self, cask_generation_problem(generation)->text); /* keeps (2) */
    } else {
        show_starting(self);
    }
    if (self->next == NULL) {
        retry_later(self, delay_us);
    }
    show_successor(self);
}

static void
forget_generation(struct cask_group *self, struct cask_generation *generation)
{
    for (size_t i = 0; i < self->n_members; i++) {
        if (self->members[i].generation == generation) {
            shared_unref(self->members[i].settings);
            self->members[i] = self->members[--self->n_members];
            break;
        }
    }
    cask_generation_free(generation);
    cask_group_poke(self);
    self->host->idle(self->host->context);
}

static void
generation_stale(struct cask_group *self, const struct cask_generation *generation,
                 const struct cask_app *app, const struct cask_script_id *id)
{
    if (generation != self->serving || self->going) {
        return; /* superseded already */
    }
    switch (cask_reload_report(&self->reload, &app->script, id, cask_clock_mono_us())) {
    case CASK_RELOAD_START:
        cask_grouplog_say(&self->log, 429, "group '%s': script '%.*s' has changed, reloading",
                          name_of(self), (int)app->script.len, app->script.data);
        cask_group_start(self);
        break;
    case CASK_RELOAD_RUNNING:
        break;
    case CASK_RELOAD_HOPELESS:
        cask_board_refuse_start(self->board); /* wakes those who wait for a reload */
        break;
    }
}

static void
on_generation(void *context, struct cask_generation *generation, enum cask_generation_event event,
              const struct cask_app *app, const struct cask_script_id *id)
{
    struct cask_group *self = context;

    switch (event) {
    case CASK_GENERATION_IS_READY:
        generation_ready(self, generation);
        break;
    case CASK_GENERATION_HAS_FAILED:
        generation_failed(self, generation);
        break;
    case CASK_GENERATION_IS_LOST:
        generation_lost(self, generation);
        break;
    case CASK_GENERATION_MET_STALE:
        generation_stale(self, generation, app, id);
        break;
    case CASK_GENERATION_IS_EMPTY:
        forget_generation(self, generation);
        break;
    }
}

const char *
cask_group_fault(const struct cask_group_spec *spec)
{
    if (spec->fault != NULL) {
        return spec->fault;
    }
    if (spec->interpreter == NULL || spec->engine == NULL || spec->package_dir == NULL) {
        return "no Python or no engine was found for it";
    }
    return NULL;
}

/* Two generations of a service must not run beside each other, also not of different supervisors:
 * the old one ends first. */
static void
end_service(struct cask_group *self)
{
    struct cask_generation *old = self->serving;

    if (old == NULL || self->settings->spec->threads != 0) {
        return;
    }
    self->serving = NULL;
    show_starting(self);
    if (cask_generation_spec(old)->threads == 0) {
        cask_generation_stop(old, 0);
    } else {
        cask_generation_drain(old, cask_spec_drain_us(cask_generation_spec(old)));
    }
}

static bool
must_wait(const struct cask_group *self)
{
    if (self->settings->spec->threads == 0 &&
        (self->n_members > 0 || cask_orphans_left(self->orphans) > 0)) {
        return true;
    }
    return self->next != NULL || count_draining(self) >= CASK_GROUP_MAX_DRAINING ||
           self->n_members == CASK_GROUP_MAX_GENERATIONS ||
           (self->serving != NULL && self->host->starting >= CASK_GROUP_MAX_STARTING);
}

static void
try_start(struct cask_group *self)
{
    const struct cask_group_spec *spec = self->settings->spec;
    struct cask_generation_config config = {
        .loop = self->host->loop,
        .spec = self->settings->spec,
        .board = self->board,
        .board_fd = self->board_fd,
        .listen_fd = self->listen_fd,
        .parent_fd = self->host->parent_fd,
        .log = &self->log,
        .history = &self->history,
        .backoff = &self->backoff,
        .call = on_generation,
        .context = self,
    };
    struct cask_problem problem = {0};

    self->wanted = !self->going && !self->paused;
    if (self->paused) {
        return;
    }
    if (!self->going && cask_group_fault(spec) == NULL) {
        end_service(self);
    }
    if (self->going || cask_group_fault(spec) != NULL || must_wait(self)) {
        return; /* cask_group_poke() comes again when there is room */
    }
    self->wanted = false;
    config.strict = self->serving != NULL;
    cask_loop_timer_set(self->retry, CASK_CLOCK_NEVER);
    if (self->serving != NULL) {
        cask_group_remember_loaded(self, self->serving);
    }
    config.load = self->load;
    config.number = self->next_number;
    if (cask_generation_new(&self->next, &config, &problem) != 0) {
        cask_grouplog_problem(&self->log, &problem);
        cask_problem_done(&problem);
        retry_later(self, cask_backoff_take(&self->backoff));
        return;
    }
    self->next_number++; /* keeps (3) */
    self->members[self->n_members++] =
        (struct cask_group_member){.generation = self->next, .settings = self->settings};
    self->settings->users++;
    self->next_counted = config.strict;
    self->host->starting += config.strict ? 1 : 0;
    cask_reload_began(&self->reload);
}

void
cask_group_start(struct cask_group *group)
{
    try_start(group);
    show_successor(group);
}

static void
on_retry(void *context)
{
    cask_group_start(context);
}

void
cask_group_poke(struct cask_group *group)
{
    if (group->wanted) {
        cask_group_start(group);
    }
}

/* ---- settings ---- */

static void
settings_done(struct cask_group_settings *settings)
{
    settings->spec = cask_spec_free(settings->spec);
    cask_net_close(&settings->listen_fd);
    cask_net_close(&settings->board_fd);
    cask_net_close(&settings->error_log_fd);
}

/* Starts with the newest settings, or shows why that is impossible. */
static void
begin_with_settings(struct cask_group *self)
{
    const char *fault = cask_group_fault(self->settings->spec);

    self->paused = false;
    cask_backoff_reset(&self->backoff);
    if (fault == NULL) {
        self->changed = true;
        cask_group_start(self);
    } else if (self->serving == NULL) {
        show_failed(self, fault); /* httpd's parent has logged it */
    } else {
        cask_grouplog_say(&self->log, 422,
                          "group '%s': cannot start with the new configuration, generation %u "
                          "keeps serving: %s",
                          name_of(self), cask_generation_number(self->serving), fault);
    }
}

int
cask_group_new(struct cask_group **ret_group, struct cask_group_host *keep_host,
               struct cask_group_settings *steal_settings, struct cask_problem *reterr_problem)
{
    struct cask_group *self = calloc(1, sizeof(*self));
    int error = ENOMEM;

    if (self == NULL) {
        settings_done(steal_settings);
        return cask_problem_set(reterr_problem, ENOMEM, 402, "no memory for a group");
    }
    self->host = keep_host;
    self->listen_fd = steal_settings->listen_fd;
    self->board_fd = steal_settings->board_fd;
    self->log.fd = steal_settings->error_log_fd;
    self->log.level = (enum cask_log_level)steal_settings->spec->log_level;
    self->children_fd = -1;
    self->step_down_us = CASK_CLOCK_NEVER;
    self->backoff.first_us = BACKOFF_FIRST_US;
    self->backoff.last_us = BACKOFF_LAST_US;
    cask_reload_init(&self->reload);
    self->settings = calloc(1, sizeof(*self->settings));
    if (self->settings == NULL) {
        steal_settings->spec = cask_spec_free(steal_settings->spec);
        (void)cask_problem_set(reterr_problem, ENOMEM, 402, "no memory for a group");
        goto failed;
    }
    self->settings->spec = steal_settings->spec;
    self->settings->users = 1;
    error = cask_board_map(self->board_fd, true, &self->board, reterr_problem);
    if (error == 0) {
        error = cask_orphans_new(&self->orphans, self->board, &self->next_number, reterr_problem);
    }
    if (error == 0) {
        error = cask_loop_timer_new(keep_host->loop, on_retry, self, &self->retry);
    }
    if (error != 0) {
        goto failed;
    }
    show_successor(self); /* whatever an earlier supervisor has left there */
    if (cask_orphans_left(self->orphans) == 0) {
        cask_board_set_group(self->board, CASK_GROUP_STARTING, NULL);
    }
    begin_with_settings(self);
    *ret_group = self;
    return 0;

failed:
    self->going = true;
    self->keep_path = true;
    cask_group_free(self);
    return error;
}

struct cask_group *
cask_group_free(struct cask_group *group)
{
    if (group != NULL) {
        cask_assert(group->n_members == 0);
        if (!group->keep_path && group->settings->spec->socket_path != NULL) {
            (void)unlink(group->settings->spec->socket_path);
        }
        if (group->children_fd >= 0) {
            cask_loop_unwatch(group->host->loop, group->children_fd);
            cask_net_close(&group->children_fd);
        }
        group->retry = cask_loop_timer_free(group->retry);
        group->orphans = cask_orphans_free(group->orphans);
        cask_loadlist_free(group->load);
        cask_problem_done(&group->failure);
        shared_unref(group->settings);
        cask_board_free(group->board);
        cask_net_close(&group->listen_fd);
        cask_net_close(&group->board_fd);
        cask_net_close(&group->log.fd);
        free(group);
    }
    return NULL;
}

void
cask_group_configure(struct cask_group *group, struct cask_group_settings *steal_settings)
{
    struct cask_group_shared_spec *settings = calloc(1, sizeof(*settings));

    if (settings == NULL) {
        settings_done(steal_settings); /* the old settings go on */
        return;
    }
    settings->spec = steal_settings->spec;
    settings->users = 1;
    shared_unref(group->settings);
    group->settings = settings;
    steal_settings->spec = NULL;

    cask_net_close(&group->log.fd); /* files are rotated, pipes replaced */
    group->log.fd = steal_settings->error_log_fd;
    group->log.level = (enum cask_log_level)settings->spec->log_level;
    steal_settings->error_log_fd = -1;
    settings_done(steal_settings); /* listener and board are those we have */

    cask_group_abandon_next(group);
    begin_with_settings(group);
}

bool
cask_group_is_for(const struct cask_group *group, const struct cask_group_spec *spec)
{
    const struct cask_group_spec *own = group->settings->spec;

    return strcmp(own->name, spec->name) == 0 && own->socket_path != NULL &&
           spec->socket_path != NULL && strcmp(own->socket_path, spec->socket_path) == 0;
}

const char *
cask_group_name(const struct cask_group *group)
{
    return name_of(group);
}
