# SPDX-License-Identifier: Apache-2.0
"""What `httpd -t` says about scripts and the aliases that lead to them, and the dump of it all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.site import Site

pytestmark = pytest.mark.only("embedded", reason="no application runs")


@pytest.fixture
def app(site: Site) -> Path:
    return site.write_app("app.py", "")


def warnings(site: Site) -> list[str]:
    """The numbered lines of a check that succeeds."""
    result = site.check()
    assert result.returncode == 0, result.stderr
    return [line for line in result.stderr.splitlines() if line.startswith("CASK")]


SCRIPTS = (
    "WSGIHandlerScript name {} process-group=blog",
    "WSGIImportScript {} process-group=blog application-group=x",
    "WSGIImportScript {} process-group=%{{GLOBAL}} application-group=x",
    "WSGIDispatchScript {}",
    "<Location />\nWSGIAccessScript {}\n</Location>",
    "<Location />\nWSGIAuthUserScript {}\n</Location>",
    "<Location />\nWSGIAuthGroupScript {}\n</Location>",
)


@pytest.mark.parametrize("text", SCRIPTS)
def test_scripts_that_are_not_there(site: Site, app: Path, text: str) -> None:
    site.group("blog")
    name = re.search(r"WSGI\w+", text)[0]
    site.config.top.append(text.format(app))
    assert warnings(site) == []
    site.config.top[-1] = text.format(site.apps / "gone.py")
    (line,) = warnings(site)
    number = "CASK0151" if name == "WSGIImportScript" else "CASK0135"
    assert line.startswith(f"{number}: {name} at {site.conf_file}:")
    assert f"script '{site.apps}/gone.py': No such file or directory" in line
    site.config.top[-1] = text.format(site.apps)
    (line,) = warnings(site)
    assert line.endswith(f"script '{site.apps}' is a directory")


@pytest.mark.root
@pytest.mark.parametrize("text", SCRIPTS)
def test_scripts_that_nobody_may_read(site: Site, app: Path, text: str) -> None:
    site.group("blog")
    site.config.add(text.format(app))
    app.chmod(0o600)
    (line,) = warnings(site)
    if "process-group=blog" in text:
        user = site.settings.daemon_user
        assert line.startswith("CASK0106: group 'blog' at ")
    else:
        user = site.settings.server_user
        assert line.startswith(f"CASK0136: {re.search(r'WSGI[A-Za-z]+', text)[0]} at ")
    assert line.endswith(f"needs '{app}', but user '{user}' may not read '{app}' (mode 0600)")


@pytest.mark.root
def test_an_alias_that_httpd_may_not_read(site: Site, app: Path) -> None:
    app.chmod(0o600)
    site.config.add(f"WSGIScriptAlias / {app}")
    (line,) = warnings(site)
    assert line.startswith("CASK0136: alias '/' at ")
    assert f"user '{site.settings.server_user}' may not read '{app}'" in line
    site.config.add("<Directory />\nWSGIProcessGroup %{ENV:X}\n</Directory>")
    assert warnings(site) == []  # who runs it is known only then


@pytest.mark.parametrize("text", SCRIPTS)
def test_scripts_that_need_a_python_in_httpd(site: Site, app: Path, text: str) -> None:
    site.group("blog", python_home=site.settings.python_home)
    site.config.python_home = "/nonexistent"
    site.config.add(text.format(app))
    found = warnings(site)
    assert len(found) == ("process-group=blog" not in text)
    for line in found:
        assert re.match(r"CASK0102: embedded mode \(WSGI\w+ at .*'/nonexistent'", line)


HIDDEN = {
    ("WSGIScriptAlias /a {}", "WSGIScriptAlias /a/b {}"): True,
    ("WSGIScriptAlias /a {}", "WSGIScriptAlias /a {}"): True,
    ("WSGIScriptAlias / {}", "WSGIScriptAliasMatch ^/a {}"): True,
    ("WSGIScriptAliasMatch ^/a {}", "WSGIScriptAliasMatch ^/a {}"): True,
    ("WSGIScriptAlias /a/b {}", "WSGIScriptAlias /a {}"): False,
    ("WSGIScriptAlias /a {}", "WSGIScriptAlias /ab {}"): False,
    ("WSGIScriptAlias /a {}", "WSGIScriptAliasMatch ^/a {}"): False,
    ("WSGIScriptAliasMatch ^/a {}", "WSGIScriptAlias /a {}"): False,
}


@pytest.mark.parametrize("lines", HIDDEN)
def test_aliases_behind_another(site: Site, app: Path, lines: tuple[str, str]) -> None:
    site.config.add(*(line.format(app) for line in lines))
    found = warnings(site)
    assert len(found) == HIDDEN[lines]
    for line in found:
        name = lines[1].split()[1]
        assert re.match(f"CASK0109: alias '{re.escape(name)}' at .* never gets a request", line)


def test_a_virtual_host_may_take_everything(site: Site, app: Path) -> None:
    site.config.add(f"WSGIScriptAlias /a {app}")
    site.config.vhost("one.example").add(f"WSGIScriptAlias / {app}")
    assert warnings(site) == []


SLASHES = {
    "/a/ {app}": "CASK0110",
    "/a/ {folder}": "CASK0110",
    "/a {app}/": "CASK0137",
    "/a/ {app}/": None,
    "/a/ {folder}/": None,
    "/a {folder}/": None,
    "/ {app}": None,
    "/ {app}/": None,
}


@pytest.mark.parametrize("words", SLASHES)
def test_slashes_of_alias_and_target(site: Site, app: Path, words: str) -> None:
    site.config.add("WSGIScriptAlias " + words.format(app=app, folder=site.apps))
    assert [line[:8] for line in warnings(site)] == [n for n in [SLASHES[words]] if n]


def test_what_a_slash_too_many_does(site: Site) -> None:
    """As the warning says."""
    app = site.write_app(
        "path.py",
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [environ['PATH_INFO'].encode() or b'empty']\n",
    )
    site.config.add(f"WSGIScriptAlias /more {app}/", f"WSGIScriptAlias /same {app}")
    site.logs.allow("CASK0137: alias '/more'")
    site.start()
    assert site.get("/more").text == "/"
    assert site.get("/same").text == "empty"


DUMPED = """\
WSGIDaemonProcess blog threads=3 home=/
WSGIPythonOptimize 2
WSGIPythonWarnings error
WSGIPythonWarnings ignore::UserWarning
WSGIPythonHashSeed random
WSGISlowRequests 1.5
WSGIRestrictStdin On
WSGISwitchInterval 0.002
WSGIPythonPath /base
WSGIMapHEADToGET On
WSGITrustedProxyHeaders X-Forwarded-For X-Real-IP
WSGITrustedProxies 127.0.0.1 10.0.0.0/8
WSGIRestrictProcess blog %{{GLOBAL}}
<WSGIInterpreterOptions process-group=blog application-group=%{{GLOBAL}}>
WSGIRestrictStdin Off
WSGIPythonPath /inner
</WSGIInterpreterOptions>
<WSGIInterpreterOptions>
WSGIRestrictSignal Off
</WSGIInterpreterOptions>
WSGIScriptAlias /all {app} process-group=blog application-group=x callable-object=y \
 pass-authorization=On
