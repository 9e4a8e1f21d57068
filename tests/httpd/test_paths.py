# SPDX-License-Identifier: Apache-2.0
"""SCRIPT_NAME and PATH_INFO on every way that httpd has to a script."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.site import Site

INCLUDES = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html")])
    target = environ["QUERY_STRING"]
    return [b"<", b'<!--#include virtual="' + target.encode() + b'" -->', b">"]
"""
FAILS = """\
def application(environ, start_response):
    raise RuntimeError("the application fails")
"""


@pytest.fixture(scope="module")
def server(module_site: Site) -> Site:
    site = module_site
    apps, docs = site.apps, site.root / "htdocs"
    for name in (
        "where.py", "dir/where.py", "dir/index.py", "slash/where.py", "types/where.app",
        "many/view.wsgi", "many/index.wsgi", "home/ann/www/own.wsgi",
        "hosts/mass.example/page.wsgi",
    ):  # fmt: skip
        site.install("where.py", name)
    (apps / "many" / "page.html").write_text("static page")
    (docs / "page.shtml").write_text('[<!--#include virtual="/p/inc/luded?text" -->]')
    (docs / "file.thing").write_text("a thing")
    (docs / "empty").mkdir()
    (docs / "falls").mkdir()
    group = "%{GLOBAL}"
    if site.mode == "daemon":
        site.group("main")
        group = "main"
    site.config.modules += ["include", "negotiation", "actions", "userdir", "vhost_alias"]
    site.config.add(
        f"WSGIProcessGroup {group}",
        f"WSGIApplicationGroup {site.application_group}",
        f"WSGIScriptAlias /p {apps}/where.py",
        f"WSGIScriptAlias /index {apps}/dir",
        f"WSGIScriptAlias /dir/ {apps}/dir/",
        f"WSGIScriptAlias /nodir {apps}/slash/",
        f"WSGIScriptAlias /nested/index.py {apps}/where.py",
        f"WSGIScriptAlias /nested {apps}/dir callable-object=nosuch application-group=wrong",
        f"WSGIScriptAlias /includes {site.write_app('includes.py', INCLUDES)}",
        f"WSGIScriptAlias /fails {site.write_app('fails.py', FAILS)}",
        f"WSGIScriptAlias /~user {apps}/where.py",
        f"WSGIScriptAliasMatch /un[a-z]+ed {apps}/where.py",
        f"WSGIScriptAliasMatch ^(/perhaps)? {apps}/where.py",
        f"WSGIScriptAliasMatch ^/zero(.*)/([0-9]+)/ {apps}/where.py/$2$1/",
        f"UserDir {apps}/home/*/www",
        f"<Directory {apps}/home>\nOptions +ExecCGI\nAddHandler wsgi-script .wsgi\n</Directory>",
        f"<Directory {apps}/hosts>\nOptions +ExecCGI\nAddHandler wsgi-script .wsgi\n</Directory>",
        f"Alias /types {apps}/types",
        f"Alias /many {apps}/many",
        f"<Directory {apps}/types>\nOptions +ExecCGI\nAddType application/x-httpd-wsgi .app",
        "</Directory>",
        f"<Directory {apps}/many>\nOptions +ExecCGI +MultiViews\nAddHandler wsgi-script .wsgi",
        "AddType text/html .html\nMultiviewsMatch Handlers\nDirectoryIndex index.wsgi",
        "</Directory>",
        f"<Directory {docs}>\nOptions +Includes\nAddType text/html .shtml",
        "AddOutputFilter INCLUDES .shtml\nAddHandler thing .thing\n</Directory>",
        "Action thing /p/action virtual",
        "<LocationMatch ^/(index|nested)>\nDirectoryIndex index.py\n</LocationMatch>",
        f"<Directory {docs}/falls>\nFallbackResource /p/fallback\n</Directory>",
        "<Location /includes>\nOptions +Includes\nSetOutputFilter INCLUDES\n</Location>",
        f"Alias /all {apps}/slash",
        f"<Directory {apps}/slash>\nOptions +ExecCGI\nSetHandler wsgi-script\n</Directory>",
        "<Location /errors>\nErrorDocument 404 /p/error/404?from=error\n</Location>",
        "<Location /fails>\nErrorDocument 500 /p/error/500\n</Location>",
        "<Location /denied>\nRequire all denied\nErrorDocument 403 /p/error/403\n</Location>",
        "<Location /p/accept/on>\nAcceptPathInfo On\n</Location>",
        "<Location /p/accept/off>\nAcceptPathInfo Off\n</Location>",
    )
    alias = f"WSGIScriptAlias /p {apps}/where.py"
    site.config.vhost("localhost").add("AllowEncodedSlashes Off")
    site.config.vhost("runs.example").add("MergeSlashes Off")
    site.config.vhost("decoded.example").add("AllowEncodedSlashes On")
    site.config.vhost("encoded.example").add("AllowEncodedSlashes NoDecode")
    site.config.vhost("own.example").add(f"WSGIScriptAlias /p {apps}/dir/where.py/own")
    site.config.vhost("mass.example").add(f"VirtualDocumentRoot {apps}/hosts/%0", alias)
    site.start()
    return site


