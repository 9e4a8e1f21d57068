# SPDX-License-Identifier: Apache-2.0
"""mod_ssl: what an application learns about an encrypted connection."""

import json
import ssl

import pytest

from harness.tls import Authority, TlsConnection


@pytest.fixture(scope="module")
def server(module_site):
    site = module_site
    site.authority = Authority(site.root / "certificates")
    site.authority.issue("server", "/CN=secure.example")
    site.authority.issue("ann", "/O=Tests/CN=Ann Example")
    site.tls_port = site.lease_port()
    site.config.modules += ["socache_shmcb", "ssl", "unique_id"]
    folder = site.authority.folder
    site.config.add(
        f"Listen 127.0.0.1:{site.tls_port} https",
        f"SSLSessionCache shmcb:{site.root}/run/sessions(64000)",
        "SSLSessionTickets Off",
        "WSGITrustedProxies 127.0.0.1",
        f"<VirtualHost 127.0.0.1:{site.tls_port}>",
        "ServerName secure.example",
        "SSLEngine On",
        f"SSLCertificateFile {folder}/server.pem",
        f"SSLCertificateKeyFile {folder}/server.key",
        f"SSLCACertificateFile {folder}/ca.pem",
        "SSLVerifyClient optional",
        "<Location /environ/all>\nSSLOptions +StdEnvVars +ExportCertData\n</Location>",
        "<Location /environ/user>\nSSLUserName SSL_CLIENT_S_DN_CN\n</Location>",
        "<Location /environ/claimed>\nSetEnv HTTPS off\n</Location>",
        "<Location /environ/proxied>\nWSGITrustedProxyHeaders X-Forwarded-Proto\n</Location>",
        "</VirtualHost>",
        "<Location /environ/terminated>\nSetEnv HTTPS on\n</Location>",
    )
    # another OpenSSL than the one mod_ssl was built with; no certificate, no user
    site.logs.allow("AH01882|AH02227")
    site.serve("gateway.py")
    return site


@pytest.fixture
def site(server, checked):
    return checked


def environ(site, path="/environ", *headers, certificate=None):
    with TlsConnection(site.tls_port, site.authority.client(certificate)) as client:
        client.request(f"GET {path}", *headers, host=f"localhost:{site.tls_port}")
        return json.loads(client.read_reply().body)


def test_scheme(site):
    found = environ(site)
    assert found["wsgi.url_scheme"] == "https"
    assert found["REQUEST_SCHEME"] == "https"
    assert found["SERVER_PORT"] == str(site.tls_port)
    assert "HTTPS" not in found
    assert {key for key in found if key.startswith("SSL_")} == {"SSL_TLS_SNI"}  # without StdEnvVars


def test_the_same_keys_as_without(site):
    with site.raw() as client:
        client.request("GET /environ")
        plain = json.loads(client.read_reply().body)
    sometimes = {"mod_wsgi.connection_id"}  # when httpd has written a line about the connection
    assert set(environ(site)) - sometimes - {"SSL_TLS_SNI"} == set(plain) - sometimes


def test_standard_variables(site):
    found = environ(site, "/environ/all")
    assert found["wsgi.url_scheme"] == "https"
    assert "HTTPS" not in found
    assert found["SSL_PROTOCOL"].startswith("TLSv1.")
    assert found["SSL_CIPHER"]
    assert found["SSL_SERVER_S_DN_CN"] == "secure.example"
    assert found["SSL_SERVER_I_DN"].replace("CN=Test authority", "").strip(",/") == "O=Tests"
    assert found["SSL_SERVER_CERT"].startswith("-----BEGIN CERTIFICATE-----\n")
    assert found["SSL_TLS_SNI"] == "localhost"
    assert found["SSL_CLIENT_VERIFY"] == "NONE"
    assert {found["types"][key] for key in found if key.startswith("SSL_")} == {"str"}


def test_client_certificate(site):
    found = environ(site, "/environ/all", certificate="ann")
    assert found["SSL_CLIENT_VERIFY"] == "SUCCESS"
    assert found["SSL_CLIENT_S_DN_CN"] == "Ann Example"
    assert found["SSL_CLIENT_I_DN_CN"] == "Test authority"
    assert found["SSL_CLIENT_M_SERIAL"]
    pem = (site.authority.folder / "ann.pem").read_text()
    assert found["SSL_CLIENT_CERT"].split() == pem.split()


def test_user_of_a_certificate(site):
    assert environ(site, "/environ/user", certificate="ann")["REMOTE_USER"] == "Ann Example"
    assert "REMOTE_USER" not in environ(site, "/environ/user")


def test_session(site):
    context = site.authority.client()
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # with later ones a session comes later
    sessions = []
    session = None
    for _ in range(2):
        with TlsConnection(site.tls_port, context, session=session) as client:
            client.request("GET /environ/all")
            sessions.append(json.loads(client.read_reply().body))
            session = client.sock.session
    assert [found["SSL_SESSION_RESUMED"] for found in sessions] == ["Initial", "Resumed"]
    assert sessions[1]["SSL_SESSION_ID"]


def test_scheme_cannot_be_talked_away(site):
    """TLS on the connection counts more than a variable."""
    assert environ(site, "/environ/claimed")["wsgi.url_scheme"] == "https"


def test_scheme_of_a_trusted_proxy(site):
    """What a trusted proxy says counts more than the connection between it and httpd."""
    ask = environ(site, "/environ/proxied", "X-Forwarded-Proto: http")
    assert ask["wsgi.url_scheme"] == "http"
    assert ask["REQUEST_SCHEME"] == "https"
    assert environ(site, "/environ/proxied")["wsgi.url_scheme"] == "https"


def test_scheme_by_setenv(site):
    """For TLS that ends before httpd."""
    found = site.get("/environ/terminated").json()
    assert found["wsgi.url_scheme"] == "https"
    assert found["REQUEST_SCHEME"] == "http"
    assert "HTTPS" not in found
    assert site.get("/environ").json()["wsgi.url_scheme"] == "http"


def test_unique_id(site):
    seen = {environ(site)["UNIQUE_ID"], site.get("/environ").json()["UNIQUE_ID"]}
    assert len(seen) == 2
    assert all(len(one) >= 24 for one in seen)


def test_body(site):
    """Through mod_ssl's filters, in both directions."""
    data = bytes(range(256)) * 4000
    with TlsConnection(site.tls_port, site.authority.client()) as client:
        client.request("POST /echo", f"Content-Length: {len(data)}", body=data)
        assert client.read_reply().body == data
        client.request("GET /big?1")
        assert client.read_reply().body == bytes(range(256)) * 4096
