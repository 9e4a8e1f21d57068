# SPDX-License-Identifier: Apache-2.0
"""Directives at work: scopes, merging, groups, interpreters, authorization, chunked requests."""

import json

import pytest

from harness import procs
from harness.wait import wait_until

AUTH = {"Authorization": "Basic YTpi"}


def environ(site, path="/environ", **more):
    return site.get(path, **more).json()


def test_pass_authorization(site):
    """Off by default; by directive, by option, and the option beats the directive."""
    path = site.add_app("gateway.py", at="/default")
    site.add_app(path, at="/option", pass_authorization="On")
    site.add_app(path, at="/directive")
    site.add_app(path, at="/both", pass_authorization="Off")
    site.add_app(path, at="/cgi")
    site.config.add(
        "<LocationMatch ^/(directive|both)>\nWSGIPassAuthorization On\n</LocationMatch>",
        "<Location /cgi>\nCGIPassAuth On\n</Location>",
    )
    site.start()
    seen = {
        at: site.get(f"/{at}/environ", headers=AUTH).json().get("HTTP_AUTHORIZATION")
        for at in ("default", "option", "directive", "both", "cgi")
    }
    basic = AUTH["Authorization"]
    assert seen == {
        "default": None, "option": basic, "directive": basic, "both": None, "cgi": basic,
    }  # fmt: skip


def test_pass_authorization_does_not_pass_the_proxys(site):
    site.serve("gateway.py", pass_authorization="On")
    seen = environ(site, headers={**AUTH, "Proxy-Authorization": "Basic YTpi"})
    assert "HTTP_PROXY_AUTHORIZATION" not in seen


def test_chunked_request_is_refused_by_default(site):
    site.config.add("<Location /echo/on>\nWSGIChunkedRequest On\n</Location>")
    site.serve("gateway.py")
    site.logs.allow("chunked|Transfer-Encoding|WSGIChunkedRequest")
    for path, status in (("/echo", 411), ("/echo/on", 200)):
        with site.raw() as client:
            client.request(f"POST {path}", "Transfer-Encoding: chunked")
            client.send_chunk(b"abc")
            client.send_chunk(b"")
            assert client.read_reply().status == status


def test_callable_object(site):
    path = site.write_app(
        "many.py",
        "def make(text):\n"
        "    def app(environ, start_response):\n"
        "        start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "        return [text, environ['mod_wsgi.callable_object'].encode()]\n"
        "    return app\n"
        "application, one, two = make(b'application '), make(b'one '), make(b'two ')\n",
    )
    for at in ("/default", "/server", "/option", "/env"):
        site.add_app(path, at=at, callable_object="two" if at == "/option" else None)
    site.config.modules.append("rewrite")
    site.config.add(
        "<Location /server>\nWSGICallableObject one\n</Location>",
        "<Location /option>\nWSGICallableObject one\n</Location>",
        "<Location /env>\nWSGICallableObject %{ENV:CHOSEN}\nSetEnvIf X-Chosen (.*) CHOSEN=$1\n"
        "</Location>",
    )
    site.start()
    assert site.get("/default").text == "application application"
    assert site.get("/server").text == "one one"
    assert site.get("/option").text == "two two"
    assert site.get("/env", headers={"X-Chosen": "two"}).text == "two two"
    assert site.get("/env", headers={"X-Chosen": "one"}).text == "one one"


def test_restrict_embedded(site):
    site.config.add("WSGIRestrictEmbedded On")
    path = site.add_app("gateway.py", at="/embedded", process_group="%{GLOBAL}")
    site.group("other")
    site.add_app(path, at="/daemon", process_group="other")
    site.start()
    assert environ(site, "/daemon/environ")["mod_wsgi.process_group"] == "other"
    with site.expects_log(r"CASK\d{4}.*WSGIRestrictEmbedded"):
        site.get("/embedded/environ", 500)


@pytest.mark.only("daemon", reason="embedded applications are what it looks for")
def test_python_is_not_loaded_into_httpd_without_need(site):
    site.serve("hello.py")
    site.get("/")
    for pid in [site.pid, *site.children(), *site.supervisors()]:
        assert "python" not in procs.maps(pid).replace(str(site.settings.module), "")


