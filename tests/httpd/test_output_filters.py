# SPDX-License-Identifier: Apache-2.0
"""Other modules at work on our replies: compression, headers, caches, proxies, mod_xsendfile."""

import gzip
import json
import zlib

import pytest

from harness.http2 import Http2Connection
from harness.raw import RawConnection

PLACES = {
    "/headers": "Header always set X-Always 1\nHeader set X-Success 1\nHeader unset X-Drop\n"
    "Header append X-Own last\nHeader edit Set-Cookie ^(.*)$ $1;Secure",
    "/bytype": "AddOutputFilterByType DEFLATE text/plain text/event-stream",
    "/deflate": "SetOutputFilter DEFLATE",
    "/brotli": "SetOutputFilter BROTLI_COMPRESS",
    "/substitute": 'SetOutputFilter SUBSTITUTE\nSubstitute "s/same/another/"',
    "/rate": "SetOutputFilter RATE_LIMIT\nSetEnv rate-limit 4000",
    "/expires": 'ExpiresActive On\nExpiresByType text/x-own "access plus 1 hour"',
    "/xsendfile": "XSendFile On",
    "/disk": "",
    "/socache": "",
    "/plain": "",
}
MODULES = [
    "deflate", "brotli", "filter", "substitute", "ratelimit", "expires", "cache", "cache_disk",
    "cache_socache", "socache_shmcb", "proxy", "proxy_http",
]  # fmt: skip


@pytest.fixture(scope="module")
def server(module_site):
    site, config = module_site, module_site.config
    config.modules += MODULES
    if site.mpm != "prefork":
        config.modules.append("http2")
        config.add("Protocols h2c http/1.1")
    if site.settings.has_module("xsendfile"):
        config.modules.append("xsendfile")
    path = site.install("replies.py")
    for at, lines in PLACES.items():
        site.add_app(path, at=at)
        if lines and (at != "/xsendfile" or "xsendfile" in config.modules):
            config.add(f"<Location {at}>\n{lines}\n</Location>")
    (site.root / "cache").mkdir()
    (site.root / "cache").chmod(0o777)
    front = site.lease_port()
    config.listen_more.append(front)
    config.add(
        f"XSendFilePath {site.apps}" if "xsendfile" in config.modules else "",
        f"CacheRoot {site.root}/cache", "CacheEnable disk /disk",
        f"CacheSocache shmcb:{site.root}/run/socache(600000)", "CacheEnable socache /socache",
        "CacheLock off", "CacheQuickHandler on",
        f"<VirtualHost 127.0.0.1:{front}>\nServerName front.test\n"
        f"ProxyPass / http://127.0.0.1:{site.port}/\n</VirtualHost>",
    )  # fmt: skip
    (site.apps / "data.bin").write_bytes(b"0123456789" * 10_000)
    site.stage.expect_notes("served")
    site.front = front
    site.start()
    return site


@pytest.fixture
def site(server, checked):
    checked.stage.forget("served")
    return checked


