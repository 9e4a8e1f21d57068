# SPDX-License-Identifier: Apache-2.0
"""Request bodies through input filters: those of httpd, and one that does odd things
(tests/modules/mod_odd_input.c) as a web application firewall may."""

import gzip
import json
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from harness.settings import find_program

SOURCE = Path(__file__).parents[1] / "modules" / "mod_odd_input.c"
BODY = b"".join(b"%d bottles of beer on the wall\n" % number for number in range(5000))
FILTERS = {
    "inflate": "SetInputFilter DEFLATE",
    "inflate-limited": "SetInputFilter DEFLATE\nDeflateInflateLimitRequestBody 5000",
    "buffer": "SetInputFilter BUFFER",
    "upper": "SetInputFilter upper",
    "sed": 'SetInputFilter Sed\nInputSed "s/beer/milk/g"',
    "kept": "KeptBodySize 1000000",
    "inspect": "OddInspect On",
    **{f"odd-{name}": f"SetInputFilter ODD_{name.upper()}" for name in (
        "split", "greedy", "empty", "refuse", "fail", "error")},
    "chain": "SetInputFilter ODD_SPLIT;ODD_EMPTY;DEFLATE;ODD_GREEDY",
}  # fmt: skip
SAME = ["inflate", "buffer", "kept", "inspect", "odd-split", "odd-greedy", "odd-empty"]


@pytest.fixture(scope="module")
def odd_module(world):
    folder = world / "odd"
    folder.mkdir()
    shutil.copy(SOURCE, folder)
    apxs = find_program("apxs", "apxs2")
    done = subprocess.run(
        [apxs, "-c", "-Wc,-Wall -Wextra", SOURCE.name],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    yield folder / ".libs" / "mod_odd_input.so"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def server(module_site, odd_module):
    site = module_site
    site.config.modules += [
        "deflate", "filter", "buffer", "ext_filter", "sed", "request",
    ]  # fmt: skip
    site.config.add(
        f"LoadModule odd_input_module {odd_module}",
        "WSGIChunkedRequest On",
        "Timeout 20",
        'ExtFilterDefine upper mode=input cmd="/usr/bin/tr a-z A-Z"',
        *(f"<LocationMatch /{name}$>\n{text}\n</LocationMatch>" for name, text in FILTERS.items()),
    )
    site.serve("bodies.py")
    site.stage.expect_notes("body")
    return site


@pytest.fixture
def site(server, checked):
    checked.stage.forget("body")
    return checked


def post(site, path, body, framing, *headers):
    """The reply to a body that is sent in pieces."""
    with site.raw(30) as client:
        if framing == "length":
            client.request(f"POST {path}", f"Content-Length: {len(body)}", *headers)
            for start in range(0, len(body), 30_000):
                client.send(body[start : start + 30_000])
        else:
            client.request(f"POST {path}", "Transfer-Encoding: chunked", *headers)
            for start in range(0, len(body), 30_000):
                client.send_chunk(body[start : start + 30_000])
            client.send_chunk(b"")
        reply = client.read_reply()
        if reply.header("Connection") != "close":
            client.request("GET /one")
            assert client.read_reply().body == b"only one"
        return reply


FRAMINGS = pytest.mark.parametrize("framing", ["length", "chunked"])


@FRAMINGS
@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("page", ["count", "echo"])
def test_nothing_is_lost(site, name, framing, page):
    reply = post(site, f"/{page}/{name}", BODY, framing)
    if page == "echo":
        assert reply.body == BODY
    else:
        found = json.loads(reply.body)
        assert (found["size"], found["crc32"]) == (len(BODY), zlib.crc32(BODY))


@FRAMINGS
@pytest.mark.parametrize("size", [0, 1, 20_000_000])
def test_inflated(site, framing, size):
    """Content-Length is that of the packed body; reads go to the end of the unpacked one."""
    body = BODY * (size // len(BODY)) + b"x" * (size % len(BODY))
    reply = post(site, "/count/inflate", gzip.compress(body, 1), framing, "Content-Encoding: gzip")
    found = json.loads(reply.body)
    assert (found["size"], found["crc32"]) == (size, zlib.crc32(body))


def test_inflated_beyond_the_limit(site):
    """A small body that unpacks to a large one."""
    site.logs.allow("AH0|deflate")
    packed = gzip.compress(b"b" * 1_000_000)
    reply = post(site, "/raises/inflate-limited", packed, "length", "Content-Encoding: gzip")
    assert reply.status == 413
    assert site.stage.notes("body") == ["reading", "OSError EFBIG"]


@FRAMINGS
def test_ratio_of_a_bomb(site, framing):
    """mod_deflate gives up on bodies that unpack to more than 200 times their size."""
    site.logs.allow("AH02805|AH0")
    packed = gzip.compress(b"\0" * 20_000_000)
    reply = post(site, "/raises/inflate", packed, framing, "Content-Encoding: gzip")
    assert reply.status in (400, 413)
    assert site.stage.notes("body")[1].startswith("OSError E")


@FRAMINGS
@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("upper", BODY.upper()),
        ("sed", BODY.replace(b"beer", b"milk")),
    ],
)
def test_changed(site, name, changed, framing):
    found = json.loads(post(site, f"/count/{name}", BODY, framing).body)
    assert (found["size"], found["crc32"]) == (len(changed), zlib.crc32(changed))


