# SPDX-License-Identifier: Apache-2.0
"""A `mod-cask serve` (or another foreground server) started by a test, and what it wrote."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from harness import audit, procs, sanitizer
from harness.wait import wait_until

HELLO = """
import os
import pwd
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"hello from {os.geteuid()} in {environ['mod_wsgi.process_group']!r} "
            f"multiprocess {environ['wsgi.multiprocess']} at {os.getcwd()}".encode()]
"""
COMMAND = Path(sys.prefix) / "bin" / "mod-cask"
START_DEADLINE = 30.0
STOP_DEADLINE = 40.0


class Launched:
    """One process with its output in files. `uid` starts it as another user (tests run by root)."""

    def __init__(
        self, folder: Path, *words: str | Path, uid: int | None = None, **more: Any
    ) -> None:
        self.out, self.err = folder / "out", folder / "err"
        self.shm_before = audit.shared_memory()
        temporary = folder / "tmp"
        temporary.mkdir()
        who: dict[str, Any] = {}
        if uid is not None:
            os.chown(temporary, uid, uid)
            who = {"user": uid, "group": uid, "extra_groups": []}
        self.temporary = temporary
        environment = {
            **os.environ,
            **sanitizer.environment(),
            "TMPDIR": str(temporary),
            **more.pop("environment", {}),
        }
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [str(word) for word in words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environment,
                start_new_session=True,
                **who,
                **more,
            )

    @property
    def stdout(self) -> str:
        return self.out.read_text()

    @property
    def stderr(self) -> str:
        return self.err.read_text()

    def shown(self) -> str:
        return f"stdout:\n{self.stdout}\nstderr:\n{self.stderr}"

    def wait_ready(self, sign: str = "Ctrl-C", deadline: float = START_DEADLINE) -> None:
        def ready() -> bool:
            assert self.process.poll() is None, f"it ended\n{self.shown()}"
            return sign in self.stdout

        wait_until(ready, deadline, lambda: f"ready\n{self.shown()}")

    def wait_end(self, deadline: float = STOP_DEADLINE) -> int:
        try:
            return self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running\n{self.shown()}") from None

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.wait_end()

    def httpd(self) -> int:
        """The process id of httpd's parent."""
        children = [p.pid for p in procs.descendants(self.process.pid)]
        found = [pid for pid in children if "-DFOREGROUND" in procs.command_line(pid)]
        assert found, self.shown()
        return min(found)

    def get(self, port: int, path: str = "/", **more: Any) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(f"http://127.0.0.1:{port}{path}", timeout=30, **more)

    def left_behind(self) -> list[str]:
        """After the end: processes, sockets, shared memory, temporary files."""
        problems = [str(path) for path in self.temporary.iterdir()]
        problems += sanitizer.take_reports()
        problems += audit.bound_sockets(self.temporary)
        problems += sorted(audit.shared_memory() - self.shm_before)

        def strays() -> list[procs.Process]:
            procs.reap_strays({self.process.pid})
            return procs.descendants(os.getpid())

        with contextlib.suppress(AssertionError):
            wait_until(lambda: not strays(), 2.0)
        return problems + [procs.command_line(p.pid) for p in strays()]

    def kill(self) -> None:
        for process in procs.descendants(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait(10)


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


Serve = Callable[..., Launched]
