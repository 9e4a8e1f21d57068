# SPDX-License-Identifier: Apache-2.0
"""WSGIHandlerScript: one script that answers for files, or URLs, of many kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.site import Site
from harness.wait import wait_until

SCRIPT = """\
import json

KEYS = ("SCRIPT_NAME", "PATH_INFO", "SCRIPT_FILENAME", "HTTP_AUTHORIZATION",
        "mod_wsgi.handler_script", "mod_wsgi.request_handler", "mod_wsgi.callable_object",
        "mod_wsgi.process_group", "mod_wsgi.application_group")


def reply(environ, start_response, name):
    seen = {{"name": name, "file": __file__, **{{key: environ.get(key) for key in KEYS}}}}
    body = json.dumps(seen).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]


def handle_request(environ, start_response):
    return reply(environ, start_response, "{name}")


def application(environ, start_response):
    return reply(environ, start_response, "application")
"""


def write(site: Site, name: str) -> Path:
    return site.write_app(name, SCRIPT.format(name=name))


@pytest.fixture(scope="module")
def server(module_site: Site) -> Site:
    site = module_site
    docs = site.root / "htdocs"
    (docs / "inner").mkdir()
    for name in ("page.doc", "inner/page.doc", "page.other", "page.txt", "script.wsgi"):
        (docs / name).write_text("text of " + name)
    first, second, third = (write(site, f"{name}.py") for name in ("first", "second", "third"))
    group = "%{GLOBAL}"
    if site.mode == "daemon":
        site.group("main")
        site.group("second")
        group = "main"
    options = f"application-group={site.application_group}"
    if site.mode == "daemon":
        options += " process-group=%{ENV:GROUP}"
        site.config.add("SetEnv GROUP main", "<Location /env>\nSetEnv GROUP second\n</Location>")
    site.config.add(
        f"WSGIProcessGroup {group}",
        f"WSGIHandlerScript Documents {first} {options}",
        f"WSGIHandlerScript others {second} pass-authorization=On",
        f"WSGIHandlerScript gone {site.apps}/gone.py",
        f"WSGIHandlerScript bare {site.write_app('bare.py', 'x = 1')}",
        f"<Directory {docs}>\nAddHandler Documents .doc\nAddHandler others .other\n</Directory>",
        f"<Directory {docs}/inner>\nWSGIHandlerScript documents {third}\n</Directory>",
        "<Location /env>\nSetHandler documents\n</Location>",
        "<Location /virtual>\nSetHandler Others\nWSGICallableObject nosuch\n</Location>",
        "<Location /strict>\nSetHandler others\nAcceptPathInfo Off\n</Location>",
        "<Location /gone>\nSetHandler gone\n</Location>",
        "<Location /bare>\nSetHandler bare\n</Location>",
        f"WSGIScriptAlias /alias {first} callable-object=application",
        "<Location /alias/special>\nSetHandler others\n</Location>",
    )
    site.logs.allow("CASK0135: .*gone.py")  # a configuration warning
    site.start()
    return site


@pytest.fixture
def site(server: Site, checked: Site) -> Site:
    return checked


def test_extension_leads_to_the_script_and_the_file_stays(site: Site) -> None:
    seen = site.get("/page.doc/more").json()
    assert seen["name"] == "first.py"
    assert seen["file"] == seen["mod_wsgi.handler_script"] == str(site.apps / "first.py")
    assert seen["SCRIPT_FILENAME"] == str(site.root / "htdocs" / "page.doc")
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("/page.doc", "/more")
    assert seen["mod_wsgi.request_handler"] == "documents"
    assert seen["mod_wsgi.callable_object"] == "handle_request"
    group = "" if site.application_group == "%{GLOBAL}" else site.application_group
    assert seen["mod_wsgi.application_group"] == group


def test_other_files_are_not_concerned(site: Site) -> None:
    assert site.get("/page.txt").text == "text of page.txt"


def test_inner_script_counts_for_its_name_only(site: Site) -> None:
    assert site.get("/inner/page.doc").json()["name"] == "third.py"
    assert site.get("/page.other").json()["name"] == "second.py"


def test_a_url_without_a_file(site: Site) -> None:
    """SetHandler for a Location: no file needs to exist, and no Options ExecCGI."""
    seen = site.get("/virtual/some/thing").json()
    assert seen["name"] == "second.py"
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("/virtual", "/some/thing")


def test_callable_has_a_fixed_name(site: Site) -> None:
    """WSGICallableObject is about applications."""
    assert site.get("/virtual").json()["mod_wsgi.callable_object"] == "handle_request"


def test_accept_path_info_off_is_obeyed(site: Site) -> None:
    with site.expects_log("CASK0123: .*'/more'"):
        site.get("/strict/more", 404)


def test_pass_authorization(site: Site) -> None:
    header = {"Authorization": "Basic eDp5"}
    assert site.get("/page.other", headers=header).json()["HTTP_AUTHORIZATION"] == "Basic eDp5"
    assert site.get("/page.doc", headers=header).json()["HTTP_AUTHORIZATION"] is None


@pytest.mark.only("daemon", reason="about daemon groups")
def test_group_is_expanded_for_each_request(site: Site) -> None:
    assert site.get("/page.doc").json()["mod_wsgi.process_group"] == "main"
    assert site.get("/env").json()["mod_wsgi.process_group"] == "second"


def test_default_interpreter_is_that_of_the_resource(site: Site) -> None:
    group = site.get("/page.other").json()["mod_wsgi.application_group"]
    assert group.endswith("|/page.other")


def test_missing_script(site: Site) -> None:
    with site.expects_log("CASK0161: WSGIHandlerScript at .*gone.py"):
        site.get("/gone", 500)


def test_script_without_the_callable(site: Site) -> None:
    with site.expects_log("CASK0506: .*bare.py.*'handle_request'"):
        site.get("/bare", 500)


def test_location_in_an_alias(site: Site) -> None:
    """A Location may give part of an application's URLs to a handler script."""
    assert site.get("/alias/usual").json()["name"] == "application"
    seen = site.get("/alias/special/x").json()
    assert seen["name"] == "second.py"
    assert seen["SCRIPT_FILENAME"] == str(site.apps / "first.py")
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("/alias", "/special/x")


