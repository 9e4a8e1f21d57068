# SPDX-License-Identifier: Apache-2.0
"""The harness itself: a server starts and stops, and what it leaves behind is seen."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from harness import audit, procs
from harness.wait import wait_until

pytestmark = pytest.mark.only("event", reason="about the harness, not about the module")


def test_hello(site):
    site.serve("hello.py")
    assert site.get("/").text == "hello\n"
    with site.raw() as client:
        client.request("GET /")
        reply = client.read_reply()
        assert (reply.status, reply.body, reply.complete) == (200, b"hello\n", True)
    assert site.stop() < 5


def test_an_unexpected_line_is_a_problem(site):
    path = site.write_app(
        "app.py",
        "def application(environ, start_response):\n"
        "    print('oops', file=environ['wsgi.errors'])\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [b'x']\n",
    )
    site.serve(path)
    site.get("/")
    site.wait_log("oops")
    site.logs.expected.clear()
    assert [entry.text for entry in site.logs.unexpected() if "oops" in entry.text]
    site.logs.allow("oops")


def test_what_is_left_is_found(site):
    """A process, a socket file, shared memory, a core: each is reported."""
    site.start()
    site.stop()
    stray = subprocess.Popen(["sleep", "60"])
    memory = Path("/dev/shm") / f"cask-test-{os.getpid()}"
    memory.touch()
    (site.root / "cores" / "core.1").touch()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(site.root / "run" / "left.sock"))
        problems = "\n".join(audit.check_gone(site.root, site.shm_before, set()))
    stray.kill()
    stray.wait()
    for path in (memory, site.root / "cores" / "core.1", site.root / "run" / "left.sock"):
        path.unlink()
    for word in (f"process {stray.pid}", "left.sock", memory.name, "core.1"):
        assert word in problems, word


def test_a_leaked_descriptor_is_found(site):
    path = site.write_app(
        "app.py",
        "kept = []\n"
        "def application(environ, start_response):\n"
        "    kept.append(open(__file__.replace('app.py', 'leak.txt'), 'w+'))\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [b'x']\n",
    )
    site.apps.chmod(0o777)
    site.serve(path)
    assert audit.check_descriptors(site.family(), site.root) == []
    site.get("/")
    problems = audit.check_descriptors(site.family(), site.root)
    assert len(problems) == 1
    assert "leak.txt" in problems[0]
    site.stop()


def test_an_orphan_cannot_hide(world):
    """A process whose parent has gone becomes ours, so it is found."""
    done = subprocess.run(
        ["sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"],
        capture_output=True,
        text=True,
        check=True,
    )
    pid = int(done.stdout)
    assert pid in [process.pid for process in procs.descendants(os.getpid())]
    os.kill(pid, 9)
    wait_until(lambda: not procs.alive(pid))
    procs.reap_strays(set())