@pytest.mark.only("embedded", reason="the children load it, the parent must not")
def test_python_is_loaded_into_the_children_only(site):
    site.serve("hello.py")
    site.get("/")
    assert "libpython" not in procs.maps(site.pid)
    assert "libpython" in procs.maps(site.children()[0])
    assert site.supervisors() == [] or site.daemons() == []


def test_scopes_of_process_group(site):
    """Directory over vhost over main server; the alias option over all."""
    path = site.install("gateway.py")
    for name in ("one", "two", "three"):
        site.group(name)
    first = site.config.vhost("first.test")
    second = site.config.vhost("second.test")
    site.config.add("WSGIProcessGroup one", "WSGIApplicationGroup %{GLOBAL}")
    for vhost in (first, second):
        vhost.add(f"WSGIScriptAlias /plain {path}", f"WSGIScriptAlias /dir {path}",
                  f"WSGIScriptAlias /option {path} process-group=three",
                  f"WSGIScriptAlias /embedded {path} process-group=%{{GLOBAL}}",
                  "<Location /dir>\nWSGIProcessGroup three\n</Location>")  # fmt: skip
    second.add("WSGIProcessGroup two")
    site.config.add(f"WSGIPythonPath {site.apps / 'lib'}")
    site.start()
    seen = {
        (host, at): environ(site, f"/{at}/environ", host=host)["mod_wsgi.process_group"]
        for host in ("first.test", "second.test")
        for at in ("plain", "dir", "option", "embedded")
    }
    assert seen == {
        ("first.test", "plain"): "one", ("first.test", "dir"): "three",
        ("first.test", "option"): "three", ("first.test", "embedded"): "",
        ("second.test", "plain"): "two", ("second.test", "dir"): "three",
        ("second.test", "option"): "three", ("second.test", "embedded"): "",
    }  # fmt: skip


def test_expansion_of_application_group(site):
    path = site.install("gateway.py")
    port = site.port
    cases = {
        "unset": (None, f"a.test:{port}|/unset"),
        "global": ("%{GLOBAL}", ""),
        "server": ("%{SERVER}", f"a.test:{port}"),
        "host": ("%{HOST}", f"a.test:{port}"),
        "resource": ("%{RESOURCE}", f"a.test:{port}|/resource"),
        "env": ("%{ENV:GROUP}", "from-env"),
        "literal": ("a-%{SERVER}", "a-%{SERVER}"),
        "name": ("shop", "shop"),
    }
    vhost = site.config.vhost("a.test")
    if site.mode == "daemon":
        site.group("main")
        vhost.add("WSGIProcessGroup main")
    site.config.add("SetEnv GROUP from-env", f"WSGIPythonPath {site.apps / 'lib'}")
    for at, (value, _) in cases.items():
        vhost.add(f"WSGIScriptAlias /{at} {path}")
        if value:
            vhost.add(f"<Location /{at}>\nWSGIApplicationGroup {value}\n</Location>")
    site.start()
    seen = {at: environ(site, f"/{at}/environ", host=f"a.test:{port}") for at in cases}
    names = {at: found["mod_wsgi.application_group"] for at, found in seen.items()}
    assert names == {at: name for at, (_, name) in cases.items()}


def test_the_hosts_port_does_not_make_interpreters(site):
    """Each `Host: x:PORT` building its own copy of the application would let clients fill memory:
    names are derived from the configured port."""
    site.config.add(f"WSGIPythonPath {site.apps / 'lib'}")
    path = site.install("gateway.py")
    if site.mode == "daemon":
        site.group("main")
        site.config.add("WSGIProcessGroup main")
    site.config.add(f"WSGIScriptAlias / {path}")
    site.start()
    names = {
        environ(site, host=f"localhost:{port}")["mod_wsgi.application_group"]
        for port in (1001, 1002, 1003)
    }
    assert len(names) == 1


