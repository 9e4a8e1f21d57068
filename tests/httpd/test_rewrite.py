# SPDX-License-Identifier: Apache-2.0
"""mod_rewrite, mod_alias and mod_proxy around applications."""

from __future__ import annotations

from typing import Any

import pytest

from harness.site import Site


@pytest.fixture(scope="module")
def server(module_site: Site) -> Site:
    site = module_site
    apps, docs = site.apps, site.root / "htdocs"
    for name in ("where.py", "other.py", "front/site.wsgi", "handled/page.py", "tenant/site.wsgi"):
        site.install("where.py", name)
    (apps / "front" / "there.txt").write_text("a file that exists")
    (docs / "static.txt").write_text("static")
    (apps / "tenant" / ".htaccess").write_text(
        "RewriteEngine On\nRewriteBase /tenant\n"
        "RewriteRule ^site\\.wsgi - [L]\n"
        "RewriteRule ^named/(.*)$ site.wsgi/$1 [E=VAR_NAMED:yes,L]\n"
        "RewriteRule ^(.*)$ site.wsgi/$1 [L,QSA]\n"
    )
    group = "%{GLOBAL}"
    if site.mode == "daemon":
        site.group("main")
        site.group("chosen")
        group = "main"
    chosen = "chosen" if site.mode == "daemon" else "%{GLOBAL}"
    site.config.modules += ["rewrite", "proxy", "proxy_http"]
    site.config.add(
        f"WSGIProcessGroup {group}",
        f"WSGIApplicationGroup {site.application_group}",
        "RewriteEngine On",
        "RewriteRule ^/through/(.*)$ /p/got/$1?rule=1 [PT,QSA]",
        f"RewriteRule ^/group/ - [E=VAR_GROUP:{chosen},E=VAR_CALL:application]",
        "RewriteRule ^/moved/(.*)$ /p/$1 [R=302,L]",
        "RewriteRule ^/gone/ - [G]",
        "RewriteRule ^/forbidden/ - [F]",
        f"RewriteRule ^/file/(.*)$ {docs}/$1 [L]",
        f"RewriteRule ^/script/(.*)$ {apps}/handled/page.py/$1 [H=wsgi-script,L]",
        f"RewriteRule ^/proxied/(.*)$ http://127.0.0.1:{site.port}/p/behind/$1 [P]",
        f"ProxyPass /pass http://127.0.0.1:{site.port}/p/passed",
        f"WSGIScriptAlias /p {apps}/where.py",
        f"WSGIScriptAlias /group {apps}/other.py process-group=%{{ENV:VAR_GROUP}} "
        "callable-object=%{ENV:VAR_CALL}",
        f"WSGIScriptAlias /order {apps}/where.py",
        f"Alias /order/static {docs}",
        f"AliasMatch ^/order/[^/]*\\.txt$ {docs}/static.txt",
        "Redirect /order/redirected http://elsewhere.example/",
        "Redirect gone /order/gone",
        f"<Location /order/alias>\nAlias {docs}/static.txt\n</Location>",
        f"Alias /front {apps}/front",
        f"Alias /tenant {apps}/tenant",
        f"<Directory {apps}/front>\nOptions +ExecCGI +FollowSymLinks",
        "AddHandler wsgi-script .wsgi\nRewriteEngine On",
        "RewriteCond %{REQUEST_FILENAME} !-f",
        "RewriteRule ^(.*)$ /front/site.wsgi/$1 [QSA,PT,L]\n</Directory>",
        f"<Directory {apps}/tenant>\nOptions +ExecCGI +FollowSymLinks\nAllowOverride FileInfo",
        "AddHandler wsgi-script .wsgi\n</Directory>",
        f"<Directory {apps}/handled>\nOptions +ExecCGI\n</Directory>",
        "<Location /p/conditional>\nRewriteEngine On",
        'RewriteCond "%{QUERY_STRING}" "^off"\nRewriteRule "" "-" [F]\n</Location>',
        "<If \"%{QUERY_STRING} == 'if'\">\nSetEnv VAR_IF yes\n</If>",
        "<Files where.py>\nSetEnv VAR_FILES yes\n</Files>",
        "<LocationMatch ^/p/matched>\nSetEnv VAR_MATCHED yes\n</LocationMatch>",
    )
    site.start()
    return site


