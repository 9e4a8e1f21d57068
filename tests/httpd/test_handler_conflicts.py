# SPDX-License-Identifier: Apache-2.0
"""A request that an alias leads to its script, and other directives that name a handler for it."""

from __future__ import annotations

import pytest

from harness.site import Site

APP = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["|".join([__file__.rpartition("/")[2], environ["SCRIPT_NAME"], environ["PATH_INFO"],
                      environ["mod_wsgi.request_handler"]]).encode()]
"""
LINE = r"CASK0160: alias '{alias}' at .*httpd.conf:\d+: .*app.py' the handler '{handler}'"


@pytest.fixture
def site(site: Site) -> Site:
    site.write_app("app.py", APP)
    site.config.modules += ["status", "rewrite", "asis"]
    return site


def test_extension(site: Site) -> None:
    """AddHandler for .py anywhere, as in old mod_python or CGI set-ups: the alias counts."""
    site.config.add("AddHandler send-as-is .py")
    site.add_app(site.apps / "app.py", "/p")
    with site.expects_log(LINE.format(alias="/p", handler="send-as-is")):
        site.start()
        for url in ("/p", "/p/x", "/p/y.py"):
            assert site.get(url).text.startswith("app.py|/p|")
    assert site.get("/p/x").text == "app.py|/p|/x|wsgi-script"  # no second line


@pytest.mark.parametrize(
    "lines",
    [
        "<Directory {apps}>\nSetHandler default-handler\n</Directory>",
        "<FilesMatch \\.py$>\nSetHandler default-handler\n</FilesMatch>",
        "SetHandler default-handler",
        "AddHandler send-as-is .py\n<Location /p>\nSetHandler None\n</Location>",
        "RewriteEngine On\nRewriteRule ^/p - [H=wsgi-script]\n<Files app.py>\n"
        "SetHandler default-handler\n</Files>",
        "SetHandler default-handler\n<Location /other>\nSetHandler server-status\n</Location>",
    ],
)
def test_handlers_for_files(site: Site, lines: str) -> None:
    """The alias names the file itself. `SetHandler None` only takes back another SetHandler."""
    site.config.add(lines.format(apps=site.apps))
    site.add_app(site.apps / "app.py", "/p")
    with site.expects_log("CASK0160"):
        site.start()
        assert site.get("/p/x").text == "app.py|/p|/x|wsgi-script"


def test_htaccess(site: Site) -> None:
    site.config.add(f"<Directory {site.apps}>\nAllowOverride FileInfo\n</Directory>")
    (site.apps / ".htaccess").write_text("SetHandler default-handler\n")
    site.add_app(site.apps / "app.py", "/p")
    with site.expects_log("CASK0160"):
        site.start()
        assert site.get("/p/x").text == "app.py|/p|/x|wsgi-script"


def test_handlers_for_urls(site: Site) -> None:
    """What <Location> and <If> say about a URL is meant, also against a handler for the file."""
    site.config.add(
        "AddHandler send-as-is .py",
        "<Location /server-status>\nSetHandler Server-Status\n</Location>",
        '<If "%{REQUEST_URI} =~ m#^/conditional#">\nSetHandler server-status\n</If>',
        "<Location /none>\nSetHandler None\n</Location>",
        "RewriteEngine On\nRewriteRule ^/forced - [H=server-status]",
    )
    site.logs.allow("CASK0160")
    site.serve(site.apps / "app.py", "/")
    for url in ("/server-status", "/conditional/x", "/forced"):
        assert "Server Version:" in site.get(url).text, url
    for url in ("/", "/none/x"):
        assert site.get(url).text.startswith("app.py|"), url


def test_directory_of_scripts_may_hold_other_files(site: Site) -> None:
    folder = site.apps / "many"
    folder.mkdir()
    site.write_app("many/one.py", APP)
    (folder / "style.css").write_text("body {}")
    (folder / "answer.asis").write_text("Status: 299 Odd\n\nas it is")
    site.config.add(
        "AddHandler send-as-is .asis",
        "<FilesMatch \\.css$>\nSetHandler default-handler\n</FilesMatch>",
    )
    site.serve(folder, "/many")
    assert site.get("/many/one.py/x").text == "one.py|/many/one.py|/x|wsgi-script"
    assert site.get("/many/style.css").text == "body {}"
    assert site.get("/many/answer.asis", 299).text == "as it is"


@pytest.mark.parametrize(
    ("pattern", "target", "url"),
    [
        ("^/m/([^/]+)", "$1.py", "/m/app/x"),
        ("^/m/([a-z]+)", "app.py/$1", "/m/app/x"),
        ("^/[a-z]/app", "app.py", "/m/app/x"),
        ("^/m/([a-z]+)", "../$1s/app.py", "/m/app/x"),
    ],
)
def test_patterns(site: Site, pattern: str, target: str, url: str) -> None:
    site.config.add("AddHandler send-as-is .py")
    alias_match(site, pattern, target)
    with site.expects_log("CASK0160"):
        site.start()
        assert site.get(url).text.startswith("app.py|")


def test_pattern_for_a_directory(site: Site) -> None:
    """The URL chooses the file: its own handler counts."""
    (site.apps / "style.css").write_text("body {}")
    site.config.add("<FilesMatch \\.css$>\nSetHandler default-handler\n</FilesMatch>")
    alias_match(site, "^/m/(.+)$", "$1")
    site.start()
    assert site.get("/m/style.css").text == "body {}"
    assert site.get("/m/app.py/x").text.startswith("app.py|")


def alias_match(site: Site, pattern: str, target: str) -> None:
    group = ""
    if site.mode == "daemon":
        site.group()
        group = "process-group=main"
    site.config.add(f"WSGIScriptAliasMatch {pattern} {site.apps}/{target} {group}")
