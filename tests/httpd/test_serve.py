# SPDX-License-Identifier: Apache-2.0
"""`mod-cask serve`: what it serves and shows, and what keeps it from starting."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness.launched import COMMAND, HELLO, Launched, Serve, server_user, write
from harness.ports import free_port
from harness.settings import settings
from harness.wait import wait_until

pytestmark = pytest.mark.timeout(120)

# -- serving -------------------------------------------------------------------------------------


def test_script(serve: Serve, home: Path, port: int) -> None:
    script = write(home / "app" / "hello.py")
    one = serve("hello.py")
    one.wait_ready()
    reply = one.get(port)
    assert reply.status_code == 200
    assert reply.text == (
        f"hello from {server_user().pw_uid} in 'app' multiprocess False at {script.parent}"
    )
    shown = one.stdout
    for words in (
        f"http://127.0.0.1:{port}/", f"script '{script}': application",
        f"daemon, 1 process × 5 threads, user {server_user().pw_name}",
        f"{sys.version_info[0]}.{sys.version_info[1]}.{sys.version_info[2]} in {sys.prefix}",
    ):  # fmt: skip
        assert words in shown
    assert one.stop() == 0
    assert one.stderr == ""


def test_embedded(serve: Serve, home: Path, port: int) -> None:
    write(home / "app" / "hello.wsgi")
    one = serve("hello.wsgi", "--embedded", "--threads", "3")
    one.wait_ready()
    assert one.get(port).text.startswith(f"hello from {server_user().pw_uid} in '' ")
    assert "embedded in Apache, 1 process × 3 threads" in one.stdout


def test_processes(serve: Serve, home: Path, port: int) -> None:
    write(home / "app" / "hello.py")
    one = serve("hello.py", "--processes", "2", "--threads", "1")
    one.wait_ready()
    assert "multiprocess True" in one.get(port).text
    assert "2 processes × 1 thread" in one.stdout


@pytest.mark.parametrize(
    "case",
    [
        ("shop/web.py", "shop.web:application", ""),
        ("factory.py", "factory:make()", "def make(): return application"),
        ("factory.py", "factory.py:make()", "def make(): return application"),
        ("flasky.py", "flasky.py", "app = application; del application"),
        ("wsgi.py", ".", ""),
        ("app.py", ".", "def create_app(x=application): return x\ndel application"),
    ],
)
def test_targets(serve: Serve, home: Path, port: int, case: tuple[str, str, str]) -> None:
    file, target, edit = case
    write(home / "app" / file, f"{HELLO}\n{edit}\n")
    one = serve(target)
    one.wait_ready()
    assert one.get(port).text.startswith("hello from")


def test_django_project(serve: Serve, home: Path, port: int) -> None:
    project = home / "app"
    subprocess.run(
        [sys.executable, "-m", "django", "startproject", "shop", str(project)], check=True
    )
    settings = project / "shop" / "settings.py"
    settings.write_text(settings.read_text().replace("ALLOWED_HOSTS = []", "ALLOWED_HOSTS = ['*']"))
    for path in (project, *project.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    one = serve(project, cwd="/")
    one.wait_ready()
    assert "Django project" in one.stdout
    assert one.get(port, "/admin/login/").status_code in (200, 500)  # 500: no tables yet
    assert "Django" in one.get(port).text


def test_static_files(serve: Serve, home: Path, port: int) -> None:
    write(home / "app" / "hello.py")
    write(home / "files folder" / "a.css", "body {}")
    one = serve("hello.py", "--static", "/s/", home / "files folder")
    one.wait_ready()
    reply = one.get(port, "/s/a.css")
    assert (reply.text, reply.headers["Content-Type"]) == ("body {}", "text/css")
    assert one.get(port, "/s/none").status_code == 404
    assert one.get(port, "/st").text.startswith("hello")


def test_chunked_requests(serve: Serve, home: Path, port: int) -> None:
    write(home / "app" / "echo.py", """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["wsgi.input"].read()]
