# SPDX-License-Identifier: Apache-2.0
"""WSGITrustedProxyHeaders and WSGITrustedProxies: what a proxy before httpd says about the client.
Their rules in detail are in unit_c/apache/test_proxies.c."""

import json

import pytest

from harness.wait import wait_until

ALL = (
    "X-Forwarded-For X-Forwarded-Proto X-Forwarded-Host X-Forwarded-Server X-Forwarded-Port "
    "X-Script-Name"
)
SENT = {
    "X-Forwarded-For": "203.0.113.9, 198.51.100.7, 10.0.0.5",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "www.example",
    "X-Forwarded-Server": "front.example",
    "X-Forwarded-Port": "443",
    "X-Script-Name": "/mounted",
}


@pytest.fixture(scope="module")
def server(module_site):
    site = module_site

    def place(name, *lines):
        site.config.add(f"<Location /environ/{name}>", *lines, "</Location>")

    place("trusted", f"WSGITrustedProxyHeaders {ALL}", "WSGITrustedProxies 127.0.0.1 10.0.0.0/8")
    place("everybody", f"WSGITrustedProxyHeaders {ALL}")
    place("untrusted", f"WSGITrustedProxyHeaders {ALL}", "WSGITrustedProxies 192.0.2.1 FD00::/8")
    place("forwarded", "WSGITrustedProxyHeaders Forwarded", "WSGITrustedProxies 127.0.0.0/8")
    place("real", "WSGITrustedProxyHeaders X-Real-IP", "WSGITrustedProxies 127.0.0.1")
    site.config.add(
        'SetEnvIf X-Https "^(.*)$" HTTPS=$1',
        f"Alias /files {site.root}/htdocs/files",
        f"<Directory {site.root}/htdocs/files>",
        "AllowOverride FileInfo",
        "Options +ExecCGI",
        f"WSGIApplicationGroup {site.application_group}",
        "WSGIProcessGroup main" if site.mode == "daemon" else "",
        "</Directory>",
    )
    folder = site.root / "htdocs" / "files"
    folder.mkdir()
    script = site.install("gateway.py")
    (folder / "app.wsgi").write_text(script.read_text())
    (folder / ".htaccess").write_text(
        "SetHandler wsgi-script\n"
        "WSGITrustedProxyHeaders X-Forwarded-For\nWSGITrustedProxies 127.0.0.1\n"
    )
    site.serve("gateway.py")
    site.wait_log(r"CASK0182: .*httpd\.conf:\d+: no WSGITrustedProxies is set with it")
    return site


@pytest.fixture
def site(server, checked):
    return checked


def environ(site, path, headers, **more):
    return site.get(f"/environ/{path}", headers=headers, **more).json()


def test_trusted_proxy(site):
    found = environ(site, "trusted/page", SENT)
    assert found["REMOTE_ADDR"] == "198.51.100.7"
    assert found["HTTP_X_FORWARDED_FOR"] == "198.51.100.7, 10.0.0.5"
    assert found["wsgi.url_scheme"] == "https"
    assert found["HTTP_HOST"] == "www.example"
    assert found["SERVER_NAME"] == "front.example"
    assert found["SERVER_PORT"] == "443"
    assert found["SCRIPT_NAME"] == "/mounted"
    assert found["mod_wsgi.mount_point"] == "/mounted"
    assert found["mod_wsgi.script_name"] == ""
    assert found["PATH_INFO"] == found["mod_wsgi.path_info"] == "/environ/trusted/page"
    for header, value in SENT.items():
        if header != "X-Forwarded-For":
            assert found["HTTP_" + header.upper().replace("-", "_")] == value
    assert "HTTPS" not in found
    assert found["types"]["REMOTE_ADDR"] == found["types"]["mod_wsgi.mount_point"] == "str"


def test_what_stays(site):
    """Where the connection comes from, and how httpd itself was asked."""
    plain = environ(site, "trusted", {})
    found = environ(site, "trusted", SENT)
    for key in ("SERVER_ADDR", "REQUEST_SCHEME", "REQUEST_URI", "mod_wsgi.listener_port"):
        assert found[key] == plain[key]
    assert found["REMOTE_PORT"].isdigit()


def test_a_trusted_proxy_that_says_nothing(site):
    found = environ(site, "trusted", {})
    assert found["REMOTE_ADDR"] == "127.0.0.1"
    assert found["HTTP_HOST"] == f"127.0.0.1:{site.port}"
    assert found["wsgi.url_scheme"] == "http"
    assert "mod_wsgi.mount_point" not in found
    assert not [key for key in found if "FORWARDED" in key]


