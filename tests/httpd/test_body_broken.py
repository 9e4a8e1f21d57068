# SPDX-License-Identifier: Apache-2.0
"""Bodies that break off, stall, are malformed or too long: what the application sees (the same in
both modes), that it sees it again, and what the client gets when the error is let through."""

import gzip
import json
import time
from collections.abc import Callable
from typing import NamedTuple

import pytest

from harness.wait import wait_until

LIMIT = 1000
READS = 10
"""How many ways of reading the application tries after the error."""


@pytest.fixture(scope="module")
def server(module_site):
    module_site.config.modules += ["reqtimeout", "deflate"]
    module_site.config.add(
        "WSGIChunkedRequest On",
        "Timeout 2",
        "RequestReadTimeout header=0 body=0",
        f'<LocationMatch "/limited">\nLimitRequestBody {LIMIT}\n</LocationMatch>',
        '<LocationMatch "/inflated">\nSetInputFilter DEFLATE\n</LocationMatch>',
    )
    module_site.serve("bodies.py", group_options={"socket_timeout": 30})
    module_site.stage.expect_notes("body")
    return module_site


@pytest.fixture
def site(server, checked):
    checked.stage.forget("body")
    checked.logs.allow("AH01587|AH01588|AH01590|AH02507|AH01382|AH01385|AH01387|AH00036|AH0138")
    return checked


def cut(client, framing):
    """Part of a body, then the end of what the client sends."""
    begin(client, framing)
    client.shutdown_write()


def begin(client, framing):
    if framing == "length":
        client.send(b"only part")
    else:
        client.send_chunk(b"only part")


def bad_chunk(client, framing):
    client.send_chunk(b"good")
    client.send(b"zz\r\nbad\r\n0\r\n\r\nGET /one HTTP/1.1\r\nHost: localhost\r\n\r\n")


