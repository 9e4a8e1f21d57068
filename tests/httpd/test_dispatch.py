# SPDX-License-Identifier: Apache-2.0
"""WSGIDispatchScript: a script in httpd's child that says where a request goes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.site import Site
from harness.wait import wait_until

APP = """\
import json

def reply(environ, start_response, name):
    keys = ("mod_wsgi.process_group", "mod_wsgi.application_group", "mod_wsgi.callable_object")
    start_response("200 OK", [("Content-Type", "application/json")])
    seen = {"name": name, "mark": environ.get("dispatch.mark")}
    return [json.dumps({**seen, **{k: environ[k] for k in keys}}).encode()]

def application(environ, start_response):
    return reply(environ, start_response, "application")

def other(environ, start_response):
    return reply(environ, start_response, "other")

handle_request = application
"""

# Each answer stands in the query as function=value.
DISPATCH = """\
import os, sys
from urllib.parse import parse_qs

order = []

def answer(environ, name):
    order.append(name)
    environ["dispatch.mark"] = "set"
    value = parse_qs(environ["QUERY_STRING"]).get(name, [None])[0]
    if value == "raise":
        raise LookupError("no way from here")
    if value == "exit":
        sys.exit(3)
    if value == "fork":
        if os.fork() == 0:
            return "child"
        os.wait()
        return None
    odd = {"int": 17, "list": ["main"], "true": True, "nul": "a\\0b", "empty": "",
           "bytes": b"other"}
    return odd.get(value, value)

def process_group(environ):
    del order[:]
    return answer(environ, "process_group")

def application_group(environ):
    return answer(environ, "application_group")

def callable_object(environ):
    return answer(environ, "callable_object")
"""

ASK = """\
def callable_object(environ):
    return '{}'
"""

OUTER = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html")])
    yield {page}
"""

# Writes down what it was given.
SHOW = """\
import json, sys
def application_group(environ):
    print("dispatch: printed")
    environ["wsgi.errors"].write("dispatch: written\\n")
    seen = {key: repr(value) for key, value in environ.items() if key != "mod_wsgi.request_id"}
    environ["first"] = seen  # the next function is called with the same dict

def callable_object(environ):
    seen = environ["first"]
    with open(%r, "w") as stream:
        json.dump(seen, stream)
"""


@pytest.fixture(scope="module")
def server(module_site: Site) -> Site:
    site = module_site
    app = site.write_app("app.py", APP)
    ask = site.write_app("ask.py", DISPATCH)
    (site.root / "seen").mkdir()
    (site.root / "seen").chmod(0o777)
    show = site.write_app("show.py", SHOW % str(site.root / "seen" / "environ"))
    one = site.write_app("one.py", "def callable_object(environ):\n    return 'other'\n")
    nothing = site.write_app("nothing.py", "")
    raises = site.write_app("raises.py", "raise RuntimeError('not today')\n")
    odd = site.write_app("odd.py", "process_group = 17\n")
    if site.mode == "daemon":
        site.group("main")
        site.group("second")
        site.config.add("WSGIProcessGroup main")
    where = "WSGIApplicationGroup " + site.application_group

    def place(url: str, script: object, *more: str) -> str:
        lines = [f"<Location {url}>", f"WSGIDispatchScript {script}", *more, "</Location>"]
        return "\n".join(lines)

    site.config.add(
        where,
        "SetEnv GROUP second",
        "SetEnv SEEN in-environ",
        "SetEnvIf Request_URI ^/env/known ASKS=named",
        f"WSGIHandlerScript handled {app}",
        f"WSGIScriptAlias /plain {app}",
        f"WSGIScriptAlias /options {app} callable-object=other",
        f"WSGIScriptAlias / {app}",
        place("/ask", ask),
        place("/options/ask", ask),
        place("/ask/not", one),
        place("/one", one),
        place("/nothing", nothing),
        place("/raises", raises),
        place("/odd", odd),
        place("/gone", site.apps / "gone.py"),
        place("/show", f"{show} application-group=asked", "WSGIPassAuthorization On"),
        place("/env", f"{show} application-group=%{{ENV:ASKS}}"),
        place("/resource", f"{show} application-group=%{{RESOURCE}}"),
        place("/handled", ask, "SetHandler handled"),
    )
    site.logs.allow("CASK0135: .*gone.py")
    site.start()
    return site


@pytest.fixture
def site(server: Site, checked: Site) -> Site:
    return checked


def test_none_keeps_what_is_configured(site: Site) -> None:
    seen = site.get("/ask").json()
    assert seen == {**site.get("/plain").json(), "mark": None}


def test_answers_beat_everything(site: Site) -> None:
    assert site.get("/ask?callable_object=other").json()["name"] == "other"
    assert site.get("/options/ask").json()["name"] == "other"
    assert site.get("/options/ask?callable_object=application").json()["name"] == "application"
    seen = site.get("/ask?application_group=named").json()
    assert seen["mod_wsgi.application_group"] == "named"
    assert site.get("/ask?callable_object=bytes").json()["name"] == "other"


