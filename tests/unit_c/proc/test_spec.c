/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/proc/test_spec.c - settings of a group in and out of bytes, and what is no settings. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "platform/clock.h"
#include "platform/log.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "proc/channel.h"
#include "proc/pack.h"
#include "proc/spec.h"
#include "unit.h"

static const struct cask_spec_app apps[] = {
    {.script = "/srv/a.wsgi", .callable = "application", .application_group = ""},
    {.script = "/srv/b.wsgi", .callable = "app", .application_group = "b", .proven = true},
};

static const struct cask_interp_layer layers[] = {
    {.process_group = "blog", .values = {.restrict_stdin = -1, .switch_interval_us = 25000}},
    {.application_group = "", .values = {.restrict_signal = 0, .python_path = "/c"}},
};

static struct cask_group_spec
full_spec(void)
{
    struct cask_group_spec spec = {
        .name = "blog",
        .id = 7,
        .user = "www",
        .group = NULL,
        .uid = 33,
        .gid = 34,
        .home = "/srv",
        .umask = -1,
        .display_name = "",
        .lang = "C",
        .locale = "C.UTF-8",
        .python_home = "/venv",
        .python_path = "/a:/b",
        .python_optimize = -1,
        .python_hash_seed = CASK_ENGINE_SEED_RANDOM,
        .dont_write_bytecode = 1,
        .keep_interpreter = true,
        .python_warnings = "ignore\nerror",
        .python_eggs = "/eggs",
        .switch_interval_us = 10,
        .interps = {.base = cask_interp_settings_unset(), .layers = layers, .n_layers = 2},
        .interpreter = "/venv/bin/python3",
        .engine = "/m/_engine.so",
        .package_dir = "/m/mod_cask",
        .processes = 3,
        .processes_given = true,
        .threads = 15,
        .listen_backlog = 100,
        .maximum_requests = INT64_C(1) << 40,
        .startup_timeout_us = 1,
        .request_timeout_us = 2,
        .inactivity_timeout_us = 3,
        .graceful_timeout_us = 4,
        .graceful_timeout_given = true,
        .shutdown_timeout_us = 5,
        .connect_timeout_us = 6,
        .socket_timeout_us = 7,
        .queue_timeout_us = 8,
        .reload_wait_us = 9,
        .socket_path = "/run/s",
        .httpd_uid = 35,
        .apps = apps,
        .n_apps = 2,
        .case_insensitive = true,
        .mpm_processes = 4,
        .mpm_threads = 64,
        .httpd_version = {2, 4, 58},
        .httpd_description = "Apache",
        .httpd_built = "today",
        .mpm_name = "event",
        .log_level = CASK_LOG_INFO,
    };

    memset(spec.secret, 0xa5, sizeof(spec.secret));
    return spec;
}

static void
check_same(const struct cask_group_spec *a, const struct cask_group_spec *b)
{
    char *bytes[2] = {NULL, NULL};
    size_t len[2] = {0, 0};

    unit_calm(true);
    CHECK_INT(cask_spec_encode(a, &bytes[0], &len[0], NULL), 0);
    CHECK_INT(cask_spec_encode(b, &bytes[1], &len[1], NULL), 0);
    CHECK_INT(len[0], len[1]);
    CHECK(memcmp(bytes[0], bytes[1], len[0]) == 0);
    free(bytes[0]);
    free(bytes[1]);
    unit_calm(false);
}