WSGIScriptAlias /some {app} process-group=%{{GLOBAL}}
WSGIImportScript {app} process-group=blog application-group=%{{GLOBAL}}
WSGIHandlerScript name {app} process-group=blog pass-authorization=Off
<Location /x>
WSGIHandlerScript other {app} application-group=%{{SERVER}}
WSGIAccessScript {app}
</Location>
<VirtualHost *:1>
ServerName inner
WSGIProcessGroup blog
WSGIDispatchScript {app} application-group=%{{GLOBAL}}
WSGIScriptAlias /mine {app}
</VirtualHost>
"""

DUMP = (
    "values of the main server:",
    "WSGICaseSensitivity On\n",
    "WSGIPythonOptimize 2\n",
    "WSGIPythonWarnings error ignore::UserWarning\n",
    "WSGIPythonHashSeed random\n",
    "WSGIPythonEggs -\n",
    "WSGISlowRequests 1500ms\n",
    "WSGIRestrictStdin On\n",
    "WSGIRestrictSignal On\n",
    "WSGISwitchInterval 2ms\n",
    "WSGIPythonPath /base\n",
    "interpreters of process-group=blog application-group=%{{GLOBAL}}:\n"
    " WSGIPythonPath /inner\n WSGIRestrictStdin Off\n",
    "interpreters of process-group=(any) application-group=(any):\n WSGIRestrictSignal Off\n",
    "group blog ({conf}:",
    " home=/\n",
    " threads=3\n",
    "server localhost:",
    "WSGIMapHEADToGET On\n",
    "WSGIRestrictProcess blog %{{GLOBAL}}\n",
    "WSGITrustedProxyHeaders x-forwarded-for x-real-ip\n",
    "WSGITrustedProxies (2)\n",
    "alias /all -> {app} process-group=blog application-group=x callable-object=y "
    "pass-authorization=On ({conf}:",
    "alias /some -> {app} process-group=%{{GLOBAL}} ({conf}:",
    "; unless its directory says otherwise: application-group=%{{RESOURCE}} "
    "callable-object=application pass-authorization=Off\n",
    "WSGIImportScript {app} process-group=blog application-group=%{{GLOBAL}} ({conf}:",
    "WSGIHandlerScript name -> {app} process-group=blog pass-authorization=Off ({conf}:",
    "WSGIHandlerScript other -> {app} application-group=%{{SERVER}} ({conf}:",
    "WSGIAccessScript {app} ({conf}:",
)


def test_the_dump_has_it_all(site: Site, app: Path) -> None:
    site.config.add(DUMPED.format(app=app))
    result = site.httpd("-t", "-D", "DUMP_CASK")
    assert result.returncode == 0, result.stderr
    dump = re.sub(r"[ \t]+", " ", result.stdout)
    for part in DUMP:
        assert part.format(app=app, conf=site.conf_file) in dump, part
    inner = dump[dump.index("server inner:") :]
    for part in (
        "WSGIProcessGroup blog\n",
        "WSGIMapHEADToGET On\n",
        "WSGIRestrictProcess blog %{GLOBAL}\n",
        f"alias /mine -> {app} ({site.conf_file}:",
        "; unless its directory says otherwise: process-group=blog application-group=%{RESOURCE} ",
        f"alias /all -> {app} ",
        f"WSGIDispatchScript {app} application-group=%{{GLOBAL}} ({site.conf_file}:",
    ):
        assert part in inner, part
