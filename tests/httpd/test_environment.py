# SPDX-License-Identifier: Apache-2.0
"""The environment of daemon processes: inherited, from a file, from options."""

import pytest

pytestmark = pytest.mark.only("daemon", reason="options of daemon groups")

APP = """\
import json, os
def application(environ, start_response):
    start_response("200 OK", [])
    return [json.dumps(dict(os.environ)).encode()]
"""

FILE = """\
# secrets
PLAIN=from-file
  SPACED = 1
QUOTED="two words"
SINGLE='it''s'
EMPTY=

BOTH=file
no assignment
=nameless
"""


def environment(site, **options):
    site.serve(site.write_app("app.py", APP), group_options=options)
    return site.get("/").json()


def test_options_and_file(site):
    path = site.root / "group.env"
    path.write_text(FILE)
    path.chmod(0o600)  # whoever starts httpd may read it, the group's user need not
    app = site.write_app("app.py", APP)
    site.group("main", env_file=path, lang="C")
    site.config.top[-1] += ' environment=BOTH=option environment="WORDS=a b=c" '
    site.config.top[-1] += "environment=LANG=C.UTF-8"
    site.serve(app)
    found = site.get("/").json()
    assert found["PLAIN"] == "from-file"
    assert found["QUOTED"] == "two words"
    assert found["EMPTY"] == ""
    assert found["BOTH"] == "option"
    assert found["WORDS"] == "a b=c"
    assert found["LANG"] == "C.UTF-8"
    assert "no assignment" not in found


@pytest.mark.unsanitized(reason="the sanitizer's runtime is preloaded by the environment")
def test_nothing_is_inherited(site):
    found = environment(site, inherit_environment="Off", environment="LISTED=yes", locale="C")
    assert {"HOME", "LISTED", "LC_ALL"} <= found.keys()
    assert "PATH" not in found
    assert "APACHE_RUN_DIR" not in found


def test_httpds_own_is_inherited_by_default(site):
    assert environment(site)["PATH"]


def test_a_file_that_is_missing_is_told_twice(site):
    """At the check, and where it matters: this group fails, httpd runs."""
    site.logs.allow("CASK0(118|424|709)")
    path = site.write_app("app.py", APP)
    site.group("main", env_file="/nowhere/group.env")
    site.group("other")
    site.add_app(path, at="/main", group="main")
    site.add_app(path, at="/other", group="other")
    assert "CASK0118" in site.check().stderr
    site.start()
    assert site.get("/other").status_code == 200
    reply = site.get("/main", 503)
    assert reply.status_code == 503
    assert site.logs.find("CASK0424: .*env-file=")


@pytest.mark.parametrize("value", ["X", "=1", "1X=2", "A-B=1"])
def test_wrong_assignments(site, value):
    site.config.add(f"WSGIDaemonProcess x environment={value}")
    result = site.check()
    assert result.returncode == 1
    assert "NAME=value" in result.stderr
