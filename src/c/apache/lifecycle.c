/* SPDX-License-Identifier: Apache-2.0 */
/* apache/lifecycle.c - start, restart, stop.
 *
 * Owns:    the moments: what is made and kept is in apache/retained, the supervisor is proc/'s.
 * Touches: httpd's hooks, MPM state and error logs; apache/{resolve,retained,remote,embed}.
 * Threads: httpd's parent (pre_config, post_config, monitor, cleanups); a child's first thread
 *          (child_init).
 * Fork:    cleanups of pconf also run in children; everything here looks at the pid first.
 *
 * Stages of the parent (what holds; who goes on):
 *   loading     the configuration is being read; a supervisor of the time before goes on serving.
 *               → running by post_config() of the final pass.
 *   running     the supervisor has the configuration; httpd children serve.
 *               → loading by on_pconf() for a restart, → ended by on_pconf() otherwise.
 *   ended       supervisor, sockets and boards are gone.
 */
#include "apache/lifecycle.h"

#include "apache/config.h"
#include "apache/embed.h"
#include "apache/groups.h"
#include "apache/logrecord.h"
#include "apache/logsink.h"
#include "apache/resolve.h"
#include "apache/retained.h"
#include "metrics/board.h"
#include "platform/clock.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "platform/process.h"
#include "proc/lifeline.h"

#include <ap_mpm.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <mpm_common.h>
#include <apr_portable.h>
#include <apr_strings.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

APLOG_USE_MODULE(wsgi);

#define STOP_MORE_US    CASK_CLOCK_SECOND        /* beyond the largest shutdown-timeout */
#define STOP_OFF_US     (60 * CASK_CLOCK_SECOND) /* where shutdown-timeout is off */
#define HEALTHY_US      (10 * CASK_CLOCK_SECOND) /* a supervisor that lived so long */
#define CHILDREN_SPARE  16                       /* rows for children that end slowly */
#define CHILDREN_ROUNDS 3                        /* of graceful restarts that overlap */

/* ---- the supervisor ---- */

/* The descriptor of a server's ErrorLog; -1: syslog. Where it is neither file nor pipe nor syslog,
 * the main one's. */
static int
error_log_fd(const server_rec *server, const server_rec *main_server)
{
    apr_os_file_t fd = -1;

    if (server->error_log == NULL &&
        (server->error_fname == NULL || strncasecmp(server->error_fname, "syslog", 6) != 0)) {
        server = main_server;
    }
    if (server->error_log == NULL || apr_os_file_get(&fd, server->error_log) != APR_SUCCESS) {
        return -1;
    }
    return fd;
}

/* Tells one module file from another that has taken its place. */
static uint64_t
build_id(void)
{
    Dl_info info;
    struct stat status;
    uint64_t id = 1;

    if (dladdr((const void *)&wsgi_module, &info) != 0 && info.dli_fname != NULL &&
        stat(info.dli_fname, &status) == 0) {
        id = (uint64_t)status.st_ino * UINT64_C(0x9e3779b97f4a7c15) ^
             (uint64_t)status.st_mtim.tv_sec * UINT64_C(0xff51afd7ed558ccd) ^
             (uint64_t)status.st_mtim.tv_nsec ^ (uint64_t)status.st_size << 32 ^
             (uint64_t)status.st_dev;
    }
    return id;
}

static int
open_lifeline(struct cask_retained *retained, struct cask_problem *reterr_problem)
{
    if (retained->watch_fd >= 0) {
        return 0;
    }
    return cask_lifeline_open(&retained->watch_fd, &retained->hold_fd, reterr_problem);
}

static int
send_groups(const struct cask_retained *retained, const server_rec *main_server, int children_fd,
            apr_pool_t *ptemp, struct cask_problem *reterr_problem)
{
    const struct cask_config_main *main_config = cask_config_main();
    struct cask_config_group **groups = (struct cask_config_group **)main_config->group_list->elts;
    size_t n_groups = 0;
    struct cask_supervisor_group *list =
        apr_pcalloc(ptemp, (size_t)(main_config->group_list->nelts + 1) * sizeof(*list));

    for (int i = 0; i < main_config->group_list->nelts; i++) {
        if (groups[i]->listen_fd >= 0) {
            list[n_groups++] = (struct cask_supervisor_group){
                .spec = &groups[i]->spec,
                .listen_fd = groups[i]->listen_fd,
                .board_fd = groups[i]->board_fd,
                .error_log_fd = error_log_fd(groups[i]->server, main_server),
            };
        }
    }
    return cask_supervisor_configure(&retained->supervisor, list, n_groups, children_fd,
                                     error_log_fd(main_server, main_server),
                                     main_config->control_socket, reterr_problem);
}

static void on_supervisor(int reason, void *data, int status);