@pytest.fixture
def site(server: Site, checked: Site) -> Site:
    return checked


def paths(seen: dict[str, Any]) -> tuple[str, str]:
    return seen["SCRIPT_NAME"], seen["PATH_INFO"]


def test_pass_through_to_an_alias(site: Site) -> None:
    seen = site.get("/through/a/b?x=y").json()
    assert paths(seen) == ("/p", "/got/a/b")
    assert seen["QUERY_STRING"] == "rule=1&x=y"
    assert seen["REQUEST_URI"] == "/through/a/b?x=y"
    assert "REDIRECT_URL" not in seen


def test_variables_choose_group_and_callable(site: Site) -> None:
    seen = site.get("/group/x").json()
    assert paths(seen) == ("/group", "/x")
    assert seen["mod_wsgi.process_group"] == ("chosen" if site.mode == "daemon" else "")
    assert seen["VAR_CALL"] == "application"
    with site.expects_log("CASK0127: .*VAR_GROUP"):
        site.get("/group", 500)


@pytest.mark.parametrize(("url", "status"), [("/gone/x", 410), ("/forbidden/x", 403),
                                             ("/moved/x", 302)])  # fmt: skip
def test_answers_of_rules(site: Site, url: str, status: int) -> None:
    site.get(url, status)


def test_rule_to_a_static_file(site: Site) -> None:
    assert site.get("/file/static.txt").text == "static"


def test_forced_handler(site: Site) -> None:
    seen = site.get("/script/x/y").json()
    assert seen["SCRIPT_FILENAME"] == str(site.apps / "handled" / "page.py")
    assert seen["PATH_INFO"] == "/x/y"


def test_front_controller(site: Site) -> None:
    """The recipe for applications without an alias: what is no file goes to the script."""
    seen = site.get("/front/some/page?x=y").json()
    assert paths(seen) == ("/front/site.wsgi", "/some/page")
    assert seen["QUERY_STRING"] == "x=y"
    assert seen["REDIRECT_URL"] == "/front/some/page"
    assert seen["REQUEST_URI"] == "/front/some/page?x=y"
    assert site.get("/front/there.txt").text == "a file that exists"
    body = site.post("/front/form", data="a=b").json()
    assert (body["REQUEST_METHOD"], body["PATH_INFO"]) == ("POST", "/form")


def test_front_controller_in_htaccess(site: Site) -> None:
    seen = site.get("/tenant/page/1?x=y").json()
    assert paths(seen) == ("/tenant/site.wsgi", "/page/1")
    assert seen["QUERY_STRING"] == "x=y"
    seen = site.get("/tenant/named/x").json()
    assert seen["PATH_INFO"] == "/x"
    assert seen["REDIRECT_VAR_NAMED"] == "yes"


def test_proxying_beside_applications(site: Site) -> None:
    for url, path in (("/proxied/x?q=1", "/behind/x"), ("/pass/x?q=1", "/passed/x")):
        seen = site.get(url).json()
        assert paths(seen) == ("/p", path)
        assert seen["QUERY_STRING"] == "q=1"


def test_mod_alias_comes_first(site: Site) -> None:
    """Wherever it stands in the configuration."""
    assert site.get("/order/static/static.txt").text == "static"
    assert site.get("/order/any.txt").text == "static"
    assert site.get("/order/alias").text == "static"
    site.get("/order/redirected/x", 302)
    site.get("/order/gone", 410)
    assert paths(site.get("/order/x").json()) == ("/order", "/x")


def test_sections(site: Site) -> None:
    """Each kind of section reaches a request of an alias."""
    assert site.get("/p/x?if").json()["VAR_IF"] == "yes"
    assert "VAR_IF" not in site.get("/p/x").json()
    assert site.get("/p/x").json()["VAR_FILES"] == "yes"
    assert site.get("/p/matched").json()["VAR_MATCHED"] == "yes"
    assert "VAR_FILES" not in site.get("/group/x").json()


def test_rules_in_a_location(site: Site) -> None:
    assert paths(site.get("/p/conditional/x").json()) == ("/p", "/conditional/x")
    site.get("/p/conditional/x?off", 403)
