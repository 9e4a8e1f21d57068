# SPDX-License-Identifier: Apache-2.0
"""Request bodies over HTTP/2: flow control, streams that are reset, early answers."""

import json
import zlib

import pytest

from harness import procs
from harness.http2 import Http2Connection
from harness.wait import wait_until

pytestmark = pytest.mark.only("event", reason="mod_http2 does not go with prefork")

LIMIT = 1000


@pytest.fixture(scope="module")
def server(module_site):
    module_site.config.modules.append("http2")
    module_site.config.add(
        "Protocols h2c http/1.1",
        "WSGIChunkedRequest On",
        "Timeout 2",
        f'<LocationMatch "/limited">\nLimitRequestBody {LIMIT}\n</LocationMatch>',
        '<LocationMatch "/length-only">\nWSGIChunkedRequest Off\n</LocationMatch>',
    )
    module_site.serve("bodies.py", group_options={"socket_timeout": 30})
    module_site.stage.expect_notes("body")
    return module_site


@pytest.fixture
def site(server, checked):
    checked.stage.forget("body", "gate.reached")
    return checked


@pytest.fixture
def client(site):
    with Http2Connection(site.port) as client:
        yield client


def length(size):
    return ("content-length", str(size))


@pytest.mark.parametrize("size", [0, 1, 16384, 65535, 65536, 1_000_000, 20_000_000])
@pytest.mark.parametrize("announced", [True, False])
def test_sizes(client, size, announced):
    body = (bytes(range(251)) * (size // 251 + 1))[:size]
    headers = [length(size)] if announced else []
    found = json.loads(client.wait(client.request("POST", "/count", *headers, body=body)).body)
    assert (found["size"], found["crc32"]) == (size, zlib.crc32(body))
    assert found["length"] == (str(size) if announced else None)
    assert found["terminated"] is True


def test_several_uploads_at_once(client):
    """One connection, bodies in turn: each stream gets its own bytes."""
    numbers = [client.request("POST", "/count", end=False) for _ in range(5)]
    for _ in range(20):
        for index, number in enumerate(numbers):
            client.send(number, bytes([index]) * 30_000, end=False)
    for number in numbers:
        client.send(number, b"", end=True)
    for index, number in enumerate(numbers):
        found = json.loads(client.wait(number).body)
        assert (found["size"], found["crc32"]) == (600_000, zlib.crc32(bytes([index]) * 600_000))


def test_flow_control_holds_the_client_back(site, client):
    """An application that does not read: no more than a window's worth is taken, whatever is sent;
    then it reads, and the rest goes."""
    site.stage.close_gate()
    number = client.request("POST", "/two-steps?5", end=False)
    client.send(number, b"first", end=False)
    site.stage.wait_reached()
    sent = 5
    while room := min(client.h2.local_flow_control_window(number), 16384):
        client.h2.send_data(number, b"x" * room)
        client.flush()
        sent += room
        if sent > 8_000_000:
            pytest.fail("the server takes what nobody reads")
        if client.h2.local_flow_control_window(number) == 0 and not take_updates(client):
            break
    site.stage.open_gate()
    client.send(number, b"", end=True)
    found = json.loads(client.wait(number).body)
    assert [len(part) for part in found] == [5, sent - 5]


def take_updates(client):
    """Whatever comes within a moment."""
    client.sock.settimeout(0.3)
    try:
        return client.receive()
    except TimeoutError:
        return False
    finally:
        client.sock.settimeout(15)


def test_reset_in_the_middle(site, client):
    number = client.request("POST", "/raises", length(1000), body=b"part", end=False)
    wait_until(lambda: site.stage.notes("body"))
    client.h2.reset_stream(number)
    client.flush()
    site.stage.wait_notes("body", ["reading", "ConnectionResetError ECONNRESET"])
    assert client.wait(client.request("GET", "/one")).body == b"only one"


def test_connection_closed_in_the_middle(site, client):
    client.request("POST", "/raises", length(1000), body=b"part", end=False)
    wait_until(lambda: site.stage.notes("body"))
    client.sock.close()
    site.stage.wait_notes("body", ["reading", "ConnectionResetError ECONNRESET"])
    assert site.get("/one").text == "only one"


def test_end_before_its_length(site, client):
    """mod_http2 resets the stream; never does the application take it for the whole body."""
    client.h2.config.validate_outbound_headers = False
    number = client.request("POST", "/raises", length(1000), body=b"part", end=False)
    wait_until(lambda: site.stage.notes("body"))
    client.h2.send_data(number, b"", end_stream=True)
    client.flush()
    site.stage.wait_notes("body", ["reading", "ConnectionResetError ECONNRESET"])
    assert client.wait(number).reset is not None


def test_stall(site, client):
    number = client.request("POST", "/raises", length(1000), body=b"part", end=False)
    stream = client.wait(number)
    assert stream.status == 408
    assert site.stage.notes("body") == ["reading", "TimeoutError ETIMEDOUT"]
    assert client.wait(client.request("GET", "/one")).body == b"only one"


@pytest.mark.parametrize("page", ["unread", "unread-generator"])
def test_early_answer(client, page):
    """The reply comes; then the stream is reset without an error, and the connection serves on."""
    number = client.request("POST", f"/{page}", body=b"part", end=False)
    stream = client.wait(number)
    assert stream.body in (b"not read", b"part one, part two")
    assert stream.complete
    while stream.reset is None:
        assert client.receive()
    assert stream.reset == 0
    assert client.wait(client.request("GET", "/one")).body == b"only one"


def test_echo(client):
    """Both directions at once: more than all buffers together."""
    number = client.request("POST", "/echo", end=False)
    block = bytes(range(256)) * 256
    for _ in range(300):
        client.send(number, block, end=False)
    client.send(number, b"", end=True)
    assert client.wait(number).body == block * 300


def test_length_beyond_the_limit(site, client):
    site.logs.allow("AH01588|LimitRequestBody|larger than")
    stream = client.wait(client.request("POST", "/raises/limited", length(LIMIT + 1), end=False))
    assert stream.status == 413
    assert site.stage.notes("body") == []


def test_unknown_length_beyond_the_limit(site, client):
    site.logs.allow("AH01588|LimitRequestBody|larger than")
    number = client.request("POST", "/raises/limited", body=b"x" * (LIMIT + 1))
    assert client.wait(number).status == 413
    assert site.stage.notes("body") == ["reading", "OSError EFBIG"]
    found = client.wait(client.request("POST", "/count/limited", body=b"x" * LIMIT))
    assert json.loads(found.body)["size"] == LIMIT


def test_length_required(client):
    number = client.request("POST", "/count/length-only", body=b"x")
    assert client.wait(number).status == 411
    number = client.request("POST", "/count/length-only", length(1), body=b"x")
    assert json.loads(client.wait(number).body)["size"] == 1
    number = client.request("POST", "/count/length-only")
    assert json.loads(client.wait(number).body)["size"] == 0


def test_memory_does_not_grow(site, client):
    block = b"m" * 1_000_000
    number = client.request("POST", "/echo", end=False)
    for _ in range(60):
        client.send(number, block, end=False)
        client.streams[number].body = b""
    client.send(number, b"", end=True)
    client.wait(number)
    procs.check_lean([*site.children(), *site.daemons()])
