# SPDX-License-Identifier: Apache-2.0
"""Which value counts when a directive stands in several places."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.site import Site

APP = """\
import json


def reply(environ, start_response, name):
    keys = ("mod_wsgi.application_group", "HTTP_AUTHORIZATION", "REMOTE_ADDR", "SCRIPT_NAME")
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"name": name, **{k: environ.get(k) for k in keys}}).encode()]


def application(environ, start_response):
    return reply(environ, start_response, "application")


def one(environ, start_response):
    return reply(environ, start_response, "one")


def two(environ, start_response):
    return reply(environ, start_response, "two")


def three(environ, start_response):
    return reply(environ, start_response, "three")


def handle_request(environ, start_response):
    return reply(environ, start_response, __file__.rpartition("/")[2])
"""


def location(path: str, *lines: str) -> str:
    return "\n".join([f"<Location {path}>", *lines, "</Location>"])


@pytest.fixture(scope="module")
def server(module_site: Site) -> Site:
    site = module_site
    app = site.add_app(site.write_app("app.py", APP), at="/app", application_group=None)
    outer, inner = site.write_app("outer.py", APP), site.write_app("inner.py", APP)
    site.config.add(
        "WSGIApplicationGroup overridden",
        "WSGIApplicationGroup main",
        "WSGICallableObject one",
        "WSGITrustedProxyHeaders X-Forwarded-For",
        "WSGITrustedProxies 10.0.0.1",
        "WSGITrustedProxies 127.0.0.1",
        f"WSGIHandlerScript first {outer}",
        f"WSGIHandlerScript second {outer}",
        f"<Directory {site.root}/htdocs>\nAllowOverride FileInfo\nWSGICallableObject three\n"
        "AddHandler wsgi-script .wsgi\nOptions +ExecCGI\n</Directory>",
        location("/app/two", "WSGICallableObject two", "WSGIPassAuthorization On"),
        location("/app/two/three", "WSGICallableObject three"),
        location("/app/two/three/off", "WSGIPassAuthorization Off"),
        location("/app/far", "WSGITrustedProxies 10.0.0.1"),
        location("/app/none", "WSGITrustedProxyHeaders X-Real-IP"),
        location("/first", "SetHandler first"),
        location("/second", "SetHandler second"),
        location("/inner", f"WSGIHandlerScript first {inner}"),
        location("/inner/first", "SetHandler first"),
        location("/inner/second", "SetHandler second"),
    )
    if site.mode == "daemon":
        site.config.add("WSGIProcessGroup main")
    site.config.vhost("inherits.example")
    other = site.config.vhost("other.example")
    other.add(
        "WSGICallableObject two",
        "WSGIApplicationGroup host",
        "WSGITrustedProxies 10.0.0.1",
        f"WSGIHandlerScript second {inner}",
        location("/app/here", "WSGICallableObject three"),
    )
    for folder, text in (("plain", None), ("ht", "WSGICallableObject two\n")):
        (site.root / "htdocs" / folder).mkdir()
        (site.root / "htdocs" / folder / "x.wsgi").write_text(app.read_text())
        if text is not None:
            (site.root / "htdocs" / folder / ".htaccess").write_text(text)
    site.start()
    return site


@pytest.fixture
def site(server: Site, checked: Site) -> Iterator[Site]:
    return checked


@pytest.mark.parametrize(
    ("host", "url", "name"),
    [
        ("localhost", "/app", "one"),
        ("localhost", "/app/two", "two"),
        ("localhost", "/app/two/three", "three"),
        ("inherits.example", "/app", "one"),
        ("inherits.example", "/app/two/x", "two"),
        ("other.example", "/app", "two"),
        ("other.example", "/app/here", "three"),
        ("localhost", "/plain/x.wsgi", "three"),
        ("localhost", "/ht/x.wsgi", "two"),
    ],
)
def test_the_innermost_value_counts(site: Site, host: str, url: str, name: str) -> None:
    assert site.get(url, host=host).json()["name"] == name


def test_the_later_line_counts(site: Site) -> None:
    assert site.get("/app").json()["mod_wsgi.application_group"] == "main"
    reply = site.get("/app", host="other.example").json()
    assert reply["mod_wsgi.application_group"] == "host"


def test_each_value_by_itself(site: Site) -> None:
    for url, seen in (("/app", None), ("/app/two/three", "x"), ("/app/two/three/off", None)):
        reply = site.get(url, headers={"Authorization": "x"}).json()
        assert reply["HTTP_AUTHORIZATION"] == seen


def test_lists_add_up_in_one_place_and_are_replaced_by_inner_ones(site: Site) -> None:
    headers = {"X-Forwarded-For": "192.0.2.1", "X-Real-IP": "192.0.2.2"}
    for host, url, address in (
        ("localhost", "/app", "192.0.2.1"),
        ("inherits.example", "/app", "192.0.2.1"),
        ("localhost", "/app/far", "127.0.0.1"),
        ("localhost", "/app/none", "192.0.2.2"),
        ("other.example", "/app", "127.0.0.1"),
    ):
        assert site.get(url, host=host, headers=headers).json()["REMOTE_ADDR"] == address


@pytest.mark.parametrize(
    ("host", "url", "script"),
    [
        ("localhost", "/first", "outer.py"),
        ("localhost", "/second", "outer.py"),
        ("localhost", "/inner/first", "inner.py"),
        ("localhost", "/inner/second", "outer.py"),
        ("other.example", "/first", "outer.py"),
        ("other.example", "/second", "inner.py"),
    ],
)
def test_handlers_are_replaced_by_name(site: Site, host: str, url: str, script: str) -> None:
    assert site.get(url, host=host).json()["name"] == script