@pytest.fixture
def site(server: Site, checked: Site) -> Site:
    return checked


def ask(site: Site, target: str, host: str = "localhost", status: int = 200) -> dict[str, Any]:
    """A request whose target no client library has tidied up."""
    with site.raw() as client:
        client.request(f"GET {target}", host=host)
        reply = client.read_reply()
    assert reply.status == status, f"{reply}\n{site.tail()}"
    return json.loads(reply.body) if status == 200 else {}


def paths(site: Site, target: str, host: str = "localhost") -> tuple[str, str]:
    seen = ask(site, target, host)
    assert seen["SCRIPT_NAME"] == seen["mod_wsgi.script_name"]
    assert seen["PATH_INFO"] == seen["mod_wsgi.path_info"]
    assert seen["REQUEST_URI"] == target
    return seen["SCRIPT_NAME"], seen["PATH_INFO"]


@pytest.mark.parametrize("host", ["localhost", "runs.example"])
@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("/p//a///b", ("/p", "/a/b")),
        ("//p/a", ("/p", "/a")),
        ("///p", ("/p", "")),
        ("/p//", ("/p", "/")),
        ("/p/./a/../b", ("/p", "/b")),
        ("/p/a%20b%3Fc", ("/p", "/a b?c")),
        ("/p/%C3%A9", ("/p", "/\u00c3\u00a9")),
        ("/p/%25", ("/p", "/%")),
        ("/p;x=1", None),
        ("/p/;x=1", ("/p", "/;x=1")),
        ("/dir/where.py//x", ("/dir/where.py", "/x")),
        ("/index//where.py/x", ("/index/where.py", "/x")),
        ("/nodir/where.py/x", ("/nodir/where.py", "/x")),
        ("/index/", ("/index/index.py", "")),
    ],
)
def test_slashes(site: Site, target: str, found: tuple[str, str] | None, host: str) -> None:
    """Runs of '/' are made one, whether httpd has merged them before or not."""
    if found is None:
        ask(site, target, host, status=404)
    else:
        assert paths(site, target, host) == found


def test_patterns(site: Site) -> None:
    """PATH_INFO is the target's own tail and what follows the match; SCRIPT_NAME is the URL before
    what both have in common at the end."""
    assert paths(site, "/lead/unanchored/x") == ("/lead/unanchored", "/x")
    assert paths(site, "/perhaps/x") == ("/perhaps", "/x")
    ask(site, "/nothing", status=404)  # nothing of the URL has matched
    assert paths(site, "/zero/a/17/b/c") == ("/zero/a/17", "/17/a/b/c")


def test_encoded_slashes_are_httpds_business(site: Site) -> None:
    ask(site, "/p/a%2Fb", "localhost", status=404)
    assert paths(site, "/p/a%2Fb%2f", "decoded.example") == ("/p", "/a/b/")
    assert paths(site, "/p/a%2Fb", "encoded.example") == ("/p", "/a%2Fb")
    assert paths(site, "/p/a%2F%2Fb", "decoded.example") == ("/p", "/a/b")


def test_nul_is_refused(site: Site) -> None:
    for host in ("localhost", "decoded.example"):
        ask(site, "/p/%00", host, status=404)
    with site.expects_log("AH10244"):
        ask(site, "/p/%zz", status=400)


def test_accept_path_info(site: Site) -> None:
    assert paths(site, "/p/accept/on") == ("/p", "/accept/on")
    assert paths(site, "/p/accept") == ("/p", "/accept")
    with site.expects_log("CASK0123"):
        ask(site, "/p/accept/off", status=404)


def test_directory(site: Site) -> None:
    """Without an index 403; a missing slash is added by mod_dir, for an alias without one."""
    with site.expects_log("CASK0121"):
        site.get("/dir/", 403)
    assert site.get("/index", 301).headers["Location"].endswith("/index/")
    with site.expects_log("CASK0120"):
        site.get("/dir/nosuch", 404)
    with site.expects_log("CASK0121"):
        site.get("/nodir/", 403)


def test_add_type(site: Site) -> None:
    seen = ask(site, "/types/where.app/x")
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("/types/where.app", "/x")
    assert seen["mod_wsgi.request_handler"] == "application/x-httpd-wsgi"