@FRAMINGS
def test_dumped(fresh_site, framing):
    """mod_dumpio sits on the connection and reads along."""
    site = fresh_site
    site.config.modules += ["case_filter_in", "dumpio"]
    site.config.add(
        "WSGIChunkedRequest On", "DumpIOInput On", "LogLevel dumpio:trace7", "CaseFilterIn On"
    )
    site.serve("bodies.py")
    site.logs.allow("mod_dumpio")
    found = json.loads(post(site, "/count", BODY[:20_000], framing).body)
    assert found["crc32"] == zlib.crc32(BODY[:20_000].upper())
    assert site.logs.find("mod_dumpio.*bottles of beer")


@FRAMINGS
def test_chain(site, framing):
    packed = gzip.compress(BODY)
    reply = post(site, "/count/chain", packed, framing, "Content-Encoding: gzip")
    found = json.loads(reply.body)
    assert (found["size"], found["crc32"]) == (len(BODY), zlib.crc32(BODY))


@FRAMINGS
def test_lines_through_a_filter(site, framing):
    """One byte per bucket, and readline() on top of it."""
    reply = post(site, "/threads/odd-split", BODY[:3000], framing)
    assert reply.body == BODY[:3000]


# -- filters that refuse ---------------------------------------------------------------------------


@FRAMINGS
def test_body_refused_before_the_application(site, framing):
    reply = post(site, "/raises/inspect", BODY + b"an attack", framing)
    assert reply.status == 403
    assert site.stage.notes("body") == []


@pytest.mark.parametrize(
    ("name", "status", "error"),
    [
        ("refuse", 403, "PermissionError EACCES"),
        ("error", 403, "PermissionError EACCES"),
        ("fail", 400, "OSError EIO"),
    ],
)
@FRAMINGS
def test_body_refused_by_a_filter(site, name, status, error, framing):
    """The application sees an error; let through, the client gets the filter's own answer."""
    site.logs.allow("CASK0244")
    reply = post(site, f"/raises/odd-{name}", BODY[:5000], framing)
    assert site.stage.notes("body") == ["reading", error]
    assert reply.status == status
    assert reply.header("Connection") == "close"


@pytest.mark.parametrize("name", ["refuse", "error", "fail"])
def test_refusal_that_the_application_handles(site, name):
    site.logs.allow("CASK0244")
    reply = post(site, f"/handles/odd-{name}", BODY[:5000], "length")
    error = "OSError EIO" if name == "fail" else "PermissionError EACCES"
    assert (reply.status, set(json.loads(reply.body))) == (200, {error})


@pytest.mark.parametrize("name", ["refuse", "error", "fail"])
def test_refusal_in_the_middle_of_a_reply(site, name):
    """No page of a filter inside or behind it, and it does not look whole."""
    site.logs.allow("CASK0244")
    with site.raw() as client:
        client.request(f"POST /raises-late/odd-{name}", "Content-Length: 5000")
        assert client.read_head().status == 200
        assert client.read_chunk() == b"begun\n"
        client.send(BODY[:5000])
        assert client.read_to_end() == b""