static void
test_round_trip(void)
{
    const struct cask_group_spec spec = full_spec();
    struct cask_group_spec *decoded = NULL;
    char *data = NULL;
    size_t len = 0;

    OK_OR_LEAVE(cask_spec_encode(&spec, &data, &len, NULL));
    OK_OR_LEAVE(cask_spec_decode(data, len, &decoded, NULL));
    CHECK_STR(decoded->name, "blog");
    CHECK_STR(decoded->group, NULL);
    CHECK_STR(decoded->display_name, "");
    CHECK_INT(decoded->umask, -1);
    CHECK_INT(decoded->maximum_requests, INT64_C(1) << 40);
    CHECK_INT(decoded->httpd_version[2], 58);
    CHECK_INT(decoded->n_apps, 2);
    CHECK_STR(decoded->apps[1].callable, "app");
    CHECK_STR(decoded->apps[0].application_group, "");
    CHECK(decoded->apps[1].proven && !decoded->apps[0].proven);
    CHECK_INT(decoded->python_hash_seed, CASK_ENGINE_SEED_RANDOM);
    CHECK_INT(decoded->interps.base.restrict_stdout, -1);
    CHECK_INT(decoded->interps.n_layers, 2);
    CHECK_STR(decoded->interps.layers[0].process_group, "blog");
    CHECK_STR(decoded->interps.layers[0].application_group, NULL);
    CHECK_INT(decoded->interps.layers[0].values.switch_interval_us, 25000);
    CHECK_STR(decoded->interps.layers[1].values.python_path, "/c");
    check_same(decoded, &spec);

leave:
    cask_spec_free(decoded);
    free(data);
}

/* Every number of bytes but the right one is refused. */
static void
test_truncated(void)
{
    const struct cask_group_spec spec = full_spec();
    struct cask_group_spec *decoded = NULL;
    struct cask_problem problem = {0};
    char *data = NULL;
    size_t len = 0;

    CHECK_INT(cask_spec_encode(&spec, &data, &len, NULL), 0);
    for (size_t part = 0; part < len; part++) {
        CHECK_INT(cask_spec_decode(data, part, &decoded, &problem), EBADMSG);
        CHECK_INT(problem.number, 402);
    }
    data = realloc(data, len + 1);
    CHECK(data != NULL);
    data[len] = 0;
    CHECK_INT(cask_spec_decode(data, len + 1, &decoded, &problem), EBADMSG);
    CHECK(decoded == NULL);
    cask_problem_done(&problem);
    free(data);
}

/* Whatever a changed byte makes of it: refused, or something in range. */
static void
test_changed(void)
{
    static const unsigned char masks[] = {0x01, 0x80, 0xff};
    const struct cask_group_spec spec = full_spec();
    char *data = NULL;
    size_t len = 0;

    CHECK_INT(cask_spec_encode(&spec, &data, &len, NULL), 0);
    for (size_t at = 0; at < len; at++) {
        for (size_t i = 0; i < sizeof(masks); i++) {
            struct cask_group_spec *decoded = NULL;

            data[at] = (char)(data[at] ^ masks[i]);
            if (cask_spec_decode(data, len, &decoded, NULL) == 0) {
                CHECK(decoded->name != NULL && decoded->processes >= 1 && decoded->threads >= 1);
                CHECK(decoded->shutdown_timeout_us >= 0);
                cask_spec_free(decoded);
            }
            data[at] = (char)(data[at] ^ masks[i]);
        }
    }
    free(data);
}

static void
test_text(void)
{
    struct cask_pack pack = {0};
    struct cask_unpack unpack;

    cask_pack_text_n(&pack, "abc", 2);
    cask_pack_text_n(&pack, "a\0b", 3);
    cask_pack_text(&pack, NULL);
    cask_pack_u64(&pack, 5);
    CHECK_INT(pack.error, 0);
    unpack = cask_unpack_begin(pack.buf.data, cask_buf_len(&pack.buf));
    CHECK_STR(cask_unpack_text(&unpack), "ab");
    CHECK_STR(cask_unpack_text(&unpack), "a");
    CHECK_STR(cask_unpack_text(&unpack), NULL);
    CHECK_INT(cask_unpack_u64(&unpack), 5);
    CHECK(cask_unpack_end(&unpack));
    CHECK_INT(cask_unpack_u32(&unpack), 0);
    CHECK(!cask_unpack_end(&unpack));
    cask_pack_done(&pack);
}

static void
test_drain_time(void)
{
    struct cask_group_spec spec = full_spec();

    CHECK_INT(cask_spec_drain_us(&spec), 4);
    spec.graceful_timeout_given = false;
    CHECK_INT(cask_spec_drain_us(&spec), 60 * CASK_CLOCK_SECOND);
}