/* The MPM looks for the supervisor's end, once a second. */
static void
watch_supervisor(struct cask_retained *retained, server_rec *main_server, apr_pool_t *pconf)
{
    apr_proc_t *proc = apr_pcalloc(pconf, sizeof(*proc));

    proc->pid = retained->supervisor.pid;
    apr_proc_other_child_register(proc, on_supervisor, main_server, NULL, pconf);
}

/* Starts a supervisor and gives it the groups; without groups there is none. */
static int
start_supervisor(struct cask_retained *retained, const server_rec *main_server, int children_fd,
                 apr_pool_t *ptemp, struct cask_problem *reterr_problem)
{
    int error = open_lifeline(retained, reterr_problem);

    if (error == 0) {
        error = cask_supervisor_start(&retained->supervisor, retained->watch_fd,
                                      error_log_fd(main_server, main_server),
                                      (int)cask_logsink_level(main_server), reterr_problem);
    }
    if (error == 0) {
        retained->supervisor_started_us = cask_clock_mono_us();
        retained->build = build_id();
        error = send_groups(retained, main_server, children_fd, ptemp, reterr_problem);
    }
    return error;
}

/* The pipe that tells the supervisor when the last child of this configuration has gone: children
 * and, until the next restart, this process hold the writing end. */
static int
open_children_pipe(struct cask_retained *retained, int *ret_fd, struct cask_problem *reterr_problem)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return cask_problem_set(reterr_problem, errno, 411, "no pipe to watch httpd's children");
    }
    cask_net_close(&retained->children_fd);
    retained->children_fd = ends[1];
    *ret_fd = ends[0];
    return 0;
}

/* Gives the configuration to the supervisor that runs, or to a new one: the first, after a lost
 * one, or of a module file that has replaced ours. */
static int
bring_supervisor(struct cask_retained *retained, server_rec *main_server, apr_pool_t *pconf,
                 apr_pool_t *ptemp, struct cask_problem *reterr_problem)
{
    struct cask_supervisor_handle old = {.pid = 0, .channel = -1};
    bool no_groups = cask_config_main()->group_list->nelts == 0;
    int children_fd = -1;
    int error = 0;

    if (!cask_supervisor_alive(&retained->supervisor)) {
        cask_net_close(&retained->supervisor.channel);
        retained->supervisor.pid = 0;
    }
    if (retained->supervisor.pid == 0 && no_groups) {
        return 0;
    }
    error = open_children_pipe(retained, &children_fd, reterr_problem);
    if (error != 0) {
        return error;
    }
    if (retained->supervisor.pid != 0 && retained->build != build_id()) {
        old = retained->supervisor;
        retained->supervisor = (struct cask_supervisor_handle){.pid = 0, .channel = -1};
    }
    if (retained->supervisor.pid != 0) {
        error = send_groups(retained, main_server, children_fd, ptemp, reterr_problem);
    } else {
        error = start_supervisor(retained, main_server, children_fd, ptemp, reterr_problem);
    }
    cask_supervisor_step_down(&old);
    cask_net_close(&children_fd);
    if (retained->supervisor.pid != 0) {
        watch_supervisor(retained, main_server, pconf);
    }
    return error;
}

static bool
is_stopping(void)
{
    int state = AP_MPMQ_STOPPING;

    return ap_mpm_query(AP_MPMQ_MPM_STATE, &state) != APR_SUCCESS || state == AP_MPMQ_STOPPING;
}

/* After a lost supervisor; its daemons serve on meanwhile. */
static void
replace_supervisor(struct cask_retained *retained, server_rec *main_server)
{
    struct cask_problem problem = {0};
    apr_pool_t *pconf = main_server->process->pconf;
    apr_pool_t *ptemp = NULL;

    (void)apr_pool_create(&ptemp, pconf);
    if (bring_supervisor(retained, main_server, pconf, ptemp, &problem) != 0) {
        cask_log_problem(&problem);
        cask_problem_done(&problem);
    }
    apr_pool_destroy(ptemp);
}

static void
on_supervisor(int reason, void *data, int status)
{
    struct cask_retained *retained = cask_retained_find();
    server_rec *main_server = data;
    bool healthy;

    if ((reason != APR_OC_REASON_DEATH && reason != APR_OC_REASON_LOST) || retained == NULL ||
        retained->parent != getpid()) {
        return;
    }
    apr_proc_other_child_unregister(data);
    cask_net_close(&retained->supervisor.channel);
    retained->supervisor.pid = 0;
    if (is_stopping()) {
        return;
    }
    healthy = cask_clock_mono_us() - retained->supervisor_started_us >= HEALTHY_US;
    cask_log(414, "supervisor process lost (wait status %d); %s", status,
             healthy ? "starting another" : "starting another in a moment");
    if (healthy) {
        replace_supervisor(retained, main_server);
    }
}

/* The MPM's look every few seconds: the chance for a supervisor that was lost soon after its start.
 */