def test_multiviews(site: Site) -> None:
    """mod_negotiation puts the variant's name into the URL, as for CGI."""
    assert paths(site, "/many/view") == ("/many/view.wsgi", "")
    assert paths(site, "/many/view/x") == ("/many/view.wsgi", "/x")
    assert ask(site, "/many/view")["SCRIPT_FILENAME"] == str(site.apps / "many" / "view.wsgi")
    assert site.get("/many/page").text == "static page"
    assert paths(site, "/many/view.wsgi/x") == ("/many/view.wsgi", "/x")


def test_handler_of_a_directory(site: Site) -> None:
    """SetHandler makes every file a script; a directory without an index is none."""
    assert paths(site, "/all/where.py/x") == ("/all/where.py", "/x")
    with site.expects_log("CASK0121"):
        site.get("/all/", 403)


def test_directory_index(site: Site) -> None:
    assert paths(site, "/many/") == ("/many/index.wsgi", "")
    assert paths(site, "/many/?q=1") == ("/many/index.wsgi", "")
    assert ask(site, "/many/?q=1")["QUERY_STRING"] == "q=1"


def test_index_of_another_alias(site: Site) -> None:
    """Options of the alias that covers the directory are not those of its index."""
    seen = ask(site, "/nested/")
    assert seen["SCRIPT_FILENAME"] == str(site.apps / "where.py")
    group = "" if site.application_group == "%{GLOBAL}" else site.application_group
    assert seen["mod_wsgi.application_group"] == group


def test_included_by_a_static_page(site: Site) -> None:
    """mod_include's sub-request: SCRIPT_NAME is the whole URL, as for CGI."""
    assert site.get("/page.shtml").text == "[/p/inc/luded|/inc/luded|INCLUDED]"


def test_included_by_an_application(site: Site) -> None:
    """The including application is still at work when the other one runs on the same thread."""
    text = site.get("/includes?/p/x?text").text
    assert text == "</p/x|/x|INCLUDED>"


def test_error_document(site: Site) -> None:
    """The application that explains an error gives the status; REDIRECT_STATUS is that of httpd."""
    seen = site.get("/errors/here?a=b", 404).json()
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("/p", "/error/404")
    assert seen["REQUEST_METHOD"] == "GET"
    assert seen["QUERY_STRING"] == "from=error"
    assert seen["REQUEST_URI"] == "/errors/here?a=b"
    assert seen["REDIRECT_STATUS"] == "404"
    assert seen["REDIRECT_URL"] == "/errors/here"
    assert seen["REDIRECT_QUERY_STRING"] == "a=b"
    with site.expects_log("AH01630"):
        seen = site.get("/denied/x", 403).json()
    assert (seen["REDIRECT_STATUS"], seen["PATH_INFO"]) == ("403", "/error/403")


def test_error_document_after_a_post(site: Site) -> None:
    seen = site.post("/errors/here", 404, data="some body").json()
    assert seen["REQUEST_METHOD"] == "GET"
    assert seen["REDIRECT_REQUEST_METHOD"] == "POST"


def test_error_document_of_an_application_that_fails(site: Site) -> None:
    """One application explains the failure of another."""
    with site.expects_traceback("RuntimeError: the application fails"):
        seen = site.get("/fails/x", 500).json()
    assert (seen["REDIRECT_STATUS"], seen["REDIRECT_URL"]) == ("500", "/fails/x")
    assert seen["PATH_INFO"] == "/error/500"
    assert "the application fails" not in json.dumps(seen)


def test_action(site: Site) -> None:
    """mod_actions: the URL of the file becomes path info."""
    seen = ask(site, "/file.thing?x=1")
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("/p", "/action/file.thing")
    assert (seen["REDIRECT_URL"], seen["QUERY_STRING"]) == ("/file.thing", "x=1")
    assert seen["REDIRECT_STATUS"] == "200"
    assert seen["REDIRECT_HANDLER"] == "thing"


def test_fallback_resource(site: Site) -> None:
    seen = ask(site, "/falls/nothing/here")
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("/p", "/fallback")


def test_aliases_come_before_user_directories_and_mass_hosting(site: Site) -> None:
    assert paths(site, "/~user/x") == ("/~user", "/x")
    assert paths(site, "/p/x", "mass.example") == ("/p", "/x")


def test_scripts_of_users_and_of_hosts(site: Site) -> None:
    """mod_userdir and mod_vhost_alias find the file, AddHandler makes it a script."""
    assert paths(site, "/~ann/own.wsgi/x") == ("/~ann/own.wsgi", "/x")
    seen = ask(site, "/page.wsgi/x", "mass.example")
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("/page.wsgi", "/x")
    assert seen["SCRIPT_FILENAME"] == str(site.apps / "hosts" / "mass.example" / "page.wsgi")
    ask(site, "/other", "mass.example", status=404)


def test_aliases_of_a_host_come_first(site: Site) -> None:
    assert paths(site, "/p/x", "own.example") == ("/p", "/own/x")
    assert paths(site, "/dir/where.py", "own.example") == ("/dir/where.py", "")
