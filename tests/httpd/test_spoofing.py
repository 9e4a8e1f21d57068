# SPDX-License-Identifier: Apache-2.0
"""Requests made to confuse: names that look like others, two lengths, odd bytes, floods."""

import json

import pytest

pytestmark = pytest.mark.broad


@pytest.fixture(scope="module")
def server(module_site):
    site = module_site
    site.config.add("WSGIChunkedRequest On", "LimitRequestFields 100", "LimitRequestFieldSize 8190")
    site.logs.allow("AH10244: invalid URI path")
    site.serve("gateway.py")
    return site


@pytest.fixture
def site(server, checked):
    return checked


def ask(site, *lines, path="/environ"):
    with site.raw() as client:
        client.send(b"\r\n".join([f"GET {path} HTTP/1.1".encode(), b"Host: localhost", *lines]))
        client.send(b"\r\n\r\n")
        return client.read_reply()


def environ(site, *lines):
    reply = ask(site, *lines)
    assert reply.status == 200
    return json.loads(reply.body)


def test_odd_names_imitate_nothing(site):
    """'_' and '-' would be the same in an environ; HTTP_PROXY is a setting of many programs."""
    found = environ(
        site,
        b"X-Real: genuine",
        b"X_Real: spoofed",
        b"X.Real: spoofed",
        b"X~Real: spoofed",
        b"X!Real: spoofed",
        b"REMOTE_USER: spoofed",
        b"Remote_User: spoofed",
        b"Content_Length: 77",
        b"Content_Type: spoofed",
        b"X_Forwarded_For: spoofed",
        b"wsgi.url_scheme: spoofed",
        b"mod_wsgi.process_group: spoofed",
        b"Proxy: spoofed",
        b"pRoXy: spoofed",
        b"Https: spoofed-but-a-header",
    )
    assert found["HTTP_X_REAL"] == "genuine"
    assert found["HTTP_HTTPS"] == "spoofed-but-a-header"
    assert found["wsgi.url_scheme"] == "http"
    assert not [key for key, value in found.items() if value in ("spoofed", "77")]
    for key in ("HTTP_PROXY", "REMOTE_USER", "CONTENT_LENGTH", "CONTENT_TYPE"):
        assert key not in found


def test_names_that_begin_with_http(site):
    found = environ(site, b"Http-Host: spoofed", b"Http-X-Real: 1")
    assert found["HTTP_HOST"] == "localhost"
    assert found["HTTP_HTTP_HOST"] == "spoofed"
    assert "HTTP_X_REAL" not in found


@pytest.mark.parametrize(
    "lines",
    [
        (b"Content-Length: 3", b"Content-Length: 3"),
        (b"Content-Length: 3", b"Content-Length: 4"),
        (b"Content-Length: 3, 3",),
        (b"Content-Length: -3",),
        (b"Content-Length: +3",),
        (b"Content-Length: 0x3",),
        (b"Content-Length: 3.0",),
        (b"Content-Length:",),
        (b"Content-Length: 99999999999999999999999",),
        (b"Transfer-Encoding: chunked", b"Content-Length: 3"),
        (b"Content-Length: 3", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: chunked, identity",),
        (b"Transfer-Encoding: identity",),
        (b"Transfer-Encoding: xchunked",),
        (b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding : chunked",),
        (b"Content-Length : 3",),
        (b"X-Nul: a\0b",),
        (b"X-Nul\0: a",),
        (b"X Space: a",),
        (b": no name",),
        (b"no colon",),
        (b"X-Control: a\x01b",),
        (b"X-Bare: a\rb",),
        (b"\xc3\xa9: name with bytes over 127",),
    ],
)
def test_refused(site, lines):
    """Nothing that another server on the way might read otherwise reaches the application, and the
    connection ends: what follows is not taken for a request."""
    with site.raw() as client:
        client.send(
            b"\r\n".join([b"POST /input-calls?read HTTP/1.1", b"Host: localhost", *lines])
            + b"\r\n\r\nabcGET /one HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        reply = client.read_reply()
        assert reply.status in (400, 501)
        assert "only one" not in client.read_to_end().decode("latin-1")


def test_chunked_alone_is_fine(site):
    for _ in range(2):
        with site.raw() as client:
            for _ in range(2):
                client.request("POST /echo", "Transfer-Encoding: chunked")
                client.send_chunk(b"abc")
                client.send_chunk(b"")
                assert client.read_reply().body == b"abc"
            client.request("POST /echo", "Transfer-Encoding: chunked", "Connection: close")
            client.send_chunk(b"abc")
            client.send_chunk(b"")
            assert client.read_reply().body == b"abc"


def test_chunked_alone_is_fine_on_a_connection_for_one_request(fresh_site):
    fresh_site.config.add("KeepAlive Off", "WSGIChunkedRequest On")
    fresh_site.serve("gateway.py")
    with fresh_site.raw() as client:
        client.request("POST /echo", "Transfer-Encoding: chunked", "Connection: close")
        client.send_chunk(b"abc")
        client.send_chunk(b"")
        assert client.read_reply().body == b"abc"


def test_folded_lines_are_one(site):
    found = environ(site, b"X-Folded: one", b" two", b"\tX_Real: three")
    assert found["HTTP_X_FOLDED"] == "one two X_Real: three"


def test_bytes_over_127(site):
    assert environ(site, b"X-Odd: \xff\x80")["HTTP_X_ODD"] == "\xff\x80"


@pytest.mark.parametrize(
    "path", ["/environ%00", "/environ/a%2fb", "/environ/%zz", "/environ/\\..\\..", "/environ/%"]
)
def test_encoded_paths_as_httpd_decides(site, path):
    status = ask(site, path=path).status
    assert status == (200 if "\\" in path else 404 if "%00" in path or "%2f" in path else 400)


def test_dots_do_not_lead_out(site):
    with site.raw() as client:
        client.request("GET /environ/../environ/./x/..//y")
        found = json.loads(client.read_reply().body)
    assert found["PATH_INFO"] == "/environ/y"
    assert ask(site, path="/../../etc/passwd").status in (400, 404, 500)


def test_too_many_headers(site):
    lines = [b"X-%d: 1" % n for n in range(99)]
    assert environ(site, *lines[:98])["HTTP_X_97"] == "1"
    assert ask(site, *lines, b"X-More: 1").status == 400


def test_too_long_headers(site):
    assert environ(site, b"X-Long: " + b"v" * 8000)["HTTP_X_LONG"] == "v" * 8000
    assert ask(site, b"X-Long: " + b"v" * 9000).status == 400
    name = b"X-" + b"n" * 5000
    assert environ(site, name + b": 1")["HTTP_" + name.decode().upper().replace("-", "_")] == "1"


def test_absolute_targets(site):
    """A scheme in the target is no encryption."""
    with site.raw() as client:
        client.send(b"GET https://other.example:81/environ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        found = json.loads(client.read_reply().body)
    assert found["wsgi.url_scheme"] == "http"
    assert found["PATH_INFO"] == "/environ"