def text_of(size):
    return (b"the same words again " * (size // 21 + 1))[:size]


# -- compression -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [200, 20_000, 500_000])
def test_deflate(site, size):
    for at in ("/deflate", "/bytype"):
        with site.raw() as client:
            for _ in range(2):
                client.request(f"GET {at}/text?{size}", "Accept-Encoding: gzip")
                reply = client.read_reply()
                assert reply.header("Content-Encoding") == "gzip"
                assert "Accept-Encoding" in reply.header("Vary")
                assert gzip.decompress(reply.body) == text_of(size)


def test_brotli(site):
    with site.raw() as client:
        client.request("GET /brotli/text?20000", "Accept-Encoding: br")
        reply = client.read_reply()
        assert reply.header("Content-Encoding") == "br"
        assert reply.complete
        assert len(reply.body) < 2000
        client.request("GET /brotli/text?20000")
        assert client.read_reply().body == text_of(20_000)


def test_type_of_the_application_decides(site):
    with site.raw() as client:
        client.request("GET /bytype/file?data.bin&type=image/png", "Accept-Encoding: gzip")
        reply = client.read_reply()
        assert reply.header("Content-Encoding") is None
        assert len(reply.body) == 100_000


def test_what_is_compressed_already_is_not_compressed_again(site):
    data = json.dumps({"headers": [["Content-Type", "text/plain"], ["Content-Encoding", "gzip"]]})
    reply = site.session.post(
        f"{site.url}/deflate/head", data=data, headers={"Accept-Encoding": "gzip"}, stream=True
    )
    assert reply.raw.read(decode_content=False) == b"body"


# -- streams ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["/plain", "/headers", "/deflate", "/bytype", "/expires", "/rate"])
def test_events_come_at_once(site, at):
    """Each while the application is held before the next, also behind a filter that compresses."""
    close_gates(site)
    unzip = zlib.decompressobj(31)
    with site.raw() as client:
        client.request(f"GET {at}/stream?text/event-stream", "Accept-Encoding: gzip")
        head = client.read_head()
        packed = head.header("Content-Encoding") == "gzip"
        assert packed is (at in ("/deflate", "/bytype"))
        check_events(site, lambda: read_some(client, unzip if packed else None))


def read_some(client, unzip):
    chunk = client.read_chunk()
    return unzip.decompress(chunk) if unzip else chunk


@pytest.mark.only("event", reason="mod_http2 does not go with prefork")
@pytest.mark.parametrize("at", ["/plain", "/deflate"])
def test_events_come_at_once_on_http2(site, at):
    close_gates(site)
    unzip = zlib.decompressobj(31)
    with Http2Connection(site.port) as client:
        number = client.request("GET", f"{at}/stream", ("accept-encoding", "gzip"))
        stream = client.streams[number]

        def read():
            client.wait_for(number, lambda stream: stream.body)
            data, stream.body = stream.body, b""
            return unzip.decompress(data) if at == "/deflate" else data

        check_events(site, read)
        assert client.wait(number).complete


def test_events_come_at_once_through_a_proxy(site):
    close_gates(site)
    with RawConnection(site.front) as client:
        client.request("GET /plain/stream")
        assert client.read_head().status == 200
        check_events(site, client.read_chunk)
        assert client.read_chunk() == b""


def close_gates(site):
    for number in range(3):
        site.stage.close_gate(f"gate{number}")


def check_events(site, read):
    for number in range(3):
        wanted = b"data: %d\n\n" % number
        text = b""
        while text != wanted:
            text += read()
            assert wanted.startswith(text)
        site.stage.open_gate(f"gate{number}")


# -- headers, substitution, rates ------------------------------------------------------------------


@pytest.mark.parametrize("status", ["200 OK", "404 Mine"])
def test_mod_headers(site, status):
    sent = [["X-Drop", "1"], ["X-Own", "first"], ["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]]
    text = json.dumps({"status": status, "headers": sent}).encode()
    with site.raw() as client:
        client.request("POST /headers/head", f"Content-Length: {len(text)}", body=text)
        reply = client.read_reply()
    assert reply.body == b"body"
    assert reply.all("X-Always") == ["1"]
    assert reply.all("X-Success") == ["1"]
    assert reply.all("X-Drop") == []
    assert ", ".join(reply.all("X-Own")) == "first, last"
    assert reply.all("Set-Cookie") == ["a=1;Secure", "b=2;Secure"]


def test_mod_headers_on_an_error_page(site):
    with site.expects_traceback("KeyError"):
        reply = site.get("/headers/no-such-page", 500)
    assert reply.headers["X-Always"] == "1"
    assert "X-Success" not in reply.headers


def test_mod_substitute(site):
    with site.raw() as client:
        for size in (21, 60_000):
            client.request(f"GET /substitute/text?{size}")
            assert client.read_reply().body == text_of(size).replace(b"same", b"another")


def test_mod_ratelimit(site):
    assert site.get("/rate/text?60000").content == text_of(60_000)


def test_mod_expires(site):
    """It follows the type that the application gave, and does not overrule its Cache-Control."""
    reply = site.get("/expires/status?200+OK")
    assert reply.headers["Cache-Control"] == "max-age=3600"
    assert "Expires" in reply.headers
    assert site.get("/expires/text?5").headers["Cache-Control"] == "max-age=100"


# -- caches ----------------------------------------------------------------------------------------


@pytest.mark.only("event", reason="one child, whose memory may hold a cache")
@pytest.mark.parametrize("at", ["/disk", "/socache"])
def test_cached_reply(site, at):
    """The application is asked once; the cache answers ranges and conditions by itself."""
    for _ in range(3):
        reply = site.get(f"{at}/text?20000")
        assert reply.content == text_of(20_000)
        assert reply.headers["ETag"] == '"text"'
    assert site.stage.notes("served") == ["/text"]
    site.get(f"{at}/text?20000", 304, headers={"If-None-Match": '"text"'})
    assert site.stage.notes("served") == ["/text"]


@pytest.mark.only("event", reason="one child, whose memory may hold a cache")
@pytest.mark.parametrize("at", ["/disk", "/socache"])
@pytest.mark.parametrize("size", [100, 40_000])
def test_reply_that_broke_off_is_not_cached(site, at, size):
    for _ in range(2):
        with site.expects_traceback("ValueError: in the middle"), site.raw() as client:
            client.request(f"GET {at}/broken?raise,{size}")
            assert not client.read_reply().complete


# -- proxies, mod_xsendfile ------------------------------------------------------------------------


def test_through_a_proxy(site):
    with RawConnection(site.front) as client:
        for _ in range(2):
            client.request("GET /plain/text?70000")
            assert client.read_reply().body == text_of(70_000)
            client.request("GET /plain/file?data.bin", "Range: bytes=5-14")
            reply = client.read_reply()
            assert (reply.status, reply.body) == (206, b"5678901234")


def test_reply_that_breaks_off_behind_a_proxy(site):
    """The proxy sees it, and so does its client."""
    site.logs.allow("AH01110|AH0[0-9]{4}.*(prematurely|error reading|Error reading)")
    with site.expects_traceback("ValueError: in the middle"), RawConnection(site.front) as client:
        client.request("GET /plain/broken?raise,40000")
        reply = client.read_reply()
        assert reply.status == 200
        assert not reply.complete


def test_x_sendfile(site):
    """mod_xsendfile takes the header away and gives the file, with its ranges."""
    if "xsendfile" not in site.config.modules:
        pytest.skip("mod_xsendfile is not packaged for this system")
    reply = site.get("/xsendfile/sendfile-header?data.bin")
    assert reply.content == b"0123456789" * 10_000
    assert reply.headers["Content-Type"] == "application/x-own"
    assert reply.headers["Content-Length"] == "100000"
    assert "X-Sendfile" not in reply.headers
    ranged = site.get(
        "/xsendfile/sendfile-header?data.bin", 206, headers={"Range": "bytes=99995-"}
    )
    assert ranged.content == b"56789"


def test_x_sendfile_is_a_header_elsewhere(site):
    reply = site.get("/plain/sendfile-header?data.bin")
    assert reply.headers["X-Sendfile"].endswith("data.bin")
    assert reply.content == b""
