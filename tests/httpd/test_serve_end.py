# SPDX-License-Identifier: Apache-2.0
"""`mod-cask serve`: how it ends, and whom it serves as."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import pytest
import requests

from harness import procs
from harness.gates import Stage
from harness.launched import HELLO, Serve, server_user, write
from harness.wait import wait_until

pytestmark = pytest.mark.timeout(120)
NOBODY = pwd.getpwnam("nobody")

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

    broken: list[object] = []

    def ask() -> None:
        try:
            broken.append(one.get(port).status_code >= 500)
        except requests.ConnectionError as error:
            broken.append(error)

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

    wait_until(stopped, 20, one.shown)
    client.join(10)
    stage.open_all()
    assert len(broken) == 1
    assert broken[0]
    assert one.process.returncode in (0, 1)


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
