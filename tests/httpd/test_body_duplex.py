# SPDX-License-Identifier: Apache-2.0
"""Both directions at once, with more than fits into all buffers on the way together."""

import subprocess

import pytest

from harness import procs
from harness.duplex import connect, exchange

BIG = 40_000_000


@pytest.fixture(scope="module")
def certificate(world):
    paths = world / "duplex.key", world / "duplex.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", paths[0], "-out", paths[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    yield paths
    for path in paths:
        path.unlink()


@pytest.fixture(scope="module")
def server(module_site, certificate):
    site = module_site
    key, crt = certificate
    site.config.modules += ["socache_shmcb", "ssl", "filter", "deflate"]
    site.config.add("WSGIChunkedRequest On", "Timeout 20")
    site.tls_port = site.lease_port()
    site.config.listen_more.append(site.tls_port)
    site.config.add(
        f"<VirtualHost 127.0.0.1:{site.tls_port}>\nServerName localhost\nSSLEngine On\n"
        f"SSLCertificateFile {crt}\nSSLCertificateKeyFile {key}\n</VirtualHost>",
        '<LocationMatch "/deflated">\nSetOutputFilter DEFLATE\n</LocationMatch>',
    )
    site.logs.allow("AH01882|AH01873|AH01906")  # about libraries and the certificate
    site.serve("bodies.py")
    return site


@pytest.fixture
def site(server, checked):
    checked.tls_port = server.tls_port
    return checked


@pytest.mark.broad
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_echo(site, chunked):
    with connect(site.port) as sock:
        found = exchange(sock, "/echo", BIG, chunked)
    assert (found.sent, found.received) == (BIG, BIG)
    assert found.sent_crc32 == found.received_crc32
    procs.check_lean([*site.children(), *site.daemons()])


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_echo_over_tls(site, chunked):
    """What mod_ssl has decrypted already is not seen by a poll of the socket."""
    with connect(site.tls_port, tls=True) as sock:
        found = exchange(sock, "/echo", BIG, chunked)
    assert found.received == BIG
    assert found.sent_crc32 == found.received_crc32


def test_echo_through_an_output_filter(site):
    with connect(site.port) as sock:
        found = exchange(sock, "/echo/deflated", BIG, headers=("Accept-Encoding: gzip",))
    assert b"Content-Encoding: gzip" in found.head
    assert 0 < found.received < BIG / 10


@pytest.mark.parametrize("size", [0, 1, 16_384, 16_385, 65_536, 262_144, 262_145, 1_000_000])
@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_sizes(site, size, tls):
    """Around the sizes of buffers, frames and credit."""
    with connect(site.tls_port if tls else site.port, tls) as sock:
        found = exchange(sock, "/echo", size, chunked=True)
    assert (found.received, found.received_crc32) == (size, found.sent_crc32)


def test_upload_of_300_megabytes(site):
    """Memory of both sides stays flat."""
    with connect(site.port) as sock:
        found = exchange(sock, "/quick-count", 300_000_000, chunked=True, keep=True)
    assert found.body == b'{"size": 300000000}'
    procs.check_lean([*site.children(), *site.daemons()])


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("page", ["unread", "unread-generator"])
@pytest.mark.parametrize("deflated", [False, True])
def test_early_answer(site, tls, page, deflated):
    """The reply leaves every filter on its way before the rest of the body is waited for."""
    with connect(site.tls_port if tls else site.port, tls) as sock:
        sock.sendall(
            f"POST /{page}{'/deflated' if deflated else ''} HTTP/1.1\r\nHost: localhost\r\n"
            "Accept-Encoding: gzip\r\nContent-Length: 1000\r\n\r\npart".encode()
        )
        data = b""
        while not is_whole(data):
            part = sock.recv(65536)
            assert part, data
            data += part
        sock.sendall(b"x" * 996 + b"GET /one HTTP/1.0\r\n\r\n")
        while part := sock.recv(65536):
            data += part
        assert data.endswith(b"only one")


def is_whole(data):
    """Of a short reply."""
    head, mark, body = data.partition(b"\r\n\r\n")
    if b"Content-Length: " in head:
        return len(body) >= int(head.partition(b"Content-Length: ")[2].split()[0])
    return bool(mark) and body.endswith(b"0\r\n\r\n")


@pytest.mark.only("daemon", reason="a process that ends takes embedded httpd along")
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_process_lost_in_the_middle_of_an_upload(fresh_site, chunked):
    """502, not a hang, while the client still sends."""
    site = fresh_site
    site.logs.allow("CASK0705|CASK0421|CASK0424")
    site.config.add("WSGIChunkedRequest On")
    site.serve("bodies.py")
    with connect(site.port) as sock:
        found = exchange(sock, "/die-reading", BIG, chunked)
    assert found.head.startswith(b"HTTP/1.1 502"), found.head


@pytest.mark.parametrize("kind", ["graceful", "reload"])
def test_upload_survives_a_restart(fresh_site, kind):
    """Of httpd, or of the application because its script has changed."""
    site = fresh_site
    site.config.add("WSGIChunkedRequest On")
    site.stage.close_gate()
    site.stage.expect_notes("body")
    path = site.serve("bodies.py", group_options={"graceful_timeout": 20})
    site.logs.allow("CASK042[379]|AH00[0-9]+")
    with site.raw(30) as client:
        client.request("POST /two-steps?5", "Content-Length: 2000005", body=b"first")
        site.stage.wait_reached()
        if kind == "graceful":
            site.restart("graceful")
        else:
            path.write_text(path.read_text() + "\n# changed\n")
            site.get("/one")
        client.send(b"y" * 1_000_000)
        site.stage.open_gate()
        client.send(b"y" * 1_000_000)
        reply = client.read_reply()
        assert (reply.status, len(reply.body)) == (200, len('["first", ""]') + 2_000_000)
