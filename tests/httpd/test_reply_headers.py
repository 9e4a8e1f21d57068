# SPDX-License-Identifier: Apache-2.0
"""Headers of replies: what belongs to the connection, bytes, repeats, how many there may be."""

import json

import pytest

from harness import procs
from harness.http2 import Http2Connection


@pytest.fixture(scope="module")
def server(module_site):
    if module_site.mpm != "prefork":
        module_site.config.modules.append("http2")
        module_site.config.add("Protocols h2c http/1.1")
    module_site.config.add("WSGIChunkedRequest On")
    module_site.serve("replies.py")
    return module_site


@pytest.fixture
def site(server, checked):
    return checked


def ask(client, *headers, status="200 OK"):
    """The reply to a request whose application answers with these headers."""
    text = json.dumps({"status": status, "headers": headers}).encode()
    client.request("POST /head", f"Content-Length: {len(text)}", body=text)
    return client.read_reply()


# -- of one connection only ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        ("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "gzip, chunked"),
        ("Keep-Alive", "timeout=99"), ("Upgrade", "websocket"), ("TE", "trailers"),
        ("Trailer", "X-Sum"), ("Proxy-Connection", "close"), ("proxy-authenticate", "Basic"),
        ("connection", "x-other"), ("Connection", "keep-alive"),
    ],
)  # fmt: skip
def test_left_out(site, header):
    """The reply is framed as without it, and the next one is in its place."""
    site.logs.allow("CASK0504")
    with site.raw() as client:
        for _ in range(2):
            reply = ask(client, header, ("X-Other", "1"), ("X-Kept", "1"))
            assert (reply.status, reply.body, reply.complete) == (200, b"body", True)
            assert header[1] not in reply.all(header[0])
            assert reply.header("X-Kept") == "1"
            assert reply.header("X-Other") == (None if header[1] == "x-other" else "1")


def test_names_in_connection_are_for_one_connection_too(site):
    site.logs.allow("CASK0504")
    with site.raw() as client:
        reply = ask(
            client, ("X-One", "1"), ("Connection", " close ,X-ONE,, x-two"), ("X-Two", "2"),
            ("X-Three", "3"), ("X-One-More", "4"),
        )  # fmt: skip
        assert reply.header("X-One") is None
        assert reply.header("X-Two") is None
        assert reply.header("X-Three") == "3"
        assert reply.header("X-One-More") == "4"
        assert reply.all("Connection")[0] == "close"  # mod_http2 adds "Upgrade"
        assert client.at_end()


def test_close_closes(site):
    with site.raw() as client:
        reply = ask(client, ("Connection", "Close"))
        assert (reply.body, reply.complete) == (b"body", True)
        assert reply.header("Connection").lower() == "close"
        assert reply.header("Keep-Alive") is None
        assert client.at_end()


def test_one_line_for_a_script(fresh_site):
    """In each process, however often; it names the script and the header."""
    fresh_site.serve("replies.py")
    with fresh_site.expects_log(r"CASK0504.*replies\.py.*'Upgrade'"), fresh_site.raw() as client:
        for _ in range(3):
            assert ask(client, ("Upgrade", "h2c"), ("TE", "x")).status == 200


@pytest.mark.only("event", reason="mod_http2 does not go with prefork")
def test_nothing_of_the_connection_on_http2(site):
    site.logs.allow("CASK0504")
    text = json.dumps({"headers": [["Connection", "close"], ["Keep-Alive", "x"], ["X-Own", "1"]]})
    with Http2Connection(site.port) as client:
        for _ in range(2):
            stream = client.wait(client.request("POST", "/head", body=text.encode()))
            assert (stream.status, stream.body, stream.complete) == (200, b"body", True)
            assert stream.headers["x-own"] == "1"
            assert "connection" not in stream.headers
            assert "keep-alive" not in stream.headers


# -- bytes -----------------------------------------------------------------------------------------


def test_values_byte_for_byte(site):
    value = "a\tb " + "".join(map(chr, range(0x20, 0x7F))) + "".join(map(chr, range(0x80, 0x100)))
    with site.raw() as client:
        reply = ask(client, ("X-Bytes", value), ("X-Empty", ""))
        assert reply.header("X-Bytes").encode("latin-1") == value.encode("latin-1").strip()
        assert reply.header("X-Empty") == ""


def test_names_of_every_token_character(site):
    name = "!#$%&'*+-.^_`|~0123456789abcXYZ"
    with site.raw() as client:
        assert ask(client, (name, "1")).header(name) == "1"


