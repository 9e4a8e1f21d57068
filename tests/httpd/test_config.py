# SPDX-License-Identifier: Apache-2.0
"""What `apache2 -t` says: wrong words stop it, wrong surroundings are warnings (and never stop it).

No server is started here. The configuration does not depend on the mode, so one flavour is enough.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.site import Site

pytestmark = pytest.mark.only("embedded", reason="nothing is served")

OPTIONS = "user, group, supplementary-groups"
ERRORS = {
    "no name": ("WSGIDaemonProcess", "WSGIDaemonProcess: needs a name"),
    "option first": ("WSGIDaemonProcess threads=5", "'threads=5' is refused", "first word"),
    "name like a token": ("WSGIDaemonProcess %{GLOBAL}", "'%{GLOBAL}' is refused"),
    "unknown option": (
        "WSGIDaemonProcess a thread=5",
        "WSGIDaemonProcess: unknown option 'thread', did you mean 'threads'?",
        OPTIONS,
    ),
    "underscore": ("WSGIDaemonProcess a python_home=/x", "did you mean 'python-home'?"),
    "case": ("WSGIDaemonProcess a Threads=5", "did you mean 'threads'?"),
    "nothing near": ("WSGIDaemonProcess a zzzzzz=5", "unknown option 'zzzzzz'; options are:"),
    "spaces": ("WSGIDaemonProcess a threads = 5", "'threads' is not of the form name=value"),
    "space behind": ("WSGIDaemonProcess a threads= 5", "threads= has no value"),
    "empty": ('WSGIDaemonProcess a threads=""', "threads= has an empty value"),
    "no number": (
        "WSGIDaemonProcess a threads=abc",
        "WSGIDaemonProcess: threads=abc is refused: allowed is a whole number from 0 to 65533",
    ),
    "number and more": ("WSGIDaemonProcess a threads=5x", "threads=5x is refused"),
    "fewer threads": ("WSGIDaemonProcess a threads=-1", "threads=-1 is refused"),
    "zero processes": ("WSGIDaemonProcess a processes=0", "processes=0 is refused"),
    "negative": ("WSGIDaemonProcess a maximum-requests=-1", "maximum-requests=-1 is refused"),
    "unit": (
        "WSGIDaemonProcess a request-timeout=5d",
        "request-timeout=5d is refused: allowed is a number of seconds, or one with ms, s, m",
    ),
    "umask": ("WSGIDaemonProcess a umask=88", "umask=88 is refused: allowed is an octal number"),
    "relative home": ("WSGIDaemonProcess a home=x", "home=x is refused: allowed is an absolute"),
    "root": ("WSGIDaemonProcess a user=root", "user=root is refused: allowed is any user but root"),
    "root by number": ("WSGIDaemonProcess a user=#0", "user=#0 is refused"),
    "unknown user": ("WSGIDaemonProcess a user=nosuchuser", "user=nosuchuser is refused"),
    "unknown group": ("WSGIDaemonProcess a group=nosuchgroup", "group=nosuchgroup is refused"),
    "twice": (
        "WSGIDaemonProcess a\nWSGIDaemonProcess a",
        "the name 'a' is already used by the group of",
        "httpd.conf:",
    ),
    "twice, over hosts": (
        "WSGIDaemonProcess a\n<VirtualHost *:1>\nWSGIDaemonProcess a\n</VirtualHost>",
        "the name 'a' is already used",
    ),
    "flag": ("WSGIPassAuthorization yes", "WSGIPassAuthorization: 'yes' is refused", "On or Off"),
    "main flag": ("WSGIRestrictEmbedded 1", "WSGIRestrictEmbedded: '1' is refused", "On or Off"),
    "no argument": ("WSGIPythonHome", "WSGIPythonHome takes one argument"),
    "empty argument": ('WSGIProcessGroup ""', "WSGIProcessGroup takes one argument"),
    "alias without target": ("WSGIScriptAlias /x", "WSGIScriptAlias: needs two arguments"),
    "alias without slash": ("WSGIScriptAlias x /y", "'x' is refused", "begins with '/'"),
    "alias option": (
        "WSGIScriptAlias /x /y process-grp=a",
        "WSGIScriptAlias: unknown option 'process-grp', did you mean 'process-group'?",
    ),
    "alias flag": (
        "WSGIScriptAlias /x /y pass-authorization=1",
        "pass-authorization=1 is refused: allowed is On or Off",
    ),
    "alias word": ("WSGIScriptAlias /x /y z", "'z' is not of the form name=value"),
    "regex": ("WSGIScriptAliasMatch ( /y", "'(' is not a valid regular expression"),
    "home in a host": (
        "<VirtualHost *:1>\nWSGIPythonHome /x\n</VirtualHost>",
        "WSGIPythonHome cannot occur within <VirtualHost> section",
    ),
    "group in a directory": (
        "<Directory />\nWSGIDaemonProcess a\n</Directory>",
        "WSGIDaemonProcess not allowed in <Directory> context",
    ),
    "alias in a location": (
        "<Location />\nWSGIScriptAlias / /y\n</Location>",
        "WSGIScriptAlias not allowed in <Location> context",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_wrong_words_stop(site: Site, name: str) -> None:
    text, *messages = ERRORS[name]
    site.config.add(text)
    result = site.check()
    assert result.returncode == 1
    assert "Syntax error on line" in result.stderr
    for message in messages:
        assert message in result.stderr


GOOD = """\
WSGIDaemonProcess plain
WSGIDaemonProcess full home=/ umask=0027 display-name="%{GROUP} of mine" lang=C.UTF-8 locale=C \
 listen-backlog=10 maximum-requests=1000 request-timeout=90 inactivity-timeout=10m \
 graceful-timeout=0 shutdown-timeout=3s startup-timeout=20s connect-timeout=1500ms \
 socket-timeout=1h queue-timeout=45 reload-wait=2s processes=1 threads=3 threads=4