def too_long(client, framing):
    for _ in range(3):
        client.send_chunk(b"x" * (LIMIT // 2))
    client.send_chunk(b"")


def start(client, path, framing):
    head = "Content-Length: 100" if framing == "length" else "Transfer-Encoding: chunked"
    client.request(f"POST {path}", head)


class Case(NamedTuple):
    name: str
    framing: str
    act: Callable[..., None]
    error: str
    status: int | None


CASES = [
    Case("cut", "length", cut, "ConnectionResetError ECONNRESET", None),
    Case("cut", "chunked", cut, "ConnectionResetError ECONNRESET", None),
    Case("stall", "length", begin, "TimeoutError ETIMEDOUT", 408),
    Case("stall", "chunked", begin, "TimeoutError ETIMEDOUT", 408),
    Case("bad", "chunked", bad_chunk, "OSError EBADMSG", 400),
    Case("limited", "chunked", too_long, "OSError EFBIG", 413),
]
EACH = pytest.mark.parametrize("case", CASES, ids=[f"{c.name}-{c.framing}" for c in CASES])


@EACH
def test_error_let_through(site, case):
    """The application gets the error; the client its meaning as a status, or nothing where it has
    gone; the connection is not used again; one info line tells what happened."""
    let_through(site, case)


@pytest.mark.broad
@pytest.mark.parametrize("case", [CASES[0], CASES[4]], ids=["cut", "bad"])
def test_error_everywhere(site, case):
    let_through(site, case)


def let_through(site, case):
    mark = site.logs.mark()
    before = len((site.root / "logs" / "access.log").read_text().splitlines())
    with site.raw() as client:
        start(client, f"/raises/{case.name}", case.framing)
        case.act(client, case.framing)
        if case.status is not None:
            reply = client.read_reply()
            assert (reply.status, reply.header("Connection")) == (case.status, "close")
            assert b"only one" not in reply.body
        assert client.read_to_end() == b""
    site.stage.wait_notes("body", ["reading", case.error])
    wait_until(lambda: ours(site, mark))
    logged = site.root / "logs" / "access.log"
    wait_until(lambda: len(logged.read_text().splitlines()) > before)
    assert f'HTTP/1.1" {case.status or 499} ' in logged.read_text().splitlines()[before]
    assert [entry.level for entry in ours(site, mark)] == ["info"], ours(site, mark)


@EACH
def test_error_that_is_handled(site, case):
    """Every later use raises the same error, and the application's own answer is sent."""
    with site.raw() as client:
        start(client, f"/handles/{case.name}", case.framing)
        case.act(client, case.framing)
        reply = client.read_reply()
        assert (reply.status, json.loads(reply.body)) == (200, [case.error] * READS)
        assert client.read_to_end() == b"", "the connection is not used again"


@EACH
def test_error_after_the_reply_has_begun(site, case):
    """Nothing is appended to it, and it does not look complete."""
    with site.raw() as client:
        start(client, f"/raises-late/{case.name}", case.framing)
        assert client.read_head().status == 200
        assert client.read_chunk() == b"begun\n"
        case.act(client, case.framing)
        assert client.read_to_end() == b""
    site.stage.wait_notes("body", [case.error])


def ours(site, mark):
    return [e for e in site.logs.since(mark) if e.module == "wsgi" and e.number]


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_bytes_before_the_error_are_not_given_as_a_whole_body(site, framing):
    """read(n) with fewer bytes is the end of a body; there was none."""
    site.stage.close_gate()
    with site.raw() as client:
        start(client, "/two-steps?4", framing)
        begin(client, framing)
        site.stage.wait_notes("body", ["first"])
        client.shutdown_write()
        site.stage.open_gate()
        assert json.loads(client.read_reply().body) == ["only", "ConnectionResetError ECONNRESET"]


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_reset_connection(site, framing):
    mark = site.logs.mark()
    client = site.raw()
    start(client, "/raises", framing)
    begin(client, framing)
    wait_until(lambda: site.stage.notes("body"))
    client.reset()
    site.stage.wait_notes("body", ["reading", "ConnectionResetError ECONNRESET"])
    wait_until(lambda: ours(site, mark))
    assert [entry.level for entry in ours(site, mark)] == ["info"], ours(site, mark)


def test_slow_is_not_stalled(site):
    """Timeout is between two bytes, not for the whole body."""
    with site.raw() as client:
        client.request("POST /count", "Content-Length: 5")
        begin_time = time.monotonic()
        for byte in b"slow!":
            client.sock.settimeout(0.6)
            with pytest.raises(TimeoutError):
                client.sock.recv(1)
            client.send(bytes([byte]))
        client.sock.settimeout(15)
        assert json.loads(client.read_reply().body)["size"] == 5
        assert time.monotonic() - begin_time > 2


BAD_FRAMING = {
    "size": b"zz\r\nbad\r\n0\r\n\r\n",
    "negative": b"-5\r\nabcde\r\n0\r\n\r\n",
    "huge": b"fffffffffffffffff\r\nabc",
    "empty": b"\r\nabc\r\n0\r\n\r\n",
    "no-end-of-chunk": b"3\r\nabcX\r\n0\r\n\r\n",
    "bare-lf-in-size": b"3 x\nabc\r\n0\r\n\r\n",
    "long-size-line": b"1;" + b"e" * 20000 + b"\r\na\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("kind", BAD_FRAMING)
def test_bad_framing(site, kind):
    """Whatever is wrong with the chunks: a closed connection and no short body; 400, or 413 where
    httpd finds a line or a number too long."""
    with site.raw() as client:
        client.request("POST /raises", "Transfer-Encoding: chunked", body=BAD_FRAMING[kind])
        reply = client.read_reply()
        assert reply.header("Connection") == "close"
    status, error = (413, "EFBIG") if kind in ("huge", "long-size-line") else (400, "EBADMSG")
    assert reply.status == status
    site.stage.wait_notes("body", ["reading", f"OSError {error}"])


def test_length_over_the_limit_does_not_reach_the_application(site):
    with site.raw() as client:
        client.request("POST /raises/limited", f"Content-Length: {LIMIT + 1}")
        assert client.read_reply().status == 413
    with site.raw() as client:
        client.request("POST /count/limited", f"Content-Length: {LIMIT}", body=b"x" * LIMIT)
        assert json.loads(client.read_reply().body)["size"] == LIMIT
    assert site.stage.notes("body") == []


def test_chunks_up_to_the_limit(site):
    with site.raw() as client:
        client.request("POST /count/limited", "Transfer-Encoding: chunked")
        client.send_chunk(b"x" * LIMIT)
        client.send_chunk(b"")
        assert json.loads(client.read_reply().body)["size"] == LIMIT


@pytest.mark.parametrize("kind", ["garbage", "cut"])
def test_body_that_cannot_be_inflated(site, kind):
    """An input filter that gives up is an error of the read, not an end."""
    site.logs.allow("AH013|AH024|CASK0244")
    packed = b"no gzip at all" * 20 if kind == "garbage" else gzip.compress(b"x" * 5000)[:-12]
    with site.raw() as client:
        length = f"Content-Length: {len(packed)}"
        client.request("POST /handles/inflated", length, "Content-Encoding: gzip", body=packed)
        found = json.loads(client.read_reply().body)
    assert len(set(found)) == 1, found
    assert found[0].startswith("OSError E"), found


@pytest.mark.parametrize(
    ("head", "body", "page"),
    [
        ("Content-Length: 2000", b"x" * 2000, b"page for 413, body: OSError EFBIG"),
        ("Content-Length: 3", b"abc", b"page for 404, body: 0"),  # httpd has thrown it away
        ("Transfer-Encoding: chunked", b"3\r\nabc\r\n0\r\n\r\n", b"page for 411, body: 3"),
    ],
)
def test_error_document(fresh_site, head, body, page):
    """An application as an ErrorDocument is asked whatever was wrong with the body."""
    site = fresh_site
    site.config.add("LimitRequestBody 1000", *(f"ErrorDocument {code} /error-page" for code in
                                               (404, 411, 413)))  # fmt: skip
    site.add_app("bodies.py", at="/error-page", callable_object="error_page")
    site.add_app("bodies.py", at="/count", callable_object="count")
    site.logs.allow("AH00128|AH01588|File does not exist")
    site.start()
    with site.raw() as client:
        client.request("POST /nothing" if b"404" in page else "POST /count", head, body=body)
        assert client.read_reply().body == page


# -- mod_reqtimeout --------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["raises", "handles"])
def test_request_read_timeout(fresh_site, page):
    """RequestReadTimeout counts for bodies that go to a daemon as well."""
    site = fresh_site
    site.logs.allow("AH01382")
    site.config.modules.append("reqtimeout")
    site.config.add("Timeout 20", "RequestReadTimeout header=0 body=1")
    site.stage.expect_notes("body")
    site.serve("bodies.py")
    begin_time = time.monotonic()
    with site.raw() as client:
        start(client, f"/{page}", "length")
        begin(client, "length")
        assert client.read_reply().status == (408 if page == "raises" else 200)
    assert 0.9 < time.monotonic() - begin_time < 6
    assert "TimeoutError" in site.stage.notes("body")[1]
