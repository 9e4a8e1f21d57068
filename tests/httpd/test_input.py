# SPDX-License-Identifier: Apache-2.0
"""wsgi.input: every method, for bodies with a length and for chunked ones; and bodies that fail."""

import contextlib
import gzip
import json
import os

import pytest

from harness.wait import wait_until

BODY = b"first line\nsecond\n\nfourth without end"


@pytest.fixture(scope="module")
def server(module_site):
    module_site.config.modules.append("deflate")
    module_site.config.add(
        "WSGIChunkedRequest On",
        "<Location /echo/limited>\nLimitRequestBody 1000\n</Location>",
        "<Location /input-fails/limited>\nLimitRequestBody 1000\n</Location>",
        "<Location /echo/inflated>\nSetInputFilter DEFLATE\n</Location>",
    )
    module_site.serve("gateway.py")
    module_site.stage.expect_notes("input")
    return module_site


@pytest.fixture
def site(server, checked):
    checked.stage.forget("input")
    return checked


def send(client, path, body, framing, method="POST"):
    if framing == "length":
        client.request(f"{method} {path}", f"Content-Length: {len(body)}", body=body)
    else:
        client.request(f"{method} {path}", "Transfer-Encoding: chunked")
        for start in range(0, len(body), 7):
            client.send_chunk(body[start : start + 7])
        client.send_chunk(b"")


@pytest.mark.broad
@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize(
    ("calls", "results"),
    [
        ("read", [BODY.decode()]),
        ("read:-1", [BODY.decode()]),
        ("read:5,read:5,read", ["first", " line", BODY[10:].decode()]),
        ("read:0,read:3", ["", "fir"]),
        ("read:1000,read,read:4", [BODY.decode(), "", ""]),
        ("readline,readline,readline,readline,readline",
         ["first line\n", "second\n", "\n", "fourth without end", ""]),
        ("readline:3,readline:100,readline:-1", ["fir", "st line\n", "second\n"]),
        ("readline:0,readline", ["", "first line\n"]),
        ("readlines", [["first line\n", "second\n", "\n", "fourth without end"]]),
        ("readlines:1", [["first line\n"]]),
        ("readlines:12", [["first line\n", "second\n"]]),
        ("readlines:0", [["first line\n", "second\n", "\n", "fourth without end"]]),
        ("iter", [["first line\n", "second\n", "\n", "fourth without end"]]),
        ("next,read:3,readline,iter",
         ["first line\n", "sec", "ond\n", ["\n", "fourth without end"]]),
        ("readline,read", ["first line\n", BODY[11:].decode()]),
        ("close,read:5", [None, "first"]),
        ("read,read,readline,readlines,iter,next", [BODY.decode(), "", "", [], [], None]),
    ],
)  # fmt: skip
def test_calls(site, calls, results, framing):
    with site.raw() as client:
        send(client, f"/input-calls?{calls}", BODY, framing)
        assert json.loads(client.read_reply().body) == results
        client.request("GET /one")
        assert client.read_reply().body == b"only one"


@pytest.mark.parametrize("calls", ["read", "readline", "readlines", "iter", "read:5"])
def test_no_body(site, calls):
    found = site.get(f"/input-calls?{calls}").json()
    assert found == [[] if calls in ("readlines", "iter") else ""]


