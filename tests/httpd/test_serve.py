# SPDX-License-Identifier: Apache-2.0
"""`mod-cask serve` from the outside: what it shows, whom it serves as, how it ends."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import procs
from harness.gates import Stage
from harness.launched import COMMAND, Launched, free_port
from harness.wait import wait_until

pytestmark = pytest.mark.timeout(120)
NOBODY = pwd.getpwnam("nobody")
HELLO = """
import os
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"hello from {os.geteuid()} in {environ['mod_wsgi.process_group']!r} "
            f"multiprocess {environ['wsgi.multiprocess']} at {os.getcwd()}".encode()]
"""
Serve = Callable[..., Launched]


@pytest.fixture
def home(world: Path) -> Iterator[Path]:
    """A folder for the application that every user can read."""
    path = Path(tempfile.mkdtemp(prefix="serve-", dir=world))
    path.chmod(0o755)
    (path / "app").mkdir()
    yield path
    shutil.rmtree(path)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def serve(home: Path, port: int) -> Iterator[Serve]:
    """Starts the command in the application's folder; checks at the end that nothing is left."""
    started: list[Launched] = []

    def start(*words: str | Path, **more: Any) -> Launched:
        more.setdefault("cwd", home / "app")
        folder = home / f"run{len(started)}"
        folder.mkdir(mode=0o755)
        one = Launched(folder, COMMAND, "serve", *words, "--port", str(port), **more)
        started.append(one)
        return one

    yield start
    for one in started:
        if one.process.poll() is None:
            one.stop()
    left = [problem for one in started for problem in one.left_behind()]
    for one in started:
        one.kill()
    assert not left


def write(path: Path, text: str = HELLO) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o644)
    return path


def server_user() -> pwd.struct_passwd:
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    names = ("www-data", "apache", "http", "www", "_www", "nobody")
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next(known[name] for name in names if name in known)


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
        ("site/web.py", "site.web:application", ""),
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
    failing = write(home / "httpd", '#!/bin/sh\n[ "$1" = -l ] || { echo oh no >&2; exit 5; }\n')
    failing.chmod(0o755)
    one = serve("hello.py", environment={"HTTPD": str(failing)})
    assert one.wait_end() == 5
    assert "oh no" in one.stderr
    assert "Apache did not start (status 5)" in one.stderr


def test_usage_errors(serve: Serve) -> None:
    for words in (["--bogus"], ["x.py", "--threads", "many"], ["no such thing"]):
        assert serve(*words).wait_end() == 2


# -- the end -------------------------------------------------------------------------------------