""")  # fmt: skip
    one = serve("echo.py")
    one.wait_ready()
    assert one.get(port, data=iter([b"one ", b"two"])).text == "one two"


def test_exception_is_in_the_log(serve: Serve, home: Path, port: int) -> None:
    write(home / "app" / "broken.py", "def application(environ, start_response): 1 / 0\n")
    one = serve("broken.py")
    one.wait_ready()
    assert one.get(port).status_code == 500
    wait_until(lambda: "ZeroDivisionError" in one.stderr, 10, one.shown)
    assert "broken.py" in one.stderr


def test_server_root(serve: Serve, home: Path, port: int) -> None:
    write(home / "app" / "hello.py")
    root = home / "root of mine"
    one = serve("hello.py", "--server-root", root)
    one.wait_ready()
    assert one.get(port).status_code == 200
    assert root.stat().st_mode & 0o027 == 0
    second = Launched(home / "app", COMMAND, "serve", "hello.py", "--server-root", root,
                      "--port", str(free_port()), cwd=home / "app")  # fmt: skip
    assert second.wait_end() == 1
    assert "another mod-cask serves from" in second.stderr
    assert one.get(port).status_code == 200
    assert one.stop() == 0
    assert (root / "httpd.conf").exists()


def test_link_to_sibling_modules(serve: Serve, home: Path, port: int) -> None:
    """The application's folder comes first on sys.path, wherever the command was started."""
    write(home / "app" / "parts.py", HELLO)
    write(home / "app" / "main.py", "from parts import application")
    one = serve(home / "app" / "main.py", cwd="/")
    one.wait_ready()
    assert one.get(port).status_code == 200


# -- what keeps it from starting -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import no_such_module_here", ["No module named 'no_such_module_here'", "bad.py"]),
        ("def broken(:", ["SyntaxError", "bad.py"]),
        ("raise SystemExit(0)", ["SystemExit", "bad.py"]),
        ("def handler(e, s): pass\nx = 3", ["no application or app in it, but: handler"]),
        ("application = 3", ["'application' is int, which cannot be called"]),
        ("import os; os._exit(3)", ["ended with status 3"]),
    ],
)
def test_import_failure(serve: Serve, home: Path, port: int, text: str, words: list[str]) -> None:
    write(home / "app" / "bad.py", text)
    one = serve("bad.py")
    assert one.wait_end() == 1
    for word in words:
        assert word in one.stderr
    assert "probe" not in one.stderr
    assert 'File "<string>"' not in one.stderr
    assert one.stdout == ""


def test_port_in_use(serve: Serve, home: Path, port: int) -> None:
    write(home / "app" / "hello.py")
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen(1)
        one = serve("hello.py")
        assert one.wait_end() == 1
    assert f"port {port} of '127.0.0.1' is in use" in one.stderr


def test_no_apache(serve: Serve, home: Path) -> None:
    write(home / "app" / "hello.py")
    one = serve("hello.py", environment={"HTTPD": "/no/such/httpd"})
    assert one.wait_end() == 1
    assert "HTTPD names '/no/such/httpd'" in one.stderr


def test_apache_that_fails(serve: Serve, home: Path) -> None:
    write(home / "app" / "hello.py")
    real = settings().httpd
    failing = write(
        home / "httpd", f'#!/bin/sh\n[ "$1" = -l ] && exec {real} -l\necho oh no >&2\nexit 5\n'
    )
    failing.chmod(0o755)
    one = serve("hello.py", environment={"HTTPD": str(failing)})
    assert one.wait_end() == 5
    assert "oh no" in one.stderr
    assert "Apache did not start (status 5)" in one.stderr


def test_usage_errors(serve: Serve) -> None:
    for words in (["--bogus"], ["x.py", "--threads", "many"], ["no such thing"]):
        assert serve(*words).wait_end() == 2
