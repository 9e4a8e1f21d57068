# SPDX-License-Identifier: Apache-2.0
"""environ["wsgi.early_hints"]: 103 Early Hints on HTTP/1.1 and HTTP/2."""

import json

import pytest

from harness.http2 import Http2Connection

LINK = "</style.css>; rel=preload; as=style"


@pytest.fixture(scope="module")
def server(module_site):
    if module_site.mpm != "prefork":
        module_site.config.modules.append("http2")
        module_site.config.add("Protocols h2c http/1.1", "H2Push off", "H2EarlyHints on")
    module_site.serve("replies.py")
    return module_site


@pytest.fixture
def site(server, checked):
    return checked


@pytest.mark.broad
def test_hints_come_before_the_reply(site):
    """Each one at once: the client has it while the application goes on working."""
    site.stage.close_gate()
    with site.raw() as client:
        client.request("GET /hints")
        first = client.read_head()
        assert (first.status, first.reason) == (103, "Early Hints")
        assert first.headers == [("Link", LINK)]
        site.stage.open_gate()
        second = client.read_head()
        assert second.status == 103
        assert second.headers == [("Link", LINK), ("X-Second", "caf\xe9")]
        reply = client.read_reply()
        assert (reply.status, reply.body, reply.complete) == (200, b"page", True)
        assert reply.header("X-Final") == "1"
        assert reply.header("Link") is None
        assert reply.header("X-Second") is None


def test_http_1_0_gets_none(site):
    site.stage.close_gate()
    site.stage.open_gate()
    with site.raw() as client:
        client.send(b"GET /hints HTTP/1.0\r\n\r\n")
        reply = client.read_reply()
        assert (reply.status, reply.body) == (200, b"page")


def test_the_client_may_still_wait_for_100_continue(site):
    site.stage.close_gate()
    with site.raw() as client:
        client.request("POST /hints", "Content-Length: 3", "Expect: 100-continue")
        assert client.read_head().status == 103
        site.stage.open_gate()
        assert client.read_head().status == 103
        assert client.read_head().status == 200


def test_what_is_refused(site):
    """The same names and values as for start_response; nothing about body and connection."""
    with site.raw() as client:
        client.request("GET /hints-calls")
        found = json.loads(client.read_reply().body)  # no 103 was sent
    assert found.pop("empty") == "None"
    assert {name for name, error in found.items() if error == "TypeError"} == {
        "none", "keyword", "text", "tuple",
    }  # fmt: skip
    assert {name for name, error in found.items() if error == "ValueError"} == {
        "name", "newline", "length", "hop", "connection", "large",
    }  # fmt: skip
    assert found["nonlatin"] == "UnicodeEncodeError"


def test_number_is_limited(site):
    with site.raw() as client:
        client.request("GET /hints-many")
        for number in range(16):
            head = client.read_head()
            assert (head.status, head.header("X-Count")) == (103, str(number))
        assert client.read_reply().body == b"16"


def test_too_late_is_no_fault(site):
    """Before the first byte it is sent, after it nothing happens."""
    with site.raw() as client:
        client.request("GET /hints-late")
        assert client.read_head().status == 103
        reply = client.read_reply()
        assert (reply.status, reply.body, reply.complete) == (200, b"first last", True)
        assert reply.header("X-Late") is None


def test_after_the_request(site):
    site.get("/hints-keep")
    if site.mode == "daemon":  # one process for certain
        assert site.get("/hints-kept").text == "RuntimeError"


@pytest.mark.only("event", reason="mod_http2 does not go with prefork")
def test_http2(site):
    site.stage.close_gate()
    with Http2Connection(site.port) as client:
        number = client.request("GET", "/hints")
        stream = client.wait_for(number, lambda stream: stream.interim)
        assert ("link", LINK) in stream.interim_headers[0]
        site.stage.open_gate()
        client.wait(number)
        assert stream.interim == [103, 103]
        assert (stream.status, stream.body, stream.complete) == (200, b"page", True)
        assert "link" not in stream.headers
        assert client.wait(client.request("GET", "/text?5")).body == b"the s"


@pytest.mark.only("event", reason="mod_http2 does not go with prefork")
def test_http2_where_the_administrator_has_not_allowed_it(fresh_site):
    """H2EarlyHints is off by default; the reply itself is whole."""
    fresh_site.config.modules.append("http2")
    fresh_site.config.add("Protocols h2c http/1.1", "H2Push off")
    fresh_site.serve("replies.py")
    fresh_site.stage.close_gate()
    fresh_site.stage.open_gate()
    with Http2Connection(fresh_site.port) as client:
        stream = client.wait(client.request("GET", "/hints"))
        assert stream.interim == []
        assert (stream.status, stream.body) == (200, b"page")
