# SPDX-License-Identifier: Apache-2.0
"""Request lines of every form: what is for httpd itself and what an application gets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.raw import Reply
from harness.site import Site


@pytest.fixture(scope="module")
def server(module_site: Site) -> Site:
    site = module_site
    where = site.install("where.py")
    site.config.modules += ["proxy", "proxy_connect", "allowmethods"]
    options = f"application-group={site.application_group}"
    if site.mode == "daemon":
        site.group("main")
        options += " process-group=main"
    site.config.vhost("localhost").add(f"WSGIScriptAlias / {where} {options}", "TraceEnable Off")
    traced = site.config.vhost("traced.example")
    traced.add(f"WSGIScriptAlias / {where} {options}", "TraceEnable On")
    limited = site.config.vhost("limited.example")
    limited.add(
        f"WSGIScriptAlias / {where} {options}",
        "<Location /only>\nAllowMethods GET\n</Location>",
    )
    site.start()
    return site


@pytest.fixture
def site(server: Site, checked: Site) -> Site:
    return checked


def send(site: Site, text: str) -> Reply:
    """The lines as they are; HEAD is not sent with this."""
    with site.raw() as client:
        client.send(text.replace("\n", "\r\n").encode())
        return client.read_reply()


def ask(site: Site, text: str) -> dict[str, Any]:
    reply = send(site, text)
    assert reply.status == 200, f"{reply}\n{site.tail()}"
    return json.loads(reply.body)


def test_options_for_the_whole_server(site: Site) -> None:
    """`OPTIONS *` is about httpd; no application is asked."""
    reply = send(site, "OPTIONS * HTTP/1.1\nHost: localhost\n\n")
    assert (reply.status, reply.body) == (200, b"")


def test_options_for_a_resource(site: Site) -> None:
    seen = ask(site, "OPTIONS /x HTTP/1.1\nHost: localhost\n\n")
    assert (seen["REQUEST_METHOD"], seen["PATH_INFO"]) == ("OPTIONS", "/x")


def test_a_star_is_for_options_only(site: Site) -> None:
    reply = send(site, "GET * HTTP/1.1\nHost: localhost\n\n")
    assert reply.status == 400


def test_trace(site: Site) -> None:
    """httpd's own echo, where it is enabled; applications never see TRACE."""
    assert send(site, "TRACE /x HTTP/1.1\nHost: localhost\n\n").status == 405
    reply = send(site, "TRACE /x HTTP/1.1\nHost: traced.example\nX-A: b\n\n")
    assert reply.status == 200
    assert reply.header("Content-Type") == "message/http"
    assert b"X-A: b" in reply.body


def test_connect(site: Site) -> None:
    """No tunnel, and nothing for an application."""
    for target in ("elsewhere.example:443", "localhost:80"):
        with site.expects_log("CASK0162"):
            reply = send(site, f"CONNECT {target} HTTP/1.1\nHost: {target}\n\n")
        assert reply.status == 405


def test_absolute_form(site: Site) -> None:
    """The host of the target counts, not that of the header; paths are the same."""
    seen = ask(site, "GET http://traced.example/a%20b?q=1 HTTP/1.1\nHost: localhost\n\n")
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("", "/a b")
    assert seen["QUERY_STRING"] == "q=1"
    assert seen["SERVER_NAME"] == "traced.example"
    assert seen["REQUEST_URI"] == "http://traced.example/a%20b?q=1"


def test_absolute_form_of_another_server(site: Site) -> None:
    """httpd is no proxy here: the default virtual host answers."""
    seen = ask(site, "GET http://elsewhere.example/x HTTP/1.1\nHost: elsewhere.example\n\n")
    assert (seen["SERVER_NAME"], seen["PATH_INFO"]) == ("elsewhere.example", "/x")


def test_absolute_form_without_a_path(site: Site) -> None:
    assert ask(site, "GET http://localhost HTTP/1.1\nHost: localhost\n\n")["PATH_INFO"] == "/"


def test_without_a_host(site: Site) -> None:
    seen = ask(site, "GET /x HTTP/1.0\n\n")
    assert (seen["SERVER_PROTOCOL"], seen["PATH_INFO"]) == ("HTTP/1.0", "/x")
    assert seen["SERVER_NAME"] == "localhost"
    assert "HTTP_HOST" not in seen
    assert send(site, "GET /x HTTP/1.1\n\n").status == 400


@pytest.mark.parametrize("target", ["x", "?q", "http:", "//", "/#part"])
def test_odd_targets(site: Site, target: str) -> None:
    """They are refused, or reach the application as a path; never anything else."""
    reply = send(site, f"GET {target} HTTP/1.1\nHost: localhost\n\n")
    assert reply.status in (200, 400, 404)
    if reply.status == 200:
        assert json.loads(reply.body)["PATH_INFO"].startswith("/")


@pytest.mark.parametrize("method", ["PATCH", "PROPFIND", "REPORT", "PURGE", "get", "M-SEARCH"])
def test_methods_of_all_kinds(site: Site, method: str) -> None:
    """Methods httpd does not know are the application's business, in the letters they came in."""
    seen = ask(site, f"{method} /x HTTP/1.1\nHost: localhost\n\n")
    assert seen["REQUEST_METHOD"] == method


def test_allowed_methods(site: Site) -> None:
    assert send(site, "GET /only HTTP/1.1\nHost: limited.example\n\n").status == 200
    with site.expects_log("AH01623"):
        assert send(site, "POST /only HTTP/1.1\nHost: limited.example\n\n").status == 405
