# SPDX-License-Identifier: Apache-2.0
"""Replies over TLS, with HTTP/1.1 and HTTP/2: streams, hints, files that shrink, broken replies."""

import pytest

from harness.http2 import Http2Connection
from harness.tls import Authority, TlsConnection

BIG = 24 << 20

pytestmark = pytest.mark.only("event", reason="mod_http2 does not go with prefork")


@pytest.fixture(scope="module")
def server(module_site):
    site = module_site
    site.authority = Authority(site.root / "certificates")
    site.authority.issue("server", "/CN=localhost")
    site.tls_port = site.lease_port()
    site.config.modules += ["socache_shmcb", "ssl", "http2"]
    folder = site.authority.folder
    site.config.add(
        f"Listen 127.0.0.1:{site.tls_port} https",
        f"<VirtualHost 127.0.0.1:{site.tls_port}>\nServerName localhost\nSSLEngine On\n"
        f"SSLCertificateFile {folder}/server.pem\nSSLCertificateKeyFile {folder}/server.key\n"
        "Protocols h2 http/1.1\nH2EarlyHints on\nH2Push off\nWSGIEnableSendfile On\n"
        "</VirtualHost>",
    )
    site.logs.allow("AH01882|AH01873")  # another OpenSSL than at its build; no session cache
    site.serve("replies.py")
    return site


@pytest.fixture
def site(server, checked):
    return checked


@pytest.fixture
def big(site):
    path = site.apps / "big.bin"
    path.write_bytes(b"x" * BIG)
    yield path
    path.unlink()


def tls(site):
    return TlsConnection(site.tls_port, site.authority.client())


def http2(site):
    return Http2Connection(site.tls_port, context=site.authority.client())


def test_file(site):
    data = bytes(range(256)) * 8192
    (site.apps / "two.bin").write_bytes(data)
    with tls(site) as client:
        client.request("GET /file?two.bin")
        assert client.read_reply().body == data
    with http2(site) as client:
        stream = client.wait(client.request("GET", "/file?two.bin"))
        assert (stream.body == data, stream.complete) == (True, True)


def test_file_that_is_cut_short(site, big):
    """mod_ssl takes its end for the end of the reply: the connection must not be used again."""
    site.logs.allow("CASK0270|CASK0220")
    with tls(site) as client:
        client.request("GET /file?big.bin")
        assert client.read_head().header("Content-Length") == str(BIG)
        client.read_exact(1000)
        big.write_bytes(b"")
        client.request("GET /text?5")
        rest = client.read_to_end()
        assert len(rest) < BIG - 1000
        assert b"the s" not in rest


def test_file_that_is_cut_short_on_http2(site, big):
    site.logs.allow("CASK0270|CASK0220")
    with http2(site) as client:
        number = client.request("GET", "/file?big.bin")
        client.wait_for(number, lambda stream: len(stream.body) > 1000)
        big.write_bytes(b"")
        stream = wait_for_end(client, number)
        assert len(stream.body) < BIG
    with http2(site) as client:
        assert client.wait(client.request("GET", "/text?5")).body == b"the s"


def wait_for_end(client, number):
    """A reply shorter than its content-length is a breach that h2 itself reports."""
    stream = client.streams[number]
    try:
        client.wait(number)
    except Exception as error:
        assert "InvalidBodyLength" in type(error).__name__, error
    else:
        assert not stream.complete
    return stream


@pytest.mark.parametrize("how", ["short", "raise"])
def test_reply_that_breaks_off(site, how):
    site.logs.allow("CASK0502|CASK0501|Traceback|File |^ |ValueError")
    with tls(site) as client:
        client.request(f"GET /broken?{how},40000")
        assert not client.read_reply().complete
        assert client.at_end()
    with http2(site) as client:
        stream = client.wait(client.request("GET", f"/broken?{how},40000"))
        assert stream.reset is not None


def test_hints_and_events_come_at_once(site):
    site.stage.close_gate()
    with http2(site) as client:
        number = client.request("GET", "/hints")
        assert client.wait_for(number, lambda stream: stream.interim).interim == [103]
        site.stage.open_gate()
        assert client.wait(number).body == b"page"
    for gate in range(3):
        site.stage.close_gate(f"gate{gate}")
    with http2(site) as client:
        number = client.request("GET", "/stream")
        for gate in range(3):
            wanted = b"".join(b"data: %d\n\n" % n for n in range(gate + 1))
            stream = client.wait_for(number, lambda stream, end=wanted: end in stream.body)
            assert stream.body == wanted
            site.stage.open_gate(f"gate{gate}")
        assert client.wait(number).complete
