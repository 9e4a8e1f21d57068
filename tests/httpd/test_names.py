# SPDX-License-Identifier: Apache-2.0
"""Names of groups, interpreters and callables: where they come from and what they expand to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.site import Site

APP = """\
import json


def reply(environ, start_response, name):
    keys = ("mod_wsgi.process_group", "mod_wsgi.application_group", "HTTP_AUTHORIZATION")
    body = json.dumps({"callable": name, **{k: environ.get(k) for k in keys}}).encode()
    start_response("200 OK", [("Content-Type", "application/json"),
                              ("Content-Length", str(len(body)))])
    return [body]


def application(environ, start_response):
    return reply(environ, start_response, "application")


def other(environ, start_response):
    return reply(environ, start_response, "other")
"""


@pytest.fixture(scope="module")
def server(module_site: Site) -> Site:
    site = module_site
    app = site.write_app("app.py", APP)
    group = "%{GLOBAL}"
    if site.mode == "daemon":
        site.group("main")
        group = "main"
    else:
        site.config.add("WSGIRestrictEmbedded Off")
    site.config.add(
        f"WSGIProcessGroup {group}",
        f"WSGIScriptAlias /options {app} callable-object=other pass-authorization=On",
        f"WSGIScriptAlias /first {app} callable-object=other",
        f"WSGIScriptAlias /first/second {app}",
        f"WSGIScriptAlias /unknown {app} process-group=nosuch",
        f"WSGIScriptAlias /env {app} process-group=%{{ENV:GROUP}} callable-object=%{{ENV:CALL}}",
        f"WSGIScriptAlias /server {app} application-group=%{{SERVER}}",
        f"WSGIScriptAlias /host {app} application-group=%{{HOST}}",
        f"WSGIScriptAlias /part {app} application-group=a-%{{SERVER}}",
        f"WSGIScriptAlias /resource {app}",
        f"WSGIScriptAlias /p {app} application-group=%{{GLOBAL}}",
        f'SetEnvIf Request_URI "^/env/known" GROUP={group} CALL=other',
        f'SetEnvIf Request_URI "^/env/plain" GROUP={group}',
        'SetEnvIf Request_URI "^/env/typo" GROUP=nosuch',
        'SetEnvIf Request_URI "^/env/again" GROUP=%{ENV:OTHER} OTHER=nosuch',
        'SetEnvIf Request_URI "^/env/nothing" GROUP=%{NOTHING}',
        "<Location /p/named>\nWSGICallableObject other\nWSGIPassAuthorization On\n</Location>",
        "<Location /p/named/not>\nWSGICallableObject application\n</Location>",
        "<Location /p/env>\nWSGICallableObject %{ENV:UNSET}\n</Location>",
    )
    site.logs.allow("CASK0101: .*'nosuch'|CASK0109: .*'/first/second'")
    site.start()
    return site


@pytest.fixture
def site(server: Site, checked: Site) -> Iterator[Site]:
    return checked


def test_first_alias_wins(site: Site) -> None:
    assert site.get("/first/second").json()["callable"] == "other"


def test_alias_options(site: Site) -> None:
    headers = {"Authorization": "Basic x"}
    reply = site.get("/options", headers=headers).json()
    assert (reply["callable"], reply["HTTP_AUTHORIZATION"]) == ("other", "Basic x")
    assert site.get("/p", headers=headers).json()["HTTP_AUTHORIZATION"] is None


def test_locations_inherit_and_override(site: Site) -> None:
    headers = {"Authorization": "Basic x"}
    reply = site.get("/p/named", headers=headers).json()
    assert (reply["callable"], reply["HTTP_AUTHORIZATION"]) == ("other", "Basic x")
    reply = site.get("/p/named/not", headers=headers).json()
    assert (reply["callable"], reply["HTTP_AUTHORIZATION"]) == ("application", "Basic x")
    assert site.get("/p/env").json()["callable"] == "application"


def test_variables(site: Site) -> None:
    reply = site.get("/env/known").json()
    assert reply["callable"] == "other"
    assert reply["mod_wsgi.process_group"] == ("main" if site.mode == "daemon" else "")
    assert site.get("/env/plain").json()["callable"] == "application"


@pytest.mark.parametrize(
    ("url", "number", "words"),
    [
        ("/unknown", "CASK0125", "'nosuch'"),
        ("/env/typo", "CASK0125", "'nosuch'"),
        ("/env/unset", "CASK0127", "%{ENV:GROUP}"),
        ("/env/again", "CASK0127", "%{ENV:GROUP}"),
        ("/env/nothing", "CASK0127", "%{ENV:GROUP}"),
    ],
)
def test_refusals_say_why_once(site: Site, url: str, number: str, words: str) -> None:
    with site.expects_log(f"{number}: ") as lines:
        site.get(url, expect=500)
    assert words in lines[0].text


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "localhost:9999"])
def test_clients_cannot_make_interpreters(site: Site, host: str) -> None:
    """The port in a name is the configured one, not that of the Host header."""
    for url, tail in (("/server", ""), ("/host", ""), ("/resource", "|/resource")):
        reply = site.get(url, headers={"Host": host}).json()
        assert reply["mod_wsgi.application_group"] == f"localhost:{site.port}{tail}"


CHOOSERS = {
    "a directory": "<Directory {apps}>\nWSGICallableObject app\n</Directory>",
    "a location": "<Location /one>\nWSGICallableObject app\n</Location>",
    "a variable": "WSGICallableObject %{{ENV:CALL}}\nSetEnv CALL app",
    "a dispatch script": "WSGIDispatchScript {apps}/dispatch.py",
}


@pytest.mark.parametrize("chooser", CHOOSERS)
def test_loading_early_does_not_miss_a_callable_that_is_chosen_late(
    fresh_site: Site, chooser: str
) -> None:
    """The script is loaded before the first request all the same; the checks of the log at the end
    would see a complaint."""
    site = fresh_site
    site.write_app("dispatch.py", "def callable_object(environ):\n    return 'app'\n")
    app = site.write_app("app.py", APP.replace("def application", "def app") + "print('loaded')\n")
    site.add_app(app, at="/one", **{} if site.mode == "daemon" else {"process-group": "%{GLOBAL}"})
    site.config.add(CHOOSERS[chooser].format(apps=site.apps))
    with site.expects_log("loaded"):
        site.start()
    assert site.get("/one").json()["callable"] == "application"


def test_only_whole_values_expand(site: Site) -> None:
    assert site.get("/part").json()["mod_wsgi.application_group"] == "a-%{SERVER}"
