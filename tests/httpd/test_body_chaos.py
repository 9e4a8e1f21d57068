# SPDX-License-Identifier: Apache-2.0
"""Many clients at once that do everything clients do with bodies, in random order: honest uploads
stay whole, and afterwards every thread and connection is free."""

import contextlib
import json
import random
import threading
import zlib

import pytest

from harness.raw import RawConnection, Truncated
from harness.wait import wait_until

CLIENTS = 8
THREADS = 4
"""Of the group; fewer than clients."""


@pytest.fixture(scope="module")
def server(module_site):
    module_site.config.add(
        "WSGIChunkedRequest On",
        "Timeout 20",
        # A child whose threads are all busy closes connections that are idle.
        "ThreadLimit 128",
        "ThreadsPerChild 128",
        "ServerLimit 1",
        "MaxRequestWorkers 128",
        "MaxSpareThreads 128",
    )
    module_site.serve("bodies.py", group_options={"processes": 2, "threads": THREADS})
    module_site.stage.expect_notes("body")
    module_site.logs.allow("AH01587|AH01590|AH02507|CASK0503")
    return module_site


@pytest.fixture
def site(server, checked):
    checked.stage.forget("body")
    return checked


def body_of(chance):
    return chance.randbytes(chance.choice((0, 1, 1000, 16_384, 16_385, 70_000, 600_000)))


def send(client, chance, path, body, upto=None):
    """With a length or in chunks of any size; `upto`: no more than so many bytes, and no end."""
    part = body if upto is None else body[:upto]
    if chance.random() < 0.5:
        client.request(f"POST {path}", f"Content-Length: {len(body)}", body=part)
        return
    client.request(f"POST {path}", "Transfer-Encoding: chunked")
    while part:
        size = chance.choice((1, 500, 9000, 100_000))
        if chance.random() < 0.1 or len(part) > 20_000:
            size = len(part)
        client.send_chunk(part[:size])
        part = part[size:]
    if upto is None:
        client.send_chunk(b"")


def upload(client, chance):
    for _ in range(chance.randrange(1, 4)):
        body = body_of(chance)
        path = chance.choice(("/count?1000", "/count", "/mixed?1"))
        send(client, chance, path, body)
        found = json.loads(client.read_reply().body)
        assert (found["size"], found["crc32"]) == (len(body), zlib.crc32(body))


def echo(client, chance):
    body = body_of(chance)[:60_000]
    send(client, chance, "/echo", body)
    assert client.read_reply().body == body


def unread(client, chance):
    send(client, chance, "/unread", body_of(chance))
    assert client.read_reply().body == b"not read"


def leave(client, chance):
    """In the middle of a body, politely or not."""
    body = body_of(chance) + b"more"
    path = chance.choice(("/raises", "/count", "/echo", "/unread"))
    send(client, chance, path, body, len(body) - 2)
    chance.choice((client.reset, client.close, client.shutdown_write))()


def leave_at_once(client, chance):
    client.request("POST /count", "Content-Length: 10", "Expect: 100-continue")
    if chance.random() < 0.5:
        client.read_head()
    client.close()


def spoil(client, chance):
    client.request("POST /raises", "Transfer-Encoding: chunked", body=b"5\r\nabcde\r\nzz\r\n")
    assert client.read_reply().status == 400


ACTS = [upload, upload, upload, echo, unread, leave, leave, leave_at_once, spoil]


def run(port, seed, rounds, faults):
    chance = random.Random(seed)  # noqa: S311 - no secret
    for number in range(rounds):
        act = chance.choice(ACTS)
        try:
            with RawConnection(port, 40) as client:
                act(client, chance)
        except (AssertionError, ValueError, Truncated, OSError) as error:
            faults.append(f"seed {seed}, round {number}, {act.__name__}: {error!r:.300}")


def chaos(site, rounds, seeds):
    faults = []
    clients = [
        threading.Thread(target=run, args=(site.port, seed, rounds, faults)) for seed in seeds
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert faults == []


def check_idle(site):
    """All threads of all processes serve, at the same time."""
    before = site.stage.reached()
    site.stage.close_gate()
    clients = []
    with contextlib.ExitStack() as closers:
        for _ in range(2 * THREADS):
            client = closers.enter_context(RawConnection(site.port, 20))
            client.request("POST /two-steps?0", "Content-Length: 2", body=b"ok")
            clients.append(client)
        wait_until(lambda: site.stage.reached() == before + 2 * THREADS)
        site.stage.open_gate()
        assert [json.loads(c.read_reply().body) for c in clients] == [["", "ok"]] * 2 * THREADS


def test_chaos(site):
    chaos(site, 25, range(CLIENTS))
    check_idle(site)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_long_chaos(site):
    first = random.randrange(1_000_000)  # noqa: S311 - no secret
    chaos(site, 1500, range(first, first + CLIENTS))
    check_idle(site)