@pytest.mark.parametrize("size", [0, 1, 8191, 8192, 65536, 262144, 262145, 5_000_000])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_sizes(site, size, framing):
    body = bytes(i % 251 for i in range(997)) * (size // 997 + 1)
    body = body[:size]
    data = body if framing == "length" else iter([body[i : i + 70000]
                                                  for i in range(0, size, 70000)] or [])
    assert site.post("/echo", data=data).content == body


def test_lines_longer_than_any_buffer(site):
    lines = ["x" * 300_000 + "\n", "y\n", "z" * 100_000]
    found = site.post("/input-calls?readline,readline,readline", data="".join(lines)).json()
    assert found == lines


@pytest.mark.broad
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_read_gives_what_is_there_before_the_rest_came(site, framing):
    """read(5) returns as soon as five bytes are there; read() waits for the end."""
    site.stage.close_gate()
    with site.raw() as client:
        if framing == "length":
            client.request("POST /input-gate", "Content-Length: 11", body=b"hello")
        else:
            client.request("POST /input-gate", "Transfer-Encoding: chunked")
            client.send_chunk(b"hello")
        site.stage.wait_reached(count=site.stage.reached() or 1)
        site.stage.open_gate()
        if framing == "length":
            client.send(b" world")
        else:
            client.send_chunk(b" world")
            client.send_chunk(b"")
        assert client.read_reply().body == b"hello| world"


@pytest.mark.parametrize("page", ["input-unread", "input-part"])
@pytest.mark.parametrize("size", [20, 100_000, 3_000_000])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_unread_body_is_discarded(site, page, size, framing):
    """The connection is in step afterwards, or closed; never is a body taken for a request."""
    with site.raw() as client:
        if framing == "length":
            client.request(f"POST /{page}", f"Content-Length: {size}", body=b"g" * size)
        else:
            client.request(f"POST /{page}", "Transfer-Encoding: chunked")
            client.send_chunk(b"g" * size)
            client.send_chunk(b"")
        reply = client.read_reply()
        assert reply.status == 200
        assert reply.body == (b"not read" if page == "input-unread" else b"g" * 10)
        if reply.header("Connection") != "close":
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.request("GET /one")
            answer = client.read_to_end() if size > 1 << 20 else client.read_reply().body
            assert answer in (b"", b"only one") or answer.endswith(b"\r\n\r\nonly one")


# -- 100-continue ----------------------------------------------------------------------------------


@pytest.mark.broad
def test_continue_is_sent_when_the_body_is_read(site):
    with site.raw() as client:
        client.request("POST /echo", "Content-Length: 4", "Expect: 100-continue")
        assert client.read_head().status == 100
        client.send(b"data")
        reply = client.read_reply()
        assert (reply.status, reply.body) == (200, b"data")


@pytest.mark.broad
def test_continue_is_not_sent_when_the_body_is_not_read(site):
    with site.raw() as client:
        client.request("POST /input-unread", "Content-Length: 4", "Expect: 100-continue")
        reply = client.read_reply()
        assert (reply.status, reply.body) == (200, b"not read")


def test_continue_once(site):
    with site.raw() as client:
        client.request(
            "POST /input-calls?read:2,read:2,read", "Content-Length: 6", "Expect: 100-continue"
        )
        assert client.read_head().status == 100
        client.send(b"abcdef")
        assert json.loads(client.read_reply().body) == ["ab", "cd", "ef"]


# -- refused before the application ----------------------------------------------------------------


def test_length_beyond_the_limit(site):
    site.logs.allow(r"Requested content-length of \d+ is larger|LimitRequestBody")
    with site.raw() as client:
        client.request("POST /input-fails/limited", "Content-Length: 1001", body=b"x" * 1001)
        assert client.read_reply().status == 413
    assert site.stage.notes("input") == []


def test_chunks_beyond_the_limit_are_an_error_of_the_read(site):
    site.logs.allow(r"AH01588|LimitRequestBody|larger than the configured limit|CASK02")
    with site.raw() as client:
        client.request("POST /input-fails/limited", "Transfer-Encoding: chunked")
        client.send_chunk(b"x" * 900)
        client.send_chunk(b"x" * 900)
        client.send_chunk(b"")
        reply = client.read_reply()
    assert reply.status in (200, 413)
    wait_until(lambda: len(site.stage.notes("input")) == 2)
    assert site.stage.notes("input")[1] == "OSError then OSError"


@pytest.mark.parametrize(
    "value", ["-1", "+1", "abc", "1x", "0x1", "1,1", "1 1", "", "99999999999999999999999"]
)
@pytest.mark.parametrize("page", ["input-fails", "input-unread"])
def test_malformed_length(site, value, page):
    site.logs.allow(r"Content-Length")
    with site.raw() as client:
        client.request(f"POST /{page}", f"Content-Length: {value}")
        assert client.read_reply().status in (400, 413)
    assert site.stage.notes("input") == []


def test_unknown_transfer_coding(site):
    site.logs.allow(r"Transfer-Encoding")
    with site.raw() as client:
        client.request("POST /input-fails", "Transfer-Encoding: gzip")
        assert client.read_reply().status in (400, 501)
    assert site.stage.notes("input") == []


# -- bodies that break off -------------------------------------------------------------------------


@pytest.mark.broad
@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("end", ["shutdown_write", "reset"])
def test_client_leaves_in_the_middle_of_the_body(site, framing, end):
    """The application's read raises OSError, and again; the request ends, one info line says so."""
    mark = site.logs.mark()
    client = site.raw()
    if framing == "length":
        client.request("POST /input-fails", "Content-Length: 100", body=b"only part")
    else:
        client.request("POST /input-fails", "Transfer-Encoding: chunked")
        client.send_chunk(b"only part")
    wait_until(lambda: site.stage.notes("input"))
    getattr(client, end)()
    site.stage.wait_notes("input", ["reading", "OSError then OSError"])
    wait_until(lambda: ours(site, mark), what=lambda: f"one info line\n{site.tail()}")
    assert site.get("/one").text == "only one"
    assert [entry.level for entry in ours(site, mark)] == ["info"], ours(site, mark)


def ours(site, mark):
    return [e for e in site.logs.since(mark) if e.module == "wsgi" and e.number]


def test_bad_chunk(site):
    """Framing that makes no sense: the read fails, the connection is not used again."""
    site.logs.allow(r"AH01587|AH01590|chunk|AH02507")
    with site.raw() as client:
        client.request("POST /input-fails", "Transfer-Encoding: chunked")
        client.send_chunk(b"good")
        client.send(b"zz\r\nbad\r\n0\r\n\r\nGET /one HTTP/1.1\r\nHost: localhost\r\n\r\n")
        site.stage.wait_notes("input", ["reading", "OSError then OSError"])
        reply = client.read_reply()
        assert reply.status in (200, 400)
        assert b"only one" not in reply.body + client.read_to_end()


def test_inflated_body_is_longer_than_its_content_length(site):
    """Reads go to the end of the body regardless of CONTENT_LENGTH."""
    body = os.urandom(20_000).hex().encode()
    packed = gzip.compress(body)
    headers = {"Content-Encoding": "gzip"}
    assert site.post("/echo/inflated", data=packed, headers=headers).content == body


# -- both directions at once -----------------------------------------------------------------------


@pytest.mark.broad
def test_reply_comes_while_the_upload_still_runs(site):
    with site.raw() as client:
        client.request("POST /early", "Content-Length: 1000000", body=b"x" * 10)
        assert client.read_head().status == 200
        assert client.read_chunk() == b"answer first\n"
        client.send(b"x" * 999_990)
        assert client.read_chunk() == b"1000000 bytes"
        assert client.read_chunk() == b""


@pytest.mark.broad
def test_ping_pong(site):
    """A line of the body is answered before the next one is sent."""
    with site.raw() as client:
        client.request("POST /pingpong", "Transfer-Encoding: chunked")
        for number in range(3):
            client.send_chunk(b"ping %d\n" % number)
            if number == 0:
                assert client.read_head().status == 200
            assert client.read_chunk() == b"PING %d\n" % number
        client.send_chunk(b"")
        assert client.read_chunk() == b""


def test_big_reply_with_unread_big_body(site):
    """Neither side may block the other for good."""
    with site.raw() as client:
        client.sock.settimeout(30)
        size = 3_000_000
        client.request("POST /big?4", f"Content-Length: {size}", body=b"u" * size)
        assert len(client.read_reply().body) == 4 * 1024 * 1024
