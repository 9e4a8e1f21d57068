# SPDX-License-Identifier: Apache-2.0
"""The control socket: what status shows, reload does, and who may."""

import contextlib
import json
import pwd
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from harness import procs
from harness.wait import wait_until

COMMAND = str(Path(sys.prefix) / "bin" / "mod-cask")

pytestmark = pytest.mark.only("daemon", reason="daemon groups")

PLAIN = """\
import os
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"%s %d"]
"""


class Control:
    def __init__(self, site):
        self.site = site
        self.path = site.root / "run" / "control"
        site.config.add(f"WSGIControlSocket {self.path}")

    def serve(self, *words, **more):
        """As the site's; socket and processes are there a moment after httpd listens."""
        path = self.site.serve(*words, **more)
        assert self.run("status", "--wait", "20").returncode == 0
        return path

    def run(self, *words, user=None):
        command = [COMMAND, *words, "--control", str(self.path)]
        return subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=60, user=user
        )

    def status(self):
        result = self.run("status", "--json")
        assert result.returncode == 0, result.stderr
        return {group["name"]: group for group in json.loads(result.stdout)["groups"]}


@pytest.fixture
def control(site):
    return Control(site)


def write(site, word, name="website.py"):
    text = PLAIN.replace("%s %d", word)
    return site.write_app(name, text)


def test_status(site, control):
    control.serve("gateway.py", group_options={"processes": 2, "threads": 3})
    site.stage.close_gate()
    thread = threading.Thread(target=lambda: site.get("/gate", timeout=60))
    thread.start()
    site.stage.wait_reached()
    group = control.status()["main"]
    assert (group["state"], group["processes"], group["threads"]) == ("READY", 2, 3)
    processes = group["generations"][0]["processes"]
    assert [p["state"] for p in processes] == ["READY", "READY"]
    assert {p["pid"] for p in processes} == set(site.group_pids("main"))
    requests = [r for p in processes for r in p["requests"]]
    assert [r["request"] for r in requests] == ["GET /gate"]
    assert sum(p["busy"] for p in processes) == 1
    shown = control.run("status").stdout
    assert "main: READY, generation" in shown
    assert "oldest request: GET /gate" in shown
    site.stage.open_gate()
    thread.join()
    wait_until(lambda: sum(p["busy"] for p in control.status()["main"]["generations"][0]
                           ["processes"]) == 0)  # fmt: skip


def test_reload_waits_for_the_new_code(site, control):
    site.logs.allow("CASK0423")
    control.serve(write(site, "old"))
    assert site.get("/").text == "old"
    before = control.status()["main"]["generation"]
    write(site, "new")
    result = control.run("reload", "main")
    assert (result.returncode, result.stdout) == (0, "main: the new processes serve\n")
    assert site.get("/").text == "new"
    assert control.status()["main"]["generation"] > before


def test_broken_deploy_keeps_the_old_code(site, control):
    """Exit status 1 and the traceback; the old generation serves; the next good one recovers."""
    site.logs.allow("CASK0422|CASK0423|Traceback|File|no_such_module|ModuleNotFound|^.*import")
    path = control.serve(write(site, "old"))
    site.get("/")
    path.write_text("import no_such_module\n")
    result = control.run("reload", "main")
    assert result.returncode == 1
    assert "No module named 'no_such_module'" in result.stderr
    assert "Traceback" in result.stderr
    assert site.get("/").text == "old"
    trouble = control.status()["main"]["last_trouble"]
    assert path.name in trouble["text"]
    write(site, "new")
    assert control.run("reload", "main").returncode == 0
    assert site.get("/").text == "new"


def test_stop_and_start_again(site, control):
    site.logs.allow("CASK0709|CASK0423")
    control.serve(write(site, "old"))
    site.get("/")
    pids = site.group_pids("main")
    assert control.run("stop", "main").returncode == 0
    wait_until(lambda: not any(procs.alive(pid) for pid in pids), 10)
    site.get("/", 503)
    assert control.status()["main"]["state"] == "STOPPED"
    assert control.run("status", "--wait", "0.2").returncode == 1
    assert control.run("reload", "main").returncode == 0
    site.get("/")


