# SPDX-License-Identifier: Apache-2.0
"""From URL to script: aliases, patterns, handlers, and the checks on the way."""

import pytest

SHOW = """\
def application(environ, start_response):
    body = "|".join([__file__.rpartition("/")[2], environ["SCRIPT_NAME"], environ["PATH_INFO"]])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body.encode()]

def other(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"other callable"]
"""


@pytest.fixture(scope="module")
def server(module_site):
    site = module_site
    apps = site.apps
    for folder in ("d", "handler", "plain", "closed"):
        (apps / folder).mkdir()
    for name in ("app.py", "ab.py", "d/app.py", "handler/x.wsgi", "handler/index.wsgi",
                 "handler/other.wsgi", "closed/x.wsgi", "plain/x.wsgi"):  # fmt: skip
        site.write_app(name, SHOW)
    (apps / "handler" / "page.txt").write_text("static")
    (site.root / "htdocs" / "static.txt").write_text("static file")
    words = f"application-group={site.application_group}"
    where = "WSGIApplicationGroup " + site.application_group
    if site.mode == "daemon":
        site.group("main")
        words += " process-group=main"
        where += "\nWSGIProcessGroup main"
    site.config.modules += ["rewrite", "negotiation"]
    site.config.add(
        f"Alias /p/static {site.root}/htdocs",
        f"WSGIScriptAlias /a/b {apps}/ab.py {words}",
        f"WSGIScriptAlias /a {apps}/app.py {words}",
        f"WSGIScriptAlias /p {apps}/app.py {words}",
        f"WSGIScriptAlias /t {apps}/app.py/ {words}",
        f"WSGIScriptAlias /slash/ {apps}/app.py/ {words}",
        f"WSGIScriptAlias /bad/ {apps}/app.py {words}",
        f"WSGIScriptAlias /d {apps}/d {words}",
        f'WSGIScriptAlias "/with space" "{apps}/app.py" {words}',
        f"WSGIScriptAlias /callable {apps}/app.py callable-object=other {words}",
        f"WSGIScriptAlias /gone {apps}/nosuch.py {words}",
        f"WSGIScriptAlias /nopath {apps}/app.py {words}",
        f"WSGIScriptAliasMatch ^/m/([^/]+) {apps}/$1.py {words}",
        f"WSGIScriptAliasMatch ^/mm/(admin|files) {apps}/app.py/$1 {words}",
        "<Location /nopath>\nAcceptPathInfo Off\n</Location>",
        f"<Location />\n{where}\n</Location>",
        f"Alias /handler {apps}/handler",
        f"<Directory {apps}/handler>",
        "Options +ExecCGI\nAddHandler wsgi-script .wsgi\nDirectoryIndex index.wsgi",
        "<Files other.wsgi>\nWSGICallableObject other\n</Files>\n</Directory>",
        f"Alias /closed {apps}/closed",
        f"<Directory {apps}/closed>\nOptions -ExecCGI\nAddHandler wsgi-script .wsgi\n</Directory>",
        f"Alias /plain {apps}/plain",
        f"<Directory {apps}/plain>\nOptions +ExecCGI\nSetHandler application/x-httpd-wsgi",
        "</Directory>",
        f"<Directory {apps}/d>\nOptions -Indexes\n</Directory>",
    )
    site.logs.allow(r"CASK01\d\d.*(/bad/|/gone|nosuch|/a/b|'/t')")  # configuration warnings
    site.start()
    return site


@pytest.fixture
def site(server, checked):
    return checked


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("/p", "app.py|/p|"),
        ("/p/", "app.py|/p|/"),
        ("/p/x/y", "app.py|/p|/x/y"),
        ("/p/x%20y", "app.py|/p|/x y"),
        ("/p//a///b", "app.py|/p|/a/b"),
        ("//p/a", "app.py|/p|/a"),
        ("/p?x=/p/y", "app.py|/p|"),
        ("/a", "app.py|/a|"),
        ("/a/b", "ab.py|/a/b|"),
        ("/a/b/c", "ab.py|/a/b|/c"),
        ("/a/bc", "app.py|/a|/bc"),
        ("/t", "app.py|/t|/"),
        ("/t/x", "app.py|/t|/x"),
        ("/slash/x", "app.py|/slash|/x"),
        ("/slash/", "app.py|/slash|/"),
        ("/d/app.py/x", "app.py|/d/app.py|/x"),
        ("/d/app.py", "app.py|/d/app.py|"),
        ("/with%20space/x", "app.py|/with space|/x"),
        ("/callable", "other callable"),
        ("/m/app/zz", "app.py|/m/app|/zz"),
        ("/m/ab", "ab.py|/m/ab|"),
        ("/mm/admin/x", "app.py|/mm|/admin/x"),
        ("/mm/files", "app.py|/mm|/files"),
        ("/handler/x.wsgi", "x.wsgi|/handler/x.wsgi|"),
        ("/handler/x.wsgi/more", "x.wsgi|/handler/x.wsgi|/more"),
        ("/handler/", "index.wsgi|/handler/index.wsgi|"),
        ("/handler/other.wsgi", "other callable"),
        ("/handler/page.txt", "static"),
        ("/plain/x.wsgi/y", "x.wsgi|/plain/x.wsgi|/y"),
        ("/p/static/static.txt", "static file"),
    ],
)
def test_reaches(site, url, text):
    assert site.get(url).text == text


@pytest.mark.parametrize(
    "url", ["/px", "/slash", "/slashx", "/bad", "/mm/other", "/P", "/m", "/static.txtx"]
)
def test_not_ours(site, url):
    """Prefixes match whole components only, and exactly."""
    with site.raw() as client:
        client.request(f"GET {url}")
        assert client.read_reply().status == 404


@pytest.mark.parametrize(
    ("url", "status", "numbered"),
    [
        ("/gone", 404, True),
        ("/m/nosuch", 404, True),
        ("/d/nosuch", 404, True),
        ("/bad/x", 404, True),
        ("/d/", 403, True),
        ("/closed/x.wsgi", 403, True),
        ("/nopath/more", 404, True),
    ],
)
def test_refused_with_one_numbered_line(site, url, status, numbered):
    mark = site.logs.mark()
    site.get(url, status)
    found = [e for e in site.logs.since(mark) if e.loud]
    assert len(found) == 1, f"{found}"
    assert found[0].number, f"{found}"
    site.logs.expect(found)


def test_accept_path_info_off_lets_the_script_itself_through(site):
    assert site.get("/nopath").text == "app.py|/nopath|"


def test_slash_runs_are_collapsed_with_merge_slashes_off(site):
    with site.raw() as client:
        client.request("GET /p//x//")
        assert client.read_reply().body in (b"app.py|/p|/x/", b"app.py|/p|/x")
