# SPDX-License-Identifier: Apache-2.0
"""The environ wherever a request comes in: virtual hosts, ports, IPv6, HTTP/1.0, HTTP/2, behind
mod_remoteip. (TLS: test_ssl.py.) The keys are the same everywhere."""

import json

import pytest

from harness.http2 import Http2Connection
from harness.raw import RawConnection

pytestmark = pytest.mark.only("event", reason="mod_http2 does not go with prefork")
LINES = ("Accept: */*",)
SOMETIMES = {"mod_wsgi.connection_id"}  # when httpd has written a line about the connection


@pytest.fixture(scope="module")
def server(module_site):
    site = module_site
    site.other_port = site.lease_port()
    site.proxy_port = site.lease_port()
    site.config.modules += ["http2", "remoteip"]
    site.config.add(
        "Protocols h2c http/1.1",
        "UseCanonicalName Off",
        f"Listen [::1]:{site.port}",
        f"Listen 127.0.0.1:{site.other_port}",
        f"Listen 127.0.0.1:{site.proxy_port}",
        "WSGITrustedProxyHeaders X-Forwarded-For X-Forwarded-Proto",
        "WSGITrustedProxies 127.0.0.1 ::1",
        f"<VirtualHost 127.0.0.1:{site.other_port}>",
        "ServerName canonical.example:8123",
        "ServerAdmin admin@canonical.example",
        f"DocumentRoot {site.root}/htdocs/other",
        "UseCanonicalName On",
        "RemoteIPHeader X-Client",
        "RemoteIPInternalProxy 127.0.0.1",
        "WSGITrustedProxyHeaders X-Forwarded-Host",
        "WSGITrustedProxies 198.51.100.0/24",
        "</VirtualHost>",
        f"<VirtualHost 127.0.0.1:{site.proxy_port}>",
        "ServerName proxied.example",
        "RemoteIPProxyProtocol On",
        "</VirtualHost>",
    )
    (site.root / "htdocs" / "other").mkdir()
    site.serve("gateway.py")
    return site


@pytest.fixture
def site(server, checked):
    return checked


def ask(connection, *lines, host="localhost"):
    with connection as client:
        client.request("GET /environ/x?y=z", *LINES, *lines, host=host)
        return json.loads(client.read_reply().body)


def on_port(site, port, *lines, host="localhost"):
    return ask(RawConnection(port), *lines, host=host)


def by_http2(site, *headers):
    with Http2Connection(site.port) as client:
        number = client.request("GET", "/environ/x?y=z", ("accept", "*/*"), *headers)
        return json.loads(client.wait(number).body)


def by_ipv6(site, host="localhost"):
    return ask(RawConnection(site.port, host="::1"), host=host)


def test_the_keys_are_the_same_everywhere(site):
    plain = set(on_port(site, site.port)) - SOMETIMES
    assert set(on_port(site, site.other_port)) - SOMETIMES == plain
    assert set(by_ipv6(site)) - SOMETIMES == plain
    # mod_http2 sets variables of its own
    others = set(set(by_http2(site)) - plain - SOMETIMES)
    assert others <= {"HTTP2", "H2PUSH", "H2_PUSH", "H2_PUSHED", "H2_PUSHED_ON", "H2_STREAM_ID",
                      "H2_STREAM_TAG"}  # fmt: skip
    assert not plain - set(by_http2(site))


def test_types_are_the_same_everywhere(site):
    plain = on_port(site, site.port)["types"]
    for other in (on_port(site, site.other_port), by_ipv6(site), by_http2(site)):
        both = set(plain) & set(other["types"])
        assert {key: plain[key] for key in both} == {key: other["types"][key] for key in both}


def test_virtual_host(site):
    """UseCanonicalName On: what ServerName says, whatever the client does."""
    found = on_port(site, site.other_port, host="client.example:1")
    assert found["SERVER_NAME"] == "canonical.example"
    assert found["SERVER_PORT"] == "8123"
    assert found["HTTP_HOST"] == "client.example:1"
    assert found["SERVER_ADMIN"] == "admin@canonical.example"
    assert found["DOCUMENT_ROOT"] == f"{site.root}/htdocs/other"
    assert found["mod_wsgi.listener_port"] == str(site.other_port)
    assert found["mod_wsgi.listener_host"] == "127.0.0.1"


