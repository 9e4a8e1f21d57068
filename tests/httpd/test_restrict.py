# SPDX-License-Identifier: Apache-2.0
"""Requests that must not run where their names lead: WSGIRestrictProcess, WSGIRestrictEmbedded, and
interpreters of a kind there is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.site import Site

APP = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["mod_wsgi.process_group"].encode() or b"embedded"]
"""


@pytest.fixture
def app(site: Site) -> Path:
    return site.write_app("one.py", APP)


@pytest.mark.broad
def test_only_listed_groups(site: Site, app: Path) -> None:
    site.group("one")
    site.group("two")
    site.config.add(
        f"WSGIScriptAlias / {app} process-group=%{{ENV:GROUP}} application-group=%{{GLOBAL}}",
        "SetEnvIf X-Group (.+) GROUP=$1",
        "WSGIRestrictProcess one",
        "WSGIRestrictProcess TWO",
        "<Location /inner>\nWSGIRestrictProcess %{GLOBAL}\n</Location>",
        "<Location /inner/none>\nWSGIRestrictProcess\n</Location>",
    )
    site.logs.allow("CASK0101: .*'TWO'; did you mean 'two'")
    site.start()

    def allowed(url: str, group: str) -> bool:
        headers = {"X-Group": group or "%{GLOBAL}"}
        if site.get(url, headers=headers, expect=None).status_code == 200:
            return True
        where = group or "%{GLOBAL}"
        site.wait_log(f"CASK0133: .*'{app}': WSGIRestrictProcess does not allow group '{where}'")
        return False

    assert [allowed("/", group) for group in ("one", "two", "")] == [True, True, False]
    assert [allowed("/inner", group) for group in ("one", "")] == [False, True]
    assert [allowed("/inner/none", group) for group in ("one", "")] == [False, False]


def test_a_virtual_host_has_its_own_list(site: Site, app: Path) -> None:
    site.add_app(app)
    mine = "main" if site.mode == "daemon" else "%{GLOBAL}"
    site.config.add(f"WSGIRestrictProcess {mine}", "WSGIDaemonProcess other")
    site.config.vhost("first.example")
    site.config.vhost("second.example").add("WSGIRestrictProcess other")
    site.start()
    site.get("/", host="first.example")
    with site.expects_log("CASK0133: ", log="second.example"):
        site.get("/", host="second.example", expect=500)


def test_restricted_groups_are_checked(site: Site) -> None:
    site.config.add("WSGIDaemonProcess blog", "WSGIRestrictProcess bolg blog")
    result = site.check()
    assert "CASK0101: WSGIRestrictProcess at " in result.stderr
    assert "'bolg'; did you mean 'blog'?" in result.stderr
    site.config.add("WSGIRestrictProcess %{ENV:X}")
    result = site.check()
    assert result.returncode == 1
    assert "WSGIRestrictProcess: '%{ENV:X}' is refused: allowed is the name" in result.stderr


WISHES = {
    "WSGIPerInterpreterGIL On": {"/main": True, "/sub": False, "/other": False},
    "WSGIPerInterpreterGIL Off": {"/main": True, "/sub": True, "/other": True},
    "WSGIFreeThreading On": {"/main": False, "/sub": False, "/other": False},
    "<WSGIInterpreterOptions application-group=sub>\n<IfModule mod_wsgi.c>\n"
    "WSGIPerInterpreterGIL On\n</IfModule>\n</WSGIInterpreterOptions>": {
        "/main": True,
        "/sub": False,
        "/other": True,
    },
    "WSGIPerInterpreterGIL On\n<WSGIInterpreterOptions application-group=sub>\n"
    "WSGIPerInterpreterGIL Off\n</WSGIInterpreterOptions>": {"/sub": True, "/other": False},
    "<WSGIInterpreterOptions process-group={group}>\nWSGIFreeThreading On\n"
    "</WSGIInterpreterOptions>": {"/main": False, "/sub": False},
    "<WSGIInterpreterOptions process-group=idle>\nWSGIFreeThreading On\n"
    "WSGIPerInterpreterGIL On\n</WSGIInterpreterOptions>": {"/main": True, "/sub": True},
}


@pytest.mark.parametrize("wish", WISHES)
def test_interpreters_that_cannot_be_are_refused(site: Site, app: Path, wish: str) -> None:
    group = "main" if site.mode == "daemon" else "%{GLOBAL}"
    site.group("idle")
    for at, name in (("/main", "%{GLOBAL}"), ("/sub", "sub"), ("/other", "other")):
        site.add_app(app, at=at, application_group=name)
    site.config.add(wish.format(group=group))
    site.start()
    for url, served in WISHES[wish].items():
        if served:
            site.get(url)
        else:
            with site.expects_log(f"CASK0134: .*{app}.* is On for interpreter "):
                site.get(url, expect=500)
