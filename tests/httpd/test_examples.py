# SPDX-License-Identifier: Apache-2.0
"""apache/examples: each configuration starts and serves as it stands, but for names and places."""

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.http2 import Http2Connection

EXAMPLES = Path(__file__).parents[2] / "apache" / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/site.conf"))

pytestmark = pytest.mark.only("event", "daemon", reason="the examples choose the mode themselves")


@pytest.fixture
def start(site, bare_venv):
    """Puts an example into the server, with other names and environments, and starts it."""

    def run(name):
        folder = site.apps / name
        shutil.copytree(EXAMPLES / name, folder, dirs_exist_ok=True)
        text = (folder / "site.conf").read_text()
        known = site.settings
        for old, new in (
            ("/srv/example/blog-venv", str(bare_venv)),
            ("/srv/example/shop-venv", str(known.python_home)),
            ("/srv/example/venv", str(known.python_home)),
            ("/srv/example", str(folder)),
            ("user=ada group=ada", f"user={known.daemon_user} group={known.daemon_group}"),
            ("user=bob group=bob", f"user={known.server_user} group={known.server_group}"),
            ("*:80>", f"127.0.0.1:{site.port}>"),
            ("CustomLog ${APACHE_LOG_DIR}", f"CustomLog {site.root}/run"),
            ("${APACHE_LOG_DIR}", f"{site.root}/logs"),
        ):
            text = text.replace(old, new)
        assert "/srv/" not in text.replace("/etc/", "")
        site.config.python_home = None
        site.config.add('LogFormat "%h %t \\"%r\\" %>s %b" combined', text)
        checked = site.check()
        assert checked.stderr.strip() == "Syntax OK"
        site.start()

    return run


def test_every_example_has_a_test():
    found = Path(__file__).read_text()
    listed = (EXAMPLES / "README.md").read_text()
    for name in NAMES:
        assert f'start("{name}")' in found
        assert f"[{name}]({name}/)" in listed


def test_embedded(site, start):
    start("embedded")
    text = site.get("/", host="hello.example.org").text
    assert f"of httpd itself, user {site.settings.server_user}" in text
    assert site.daemons() == []


def test_daemon(site, start):
    start("daemon")
    text = site.get("/", host="hello.example.org").text
    assert f"of hello, user {site.settings.daemon_user}" in text
    assert len(site.daemons()) == 2


@pytest.mark.root
@pytest.mark.unsanitized(reason="the sanitizers need more address space than memory-limit gives")
def test_two_users(site, start):
    start("two-users")
    text = site.get("/", host="blog.example.org").text
    assert f"of blog, user {site.settings.daemon_user}" in text
    text = site.get("/", host="shop.example.org").text
    assert f"of shop, user {site.settings.server_user}" in text


def test_django(site, start):
    folder = site.apps / "django"
    (folder / "project").mkdir(parents=True)
    (folder / "media").mkdir()
    (folder / "media" / "cat.txt").write_text("meow")
    python = site.settings.python_home / "bin" / "python"
    command = [python, "-m", "django", "startproject", "mysite", folder / "project"]
    subprocess.run(command, check=True)
    with (folder / "project" / "mysite" / "settings.py").open("a") as settings:
        settings.write(f'STATIC_ROOT = "{folder}/static"\nALLOWED_HOSTS = ["mysite.example.org"]\n')
    command = [python, "manage.py", "collectstatic", "--noinput", "-v0"]
    subprocess.run(command, cwd=folder / "project", check=True)
    start("django")
    assert "successfully" in site.get("/", host="mysite.example.org").text
    site.get("/admin/", 302, host="mysite.example.org")
    assert "body" in site.get("/static/admin/css/base.css", host="mysite.example.org").text
    assert site.get("/media/cat.txt", host="mysite.example.org").text == "meow"


def test_handler_script(site, start):
    start("handler-script")
    reply = site.get("/prices.csv", host="tables.example.org")
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<td>Tea &amp; cake</td><td>3,50</td>" in reply.text
    assert "<title>prices.csv</title>" in reply.text
    site.get("/nosuch.csv", 404, host="tables.example.org")


def test_behind_proxy(site, start):
    start("behind-proxy")
    sent = {
        "Host": "hello.example.org",
        "X-Forwarded-For": "1.1.1.1, 203.0.113.9, 10.20.0.1",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "www.example.org",
    }
    text = site.get("/page?x=1", headers=sent).text
    assert text == "203.0.113.9 asked for https://www.example.org/page?x=1\n"


def test_http2(site, start):
    site.config.modules.append("http2")
    start("http2")
    with Http2Connection(site.port) as client:
        stream = client.wait(client.request("GET", "/"))
    assert stream.complete
    assert stream.body.count(b"HTTP/2.0") == 3
