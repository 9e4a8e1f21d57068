# SPDX-License-Identifier: Apache-2.0
"""WSGIImportScript: loaded when a process starts, before it serves."""

import pytest

from harness.wait import wait_until

SCRIPT = """
import mod_wsgi, os, stage, threading
stage.note("imported", f"first|{mod_wsgi.process_group}|{mod_wsgi.application_group}|"
           f"{threading.current_thread() is threading.main_thread()}")
loaded_by = os.getpid()
version = 1
"""

APPLICATION = """
import os, sys, mod_wsgi, stage
stage.note("imported", "application")
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    loaded = [m for m in list(sys.modules.values()) if getattr(m, "loaded_by", 0) == os.getpid()]
    return [" ".join(str(module.version) for module in loaded).encode()]
"""

only_daemon = pytest.mark.only("daemon", reason="is about daemon groups")
only_embedded = pytest.mark.only("embedded", reason="is about httpd's own processes")


def add_import(site, path, group=None, application_group="%{GLOBAL}", where=None):
    own = "main" if site.mode == "daemon" else "%{GLOBAL}"
    (where or site.config).add(
        f"WSGIImportScript {path} process-group={group or own} "
        f"application-group={application_group}"
    )


def prepare(site):
    """The two scripts, and where they write to."""
    site.stage.expect_notes("imported")
    if site.mode == "embedded":
        site.config.add(f"WSGIPythonPath {site.apps / 'lib'}")
    return site.write_app("application.py", APPLICATION), site.write_app("first.py", SCRIPT)


def serve(site, application, **alias):
    return site.serve(application, application_group="%{GLOBAL}", **alias)


def serve_both(site):
    """The application, and the import script in the same interpreter."""
    application, script = prepare(site)
    add_import(site, script)
    serve(site, application)
    assert site.get("/").text == "1"
    return application, script


@pytest.mark.broad
def test_is_loaded_before_the_first_request(site):
    serve_both(site)
    name = "main" if site.mode == "daemon" else ""
    assert f"first|{name}||True" in site.stage.notes("imported")


def test_starts_python_without_any_request(site):
    _, script = prepare(site)
    if site.mode == "daemon":
        site.group()
    else:
        site.config.add("WSGIRestrictEmbedded On")  # is about requests
    add_import(site, script)
    site.start()
    wait_until(lambda: site.stage.notes("imported"), 10.0)


def test_order_is_that_of_the_lines(site):
    """Also between import scripts and aliases whose groups are both literal."""
    application, script = prepare(site)
    second = site.write_app("second.py", "import stage\nstage.note('imported', 'second|')\n")
    literal = {} if site.mode == "daemon" else {"process_group": "%{GLOBAL}"}
    site.add_app(application, application_group="%{GLOBAL}", **literal)
    add_import(site, second)
    add_import(site, script)
    site.start()
    wait_until(lambda: len(site.stage.notes("imported")) >= 3, 10.0)
    names = [note.split("|")[0] for note in site.stage.notes("imported")]
    assert names[:3] == ["application", "second", "first"]


def test_lands_in_the_interpreter_that_is_named(site):
    application, script = prepare(site)
    add_import(site, script, application_group="special")
    site.add_app(application, at="/special", application_group="special")
    serve(site, application)
    assert site.get("/special").text == "1"
    assert site.get("/").text == ""


def test_application_that_is_imported_is_run_once(site):
    application, _ = prepare(site)
    add_import(site, application)
    serve(site, application)
    assert site.get("/").status_code == 200
    assert len(site.stage.notes("imported")) == 1


def test_broken_one_does_not_stop_the_rest(site):
    application, script = prepare(site)
    add_import(site, site.write_app("broken.py", "import no_such_module_at_all\n"))
    add_import(site, script)
    site.logs.allow("CASK0606|^Traceback|^  |ModuleNotFoundError")
    serve(site, application)
    assert site.get("/").text == "1"
    site.wait_log("CASK0606: script '.*broken.py' cannot be loaded: ModuleNotFoundError")


