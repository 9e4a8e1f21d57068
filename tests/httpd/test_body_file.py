# SPDX-License-Identifier: Apache-2.0
"""wsgi.input as a file of the standard library: what it offers, what it refuses, wrappers around
it, other threads, and its end with the request."""

import json
import random
import zlib

import pytest

from harness.wait import wait_until

BODY = "first line\nzweite Zeile: Grüße\n\nfourth without end"


@pytest.fixture(scope="module")
def server(module_site):
    module_site.config.add("WSGIChunkedRequest On", "Timeout 20")
    module_site.serve("bodies.py", group_options={"threads": 2})
    module_site.stage.expect_notes("body")
    return module_site


@pytest.fixture
def site(server, checked):
    checked.stage.forget("body")
    return checked


@pytest.mark.broad
def test_surface(site):
    """As io.BufferedIOBase documents it, for a stream that cannot seek."""
    assert site.post("/surface", data="0123456789abcdef").json() == {
        "with": True,
        "iter": True,
        "BufferedIOBase": True,
        "RawIOBase": False,
        "readable": True,
        "writable": False,
        "seekable": False,
        "isatty": False,
        "closed": False,
        "flush": None,
        "close": None,
        "closed later": False,
        "fileno": "!UnsupportedOperation",
        "seek": "!UnsupportedOperation",
        "tell": "!UnsupportedOperation",
        "truncate": "!UnsupportedOperation",
        "detach": "!UnsupportedOperation",
        "write": "!UnsupportedOperation",
        "writelines": "!UnsupportedOperation",
        "read text": "!TypeError",
        "read float": "!TypeError",
        "read two": "!TypeError",
        "read huge": "!OverflowError",
        "readinto bytes": "!TypeError",
        "read index": "b'01'",
        "read1": "b'23'",
        "readinto": 4,
        "buffer": "b'4567'",
        "readinto1": 2,
        "buffer later": "b'4897'",
        "read None": "b'abcdef'",
        "name": "!AttributeError",
        "repr": "<mod_wsgi.Input object",
        "new": "!TypeError",
        "attribute": "!AttributeError",
    }


@pytest.mark.broad
@pytest.mark.parametrize("wrapper", ["text", "buffered", "copy"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_wrappers(site, wrapper, framing):
    body = BODY.encode()
    data = body if framing == "length" else iter([body[:7], body[7:20], body[20:]])
    assert site.post(f"/wrapped?{wrapper}", data=data).json() == BODY.splitlines(keepends=True)


def test_json_load(site):
    data = {"key": ["value", 1, None]}
    assert site.post("/wrapped?json", json=data).json() == data


@pytest.mark.broad
def test_after_the_request(site):
    """Kept by an application: it raises and reads nothing of another request's body."""
    site.post("/keep", data="secret of the first request")
    found = site.post("/kept", data="second").json()
    quiet = {"close": None, "closed": True}
    raising = ("read", "read0", "read1", "readline", "readlines", "readinto", "readinto1", "next",
               "with", "readable")  # fmt: skip
    assert found == {**quiet, **dict.fromkeys(raising, "!RuntimeError")}


@pytest.mark.broad
@pytest.mark.parametrize("page", ["thread?join", "threads"])
@pytest.mark.parametrize("size", [10, 300_000])
def test_read_by_another_thread(site, page, size):
    body = b"line of the body\n" * (size // 17 + 1)
    reply = site.post(f"/{page}", data=body)
    if page == "threads":
        assert reply.content == body
    else:
        assert reply.json() == [len(body)]


def test_thread_that_is_not_waited_for(site):
    """The application returns while its thread reads: the thread gets the body or an error, the
    client its reply, and the connection stays in step."""
    with site.raw() as client:
        client.request("POST /thread", "Content-Length: 100000", body=b"x" * 1000)
        client.send(b"y" * 99_000)
        assert json.loads(client.read_reply().body) in ([], [100_000])
        client.request("GET /one")
        reply = client.read_reply()
        assert reply.body == b"only one"
    wait_until(lambda: site.stage.notes("body"))
    assert site.stage.notes("body")[0] in ("100000", "RuntimeError")


@pytest.mark.parametrize("size", [1, 7, 65536, 1 << 20])
def test_read_sizes(site, size):
    """Any size of the pieces gives the same bytes."""
    body = bytes(range(256)) * 300
    whole = site.post("/count?65536", data=body).json()
    found = site.post(f"/count?{size}", data=body).json()
    assert (found["size"], found["crc32"]) == (len(body), whole["crc32"])


@pytest.mark.parametrize("seed", range(25))
def test_calls_in_any_order(site, seed):
    """Any calls, over pieces of any sizes: every byte once, in order."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    body = b"".join(
        chance.randbytes(chance.choice((3, 50, 9000))) + b"\n"
        for _ in range(chance.randrange(1, 400))
    )
    with site.raw(30) as client:
        client.request(f"POST /mixed?{seed}", "Transfer-Encoding: chunked")
        rest = body
        while rest:
            size = chance.choice((1, 100, 8000, 16_384, 70_000, 300_000))
            client.send_chunk(rest[:size])
            rest = rest[size:]
        client.send_chunk(b"")
        found = json.loads(client.read_reply().body)
    assert found == {"size": len(body), "crc32": zlib.crc32(body)}