def test_values_of_one_request_do_not_stay(site):
    """The gateway keeps values that come twice: none may show up in another request."""
    for _ in range(3):
        assert environ(site, "trusted", SENT)["REMOTE_ADDR"] == "198.51.100.7"
    for _ in range(3):
        found = environ(site, "trusted", {})
        assert found["REMOTE_ADDR"] == "127.0.0.1"
        assert found["SERVER_PORT"] == str(site.port)
        assert found["SCRIPT_NAME"] == ""
        assert "mod_wsgi.mount_point" not in found
        assert "HTTP_X_FORWARDED_FOR" not in found


def test_without_the_directive_headers_are_just_headers(site):
    found = environ(site, "plain", SENT)
    assert found["REMOTE_ADDR"] == "127.0.0.1"
    assert found["wsgi.url_scheme"] == "http"
    assert found["HTTP_X_FORWARDED_FOR"] == SENT["X-Forwarded-For"]
    assert found["HTTP_HOST"] == f"127.0.0.1:{site.port}"


def test_nobody_else_is_believed(site):
    spoofed = {**SENT, "Forwarded": "for=1.1.1.1", "X-Real-IP": "1.1.1.1", "X-Forwarded-SSL": "on"}
    found = environ(site, "untrusted", spoofed)
    plain = environ(site, "untrusted", {})
    same = ("REMOTE_ADDR", "SERVER_NAME", "SERVER_PORT", "HTTP_HOST", "SCRIPT_NAME",
            "wsgi.url_scheme")  # fmt: skip
    assert {key: found[key] for key in same} == {key: plain[key] for key in same}
    assert set(found) == set(plain)


def test_everybody_is_believed_without_proxies(site):
    found = environ(site, "everybody", SENT)
    assert found["REMOTE_ADDR"] == "203.0.113.9"
    assert found["HTTP_X_FORWARDED_FOR"] == SENT["X-Forwarded-For"]
    assert found["wsgi.url_scheme"] == "https"


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("198.51.100.7:4444", "198.51.100.7"),
        ("[2001:DB8::7]:4444", "2001:db8::7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("198.51.100.7, unknown, 10.0.0.5", "10.0.0.5"),
        # names are never looked up: this one would be trusted
        ("198.51.100.7, localhost", "127.0.0.1"),
        ("<script>", "127.0.0.1"),
        (", ,", "127.0.0.1"),
        ("10.0.0.9, 10.0.0.5", "10.0.0.9"),
        (", ".join(["198.51.100.7"] + ["10.0.0.5"] * 500), "198.51.100.7"),
    ],
)
def test_remote_addr_is_an_address(site, value, address):
    assert environ(site, "trusted", {"X-Forwarded-For": value})["REMOTE_ADDR"] == address


def test_a_repeated_header_is_one_list(site):
    with site.raw() as client:
        client.request(
            "GET /environ/trusted",
            "X-Forwarded-For: 198.51.100.7",
            "X-Forwarded-For: 10.0.0.5",
            "X_Forwarded_For: 1.1.1.1",
        )
        found = json.loads(client.read_reply().body)
    assert found["REMOTE_ADDR"] == "198.51.100.7"
    assert found["HTTP_X_FORWARDED_FOR"] == "198.51.100.7, 10.0.0.5"


def test_a_request_without_host_gets_one(site):
    with site.raw() as client:
        client.send(b"GET /environ/trusted HTTP/1.0\r\nX-Forwarded-Host: www.example\r\n\r\n")
        assert json.loads(client.read_reply().body)["HTTP_HOST"] == "www.example"


@pytest.mark.parametrize(
    ("proto", "https", "scheme"),
    [("http", "on", "http"), ("https", "off", "https"), ("ftp", "on", "https"),
     ("gopher", "off", "http")],
)  # fmt: skip
def test_the_proxy_knows_the_scheme_best(site, proto, https, scheme):
    found = environ(site, "trusted", {"X-Forwarded-Proto": proto, "X-Https": https})
    assert found["wsgi.url_scheme"] == scheme
    assert ("HTTP_X_FORWARDED_PROTO" in found) == (proto in ("http", "https"))
    assert "HTTP_X_HTTPS" not in found  # of the same kind, and not named


def test_forwarded(site):
    sent = {
        "Forwarded": 'for=1.1.1.1;host=evil.example, for="[2001:DB8::9]:7";proto=https;'
        "host=www.example, for=127.0.0.2",
        "X-Forwarded-For": "1.1.1.1",
        "X-Forwarded-Port": "99",
    }
    found = environ(site, "forwarded", sent)
    assert found["REMOTE_ADDR"] == "2001:db8::9"
    assert found["wsgi.url_scheme"] == "https"
    assert found["HTTP_HOST"] == "www.example"
    assert found["HTTP_FORWARDED"].startswith('for="[2001:DB8::9]:7"')
    assert "HTTP_X_FORWARDED_FOR" not in found
    assert found["HTTP_X_FORWARDED_PORT"] == "99"  # nothing named tells the port
    assert found["SERVER_PORT"] == str(site.port)


