# SPDX-License-Identifier: Apache-2.0
"""Where each directive may stand, and what httpd says where it may not: all of them everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from harness.site import Site

pytestmark = pytest.mark.only("embedded", reason="no application runs")

TABLE = Path(__file__).resolve().parents[2] / "src" / "c" / "apache" / "directives.def"

SERVER = {
    "WSGIDaemonProcess": "one",
    "WSGIRecordLevels": "Off",
    "WSGIImportScript": "{app} process-group=%{{GLOBAL}} application-group=x",
    "WSGIScriptAlias": "/one {app}",
    "WSGIScriptAliasMatch": "^/two {app}",
}
"""Main server and virtual hosts."""
SCOPE = {
    "WSGIApplicationGroup": "%{{GLOBAL}}",
    "WSGIDispatchScript": "{app}",
    "WSGIHandlerScript": "name {app}",
    "WSGIPassApacheRequest": "On",
    "WSGIProcessGroup": "%{{GLOBAL}}",
    "WSGIRestrictProcess": "%{{GLOBAL}}",
}
"""Directories and the like too."""
FILEINFO = {
    "WSGICallableObject": "app",
    "WSGIChunkedRequest": "On",
    "WSGIEnableSendfile": "On",
    "WSGIErrorOverride": "On",
    "WSGIIgnoreActivity": "On",
    "WSGILocalRedirect": "Off",
    "WSGIMapHEADToGET": "Auto",
    "WSGIPassAuthorization": "On",
    "WSGIScriptReloading": "Off",
    "WSGITrustedProxies": "127.0.0.1",
    "WSGITrustedProxyHeaders": "X-Forwarded-For",
}
"""And .htaccess with AllowOverride FileInfo."""
AUTHCFG = {
    "WSGIAccessScript": "{app}",
    "WSGIAuthGroupScript": "{app} application-group=x",
    "WSGIAuthUserScript": "{app}",
    "WSGIGroupAuthoritative": "Off",
    "WSGIUserAuthoritative": "Off",
}
"""Directories, and .htaccess with AllowOverride AuthConfig; not the server."""
MAIN = {
    "WSGIAcceptMutex": "default",
    "WSGICaseSensitivity": "On",
    "WSGIDestroyInterpreter": "On",
    "WSGIDontWriteBytecode": "On",
    "WSGIFreeThreading": "Off",
    "WSGILazyInitialization": "On",
    "WSGINewRelicConfigFile": "/x",
    "WSGINewRelicEnvironment": "x",
    "WSGIPerInterpreterGIL": "Off",
    "WSGIPy3kWarningFlag": "Off",
    "WSGIPythonEggs": "/tmp",
    "WSGIPythonHashSeed": "random",
    "WSGIPythonHome": "/usr",
    "WSGIPythonOptimize": "1",
    "WSGIPythonPath": "/tmp",
    "WSGIPythonWarnings": "ignore",
    "WSGIRecordLevels": "Off",
    "WSGIRestrictEmbedded": "Off",
    "WSGIRestrictSignal": "On",
    "WSGIRestrictStdin": "On",
    "WSGIRestrictStdout": "On",
    "WSGIServerMetrics": "On",
    "WSGISlowRequests": "0.5",
    "WSGISocketPrefix": "run/wsgi",
    "WSGIControlSocket": "run/control",
    "WSGISocketRotation": "On",
    "WSGISwitchInterval": "0.005",
    "WSGITelemetryOptions": "+CaptureUserAgent",
    "WSGITelemetryService": "unix:/tmp/x interval=0.5",
    "WSGIVerboseDebugging": "On",
    "<WSGIInterpreterOptions": "application-group=x>\nWSGIRestrictStdin On\n"
    "</WSGIInterpreterOptions>",
}
"""The main server only."""

OURS = {"WSGIControlSocket", "WSGILocalRedirect", "WSGIRecordLevels"}
EVERY = {**SERVER, **SCOPE, **FILEINFO, **AUTHCFG, **MAIN}
PLACES = {
    "server": ("{}", SERVER | SCOPE | FILEINFO | MAIN),
    "host": ("<VirtualHost *:1>\n{}\n</VirtualHost>", SERVER | SCOPE | FILEINFO),
    "Directory": ("<Directory /x>\n{}\n</Directory>", SCOPE | FILEINFO | AUTHCFG),
    "Location": ("<Location /x>\n{}\n</Location>", SCOPE | FILEINFO | AUTHCFG),
    "Files": ("<Files x>\n{}\n</Files>", SCOPE | FILEINFO | AUTHCFG),
    "If": ("<If true>\n{}\n</If>", SCOPE | FILEINFO | AUTHCFG),
    "host and Location": (
        "<VirtualHost *:1>\n<Location /x>\n{}\n</Location>\n</VirtualHost>",
        SCOPE | FILEINFO | AUTHCFG,
    ),
    "module": ("<IfModule mod_wsgi.c>\n{}\n</IfModule>", SERVER | SCOPE | FILEINFO | MAIN),
    "module by name": (
        "<IfModule wsgi_module>\n<IfModule !mod_wsgi.c>\nNonsense\n</IfModule>\n{}\n</IfModule>",
        SERVER | SCOPE | FILEINFO | MAIN,
    ),
}
"""What stands around the directives, and those that may stand there."""
REFUSAL = {
    "server": "{} not allowed here",
    "host": "{} cannot occur within <VirtualHost> section|{} not allowed in <VirtualHost> context",
    "module": "{} not allowed here",
    "module by name": "{} not allowed here",
}
INSIDE = "{} not allowed in <[A-Z][a-z]+> context|{} not allowed here"


def lines(names: Iterable[str], app: Path) -> str:
    return "\n".join(f"{name} {EVERY[name].format(app=app)}" for name in names)


@pytest.fixture
def app(site: Site) -> Path:
    return site.write_app("app.py", "")


def test_the_lists_here_are_complete() -> None:
    names = re.findall(r"^CASK_DIRECTIVE_[A-Z]+\(\"?([<\w]+)", TABLE.read_text(), re.MULTILINE)
    assert sorted(names) == sorted(EVERY), "write a new directive into the list of its places"
    assert len(EVERY.keys() - OURS) == 49 + 5  # mod_wsgi's, and five that it has removed


@pytest.mark.parametrize("place", PLACES)
def test_allowed_in(site: Site, app: Path, place: str) -> None:
    around, allowed = PLACES[place]
    site.config.add(around.format(lines(allowed, app)))
    result = site.check()
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("place", PLACES)
def test_refused_in(site: Site, app: Path, place: str) -> None:
    around, allowed = PLACES[place]
    good = list(site.config.top)
    for name in sorted(EVERY.keys() - allowed.keys()):
        site.config.top = [*good, around.format(lines([name], app))]
        result = site.check()
        wanted = REFUSAL.get(place, INSIDE).replace("{}", re.escape(name) + ">?")
        assert result.returncode == 1, name
        assert re.search(wanted, result.stderr), result.stderr


HTACCESS = {
    "FileInfo": FILEINFO,
    "AuthConfig": AUTHCFG,
    "All": FILEINFO | AUTHCFG,
    "Options=ExecCGI Indexes Limit": {},
}


def test_htaccess(site: Site, app: Path) -> None:
    top = site.root / "htdocs"
    for number, override in enumerate(HTACCESS):
        for name in EVERY:
            folder = top / str(number) / name.strip("<")
            folder.mkdir(parents=True)
            (folder / "page.txt").write_text("page")
            (folder / ".htaccess").write_text(lines([name], app))
        site.config.add(f"<Directory {top}/{number}>\nAllowOverride {override}\n</Directory>")
    site.start()
    site.logs.allow("not allowed here|CASK0131: access control needs")
    wrong = []
    for number, (override, allowed) in enumerate(HTACCESS.items()):
        for name in EVERY:
            mark = site.logs.mark()
            reply = site.get(f"/{number}/{name.strip('<')}/page.txt", expect=None)
            refused = bool(site.logs.find(f"\\.htaccess: {name}>? not allowed here", None, mark))
            works = reply.status_code == (500 if name == "WSGIAccessScript" else 200)
            if refused != (name not in allowed) or (name in allowed and not works):
                wrong.append(f"{name} with AllowOverride {override}: {reply.status_code}")
    assert not wrong