@pytest.mark.parametrize("status", ["200", "200 ", "299 Caf\xe9 \xff", "599 Odd", "200 OK\tfine"])
def test_reason_byte_for_byte(site, status):
    with site.raw() as client:
        reply = ask(client, status=status)
        assert reply.status == int(status[:3])
        assert reply.reason == (status[4:] or ("OK" if status.startswith("200") else ""))


BAD_NAMES = ["", " X", "X ", "X Y", "X:Y", "X\r\nY", "X\0Y", "X(", "X\x7f", "Caf\xe9", "X,Y", "X\t"]
BAD_VALUES = ["a\r\nb", "a\nb", "a\rb", "a\0b", "\x01", "\x1b[0m", "a\x7f", "\r\n"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_are_no_tokens(site, name):
    with site.expects_traceback("ValueError: header name .*"), site.raw() as client:
        assert ask(client, (name, "1")).status == 500


@pytest.mark.parametrize("value", BAD_VALUES)
def test_values_with_control_characters(site, value):
    """The line names the header."""
    with site.expects_traceback("ValueError: .*'X-Bad'.*"), site.raw() as client:
        reply = ask(client, ("X-Good", "1"), ("X-Bad", value))
        assert reply.status == 500
        assert reply.header("X-Good") is None


@pytest.mark.parametrize("status", ["100 Continue", "101 Switching", "103 Early", "199 Odd"])
def test_statuses_of_no_final_reply(site, status):
    with site.expects_traceback("ValueError: status .*"), site.raw() as client:
        assert ask(client, status=status).status == 500
        assert client.at_end()


# -- how many --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "size"), [(1, 65000), (200, 320), (4000, 10), (100, 9000)])
def test_large_heads(site, count, size):
    with site.raw() as client:
        for _ in range(2):
            client.request(f"GET /many?{count},{size}")
            reply = client.read_reply()
            assert (reply.status, reply.body) == (200, b"body")
            assert [n for n, v in reply.headers if v == "v" * size] == [
                f"X-{n}" for n in range(count)
            ]


@pytest.mark.parametrize(("count", "size"), [(1, 1 << 20), (120, 9000), (16385, 1), (20000, 1)])
def test_heads_above_the_limit(site, count, size):
    """1 MiB and 16384 headers: the same in both modes."""
    with site.expects_traceback("ValueError: .*limit of .*"):
        site.get(f"/many?{count},{size}", 500)


@pytest.mark.only("event", reason="mod_http2 does not go with prefork")
def test_large_head_on_http2(site):
    with Http2Connection(site.port) as client:
        stream = client.wait(client.request("GET", "/many?60,1000"))
        assert (stream.status, stream.body) == (200, b"body")
        assert sum(len(v) for n, v in stream.headers.items() if n.startswith("x-")) == 60_000


def test_repeats_in_order(site):
    sent = [
        ("Set-Cookie", "b=1"), ("Link", "<a>"), ("Set-Cookie", "a=2; Path=/"), ("Link", "<b>"),
        ("set-cookie", "b=3"), ("WWW-Authenticate", "Negotiate"), ("X-Own", "1"),
        ("WWW-Authenticate", 'Basic realm="x"'), ("X-Own", ""), ("X-Own", "1"),
    ]  # fmt: skip
    with site.raw() as client:
        reply = ask(client, *sent, status="401 Unauthorized")
    for name in ("Set-Cookie", "Link", "WWW-Authenticate", "X-Own"):
        assert reply.all(name) == [v for n, v in sent if n.lower() == name.lower()]


def test_vary_keeps_every_name(site):
    """httpd writes repeated Vary headers as one."""
    with site.raw() as client:
        reply = ask(client, ("Vary", "Cookie"), ("Vary", "Accept, Cookie"), ("Vary", "Origin"))
    names = [name.strip() for value in reply.all("Vary") for name in value.split(",")]
    assert sorted(set(names)) == ["Accept", "Cookie", "Origin"]


# -- bodies ----------------------------------------------------------------------------------------


@pytest.mark.unsanitized(reason="the sanitizers keep freed memory for a while")
def test_long_stream_keeps_nothing(site):
    """What the client has is given back while the reply goes on."""
    workers = [*site.children(), *site.daemons()]
    before = [procs.peak_memory(pid) for pid in workers]
    assert len(site.get("/flood?64").content) == 64 << 20
    for pid, peak in zip(workers, before, strict=True):
        assert procs.peak_memory(pid) - peak < 16 << 20


