# SPDX-License-Identifier: Apache-2.0
"""What a user of mod_wsgi can notice and no other test is about (docs/guide/from-mod_wsgi.md)."""

import os
import pwd
import re
import sys
from pathlib import Path

import pytest

APP = """\
import os
import sys


def application(environ, start_response):
    import mod_wsgi

    if environ["PATH_INFO"] == "/line":
        environ["wsgi.errors"].write("a line\\n")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr({
        "cookie": environ.get("HTTP_COOKIE"),
        "argv": sys.argv,
        "name": __name__,
        "version": mod_wsgi.version,
        "prefix": sys.prefix,
        "cwd": os.getcwd(),
        "has": sorted(name for name in dir(mod_wsgi) if not name.startswith("_")),
    }).encode()]
"""

REMOVED = (
    "WSGILazyInitialization On", "WSGIPy3kWarningFlag On", "WSGINewRelicConfigFile /etc/nr.ini",
    "WSGINewRelicEnvironment production",
)  # fmt: skip
NOT_NEEDED = ("WSGIAcceptMutex flock", "WSGISocketRotation Off", "WSGIVerboseDebugging On")
METRICS = (
    "WSGIServerMetrics On", "WSGITelemetryService unix:/run/telemetry.sock",
    "WSGITelemetryOptions +CaptureUserAgent",
)  # fmt: skip


@pytest.fixture
def app(site):
    return site.write_app("one.wsgi", APP)


def ask(site, **headers):
    return eval(site.get("/", headers=headers).text)  # noqa: S307 - our own repr()


def test_what_httpd_says_it_is(site, app):
    site.serve(app)
    assert "mod_cask/" not in site.get("/").headers["Server"]  # ServerTokens Minimal
    assert site.logs.find(r"Apache/\S+ .*mod_cask/[0-9.]+ configured")
    assert not site.logs.find(r"mod_wsgi/|Python/")


def test_the_module_that_scripts_import(site, app):
    site.serve(app)
    found = ask(site)
    assert found["argv"] == ["mod_wsgi"]
    assert found["version"] == (6, 1, 1)
    assert found["name"].startswith("_mod_wsgi_")
    assert set(found["has"]) >= {
        "FileWrapper", "RequestTimeout", "application_group", "maximum_processes", "process_group",
        "threads_per_process", "version",
    }  # fmt: skip
    assert not [name for name in found["has"] if "metrics" in name or "subscribe" in name]


def test_without_a_home_it_is_the_python_of_the_installation(site, app):
    site.config.python_home = None
    site.serve(app)
    assert ask(site)["prefix"] == str(site.settings.python_home)


def test_home_may_be_that_of_the_system(site, app):
    """Not only virtual environments: the Python they are made from."""
    site.config.python_home = sys.base_prefix
    site.serve(app)
    assert ask(site)["prefix"] == sys.base_prefix


@pytest.mark.root
@pytest.mark.only("daemon", reason="about the users of groups")
def test_directory_of_a_group_without_home(site, app):
    """The home of its user, also of httpd's own."""
    site.serve(app, group_options={"user": site.settings.server_user})
    home = pwd.getpwnam(site.settings.server_user).pw_dir
    assert ask(site)["cwd"] == (home if Path(home).is_dir() else "/")


def test_lines_of_an_application(site, app):
    site.serve(app)
    with site.expects_log("a line") as found:
        site.get("/line")
    assert re.fullmatch(r"\[client 127.0.0.1:\d+\] a line", found[0].text)


def test_a_file_of_the_same_age_is_a_change(site, app):
    """Deploys by rsync or containers keep the time; device, inode, size and time are looked at."""
    site.serve(app)
    assert "cookie" in ask(site)
    times = app.stat()
    new = site.write_app("new.wsgi", APP.replace('"cookie"', '"biscuit"'))
    os.utime(new, ns=(times.st_atime_ns, times.st_mtime_ns))
    new.rename(app)
    assert "biscuit" in ask(site)


@pytest.mark.parametrize("line", REMOVED)
def test_removed_directives_are_a_warning(site, app, line):
    site.config.add(line)
    site.logs.allow("CASK0130")
    with site.expects_log("CASK0130: .*" + line.split()[0], log="error"):
        site.serve(app)
        ask(site)


@pytest.mark.parametrize("line", NOT_NEEDED)
def test_directives_that_are_not_needed(site, app, line):
    site.config.add(line)
    site.serve(app)
    ask(site)
    assert len(site.logs.find("CASK0128: .*" + line.split()[0])) == 1


@pytest.mark.parametrize("line", METRICS)
def test_directives_about_metrics(site, app, line):
    site.config.add(line)
    site.logs.allow("CASK0129")
    with site.expects_log("CASK0129: .*" + line.split()[0], log="error"):
        site.serve(app)
        ask(site)
