# SPDX-License-Identifier: Apache-2.0
"""Configurations as people have written them for mod_wsgi for years start and serve unchanged, but
for the line that loads the module, and names and places of this machine."""

import re
import shutil
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "apps" / "drop_in"
MODULES = ["access_compat", "allowmethods", "auth_basic", "authn_file", "authz_user", "rewrite"]
SCRIPTS = re.compile(r"/srv/\S+?(?:\.wsgi|wsgi\.py|wsgi-public)\b")

pytestmark = pytest.mark.only(
    "event", "daemon", reason="the configurations choose the mode themselves"
)


@pytest.fixture
def old(site):
    """Starts an old configuration; every script it names says what became of the request."""
    known = site.settings
    places = site.apps / "srv"

    def start(name, *more):
        text = (FOLDER / f"{name}.conf").read_text()
        scripts = [*SCRIPTS.findall(text), *more]
        assert scripts
        for script in scripts:
            path = Path(script.replace("/srv", str(places), 1).replace("$1", "app"))
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(FOLDER / "echo.wsgi", path)
        (site.root / "run" / "groups").mkdir()
        for before, after in (
            ("user=user1 group=group1", f"user={known.daemon_user} group={known.daemon_group}"),
            ("user=user2 group=group2", f"user={known.server_user} group={known.server_group}"),
            ("/srv/venv", str(known.python_home)),
            ("/srv/run", str(site.root / "run" / "groups")),
            ("/srv/", f"{places}/"),
            ("*:80>", f"127.0.0.1:{site.port}>"),
            ("api_port 80", f"api_port {site.port}"),
        ):
            text = text.replace(before, after)
        site.config.python_home = None
        site.config.modules += MODULES
        site.config.add(text)
        checked = site.check()
        assert checked.returncode == 0, checked.stderr
        site.start()
        return places

    yield start
    assert not re.search(r"CASK01\d\d", "\n".join(map(str, site.logs.unexpected())))


def ask(site, path="/", host="localhost", expect=200, **more):
    return site.get(path, expect, host=host, **more).json()


def test_django_embedded(site, old):
    places = old("django_embedded")
    found = ask(site, "/admin/?x=1")
    assert (found["group"], found["mount"], found["path"]) == ("", "", "/admin/")
    assert found["interpreter"] == f"localhost:{site.port}|"
    assert str(places / "mysite.com") in found["sys.path"][0]
    assert found["prefix"] == str(site.settings.python_home)
    assert site.daemons() == []


def test_django_daemon(site, old):
    (site.apps / "srv" / "mysite.com" / "static").mkdir(parents=True)
    (site.apps / "srv" / "mysite.com" / "static" / "robots.txt").write_text("go away")
    places = old("django_daemon")
    found = ask(site, "/books")
    assert (found["group"], found["path"]) == ("example.com", "/books")
    assert str(places / "mysite.com") in found["sys.path"]
    assert found["multi"] == [False, True]
    assert site.get("/robots.txt").text == "go away"
    assert site.get("/static/robots.txt").text == "go away"


def test_flask(site, old):
    old("flask")
    found = ask(site, "/hello", host="example.com")
    assert (found["group"], found["interpreter"]) == ("yourapplication", "")
    assert found["user"] == site.settings.daemon_user


def test_quick_start(site, old):
    documents = site.apps / "srv" / "www" / "documents"
    documents.mkdir(parents=True)
    (documents / "index.html").write_text("a page")
    old("quick_start")
    found = ask(site, "/myapp/x", host="example.com")
    assert (found["group"], found["mount"], found["path"]) == ("example.com", "/myapp", "/x")
    assert found["multi"] == [True, True]
    assert site.get("/", host="www.example.com").text == "a page"
    assert len(site.daemons()) == 2


def test_add_handler(site, old):
    (site.apps / "srv" / "site").mkdir(parents=True)
    (site.apps / "srv" / "site" / "page.txt").write_text("a file")
    old("add_handler", "/srv/site/index.wsgi", "/srv/site/site.wsgi")
    assert ask(site, "/index.wsgi/more")["path"] == "/more"
    assert ask(site, "/")["script"] == "index.wsgi"
    assert site.get("/page.txt").text == "a file"
    found = ask(site, "/some/thing?a=1")
    assert (found["script"], found["path"]) == ("site.wsgi", "/some/thing")