def test_interpreters_are_separate(site):
    """The same script in two groups of interpreters: two modules, two sys.modules."""
    path = site.write_app(
        "count.py",
        "import sys\ncalls = 0\n"
        "def application(environ, start_response):\n"
        "    global calls\n    calls += 1\n"
        "    sys.modules.setdefault('marker', [calls])\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [b'%d %d' % (calls, sys.modules['marker'][0])]\n",
    )
    site.add_app(path, at="/one", application_group="one")
    site.add_app(path, at="/two", application_group="two")
    site.add_app(path, at="/main", application_group="%{GLOBAL}")
    site.start()
    for number in (1, 2, 3):
        for at in ("/one", "/two", "/main"):
            assert site.get(at).text == f"{number} 1"


@pytest.mark.only("embedded", reason="the group's own python-path is tested with its options")
def test_python_path_of_embedded(site):
    folder = site.apps / "extra"
    folder.mkdir()
    (folder / "unusual_module.py").write_text("value = 'found'\n")
    (folder / "links.pth").write_text(f"{site.apps}/linked\n")
    (site.apps / "linked").mkdir()
    site.config.add(f"WSGIPythonPath {folder}:{site.apps / 'lib'}")
    site.serve("gateway.py")
    path = json.loads(site.get("/process").text)["path"]
    assert path.index(str(folder)) < path.index(str(site.apps / "lib"))
    assert path.index(str(site.apps / "lib")) < min(
        i for i, entry in enumerate(path) if "python3" in entry
    )
    assert str(site.apps / "linked") in path  # site.addsitedir reads .pth files


@pytest.mark.only("embedded", reason="looks at the interpreter inside httpd")
def test_python_home_of_embedded(site):
    site.serve("gateway.py")
    found = site.get("/process").json()
    assert found["prefix"] == str(site.settings.python_home)
    assert found["argv"] == ["mod_wsgi"]


def test_script_reloading_off(site):
    path = site.write_app("version.py", VERSION % 1)
    site.config.add("WSGIScriptReloading Off")
    site.serve(path)
    assert site.get("/").text == "version 1"
    path.write_text(VERSION % 2)
    for _ in range(3):
        assert site.get("/").text == "version 1"


@pytest.mark.only("embedded", reason="daemon groups load the script in a new generation")
def test_script_reloading_embedded(site):
    path = site.write_app("version.py", VERSION % 1)
    site.serve(path)
    assert site.get("/").text == "version 1"
    path.write_text(VERSION % 23)
    wait_until(lambda: site.get("/").text == "version 23", 5)


VERSION = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"version %d"]
"""


@pytest.mark.only("daemon", reason="sockets of daemon groups")
@pytest.mark.parametrize("prefix", ["relative/name", "absolute"])
def test_socket_prefix(site, prefix):
    """Where the sockets lie, the groups' and the control socket; a relative prefix is taken from
    ServerRoot."""
    folder = site.root / "relative"
    folder.mkdir()
    value = f"{folder}/name" if prefix == "absolute" else prefix
    site.config.add(f"WSGISocketPrefix {value}")
    site.serve("hello.py")
    assert site.get("/").text == "hello\n"
    names = sorted(path.name for path in folder.iterdir() if path.is_socket())
    assert len(names) == 2
    assert names[0].startswith(f"name.{site.pid}.")
    assert names[1] == "name.control"
    assert [path for path in (site.root / "run").iterdir() if path.is_socket()] == []


@pytest.mark.root
@pytest.mark.only("daemon", reason="sockets of daemon groups")
def test_socket_prefix_that_cannot_be_used(site):
    """A folder that is not there: a warning names it, httpd starts, its requests get 503."""
    site.config.add("WSGISocketPrefix nosuch/name")
    path = site.add_app("hello.py", at="/daemon")
    site.config.add(f"Alias /static {site.root}/htdocs")
    (site.root / "htdocs" / "a.txt").write_text("static")
    checked = site.check()
    assert checked.returncode == 0
    assert "CASK0111" in checked.stderr
    assert "nosuch" in checked.stderr
    site.logs.allow("CASK0")
    site.start()
    site.get("/daemon", 503)
    assert site.get("/static/a.txt").text == "static"
    assert path.exists()
