# SPDX-License-Identifier: Apache-2.0
"""Replies that break off are seen to be incomplete: HTTP/1.1 and HTTP/2, with and without filters
between. Each failure is logged once, and nothing is appended."""

import zlib

import pytest

from harness.http2 import Http2Connection

FILTERS = {"/plain": "", "/deflate": "DEFLATE", "/brotli": "BROTLI_COMPRESS", "/sub": "SUBSTITUTE"}
# How the application breaks off, and what is said about it.
FAILURES = {
    "short": r"CASK0502", "write": r"ValueError: after write", "raise": r"ValueError: in the middle"
}  # fmt: skip
# Bytes before: held back by us, by filters only, by nobody.
SIZES = [10, 12_000, 70_000, 300_000]


@pytest.fixture(scope="module")
def server(module_site):
    config = module_site.config
    config.modules += ["deflate", "brotli", "substitute"]
    if module_site.mpm != "prefork":
        config.modules.append("http2")
        config.add("Protocols h2c http/1.1")
    path = module_site.install("replies.py")
    for at, name in FILTERS.items():
        module_site.add_app(path, at=at)
        if name:
            config.add(f"<Location {at}>\nSetOutputFilter {name}\n</Location>")
    config.add('<Location /sub>\nSubstitute "s/same/SAME/"\n</Location>', "ErrorDocument 500 page",
               "ErrorDocument 502 page")  # fmt: skip
    module_site.start()
    return module_site


@pytest.fixture
def site(server, checked):
    return checked


def expected(site, how):
    if how == "short":
        return site.expects_log("CASK0502")
    return site.expects_traceback(FAILURES[how])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("how", FAILURES)
@pytest.mark.parametrize("at", FILTERS)
def test_http_1_1(site, at, how, size):
    with expected(site, how), site.raw() as client:
        client.request(f"GET {at}/broken?{how},{size}", "Accept-Encoding: deflate, br, gzip")
        reply = client.read_reply()
        assert reply.status == 200
        assert not reply.complete
        assert client.at_end()
    assert b"page" not in reply.body[-2000:]
    if at == "/plain":
        assert reply.body == (b"the same words again " * (size // 21 + 1))[:size]
    if at == "/deflate":
        text = zlib.decompressobj(31).decompress(reply.body)
        assert text == (b"the same words again " * (size // 21 + 1))[:size]


@pytest.mark.only("event", reason="mod_http2 does not go with prefork")
@pytest.mark.parametrize("size", [10, 70_000])
@pytest.mark.parametrize("how", FAILURES)
@pytest.mark.parametrize("at", FILTERS)
def test_http_2(site, at, how, size):
    with expected(site, how), Http2Connection(site.port) as client:
        accept = ("accept-encoding", "deflate, br, gzip")
        stream = client.wait(client.request("GET", f"{at}/broken?{how},{size}", accept))
        # The reset may overtake the head.
        assert stream.headers.get(":status", "200") == "200"
        assert stream.reset is not None
        assert not stream.complete
        assert b"page" not in stream.body[-2000:]
        whole = client.wait(client.request("GET", "/plain/text?5"))
        assert (whole.body, whole.complete) == (b"the s", True)


@pytest.mark.only("daemon", reason="httpd's child would die")
@pytest.mark.parametrize("at", ["/plain", "/deflate"])
def test_process_that_dies(site, at):
    with site.expects_log("CASK0705", "CASK0421"), site.raw() as client:
        site.stage.close_gate()
        client.request(f"GET {at}/broken?die,100", "Accept-Encoding: gzip")
        head = client.read_head()
        site.stage.open_gate()
        reply = client.read_body(head)
        assert reply.status == 200
        assert not reply.complete
        assert client.at_end()


@pytest.mark.only("daemon", reason="an option of daemon groups")
def test_process_that_is_silent(fresh_site):
    """socket-timeout in the middle of a reply."""
    fresh_site.serve("replies.py", group_options={"socket_timeout": 1})
    fresh_site.stage.close_gate()
    with fresh_site.expects_log("CASK0706"), fresh_site.raw() as client:
        client.request("GET /broken?die,100")
        reply = client.read_reply()
        assert (reply.status, len(reply.body), reply.complete) == (200, 100, False)
        assert client.at_end()
    with fresh_site.expects_log("CASK0421"):
        fresh_site.stage.open_gate()


def test_http_1_0_ends_with_its_connection(site):
    """Without a length nothing can show it, but nothing is appended either."""
    with expected(site, "raise"), site.raw() as client:
        client.send(b"GET /plain/broken?raise,50 HTTP/1.0\r\n\r\n")
        assert client.read_reply().body == (b"the same words again " * 3)[:50]


def test_whole_replies_with_the_same_filters(site):
    for at in FILTERS:
        with site.raw() as client:
            for _ in range(2):
                client.request(f"GET {at}/text?70000", "Accept-Encoding: deflate, br, gzip")
                assert client.read_reply().complete
