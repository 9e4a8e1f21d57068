/* SPDX-License-Identifier: Apache-2.0 */
/* unit_c/wire/fuzz_reply.c - a daemon that says anything: httpd's side of a request, from the first
 * byte to the end of the connection. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "platform/net.h"
#include "platform/problem.h"
#include "wire/wire_call.h"
#include "wire/wire_hello.h"

/* What the socket takes without waiting. */
#define MOST (64u * 1024u)

static void
check_event(const struct cask_wire_event *event)
{
    size_t sum = 0;

    switch (event->kind) {
    case CASK_WIRE_REPLY:
        must(event->head.status >= 200 && event->head.status <= 999);
        read_all(event->head.reason.data, event->head.reason.len);
        for (size_t i = 0; i < event->head.n_headers; i++) {
            sum += event->head.headers[i].name.len + event->head.headers[i].value.len;
            read_all(event->head.headers[i].name.data, event->head.headers[i].name.len);
            read_all(event->head.headers[i].value.data, event->head.headers[i].value.len);
        }
        must(sum <= MOST * 64u); /* names of well-known headers are not on the wire */
        read_all(event->data, event->data_len);
        break;
    case CASK_WIRE_DATA:
        read_all(event->data, event->data_len);
        break;
    case CASK_WIRE_LOG:
        must(event->record.level >= CASK_LOG_CRIT && event->record.level <= CASK_LOG_TRACE1);
        read_all(event->record.text, event->record.text_len);
        read_all(event->record.file, event->record.file_len);
        break;
    case CASK_WIRE_FILE:
        must(cask_wire_event_check_file(event) != 0); /* there is no descriptor here */
        break;
    case CASK_WIRE_CREDIT:
    case CASK_WIRE_END:
    case CASK_WIRE_ABORT:
    case CASK_WIRE_REFUSED:
    case CASK_WIRE_GOAWAY:
        break;
    }
}

static void
check_call(const uint8_t *data, size_t size)
{
    struct cask_problem problem = {0};
    struct cask_wire_peer peer = {.row = 1, .generation = 1, .pid = 4711};
    struct cask_wire_call *call = NULL;
    struct cask_wire_event event;
    struct cask_request request = {.app = {.script = {"/app.py", 7},
                                           .callable = {"application", 11},
                                           .application_group = {"", 0}}};
    int ends[2];
    size_t most = size + 16u;

    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    must(cask_wire_call_new(&call, "fuzzed", &problem) == 0);
    peer.fd = ends[0];
    cask_wire_call_attach(call, &peer);
    must(cask_wire_call_send_head(call, &request, NULL, 0, true, false, &problem) == 0);
    must(write(ends[1], data, size) == (ssize_t)size);
    must(shutdown(ends[1], SHUT_WR) == 0);
    while (cask_wire_call_receive(call, 0, &event, &problem) == 0) {
        must(most-- > 0); /* every event uses up something */
        check_event(&event);
        if (event.kind == CASK_WIRE_END) {
            break;
        }
    }
    (void)cask_wire_call_is_unstarted(call);
    (void)cask_wire_call_is_reusable(call);
    peer = cask_wire_call_detach(call);
    cask_net_close(&peer.fd);
    cask_net_close(&ends[1]);
    cask_wire_call_free(call);
    cask_problem_done(&problem);
}

static void
check_hello(const uint8_t *data, size_t size)
{
    struct cask_frame_hello hello;
    enum cask_frame_status defect = CASK_FRAME_OK;
    int ends[2];

    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    must(write(ends[1], data, size) == (ssize_t)size);
    must(shutdown(ends[1], SHUT_WR) == 0);
    if (cask_wire_hello_await(ends[0], 0, &hello, &defect) == 0) {
        must(size >= CASK_FRAME_HEADER_SIZE + CASK_FRAME_HELLO_SIZE);
    }
    cask_net_close(&ends[0]);
    cask_net_close(&ends[1]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && size <= MOST) {
        check_hello(data, size);
        check_call(data, size);
    }
    return 0;
}