@pytest.mark.only("daemon", reason="about daemon groups")
def test_process_group(site: Site) -> None:
    assert site.get("/ask").json()["mod_wsgi.process_group"] == "main"
    for value in ("second", "%25{ENV:GROUP}"):
        seen = site.get(f"/ask?process_group={value}").json()
        assert seen["mod_wsgi.process_group"] == "second"


def test_answers_are_expanded(site: Site) -> None:
    groups = {}
    for token in ("%25{GLOBAL}", "%25{SERVER}", "%25{RESOURCE}", "%25{ENV:GROUP}"):
        seen = site.get(f"/ask?application_group={token}").json()
        groups[token] = seen["mod_wsgi.application_group"]
    assert groups["%25{GLOBAL}"] == ""
    assert groups["%25{SERVER}"].startswith("localhost")
    assert groups["%25{RESOURCE}"] == groups["%25{SERVER}"] + "|"
    assert groups["%25{ENV:GROUP}"] == "second"
    with site.expects_log("CASK0127: .*ENV:NOPE"):
        site.get("/ask?application_group=%25{ENV:NOPE}", 500)


def test_group_that_does_not_exist(site: Site) -> None:
    with site.expects_log("CASK0125: .*'nosuch'"):
        site.get("/ask?process_group=nosuch", 500)


@pytest.mark.only("daemon", reason="everything is embedded in the other mode")
def test_empty_text_means_embedded(site: Site) -> None:
    assert site.get("/ask?process_group=empty").json()["mod_wsgi.process_group"] == ""


@pytest.mark.parametrize("function", ["process_group", "application_group", "callable_object"])
@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("int", "CASK0515: .*type int; allowed are None, str, bytes"),
        ("list", "CASK0515: .*type list"),
        ("true", "CASK0515: .*type bool"),
        ("nul", "CASK0515: .*ValueError"),
        ("raise", "CASK0514: .*LookupError: no way from here"),
        ("exit", "CASK0514: .*SystemExit: 3"),
    ],
)
def test_wrong_answers_are_refused(site: Site, function: str, value: str, line: str) -> None:
    mark = site.logs.mark()
    site.get(f"/ask?{function}={value}", 500)
    site.wait_log(line, mark=mark)
    loud = [entry for entry in site.logs.since(mark) if entry.loud]
    assert len([entry for entry in loud if entry.number]) == 1
    assert f"{function}()" in loud[0].text
    site.logs.expect(loud)  # and the traceback


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("/gone", "CASK0161: WSGIDispatchScript at .*gone.py.*No such file"),
        ("/odd", "CASK0514: .*odd.py.*TypeError"),
        ("/env", "CASK0127: WSGIDispatchScript '%{ENV:ASKS}'"),
    ],
)
def test_a_script_that_cannot_be_asked(site: Site, url: str, line: str) -> None:
    mark = site.logs.mark()
    site.get(url, 500)
    site.wait_log(line, mark=mark)
    loud = [entry for entry in site.logs.since(mark) if entry.loud]
    assert len([entry for entry in loud if entry.number]) == 1
    site.logs.expect(loud)


def test_a_script_that_cannot_be_loaded(site: Site) -> None:
    """Fails closed, at first with the traceback, later with one line."""
    with site.expects_traceback("RuntimeError: not today"):
        site.get("/raises", 500)
    with site.expects_log("CASK0607: .*raises.py"):
        site.get("/raises", 500)


def test_functions_are_optional(site: Site) -> None:
    assert site.get("/one").json()["name"] == "other"
    assert site.get("/nothing").json()["name"] == "application"


def test_inner_script_replaces_the_outer_one(site: Site) -> None:
    assert site.get("/ask/not?callable_object=application").json()["name"] == "other"


def test_handler_script_keeps_its_callable(site: Site) -> None:
    seen = site.get("/handled?callable_object=other&application_group=named").json()
    assert seen["mod_wsgi.callable_object"] == "handle_request"
    assert seen["mod_wsgi.application_group"] == "named"


def test_what_the_functions_see(site: Site) -> None:
    header = {"Authorization": "Basic eDp5", "X-Thing": "here"}
    with site.expects_log("dispatch: printed", "dispatch: written"):
        site.get("/show/more?a=b", headers=header)
    seen = json.loads((site.root / "seen" / "environ").read_text())
    text = {key: value.strip("'") for key, value in seen.items()}
    assert text["REQUEST_METHOD"] == "GET"
    assert text["QUERY_STRING"] == "a=b"
    assert text["PATH_INFO"] == "/show/more"
    assert text["SCRIPT_FILENAME"] == str(site.apps / "app.py")
    assert text["HTTP_X_THING"] == "here"
    assert text["HTTP_AUTHORIZATION"] == "Basic eDp5"
    assert text["SEEN"] == "in-environ"
    assert text["mod_wsgi.process_group"] == ""
    assert text["mod_wsgi.application_group"] == "asked"
    assert text["mod_wsgi.request_handler"] == "wsgi-script"
    assert text["wsgi.url_scheme"] == "http"
    assert "wsgi.errors" in seen
    for key in ("mod_wsgi.callable_object", "wsgi.input", "wsgi.file_wrapper"):
        assert key not in seen