WAITING = """
import sys
sys.path.insert(0, {lib!r})
import stage
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    stage.gate()
    return [b"finished"]
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_running_request_is_finished(serve: Serve, home: Path, port: int, number: int) -> None:
    lib = home / "inner" / "apps" / "lib"
    shutil.copytree(Path(__file__).parents[1] / "apps" / "lib", lib)
    stage = Stage(home / "inner")
    stage.close_gate()
    write(home / "app" / "waiting.py", WAITING.format(lib=str(lib)))
    one = serve("waiting.py")
    one.wait_ready()
    texts: list[str] = []
    client = threading.Thread(target=lambda: texts.append(one.get(port).text))
    client.start()
    stage.wait_reached()
    one.process.send_signal(number)
    wait_until(lambda: "stopping" in one.stdout, 10, one.shown)
    stage.open_gate()
    client.join(20)
    assert texts == ["finished"]
    assert one.wait_end() == 0


def test_second_signal_stops_at_once(serve: Serve, home: Path, port: int) -> None:
    lib = home / "inner" / "apps" / "lib"
    shutil.copytree(Path(__file__).parents[1] / "apps" / "lib", lib)
    stage = Stage(home / "inner")
    stage.close_gate()
    write(home / "app" / "waiting.py", WAITING.format(lib=str(lib)))
    one = serve("waiting.py")
    one.wait_ready()

    def ask() -> None:
        with pytest.raises(Exception):  # noqa: B017 - the connection breaks off
            one.get(port).raise_for_status()

    client = threading.Thread(target=ask)
    client.start()
    stage.wait_reached()

    def stopped() -> bool:
        one.process.send_signal(signal.SIGINT)
        try:
            one.process.wait(0.3)
        except subprocess.TimeoutExpired:
            return False
        return True

    wait_until(stopped, 15, one.shown)
    stage.open_all()
    client.join(10)


def test_terminal_resize_does_not_stop_it(serve: Serve, home: Path, port: int) -> None:
    write(home / "app" / "hello.py")
    one = serve("hello.py")
    one.wait_ready()
    os.killpg(one.process.pid, signal.SIGWINCH)
    for _ in range(3):
        assert one.get(port).status_code == 200
    assert one.process.poll() is None


def test_lost_httpd_is_reported(serve: Serve, home: Path) -> None:
    write(home / "app" / "hello.py")
    one = serve("hello.py")
    one.wait_ready()
    os.kill(one.httpd(), signal.SIGKILL)
    assert one.wait_end() == 128 + signal.SIGKILL
    assert "ended by signal 9" in one.stderr


def test_killed_launcher_takes_httpd_along(serve: Serve, home: Path, port: int) -> None:
    write(home / "app" / "hello.py")
    one = serve("hello.py")
    one.wait_ready()
    one.get(port)
    family = [p.pid for p in procs.descendants(one.process.pid)]
    one.process.kill()
    one.process.wait()
    wait_until(lambda: not any(map(procs.alive, family)), 15, "all processes ended")
    for path in one.temporary.iterdir():  # nobody was left to remove it
        shutil.rmtree(path)


def test_reload_by_signal(serve: Serve, home: Path, port: int) -> None:
    module = write(home / "app" / "web.py", HELLO)
    one = serve("web:application")
    one.wait_ready()
    assert one.get(port).text.startswith("hello")
    write(module, HELLO.replace("hello from", "changed to"))
    one.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: one.get(port).text.startswith("changed"), 20, one.shown)


# -- users ---------------------------------------------------------------------------------------


@pytest.mark.root
def test_user_and_group(serve: Serve, home: Path, port: int) -> None:
    write(home / "app" / "who.py", "import os, sys\n"
          "print('imported by', os.geteuid(), os.getegid(), os.getgroups(), file=sys.stderr)\n"
          + HELLO)  # fmt: skip
    one = serve("who.py", "--user", "nobody", "--group", "daemon")
    one.wait_ready()
    assert one.get(port).text.startswith(f"hello from {NOBODY.pw_uid} ")
    imports = {line for line in one.stderr.splitlines() if "imported by" in line}
    assert imports
    assert not any("imported by 0" in line for line in imports)


@pytest.mark.root
def test_root_is_refused(serve: Serve, home: Path) -> None:
    write(home / "app" / "hello.py")
    one = serve("hello.py", "--user", "root")
    assert one.wait_end() == 2
    assert "never run as root" in one.stderr


@pytest.mark.root
def test_folder_its_user_cannot_read(serve: Serve, home: Path) -> None:
    write(home / "app" / "hello.py")
    (home / "app").chmod(0o700)
    one = serve("hello.py")
    assert one.wait_end() == 1
    assert f"user '{server_user().pw_name}' cannot use '{home / 'app'}" in one.stderr


@pytest.mark.root
def test_ordinary_user(serve: Serve, home: Path, port: int) -> None:
    write(home / "app" / "hello.py")
    one = serve("hello.py", uid=NOBODY.pw_uid)
    one.wait_ready()
    assert one.get(port).text.startswith(f"hello from {NOBODY.pw_uid} ")
    assert "user nobody" in one.stdout
    folder = next(one.temporary.iterdir())
    assert (folder.stat().st_mode & 0o777, folder.stat().st_uid) == (0o700, NOBODY.pw_uid)
    assert one.stop(signal.SIGINT) == 0


@pytest.mark.root
def test_ordinary_user_cannot_choose(serve: Serve, home: Path) -> None:
    write(home / "app" / "hello.py")
    one = serve("hello.py", "--user", "www-data", uid=NOBODY.pw_uid)
    assert one.wait_end() == 2
    assert "only root" in one.stderr