def test_missing_one_is_named_by_the_configuration_test_and_in_the_log(site):
    application, _ = prepare(site)
    site.logs.allow("CASK0604|CASK0151")
    add_import(site, site.apps / "nowhere.py")
    site.add_app(application, application_group="%{GLOBAL}")
    assert "CASK0151: WSGIImportScript at " in site.check().stderr
    site.start()
    assert site.get("/").text == ""
    site.wait_log("CASK0604: script '.*nowhere.py' does not exist")


def test_slow_one_delays_the_first_request(site):
    application, script = prepare(site)
    site.stage.close_gate()
    script.write_text("import stage\nstage.gate()\n" + SCRIPT)
    add_import(site, script)
    serve(site, application)
    client = site.raw()
    client.request("GET /")
    site.stage.wait_reached()
    assert site.stage.notes("imported") == []
    site.stage.open_gate()
    assert client.read_reply().body == b"1"


def test_graceful_restart_loads_it_again(site):
    _, script = serve_both(site)
    script.write_text(SCRIPT.replace("version = 1", "version = 2"))
    site.restart()
    wait_until(lambda: site.get("/").text == "2", 10.0)


@only_daemon
def test_reload_of_the_application_loads_it_again(site):
    application, script = serve_both(site)
    script.write_text(SCRIPT.replace("version = 1", "version = 22"))
    application.write_text(APPLICATION + "\n# touched\n")
    assert site.get("/").text == "22"


@only_daemon
def test_one_that_breaks_keeps_the_old_generation(site):
    """A broken deploy does not break the site; the next good one counts."""
    _, script = serve_both(site)
    script.write_text("raise ValueError('broken deploy')\n")
    site.logs.allow("CASK0422|^Traceback|^  |ValueError")
    site.restart()
    site.wait_log("CASK0422: group 'main': the new generation 2 failed, 1 keeps serving")
    assert site.get("/").text == "1"
    script.write_text(SCRIPT.replace("version = 1", "version = 3"))
    wait_until(lambda: site.get("/").text == "3", 10.0)


@only_daemon
def test_one_that_was_always_broken_does_not_hold_up_a_reload(site):
    application, script = prepare(site)
    site.logs.allow("CASK0606|^Traceback|^  |ValueError")
    script.write_text("raise ValueError('from the start')\n")
    add_import(site, script)
    serve(site, application)
    assert site.get("/").text == ""
    application.write_text(APPLICATION.replace("return [", 'return [b"new", '))
    assert site.get("/").text == "new"


@only_daemon
def test_removed_one_is_not_carried_on(site):
    serve_both(site)
    site.config.top = [line for line in site.config.top if "WSGIImportScript" not in line]
    site.restart()
    wait_until(lambda: site.get("/").text == "", 10.0)


@only_daemon
def test_group_may_be_defined_below(site):
    serve_both(site)
    directives = [line.split()[0] for line in site.config.top]
    assert directives.index("WSGIImportScript") < directives.index("WSGIDaemonProcess")


@only_daemon
def test_unknown_group_is_a_warning(site):
    application, script = prepare(site)
    site.logs.allow("CASK0101")
    add_import(site, script, group="mian")
    serve(site, application)
    assert site.get("/").text == ""
    assert "did you mean 'main'?" in site.check().stderr


@only_daemon
def test_group_of_another_host_is_refused(site):
    application, script = prepare(site)
    site.logs.allow("CASK0114")
    owner = site.config.vhost("owner.test")
    site.group("private", where=owner)
    site.add_app(application, where=owner, group="private", application_group="%{GLOBAL}")
    add_import(site, script, group="private", where=site.config.vhost("other.test"))
    site.start()
    assert site.get("/", host="owner.test").text == ""
    assert "CASK0114: WSGIImportScript" in site.check().stderr