static int
monitor(apr_pool_t *pool, server_rec *main_server)
{
    struct cask_retained *retained = cask_retained_find();

    (void)pool;
    if (retained != NULL && retained->parent == getpid() && retained->supervisor.pid == 0 &&
        !is_stopping() && cask_config_main()->group_list->nelts > 0) {
        replace_supervisor(retained, main_server);
    }
    return DECLINED;
}

/* ---- configuration ---- */

static apr_status_t
on_pconf(void *data)
{
    struct cask_retained *retained = cask_retained_find();

    (void)data;
    if (retained == NULL || retained->parent != getpid()) {
        return APR_SUCCESS;
    }
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_DESTROY_CONFIG) {
        cask_supervisor_restart(&retained->supervisor);
        cask_net_close(&retained->children_fd); /* from now on only children hold it */
        return APR_SUCCESS;
    }
    cask_supervisor_stop(&retained->supervisor, retained->stop_us);
    cask_retained_done(retained);
    return APR_SUCCESS;
}

static int
pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    (void)plog;
    (void)ptemp;
    cask_process_begin(CASK_ROLE_PARENT);
    cask_config_main_begin(pconf);
    /* Already here: a configuration that turns out wrong on a restart ends httpd, too. */
    apr_pool_cleanup_register(pconf, NULL, on_pconf, apr_pool_cleanup_null);
    return OK;
}

static uint32_t
children_of_mpm(void)
{
    int limit = 1;

    if (ap_mpm_query(AP_MPMQ_HARD_LIMIT_DAEMONS, &limit) != APR_SUCCESS || limit < 1) {
        limit = 1;
    }
    return (uint32_t)limit * CHILDREN_ROUNDS + CHILDREN_SPARE;
}

/* A group without socket and board: requests for it find no board. */
static void
open_group(struct cask_retained *retained, struct cask_config_group *group, const char *prefix)
{
    struct cask_retained_group *kept = NULL;
    struct cask_problem problem = {0};

    group->listen_fd = -1;
    group->board_fd = -1;
    if (cask_retained_group(retained, &group->spec, prefix, children_of_mpm(), &kept, &problem) !=
        0) {
        cask_log_problem_to(cask_logsink_server(), group->server, &problem);
        cask_problem_done(&problem);
        return;
    }
    group->listen_fd = kept->listen_fd;
    group->board_fd = kept->board_fd;
    group->spec.socket_path = kept->path;
    memcpy(group->spec.secret, kept->secret, sizeof(group->spec.secret));
}

static int64_t
stop_time(const struct cask_config_main *main_config)
{
    struct cask_config_group **groups = (struct cask_config_group **)main_config->group_list->elts;
    int64_t longest = 0;

    for (int i = 0; i < main_config->group_list->nelts; i++) {
        int64_t own = groups[i]->spec.shutdown_timeout_us;

        own = own > 0 ? own : STOP_OFF_US;
        longest = own > longest ? own : longest;
    }
    return longest + STOP_MORE_US;
}

static int
post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *main_server)
{
    struct cask_config_main *main_config = cask_config_main();
    struct cask_config_group **groups = (struct cask_config_group **)main_config->group_list->elts;
    struct cask_retained *retained;
    struct cask_problem problem = {0};
    int status;

    (void)plog;
    cask_process_log_to(cask_logsink_server(), main_server, cask_logsink_level(main_server));
    main_config->error_log_format = cask_logrecord_format(pconf, ptemp, main_server, false);
    main_config->syslog_format = cask_logrecord_format(pconf, ptemp, main_server, true);
    status = cask_resolve_config(pconf, ptemp, main_server);
    if (status != OK || ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return status;
    }
    retained = cask_retained_get();
    retained->stop_us = stop_time(main_config);
    cask_retained_begin(retained);
    for (int i = 0; i < main_config->group_list->nelts; i++) {
        open_group(retained, groups[i], main_config->socket_prefix);
    }
    if (bring_supervisor(retained, main_server, pconf, ptemp, &problem) != 0) {
        cask_log_problem(&problem); /* embedded applications and everything else go on */
        cask_problem_done(&problem);
    }
    cask_retained_end(retained);
    return OK;
}

/* ---- children ---- */

static void
child_init(apr_pool_t *pchild, server_rec *main_server)
{
    struct cask_retained *retained = cask_retained_find();

    cask_process_begin(CASK_ROLE_CHILD);
    cask_process_log_to(cask_logsink_server(), main_server, cask_logsink_level(main_server));
    if (retained != NULL && retained->parent != getpid()) { /* with -X parent and child are one */
        cask_retained_child(retained);
    }
    cask_groups_child_init(pchild, main_server);
    cask_embed_child_init(pchild, main_server);
}

void
cask_lifecycle_register_hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_pre_config(pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_monitor(monitor, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_MIDDLE);
}
