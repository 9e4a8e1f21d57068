# SPDX-License-Identifier: Apache-2.0
"""Expect: 100-continue. The interim reply goes out when the application first reads the body, never
before, never twice, never if it does not read at all, and never behind the head of the reply."""

import json

import pytest

from harness.http2 import Http2Connection

READS = [
    ("read:0", b"", [""]),
    ("read:2", b"data", ["da"]),
    ("read", b"data", ["data"]),
    ("read1", b"data", ["data"]),
    ("readline", b"data", ["data"]),
    ("readinto:4", b"data", [4]),
    ("read:0,read:0,read", b"data", ["", "", "data"]),
]


@pytest.fixture(scope="module")
def server(module_site):
    module_site.config.add("WSGIChunkedRequest On", "Timeout 2")
    if module_site.mpm == "event":
        module_site.config.modules.append("http2")
        module_site.config.add("Protocols h2c http/1.1")
    module_site.serve("bodies.py", group_options={"socket_timeout": 30})
    for name in ("body", "before.reached", "middle.reached", "gate.reached"):
        module_site.stage.expect_notes(name)
    return module_site


@pytest.fixture
def site(server, checked):
    checked.stage.forget("body", "before.reached", "middle.reached", "gate.reached")
    for name in ("before", "middle", "gate"):
        checked.stage.close_gate(name)
    return checked


@pytest.mark.broad
@pytest.mark.parametrize("framing", ["Content-Length: 4", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize(("calls", "body", "results"), READS, ids=[r[0] for r in READS])
def test_first_read_asks_for_the_body(site, framing, calls, body, results):
    with site.raw() as client:
        client.request(f"POST /asks?{calls},gate", framing, "Expect: 100-continue")
        site.stage.wait_reached("before")
        assert client.nothing_came()
        site.stage.open_gate("before")
        assert client.read_head().status == 100
        if framing.startswith("C"):
            client.send(b"data")
        else:
            client.send_chunk(b"data")
            client.send_chunk(b"")
        site.stage.wait_reached("middle")
        assert client.nothing_came()
        site.stage.open_gate("middle")
        reply = client.read_reply()
        assert (reply.status, json.loads(reply.body)) == (200, results)
        assert reply.header("Connection") is None or "close" not in reply.header("Connection")
        client.request("GET /one")
        assert client.read_reply().body == b"only one"


@pytest.mark.broad
def test_unread_body_is_not_asked_for(site):
    """httpd closes: it cannot know whether the client will send the body all the same."""
    with site.raw() as client:
        client.request("POST /unread", "Content-Length: 4", "Expect: 100-continue")
        reply = client.read_reply()
        assert (reply.status, reply.body) == (403, b"not read")
        assert "close" in reply.header("Connection")
        assert client.at_end()


def test_client_that_does_not_wait(site):
    """It has sent the body with the head: the body is read, whatever else it is told."""
    site.stage.open_gate("before")
    with site.raw() as client:
        client.request("POST /asks?read", "Content-Length: 4", "Expect: 100-continue", body=b"data")
        assert client.read_head().status == 100
        reply = client.read_reply()
        assert (reply.status, json.loads(reply.body)) == (200, ["data"])


def test_patience_begins_with_the_read(site):
    """An application that takes longer than Timeout before it reads loses nothing by that."""
    with site.raw() as client:
        client.request("POST /asks?read", "Content-Length: 4", "Expect: 100-continue")
        site.stage.wait_reached("before")
        client.sock.settimeout(2.5)  # more than Timeout
        with pytest.raises(TimeoutError):
            client.sock.recv(1)
        client.sock.settimeout(15)
        site.stage.open_gate("before")
        assert client.read_head().status == 100
        client.send(b"data")
        assert json.loads(client.read_reply().body) == ["data"]


def test_not_in_the_middle_of_a_reply(site):
    """The head of the reply was the answer; the client may send the body or not."""
    with site.raw() as client:
        client.request("POST /after-reply", "Content-Length: 4", "Expect: 100-continue")
        assert client.read_head().status == 200
        while b"begun\n" not in client.buffer:
            assert client.fill()
        site.stage.wait_reached("gate")
        site.stage.open_gate("gate")
        client.send(b"data")
        assert b"100" not in client.read_to_end()


def test_http_1_0_has_no_interim_replies(site):
    site.stage.open_gate("before")
    with site.raw() as client:
        client.send(
            b"POST /asks?read HTTP/1.0\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\ndata"
        )
        reply = client.read_reply()
        assert (reply.status, json.loads(reply.body)) == (200, ["data"])


# -- HTTP/2 ----------------------------------------------------------------------------------------

ONLY_EVENT = pytest.mark.only("event", reason="mod_http2 does not go with prefork")
EXPECT = ("expect", "100-continue")


@ONLY_EVENT
def test_http2_first_read_asks_for_the_body(site):
    with Http2Connection(site.port) as client:
        number = client.request("POST", "/asks?read:0,gate,read", EXPECT, end=False)
        stream = client.streams[number]
        site.stage.wait_reached("before")
        site.stage.open_gate("before")
        while not stream.interim:
            assert client.receive()
        assert stream.interim == [100]
        assert not stream.headers
        site.stage.open_gate("middle")
        client.h2.send_data(number, b"data", end_stream=True)
        client.flush()
        assert json.loads(client.wait(number).body) == ["", "data"]
        assert stream.interim == [100]


@ONLY_EVENT
def test_http2_unread_body_is_not_asked_for(site):
    with Http2Connection(site.port) as client:
        number = client.request("POST", "/unread", EXPECT, end=False)
        stream = client.wait(number)
        assert (stream.status, stream.body, stream.interim) == (403, b"not read", [])
        assert client.wait(client.request("GET", "/one")).body == b"only one"