def test_stacks(site, control):
    control.serve("gateway.py", group_options={"threads": 2})
    site.stage.close_gate()
    thread = threading.Thread(target=lambda: site.get("/gate", timeout=60))
    thread.start()
    site.stage.wait_reached()
    pid = site.stage.notes("gate.reached")[0]
    for word in ("main", pid):
        assert "in gate" in control.run("stacks", word).stdout
    assert control.run("stacks", "1").returncode == 1
    site.stage.open_gate()
    thread.join()


def test_wait_for_a_start(site, control):
    site.serve(site.write_app("slow.py", "import time\ntime.sleep(1)\n" + PLAIN))
    result = control.run("status", "--wait", "30")
    assert result.returncode == 0
    assert "main: READY" in result.stdout


@pytest.mark.root
def test_who_may(site, control):
    """A group's user has his own group only; others have nothing."""
    site.logs.allow("CASK0423")
    script = write(site, "old")
    site.group("mine", user="mail", group="mail")
    site.group("other")
    site.add_app(script, at="/mine", group="mine")
    site.add_app(script, at="/other", group="other")
    site.start()
    mail = pwd.getpwnam("mail").pw_uid
    control.site.root.chmod(0o755)
    result = control.run("status", "--json", user=mail)
    assert [g["name"] for g in json.loads(result.stdout)["groups"]] == ["mine"]
    assert control.run("reload", "mine", user=mail).returncode == 0
    result = control.run("reload", "other", user=mail)
    assert result.returncode == 1
    assert "another user's" in result.stderr
    assert control.run("stop", "other", user=mail).returncode == 1
    assert json.loads(control.run("status", "--json", user="nobody").stdout)["groups"] == []


def test_mistakes(site, control):
    control.serve("hello.py")
    assert "no such daemon group" in control.run("reload", "nobody").stderr
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(control.path))
        client.sendall(b"dance\n")
        assert b"refused" in client.recv(4096)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(control.path))
        client.sendall(b"x" * 5000)
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(4096) == b""
    missing = subprocess.run(
        [COMMAND, "status", "--control", str(site.root / "none")],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert missing.returncode == 1
    assert "is Apache running" in missing.stderr


def test_silent_clients_do_not_keep_others_out(site, control):
    """A client that says nothing, and one that takes nothing, cost their own time only."""
    control.serve("hello.py")
    silent = [socket.socket(socket.AF_UNIX) for _ in range(8)]
    for client in silent:
        client.connect(str(control.path))
    begin = time.monotonic()
    assert control.status()["main"]["state"] == "READY"
    assert time.monotonic() - begin < 8
    for client in silent:
        client.close()


def test_socket_outlives_a_graceful_restart_and_goes_at_the_end(site, control):
    site.logs.allow("CASK0423")
    control.serve("hello.py")
    assert stat.S_ISSOCK(control.path.stat().st_mode)
    site.restart("graceful")
    assert control.status()["main"]["state"] in ("READY", "STARTING")
    control.path.unlink()
    site.restart("graceful")
    wait_until(control.path.exists, 10)
    assert control.run("status", "--wait", "20").returncode == 0
    site.stop()
    assert not control.path.exists()


@pytest.mark.root
def test_many_clients_of_others_do_not_keep_root_out(site, control):
    control.serve("hello.py")
    crowd = (
        "import socket, sys, time\n"
        "all = [socket.socket(socket.AF_UNIX) for _ in range(40)]\n"
        "[client.connect(sys.argv[1]) for client in all]\n"
        "print('here', flush=True)\n"
        "sys.stdin.read()\n"
    )
    site.root.chmod(0o755)
    with subprocess.Popen(
        ["/usr/bin/python3", "-c", crowd, str(control.path)],
        user="nobody", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == b"here\n"
        assert control.status()["main"]["state"] == "READY"
