# SPDX-License-Identifier: Apache-2.0
"""Scripts, Pythons and groups that are wrong: what the client gets, what the log says, how often
it is tried again. "Wrong surroundings" never keep httpd or another application from working."""

import itertools
import shutil
import sys
import time

import pytest

from harness.wait import wait_until

OK = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"fine"]
"""


@pytest.mark.broad
def test_missing_script(site):
    path = site.write_app("gone.py", OK)
    site.add_app(path)
    path.unlink()
    site.logs.allow("CASK0108")
    site.start()
    mark = site.logs.mark()
    site.get("/", 404)
    site.get("/", 404)
    found = [e for e in site.logs.since(mark) if e.loud and e.number != "CASK0108"]
    assert [e.number for e in found] == ["CASK0120"] * 2
    assert all("gone.py" in e.text for e in found)
    site.logs.expect(found)
    path.write_text(OK)
    assert site.get("/").text == "fine"


@pytest.mark.broad
def test_script_without_the_callable(site):
    """500 in both modes; the line names the callables that there are."""
    path = site.write_app(
        "app.py",
        "import os\nsomething = 1\nfrom os.path import join\n"
        "def app(environ, start_response):\n    pass\n"
        "class Application:\n    pass\n",
    )
    site.logs.allow("^CASK0506")  # while loading, before a request
    site.serve(path)
    for _ in range(2):
        with site.expects_log(r"\[client .*CASK0\d{3}.*'application'.*\bapp\b") as found:
            site.get("/", 500)
        assert "app.py" in found[0].text
        assert "something" not in found[0].text
    site.logs.allow("CASK0506")  # until the corrected script is loaded
    path.write_text(OK)
    wait_until(lambda: site.get("/", None).status_code == 200, 10)


def test_callable_that_is_none(site):
    path = site.write_app("app.py", "application = 42\n")
    site.serve(path)
    mark = site.logs.mark()
    site.get("/", 500)
    wait_until(lambda: [e for e in site.logs.since(mark) if e.loud])
    site.logs.expect(site.logs.since(mark))


@pytest.mark.broad
@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("def application(environ:\n", "SyntaxError"),
        ("import nosuchmodule\n", "ModuleNotFoundError: No module named 'nosuchmodule'"),
        ("raise RuntimeError('while loading')\n", "RuntimeError: while loading"),
    ],
)
def test_script_that_cannot_be_loaded(site, text, last):
    """500 with the traceback; after the script was corrected it serves."""
    path = site.write_app("app.py", text)
    site.logs.allow("Traceback|File |^\\s|CASK0|Error|\\^|import|raise|def ")
    site.serve(path)
    site.get("/", 500)
    wait_until(lambda: site.logs.find(last), what=f"traceback with {last}")
    assert any("app.py" in e.text for e in site.logs.entries())
    path.write_text(OK)
    wait_until(lambda: site.get("/", None).status_code == 200, 10)
    assert site.get("/").text == "fine"


def test_failing_load_is_tried_again_after_a_growing_delay(site):
    """Not on each request: an import that fails may be costly. First again after about 1 s."""
    path = site.write_app(
        "app.py",
        f"import sys\nsys.path.insert(0, {str(site.apps / 'lib')!r})\n"
        "import stage\nstage.note('tries', 'x')\nraise RuntimeError('not yet')\n",
    )
    site.stage.expect_notes("tries")
    site.logs.allow("Traceback|File |^\\s|CASK0|Error|\\^|import|raise")
    site.serve(path)
    end = time.monotonic() + 4.5
    moments = []
    while time.monotonic() < end:
        site.get("/", 500)
        if len(site.stage.notes("tries")) > len(moments):
            moments.append(time.monotonic())
    gaps = [b - a for a, b in itertools.pairwise(moments)]
    assert 2 <= len(moments) <= 4, (moments, gaps)
    assert gaps[0] > 0.8
    assert gaps == sorted(gaps), gaps


def test_system_exit_while_loading(site):
    path = site.write_app("app.py", "import sys\nsys.exit(3)\n")
    site.logs.allow("Traceback|File |^\\s|CASK0|SystemExit|sys.exit")
    site.serve(path)
    site.get("/", 500)
    path.write_text(OK)
    wait_until(lambda: site.get("/", None).status_code == 200, 10)


def test_unreadable_script(site):
    path = site.write_app("app.py", OK)
    path.chmod(0o000)
    site.logs.allow("app.py|Traceback|File |PermissionError|^\\s|CASK0")
    site.serve(path)
    if site.settings.root:
        site.get("/", 500)
    path.chmod(0o644)
    wait_until(lambda: site.get("/", None).status_code == 200, 10)


def test_a_broken_application_does_not_disturb_another(site):
    broken = site.write_app("broken.py", "raise RuntimeError('broken')\n")
    site.add_app(broken, at="/broken")
    site.add_app("hello.py", at="/hello")
    site.logs.allow("Traceback|File |^\\s|CASK0|RuntimeError")
    site.start()
    for _ in range(3):
        site.get("/broken", 500)
        assert site.get("/hello").text == "hello\n"


# -- groups ----------------------------------------------------------------------------------------


@pytest.mark.only("event", "daemon", reason="about daemon groups")
def test_unknown_group(site):
    path = site.install("hello.py")
    site.config.add(
        f"WSGIScriptAlias /x {path} process-group=nosuch",
        f"WSGIScriptAlias /y {path}",
        "<Location /y>\nWSGIProcessGroup other\n</Location>",
    )
    site.add_app(path, at="/good")
    checked = site.check()
    assert checked.returncode == 0, checked.stderr
    assert "CASK0101" in checked.stderr
    assert "'nosuch'" in checked.stderr
    assert "'other'" in checked.stderr
    site.logs.allow("CASK0101")
    site.start()
    for url, name in (("/x", "nosuch"), ("/y", "other")):
        with site.expects_log(rf"CASK0125.*'{name}'"):
            site.get(url, 500)
    assert site.get("/good").text == "hello\n"


@pytest.mark.only("event", "daemon", reason="about daemon groups")
def test_group_of_another_virtual_host(site):
    path = site.install("hello.py")
    one = site.config.vhost("one.test")
    two = site.config.vhost("two.test")
    site.group("private", where=one)
    for vhost in (one, two):
        vhost.add(f"WSGIScriptAlias / {path} process-group=private application-group=%{{GLOBAL}}")
    site.logs.allow("CASK0114")
    site.start()
    assert site.get("/", host="one.test").text == "hello\n"
    with site.expects_log(r"CASK0126.*'private'", log="two.test"):
        site.get("/", 500, host="two.test")


def python_home_cases(site, bare_venv):
    """name -> (python-home, number of the warning); made so that looking can tell."""
    empty = site.root / "empty"
    empty.mkdir()
    cases = {
        "gone": (site.root / "nosuch", "CASK0102"),
        "empty": (empty, "CASK0102"),
    }
    for name, version in (("old", "2.7"), ("new", "3.99")):
        home = site.root / name
        (home / "bin").mkdir(parents=True)
        (home / "lib" / f"python{version}").mkdir(parents=True)
        for program in ("python", "python3"):
            (home / "bin" / program).symlink_to("/bin/true")
        cases[name] = (home, "CASK0103")
    if site.settings.root:
        closed = site.root / "closed"
        closed.mkdir()
        inner = closed / "venv"
        shutil.copytree(bare_venv, inner, symlinks=True)
        closed.chmod(0o700)
        cases["closed"] = (inner, "CASK0106")
    return cases


@pytest.mark.only("event", "daemon", reason="python-home of daemon groups")
def test_wrong_python_home_of_a_group(site, bare_venv):
    """A warning of the configuration test names it; everything else starts; its requests get 503
    at once with the reason in the log."""
    cases = python_home_cases(site, bare_venv)
    path = site.install("hello.py")
    for name, (home, _) in cases.items():
        site.group(name, python_home=home)
        site.add_app(path, at=f"/{name}", group=name)
    site.add_app(path, at="/good")
    checked = site.check()
    assert checked.returncode == 0, checked.stderr
    for name, (home, number) in cases.items():
        lines = [e for e in checked.stderr.splitlines() if f"'{name}'" in e or str(home) in e]
        assert [line for line in lines if number in line], f"{name}: {checked.stderr}"
    missing = next(line for line in checked.stderr.splitlines() if "3.99" in line)
    assert "pip install" in missing
    site.logs.allow(r"CASK010[2-6]|CASK042\d")
    reasons = {
        "gone": "nosuch", "empty": "no bin/python3", "old": "2.7", "new": "3.99",
        "closed": "ermission",
    }  # fmt: skip
    site.start()
    assert site.get("/good").text == "hello\n"
    for name in cases:
        for _ in range(3):
            begin = time.monotonic()
            with site.expects_log(rf"\[client .*CASK0\d{{3}}: group '{name}'.*{reasons[name]}"):
                site.get(f"/{name}", 503)
            assert time.monotonic() - begin < 1.0, name
    assert site.get("/good").text == "hello\n"
    assert all(len(site.group_pids(name)) == 0 for name in cases)


@pytest.mark.only("event", "daemon", reason="python-home of daemon groups")
def test_python_home_that_only_running_can_tell(site):
    """A bin/python3 that ends at once: 503 with the reason, no crash loop at full speed."""
    home = site.root / "broken"
    (home / "bin").mkdir(parents=True)
    (home / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}").mkdir(parents=True)
    count = site.root / "stage" / "starts"
    script = home / "bin" / "python3"
    script.write_text(f"#!/bin/sh\necho start >> {count}\necho broken venv >&2\nexit 7\n")
    script.chmod(0o755)
    site.stage.expect_notes("starts")
    site.group("main", python_home=home)
    site.logs.allow("CASK0|broken venv")
    site.add_app("hello.py")
    site.add_app("hello.py", at="/good", group="good")
    site.config.top.reverse()
    site.config.top.sort(key=lambda line: not line.startswith("WSGIDaemonProcess"))
    site.start()
    wait_until(lambda: site.stage.notes("starts"))
    wait_until(lambda: site.get("/", None).status_code == 503, 10)
    begin = time.monotonic()
    site.get("/", 503)
    assert time.monotonic() - begin < 1.0
    assert site.get("/good").text == "hello\n"
    before = len(site.stage.notes("starts"))
    end = time.monotonic() + 3
    while time.monotonic() < end:
        assert site.get("/good").text == "hello\n"
    assert len(site.stage.notes("starts")) - before <= 8
    assert site.logs.find("broken venv")
    assert site.logs.find(r"CASK04\d\d.*'main'")


@pytest.mark.only("event", "embedded", reason="WSGIPythonHome for httpd's children")
def test_wrong_python_home_of_embedded(site):
    site.config.python_home = str(site.root / "nosuch")
    site.add_app("hello.py")
    site.config.add("Alias /static " + str(site.root / "htdocs"))
    (site.root / "htdocs" / "a.txt").write_text("static")
    checked = site.check()
    assert checked.returncode == 0
    assert "CASK0102" in checked.stderr
    assert "nosuch" in checked.stderr
    site.logs.allow("CASK0102")
    site.config.top.sort(key=lambda line: not line.startswith("Alias"))
    site.start()
    begin = time.monotonic()
    site.logs.allow("CASK0201: python-home .*nosuch")
    with site.expects_log(r"\[client .*CASK02\d\d.*nosuch"):
        assert site.get("/x", None).status_code in (500, 503)
    assert time.monotonic() - begin < 1.0
    assert site.get("/static/a.txt").text == "static"


# -- configuration text ----------------------------------------------------------------------------

WRONG_TEXT = [
    ("WSGIDaemonProcess x threads=abc", "threads", "abc"),
    ("WSGIDaemonProcess x threads=0x10", "threads", "0x10"),
    ("WSGIDaemonProcess x threads=5five", "threads", "5five"),
    ("WSGIDaemonProcess x threads=-1", "threads", "-1"),
    ("WSGIDaemonProcess x processes=0", "processes", "0"),
    ("WSGIDaemonProcess x processes=", "processes", ""),
    ("WSGIDaemonProcess x nosuch=1", "nosuch", "nosuch"),
    ("WSGIDaemonProcess x word", "WSGIDaemonProcess", "word"),
    ("WSGIDaemonProcess x home=relative/path", "home", "relative/path"),
    ("WSGIDaemonProcess x umask=0999", "umask", "0999"),
    ("WSGIDaemonProcess x umask=abc", "umask", "abc"),
    ("WSGIDaemonProcess x user=nosuchuser", "user", "nosuchuser"),
    ("WSGIDaemonProcess x group=nosuchgroup", "group", "nosuchgroup"),
    ("WSGIDaemonProcess x request-timeout=soon", "request-timeout", "soon"),
    ("WSGIDaemonProcess x request-timeout=5parsecs", "request-timeout", "5parsecs"),
    ("WSGIDaemonProcess x request-timeout=-5", "request-timeout", "-5"),
    ("WSGIDaemonProcess x\nWSGIDaemonProcess x", "WSGIDaemonProcess", "x"),
    ("WSGIDaemonProcess", "WSGIDaemonProcess", ""),
    ("WSGIScriptAlias /x", "WSGIScriptAlias", ""),
    ("WSGIScriptAlias /x /y nosuch=1", "WSGIScriptAlias", "nosuch"),
    ("WSGIScriptAlias /x /y pass-authorization=Maybe", "pass-authorization", "Maybe"),
    ("WSGIScriptAlias /x /y process-group=", "process-group", ""),
    ("WSGIScriptAliasMatch ([ /y", "WSGIScriptAliasMatch", "(["),
    ("WSGIPassAuthorization Maybe", "WSGIPassAuthorization", "Maybe"),
    ("WSGIChunkedRequest 2", "WSGIChunkedRequest", "2"),
    ("WSGIScriptReloading x", "WSGIScriptReloading", "x"),
    ("WSGIRestrictEmbedded x", "WSGIRestrictEmbedded", "x"),
    ("<VirtualHost *>\nWSGIPythonHome /usr\n</VirtualHost>", "WSGIPythonHome", ""),
    ("<VirtualHost *>\nWSGIPythonPath /usr\n</VirtualHost>", "WSGIPythonPath", ""),
    ("<VirtualHost *>\nWSGISocketPrefix run/x\n</VirtualHost>", "WSGISocketPrefix", ""),
    ("<VirtualHost *>\nWSGIRestrictEmbedded On\n</VirtualHost>", "WSGIRestrictEmbedded", ""),
    ("<Location />\nWSGIDaemonProcess x\n</Location>", "WSGIDaemonProcess", ""),
    ("<Location />\nWSGIScriptAlias /x /y\n</Location>", "WSGIScriptAlias", ""),
]


@pytest.mark.only("event", "embedded", reason="the configuration is read the same way in all")
@pytest.mark.parametrize(("text", "directive", "word"), WRONG_TEXT, ids=[w[0] for w in WRONG_TEXT])
def test_wrong_text_stops(site, text, directive, word):
    """The message names the directive or option and the bad word; httpd does not start."""
    site.config.add(*text.split("\n"))
    checked = site.check()
    assert checked.returncode != 0
    assert directive in checked.stderr
    assert word in checked.stderr
    if word and word != "word":
        assert "httpd.conf" in checked.stderr


@pytest.mark.root
@pytest.mark.only("event", "daemon", reason="users of daemon groups")
@pytest.mark.parametrize("user", ["root", "#0"])
def test_root_is_refused_as_a_user(site, user):
    site.config.add(f"WSGIDaemonProcess x user={user}")
    checked = site.check()
    assert checked.returncode != 0
    assert "user" in checked.stderr


@pytest.mark.only("event", "daemon", reason="values of daemon options")
@pytest.mark.parametrize(
    "options",
    ["request-timeout=60", "request-timeout=500ms", "request-timeout=30s", "request-timeout=5m",
     "request-timeout=1h", "umask=022", "listen-backlog=10", "threads=1 threads=2",
     'display-name="two words"', "inactivity-timeout=0", "startup-timeout=15",
     "socket-timeout=10 queue-timeout=5 connect-timeout=5 shutdown-timeout=5 graceful-timeout=5"],
)  # fmt: skip
def test_right_text_is_accepted(site, options):
    site.config.add(f"WSGIDaemonProcess x home={site.root} {options}")
    checked = site.check()
    assert checked.returncode == 0, checked.stderr
    assert "CASK" not in checked.stderr
    assert "Syntax OK" in checked.stderr


@pytest.mark.only("event", "daemon", reason="about the module's own name")
def test_ifmodule_of_existing_configurations(site):
    site.config.add(
        "<IfModule !mod_wsgi.c>\nError never\n</IfModule>",
        "<IfModule !wsgi_module>\nError never\n</IfModule>",
    )
    assert site.check().returncode == 0