def test_changed_script_is_loaded_again(fresh_site: Site) -> None:
    """The file that is looked at is the script's, not the resource's."""
    site = fresh_site
    path = write(site, "one.py")
    (site.root / "htdocs" / "a.doc").write_text("resource")
    if site.mode == "daemon":
        site.group("main")
        site.config.add("WSGIProcessGroup main")
    site.config.add(
        f"WSGIHandlerScript documents {path}",
        "WSGIApplicationGroup %{GLOBAL}",
        "AddHandler documents .doc",
    )
    site.start()
    assert site.get("/a.doc").json()["name"] == "one.py"
    (site.apps / "new.py").write_text(SCRIPT.format(name="another name"))
    (site.apps / "new.py").rename(path)
    wait_until(lambda: site.get("/a.doc").json()["name"] == "another name", 10.0)
    (site.root / "htdocs" / "a.doc").write_text("changed resource")
    loads = len(site.logs.find("CASK0429"))
    site.get("/a.doc")
    assert len(site.logs.find("CASK0429")) == loads


def test_names_that_cannot_be_taken(fresh_site: Site) -> None:
    for name in ("wsgi-script", "WSGI-Script", "application/x-httpd-wsgi"):
        fresh_site.config.top = [f"WSGIHandlerScript {name} {fresh_site.apps}/x.py"]
        checked = fresh_site.check()
        assert checked.returncode != 0
        assert "WSGIHandlerScript: " in checked.stderr
        assert name.lower() in checked.stderr