def test_trusted_ipv6_proxy(site):
    found = ask(RawConnection(site.port, host="::1"), "X-Forwarded-For: [2001:DB8::9]:4711")
    assert found["REMOTE_ADDR"] == "2001:db8::9"


def test_ipv6(site):
    found = by_ipv6(site)
    assert found["REMOTE_ADDR"] == found["SERVER_ADDR"] == "::1"
    assert found["SERVER_NAME"] == "localhost"
    assert found["REMOTE_PORT"].isdigit()
    assert found["mod_wsgi.listener_host"] == "::1"
    assert found["mod_wsgi.listener_port"] == str(site.port)
    found = by_ipv6(site, host=f"[::1]:{site.port}")
    assert found["SERVER_NAME"] == "[::1]"
    assert found["SERVER_PORT"] == str(site.port)


def test_http2(site):
    found = by_http2(site)
    assert found["SERVER_PROTOCOL"] == "HTTP/2.0"
    assert found["REQUEST_METHOD"] == "GET"
    assert found["REQUEST_URI"] == "/environ/x?y=z"
    assert found["PATH_INFO"] == "/environ/x"
    assert found["QUERY_STRING"] == "y=z"
    assert found["HTTP_HOST"] == "localhost"
    assert found["REMOTE_ADDR"] == "127.0.0.1"
    assert found["mod_wsgi.request_id"]
    assert "HTTP_TRANSFER_ENCODING" not in found


def test_http2_cookies(site):
    assert by_http2(site, ("cookie", "a=1"), ("cookie", "b=2"))["HTTP_COOKIE"] == "a=1; b=2"
    assert by_http2(site, ("cookie", "a=1, b=2"))["HTTP_COOKIE"] == "a=1, b=2"


def test_http2_imitates_nothing(site):
    odd = [("x-real", "genuine"), ("x_real", "spoofed"), ("x.real", "spoofed"),
           ("proxy", "spoofed"), ("remote_user", "spoofed")]  # fmt: skip
    found = by_http2(site, *odd)
    assert found["HTTP_X_REAL"] == "genuine"
    assert "spoofed" not in found.values()


def test_http2_behind_a_trusted_proxy(site):
    found = by_http2(site, ("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https"))
    assert found["REMOTE_ADDR"] == "203.0.113.9"
    assert found["wsgi.url_scheme"] == "https"


def test_http_1_0(site):
    with site.raw() as client:
        client.send(b"GET /environ/x HTTP/1.0\r\nAccept: */*\r\n\r\n")
        found = json.loads(client.read_reply().body)
    assert found["SERVER_PROTOCOL"] == "HTTP/1.0"
    assert set(on_port(site, site.port)) - set(found) - SOMETIMES == {"HTTP_HOST"}


def test_remoteip(site):
    """The client that mod_remoteip found; the port is still that of the connection."""
    with RawConnection(site.other_port) as client:
        port = client.sock.getsockname()[1]
        client.request("GET /environ", "X-Client: 203.0.113.5")
        found = json.loads(client.read_reply().body)
    assert found["REMOTE_ADDR"] == "203.0.113.5"
    assert found["REMOTE_PORT"] == str(port)
    assert "HTTP_X_CLIENT" not in found  # mod_remoteip takes off what it used


def test_trusted_proxies_go_by_remoteip(site):
    lines = ("X-Forwarded-Host: www.example",)
    found = on_port(site, site.other_port, "X-Client: 198.51.100.1", *lines)
    assert found["HTTP_HOST"] == "www.example"
    found = on_port(site, site.other_port, "X-Client: 203.0.113.5", *lines)
    assert found["HTTP_HOST"] == "localhost"
    assert on_port(site, site.other_port, *lines)["HTTP_HOST"] == "localhost"


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("PROXY TCP4 203.0.113.5 192.0.2.1 4711 80", "203.0.113.5"),
        ("PROXY TCP6 2001:db8::5 2001:db8::1 4711 80", "2001:db8::5"),
    ],
)
def test_proxy_protocol(site, line, address):
    with RawConnection(site.proxy_port) as client:
        client.send(line.encode() + b"\r\n")
        client.request("GET /environ")
        found = json.loads(client.read_reply().body)
    assert found["REMOTE_ADDR"] == address
    assert found["wsgi.url_scheme"] == "http"