def test_real_ip(site):
    found = environ(site, "real", {"X-Real-IP": "198.51.100.7", "X-Forwarded-For": "1.1.1.1"})
    assert found["REMOTE_ADDR"] == "198.51.100.7"
    assert found["HTTP_X_REAL_IP"] == "198.51.100.7"
    assert "HTTP_X_FORWARDED_FOR" not in found


def test_htaccess(site):
    found = site.get("/files/app.wsgi/environ", headers=SENT).json()
    assert found["REMOTE_ADDR"] == "10.0.0.5"
    assert found["HTTP_HOST"] == f"127.0.0.1:{site.port}"
    assert "HTTP_FORWARDED" not in found


def test_the_access_log_is_httpds_own(site):
    environ(site, "trusted?logged=1", SENT)
    log = site.root / "logs" / "access.log"
    wait_until(lambda: "logged=1" in log.read_text(), 5)
    assert next(line for line in log.read_text().splitlines() if "logged=1" in line).startswith(
        "127.0.0.1 "
    )


class TestConfiguration:
    @pytest.fixture
    def site(self, fresh_site):
        return fresh_site

    @pytest.mark.parametrize(
        "line",
        [
            "WSGITrustedProxyHeaders X.Forwarded.For",
            "WSGITrustedProxyHeaders X-Forwarded-For X-Forw@rded",
            'WSGITrustedProxyHeaders ""',
            "WSGITrustedProxyHeaders",
            "WSGITrustedProxies localhost",
            "WSGITrustedProxies proxy.example",
            "WSGITrustedProxies 10.0.0.0/33",
            "WSGITrustedProxies 10.0.0.0/8 300.0.0.1",
            "WSGITrustedProxies 2001:db8::/129",
            "WSGITrustedProxies",
        ],
    )
    def test_errors(self, site, line):
        site.config.add(line)
        done = site.check()
        assert done.returncode != 0
        directive, _, words = line.partition(" ")
        assert directive in done.stderr
        assert "httpd.conf" in done.stderr
        bad = words.split(" ")[-1].strip('"')
        assert bad in done.stderr

    @pytest.mark.parametrize(
        "word", ["127.0.0.1", "10.0.0.0/8", "10.1.2", "10.0.0.0/255.0.0.0", "::1", "2001:DB8::/32",
                 "::ffff:10.0.0.0/104"],
    )  # fmt: skip
    def test_networks(self, site, word):
        site.config.add(f"WSGITrustedProxies {word}")
        assert site.check().returncode == 0

    @pytest.mark.parametrize("where", ["server", "virtual host", "location"])
    def test_proxies_of_an_outer_scope_count(self, site, where):
        """Headers named in a virtual host or directory, proxies by the server: no warning."""
        vhost = site.config.vhost("one.example")
        headers = "WSGITrustedProxyHeaders X-Forwarded-For"
        if where == "location":
            headers = f"<Location /x>\n{headers}\n</Location>"
        (site.config if where == "server" else vhost).add(headers)
        assert "CASK0182" in site.check().stderr
        site.config.add("WSGITrustedProxies 127.0.0.1")
        assert "CASK0182" not in site.check().stderr

    def test_warnings(self, site):
        site.config.add(
            "WSGITrustedProxies 127.0.0.1",
            "WSGITrustedProxyHeaders X_Forwarded_For X-Forwarded-Fro",
        )
        done = site.check()
        assert done.returncode == 0
        assert "CASK0180" in done.stderr
        assert "'X_Forwarded_For' is read as 'x-forwarded-for'" in done.stderr
        assert "CASK0181" in done.stderr
        assert "'X-Forwarded-Fro' tells nothing" in done.stderr
        assert "CASK0182" not in done.stderr

    def test_an_underscore_works(self, site):
        site.config.add(
            "WSGITrustedProxies 127.0.0.1", "WSGITrustedProxyHeaders X_Forwarded_For X_Nonsense"
        )
        site.serve("gateway.py")
        site.wait_log("CASK0180", count=2)
        site.wait_log("CASK0181")
        found = site.get("/environ", headers={"X-Forwarded-For": "1.1.1.1"}).json()
        assert found["REMOTE_ADDR"] == "1.1.1.1"