static void
test_message(void)
{
    static char buffer[CASK_CHANNEL_MAX];
    struct cask_channel_message message;
    struct cask_pack payload = {0};
    int ends[2];
    int fd = -1;

    CHECK_INT(cask_channel_pair(ends), 0);
    CHECK_INT(cask_channel_receive(ends[1], buffer, &message), EAGAIN);
    cask_pack_u32(&payload, 77);
    CHECK_INT(cask_channel_send(ends[0], CASK_CHANNEL_HELLO, &payload, &ends[0], 1, 0), 0);
    CHECK_INT(cask_channel_receive(ends[1], buffer, &message), 0);
    CHECK_INT(message.kind, CASK_CHANNEL_HELLO);
    CHECK_INT(cask_unpack_u32(&message.payload), 77);
    CHECK(cask_unpack_end(&message.payload));
    fd = cask_channel_take_fd(&message, 0);
    CHECK(fd >= 0);
    CHECK_INT(cask_channel_take_fd(&message, 0), -1);
    CHECK_INT(cask_channel_take_fd(&message, 1), -1);
    cask_channel_message_done(&message);
    cask_net_close(&fd);
    cask_net_close(&ends[0]);
    CHECK_INT(cask_channel_receive(ends[1], buffer, &message), ECONNRESET);
    cask_net_close(&ends[1]);
    cask_pack_done(&payload);
}

static void
test_bad_message(void)
{
    static const uint32_t bad[][2] = {{0, CASK_CHANNEL_HELLO},
                                      {0x4b430002, CASK_CHANNEL_HELLO},
                                      {0x4b430001, 0},
                                      {0x4b430001, 99}};
    static char buffer[CASK_CHANNEL_MAX];
    struct cask_channel_message message;
    struct cask_pack large = {0};
    int ends[2];

    CHECK_INT(cask_channel_pair(ends), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct iovec part = {.iov_base = (void *)bad[i], .iov_len = sizeof(bad[i])};
        size_t sent = 0;

        CHECK_INT(cask_net_send_fds(ends[0], &part, 1, &ends[0], 1, &sent), 0);
        CHECK_INT(cask_channel_receive(ends[1], buffer, &message), EPROTO);
        part.iov_len = 3;
        CHECK_INT(cask_net_send_fds(ends[0], &part, 1, NULL, 0, &sent), 0);
        CHECK_INT(cask_channel_receive(ends[1], buffer, &message), EPROTO);
    }
    memset(buffer, 'x', sizeof(buffer));
    cask_pack_bytes(&large, buffer, sizeof(buffer));
    CHECK_INT(cask_channel_send(ends[0], CASK_CHANNEL_FAILED, &large, NULL, 0, 0), EMSGSIZE);
    cask_pack_done(&large);
    cask_net_close(&ends[0]);
    cask_net_close(&ends[1]);
}

static void
test_block(void)
{
    char *data = NULL;
    size_t len = 0;
    int fd = -1;

    OK_OR_LEAVE(cask_channel_block_new("test", "hello", 5, &fd, NULL));
    OK_OR_LEAVE(cask_channel_block_read(fd, 5, &data, &len, NULL));
    CHECK_INT(len, 5);
    CHECK(memcmp(data, "hello", 5) == 0);
    free(data);
    data = NULL;
    CHECK(cask_channel_block_read(fd, 4, &data, &len, NULL) != 0);

leave:
    free(data);
    cask_net_close(&fd);
}

const struct unit_test unit_tests[] = {
    {"settings survive the way", test_round_trip, UNIT_TORTURE},
    {"part of the settings is refused", test_truncated, 0},
    {"changed bytes do no harm", test_changed, 0},
    {"strings keep NULL and lose what follows a NUL", test_text, 0},
    {"how long a drain lasts", test_drain_time, 0},
    {"a message with a descriptor", test_message, 0},
    {"messages of others are refused", test_bad_message, 0},
    {"a block of bytes in a memfd", test_block, UNIT_TORTURE},
    {0},
};