def test_interpreter_is_expanded_like_any_other(site: Site) -> None:
    for url, name in (("/env/known", "named"), ("/resource", "localhost")):
        with site.expects_log("dispatch: printed", "dispatch: written"):
            site.get(url)
        seen = json.loads((site.root / "seen" / "environ").read_text())
        assert seen["mod_wsgi.application_group"].strip("'").startswith(name)


def test_sub_requests_are_asked_about_too(fresh_site: Site) -> None:
    """On the thread, and inside the time, of the request whose output includes the other one."""
    site = fresh_site
    app = site.write_app("app.py", APP)
    page = 'b"<!--#include virtual=\\"/ask?callable_object=other\\" -->"'
    outer = site.write_app("outer.py", OUTER.format(page=page))
    site.config.modules.append("include")
    site.config.add(
        f"WSGIDispatchScript {site.write_app('ask.py', DISPATCH)}",
        "<Location /outer>\nOptions +Includes\nSetOutputFilter INCLUDES\n</Location>",
    )
    site.add_app(outer, "/outer")
    site.serve(app)
    assert site.get("/outer").json()["name"] == "other"


@pytest.mark.root
def test_unreadable_script(fresh_site: Site) -> None:
    """httpd's user must be able to read it."""
    site = fresh_site
    path = site.write_app("ask.py", DISPATCH)
    path.chmod(0o600)
    site.logs.allow("CASK0136: .*ask.py")
    site.config.add(f"WSGIDispatchScript {path}")
    site.serve(site.write_app("app.py", APP))
    with site.expects_log("CASK0605: .*ask.py.*Permission denied"):
        site.get("/", 500)


@pytest.mark.only("main", reason="Python forks in its main interpreter only")
def test_a_forked_child_does_not_answer(fresh_site: Site) -> None:
    site = fresh_site
    app = site.write_app("app.py", APP)
    site.config.add(f"WSGIDispatchScript {site.write_app('ask.py', DISPATCH)}")
    site.serve(app)
    with site.expects_log("CASK0513"):
        assert site.get("/?process_group=fork").json()["name"] == "application"


def serve_with(site: Site, answer: str, *lines: str) -> Path:
    """A server whose dispatch script always gives this callable."""
    path = site.write_app("ask.py", ASK.format(answer))
    site.config.add(f"WSGIDispatchScript {path}", *lines)
    site.serve(site.write_app("app.py", APP))
    assert site.get("/").json()["name"] == answer
    return path


@pytest.mark.broad
def test_changed_script_is_asked_anew(fresh_site: Site) -> None:
    site = fresh_site
    path = serve_with(site, "other")
    site.write_app("new.py", ASK.format("application")).rename(path)
    assert site.get("/").json()["name"] == "application"
    path.unlink()
    with site.expects_log("CASK0161: .*ask.py"):
        site.get("/", 500)
    site.write_app("ask.py", ASK.format("other"))
    assert site.get("/").json()["name"] == "other"


def test_broken_change(fresh_site: Site) -> None:
    """The old code goes on deciding, as everywhere in embedded mode."""
    site = fresh_site
    path = serve_with(site, "other")
    site.write_app("new.py", "syntax error").rename(path)
    mark = site.logs.mark()
    assert site.get("/").json()["name"] == "other"
    site.wait_log("CASK0510: .*ask.py", mark=mark)
    site.logs.expect(entry for entry in site.logs.since(mark) if entry.loud)


def test_reloading_off(fresh_site: Site) -> None:
    site = fresh_site
    path = serve_with(site, "other", "WSGIScriptReloading Off")
    site.write_app("new.py", ASK.format("application")).rename(path)
    assert site.get("/").json()["name"] == "other"


@pytest.mark.broad
def test_python_is_ready_before_the_first_request(fresh_site: Site) -> None:
    """In each child, although all applications are in daemons or, embedded, not preloaded."""
    site = fresh_site
    app = site.write_app("app.py", APP)
    ask = site.write_app("ask.py", DISPATCH)
    restricted = "On" if site.mode == "daemon" else "Off"
    site.config.add(f"WSGIDispatchScript {ask}", f"WSGIRestrictEmbedded {restricted}")
    site.serve(app)
    wait_until(lambda: any(has_python(pid) for pid in site.children()), 10.0)
    assert site.get("/?callable_object=other").json()["name"] == "other"


@pytest.mark.only("daemon", reason="applications have a Python of their own there")
def test_no_python_for_the_script(fresh_site: Site) -> None:
    """A group that could serve does not get the request."""
    site = fresh_site
    home, site.config.python_home = site.config.python_home, str(site.root / "nowhere")
    site.config.add(f"WSGIDispatchScript {site.write_app('ask.py', DISPATCH)}")
    site.logs.allow("CASK0102")
    site.add_app(site.write_app("app.py", APP), group_options={"python_home": home})
    with site.expects_log("CASK0201", count=2):  # at the start of the child, and for the request
        site.start()
        site.get("/", 503)


def has_python(pid: int) -> bool:
    return "_engine.cpython" in Path(f"/proc/{pid}/maps").read_text()