def test_hosting_panel(site, old):
    site.logs.allow("CASK0130|CASK0124")
    old("hosting_panel", "/srv/alice/api.wsgi")
    alice = ask(site, "/api/users", host="alice.example.com")
    assert (alice["group"], alice["mount"], alice["path"]) == ("alice", "/api", "/users")
    assert alice["user"] == site.settings.daemon_user
    assert alice["umask"] == 0o077
    assert alice["cwd"] == str(site.apps / "srv" / "alice")
    site.get("/apple", 404, host="alice.example.com")
    bob = ask(site, host="bob.example.com", auth=("ann", "pass"))
    assert (bob["group"], bob["callable"]) == ("bob", "app")
    assert bob["authorization"].startswith("Basic ")
    assert bob["interpreter"] == f"bob.example.com:{site.port}"
    site.get("/", 500, host="none.example.com")
    assert len(site.daemons()) == 2


def test_trac(site, old):
    passwords = site.apps / "srv" / "trac" / "passwords"
    passwords.parent.mkdir(parents=True)
    passwords.write_text("ann:{SHA}nU4eI71bcnBGqeO0t9tXvY1u5oQ=\n")  # pass
    old("trac")
    found = ask(site, "/trac/wiki")
    assert (found["group"], found["interpreter"], found["path"]) == ("trac", "", "/wiki")
    site.get("/trac/login", 401)
    assert ask(site, "/trac/login", auth=("ann", "pass"))["remote user"] == "ann"


def test_graphite(site, old):
    static = site.apps / "srv" / "graphite" / "static"
    static.mkdir(parents=True)
    (site.apps / "srv" / "graphite" / "webapp").mkdir()
    (static / "a.txt").write_text("a file")
    old("graphite")
    found = ask(site, "/render", host="graphite")
    assert (found["group"], found["interpreter"]) == ("graphite", "")
    assert site.get("/static/a.txt", host="graphite").text == "a file"
    assert len(site.daemons()) == 5


def test_moin(site, old):
    htdocs = site.apps / "srv" / "moin" / "htdocs"
    htdocs.mkdir(parents=True)
    (htdocs / "a.txt").write_text("a file")
    old("moin")
    found = ask(site, "/wiki/FrontPage")
    assert (found["group"], found["mount"], found["path"]) == ("moin", "/wiki", "/FrontPage")
    assert found["umask"] == 0o007
    assert found["cwd"] == str(site.apps / "srv" / "moin")
    assert site.get("/moin_static/a.txt").text == "a file"


def test_zope(site, old):
    places = old("zope")
    found = ask(site, "/page", host="zope.example.com", auth=("ann", "pass"))
    assert found["group"] == "zope"
    assert found["mount"] == "/zope"
    assert found["path"] == "/VirtualHostBase/http/zope.example.com:80/site/VirtualHostRoot/page"
    assert found["vhm"] == ["http://zope.example.com", "/site"]
    assert found["authorization"].startswith("Basic ")
    assert found["multi"] == [True, True]
    assert str(places / "zope" / "products") in found["sys.path"]


def test_openstack(site, old):
    old("openstack")
    found = ask(site, "/v3/auth", headers={"X-Auth-Token": "x"}, auth=("ann", "pass"))
    assert (found["group"], found["path"]) == ("keystone-public", "/v3/auth")
    assert found["script"] == "keystone-wsgi-public"
    assert found["multi"] == [True, False]
    assert found["lang"] == ["en_US.UTF-8", "C.UTF-8"]
    again = ask(site, "/identity/v3", auth=("ann", "pass"))
    assert (again["group"], again["mount"], again["path"]) == (
        "keystone-public", "/identity", "/v3",
    )  # fmt: skip
    assert again["authorization"].startswith("Basic ")
    site.post("/v3/auth", 413, data=b"x" * 200_000)
    assert len(site.daemons()) == 3


def test_puppetboard(site, old):
    static = site.apps / "srv" / "puppetboard" / "static"
    static.mkdir(parents=True)
    (static / "a.txt").write_text("a file")
    old("puppetboard")
    found = ask(site, "/puppetboard/node/x")
    assert (found["group"], found["interpreter"]) == ("puppetboard", "")
    api = ask(site, "/nagios/api/state")
    assert (api["group"], api["interpreter"], api["path"]) == ("puppetboard", "nagios", "/state")
    assert api["pid"] == found["pid"]
    with site.expects_log("AH01623: client method denied"):
        site.request("DELETE", "/nagios/api/state", 405)
    assert site.get("/puppetboard/static/a.txt").text == "a file"


def test_review_board(site, old):
    old("review_board")
    assert ask(site, host="beta.example.com")["group"] == "reviews"
    assert ask(site, host="www.example.com")["group"] == "stable"
    with site.expects_log("CASK0127: .*RELEASE"):
        site.get("/", 500, host="other.example.com")


def test_every_configuration_has_a_test():
    found = Path(__file__).read_text()
    names = [path.stem for path in FOLDER.glob("*.conf")]
    assert len(names) > 10
    assert [name for name in names if f'old("{name}"' not in found] == []