WSGISocketPrefix run/other
<IfModule mod_wsgi.c>
WSGIPassAuthorization on
WSGIChunkedRequest OFF
</IfModule>
<VirtualHost *:1>
ServerName inner
WSGIProcessGroup plain
WSGIApplicationGroup %{GLOBAL}
WSGIDaemonProcess inner
</VirtualHost>
<Directory />
WSGIProcessGroup %{ENV:NAME}
WSGICallableObject app
WSGIScriptReloading Off
</Directory>
"""


def test_good_words_and_the_dump(site: Site) -> None:
    script = site.write_app("one.py", "")
    site.config.add(GOOD)
    site.config.add(
        f"WSGIScriptAlias /one {script} process-group=full application-group=%{{GLOBAL}}"
    )
    site.config.add(f"WSGIScriptAliasMatch ^/(\\w+) {site.apps}/$1.py callable-object=other")
    result = site.httpd("-t", "-D", "DUMP_CASK")
    assert result.returncode == 0, result.stderr
    assert "CASK0" not in result.stderr
    dump = re.sub(r"[ \t]+", " ", result.stdout)
    for line in (
        f"sockets: {site.root}/run/other",
        "group full (",
        "home=/",
        "umask=0027",
        "display-name=(wsgi:full) of mine",
        "lang=C.UTF-8",
        "locale=C",
        "processes=1",
        "threads=4",
        "listen-backlog=10",
        "maximum-requests=1000",
        "request-timeout=90s",
        "inactivity-timeout=10m",
        "graceful-timeout=0",
        "shutdown-timeout=3s",
        "startup-timeout=20s",
        "connect-timeout=1500ms",
        "socket-timeout=1h",
        "queue-timeout=45s",
        "reload-wait=2s",
        f"preload: {script} in interpreter %{{GLOBAL}}",
        "group plain (",
        "processes=1\n threads=15\n stack-size=0\n listen-backlog=100",
        "graceful-timeout=15s\n eviction-timeout=0\n shutdown-timeout=5s\n"
        " connect-timeout=15s\n socket-timeout=30s",
        "server inner:",
        "WSGIProcessGroup plain\n WSGIApplicationGroup %{GLOBAL}",
        f"alias /one -> {script} process-group=full application-group=%{{GLOBAL}}",
        f"alias-match ^/(\\w+) -> {site.apps}/$1.py callable-object=other",
    ):
        assert line in dump


def make_home(path: Path, version: str | None, cfg: str = "") -> Path:
    """Something that looks like a Python installation; what it is never runs."""
    (path / "bin").mkdir(parents=True)
    (path / "bin" / "python3").write_text("#!/bin/false\n")
    (path / "bin" / "python3").chmod(0o755)
    if version is not None:
        (path / "lib" / f"python{version}").mkdir(parents=True)
    if cfg:
        (path / "pyvenv.cfg").write_text(cfg)
    return path


def warnings(site: Site) -> str:
    result = site.check()
    assert result.returncode == 0, result.stderr
    assert "Syntax OK" in result.stderr
    return result.stderr


HOMES = {
    "missing": (None, "CASK0102", "No such file or directory"),
    "without python": ("mkdir", "CASK0102", "holds no bin/python3"),
    "a file": ("file", "CASK0102", "is not a directory"),
    "broken link": ("broken", "CASK0102", "the Python it was made from is gone"),
    "other version": ("3.99", "CASK0103", "no engine for Python 3.99 of "),
    "too old": ("3.8", "CASK0103", "is Python 3.8; 3.10 or newer is needed"),
    "unknown version": ("", "CASK0104", "cannot tell which version"),
}


@pytest.mark.parametrize("name", HOMES)
def test_wrong_python_homes_warn(site: Site, name: str) -> None:
    kind, number, message = HOMES[name]
    home = site.root / "home"
    if kind == "mkdir":
        home.mkdir()
    elif kind == "file":
        home.write_text("")
    elif kind == "broken":
        (home / "bin").mkdir(parents=True)
        (home / "bin" / "python3").symlink_to("/nonexistent/python3")
    elif kind is not None:
        make_home(home, kind or None)
    site.config.add(f"WSGIDaemonProcess blog python-home={home}")
    text = warnings(site)
    assert f"{number}: group 'blog' at {site.conf_file}:" in text
    assert str(home) in text
    assert message in text
    if kind == "3.99":
        assert f"{home}/bin/python3 -m pip install mod-cask" in text


def test_version_of_a_venv(site: Site) -> None:
    home = make_home(site.root / "venv", None, "home = /usr/bin\nversion_info = 3.97.1.final.0\n")
    site.config.add(f"WSGIDaemonProcess blog python-home={home}")
    assert "no engine for Python 3.97 of" in warnings(site)
    (home / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.96.0\n")
    assert "no engine for Python 3.96 of" in warnings(site)


def test_looking_executes_nothing(site: Site) -> None:
    home = make_home(site.root / "trap", "3.98")
    (home / "bin" / "python3").write_text(f"#!/bin/sh\ntouch {site.root}/executed\n")
    (home / "pyvenv.cfg").unlink(missing_ok=True)
    os.mkfifo(home / "pyvenv.cfg")  # a tenant's: root must not wait for it
    site.config.add(f"WSGIDaemonProcess blog python-home={home}")
    assert "CASK0103" in warnings(site)
    assert not (site.root / "executed").exists()


def test_embedded_python_without_library_warns(site: Site) -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    home = make_home(site.root / "static", version)
    site.config.python_home = str(home)
    script = site.write_app("one.py", "")
    site.config.add(f"WSGIScriptAlias / {script}")
    text = warnings(site)
    assert "CASK0105: embedded mode" in text
    assert f"libpython{version}" in text


def test_groups_named_but_not_defined_warn(site: Site) -> None:
    script = site.write_app("one.py", "")
    site.config.add(
        "WSGIDaemonProcess blog",
        f"WSGIScriptAlias /a {script} process-group=bolg",
        "<Directory />\nWSGIProcessGroup shop\n</Directory>",
        "<Location /x>\nWSGIProcessGroup %{GLOBALL}\n</Location>",
    )
    site.config.vhost("one.example").add("WSGIDaemonProcess one")
    site.config.vhost("two.example").add("WSGIProcessGroup one")
    text = warnings(site)
    assert re.search(r"CASK0101: WSGIScriptAlias at .*'bolg'; did you mean 'blog'\?", text)
    assert re.search(r"CASK0101: WSGIProcessGroup at .*'shop'", text)
    assert re.search(r"CASK0112: WSGIProcessGroup at .*'%{GLOBALL}'", text)
    assert re.search(r"CASK0114: WSGIProcessGroup at .*'one' belongs to a virtual host", text)


def test_groups_may_be_defined_later(site: Site) -> None:
    script = site.write_app("one.py", "")
    site.config.add(
        f"WSGIScriptAlias /a {script} process-group=late application-group=x",
        "WSGIDaemonProcess late",
    )
    result = site.httpd("-t", "-D", "DUMP_CASK")
    assert "CASK0" not in result.stderr
    assert f"preload: {script} application in interpreter x" in result.stdout


def test_aliases_that_cannot_work_warn(site: Site) -> None:
    script = site.write_app("one.py", "")
    site.config.add(
        f"WSGIScriptAlias /a {script}",
        f"WSGIScriptAlias /a/b {script}",
        f"WSGIScriptAlias /ab {script}",
        f"WSGIScriptAlias /s/ {script}",
        f"WSGIScriptAlias /d/ {site.apps}/",
        f"WSGIScriptAlias /gone {site.apps}/gone.py",
        f"WSGIScriptAlias /below {script}/admin",
    )
    text = warnings(site)
    assert re.search(r"CASK0109: alias '/a/b' at .* never gets a request: '/a' at", text)
    assert "'/s/x' would be" in text
    assert re.search(r"CASK0108: alias '/gone' at .*No such file", text)
    assert text.count("CASK01") == 3


def test_home_and_socket_folder_warn(site: Site) -> None:
    folder = site.root / "open"
    folder.mkdir()
    folder.chmod(0o777)
    site.config.add("WSGIDaemonProcess blog home=/nonexistent", f"WSGISocketPrefix {folder}/wsgi")
    text = warnings(site)
    assert re.search(r"CASK0107: group 'blog' at .*home '/nonexistent': No such file", text)
    assert f"others can write to the directory '{folder}' (mode 0777)" in text
    site.config.add(f"WSGISocketPrefix {site.root}/nowhere/wsgi")
    assert re.search(r"CASK0111: .*nowhere': No such file", warnings(site))


@pytest.mark.root
def test_what_the_user_cannot_read_warns(site: Site) -> None:
    private = site.root / "private"
    private.mkdir(mode=0o700)
    script = private / "app.py"
    script.write_text("")
    site.group("blog")
    site.config.add(f"WSGIScriptAlias / {script} process-group=blog application-group=%{{GLOBAL}}")
    user = site.settings.daemon_user
    text = warnings(site)
    assert f"CASK0106: group 'blog' at {site.conf_file}:" in text
    assert f"user '{user}' may not enter '{private}' (mode 0700)" in text
    private.chmod(0o755)
    script.chmod(0o600)
    assert f"user '{user}' may not read '{script}' (mode 0600)" in warnings(site)


def test_reference_pages_are_not_stale() -> None:
    generate = Path(__file__).resolve().parents[2] / "docs" / "generate.py"
    result = subprocess.run(
        [sys.executable, str(generate), "--check"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
