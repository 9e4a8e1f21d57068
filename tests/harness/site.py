# SPDX-License-Identifier: Apache-2.0
"""A private httpd: made, started, asked, stopped and looked over by one test (or one module).

A server's life: new -> (configure) -> start -> requests -> close. close() stops it and returns the
problems an honest server does not have; the fixtures in conftest.py turn them into a failure.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from harness import audit, procs, sanitizer
from harness.config import Config, Vhost, options
from harness.gates import Stage
from harness.logs import Entry, Logs, Mark
from harness.ports import Lease
from harness.raw import RawConnection
from harness.settings import Flavour, Settings
from harness.wait import wait_until

TESTS = Path(__file__).resolve().parents[1]
START_DEADLINE = 10.0
STOP_DEADLINE = 20.0


RUNNING: list[Site] = []
"""Servers that were started and not closed yet."""


class StartFailed(Exception):
    pass


class Site:
    def __init__(self, root: Path, flavour: Flavour, settings: Settings) -> None:
        self.root = root
        self.flavour = flavour
        self.mode = flavour.mode
        self.mpm = flavour.mpm
        self.settings = settings
        for name in ("logs", "run", "htdocs", "apps", "cores"):
            (root / name).mkdir(mode=0o755)
        (root / "cores").chmod(0o1777)
        self.apps = root / "apps"
        shutil.copytree(TESTS / "apps" / "lib", self.apps / "lib", ignore=IGNORE)
        self.leases = [Lease()]
        self.port = self.leases[0].port
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = Config(
            str(root), self.port, flavour, settings, python_home=str(settings.python_home)
        )
        self.conf_file = root / "httpd.conf"
        self.logs = Logs(root / "logs")
        self.stage = Stage(root)
        self.session = requests.Session()
        self.session.trust_env = False
        self.process: subprocess.Popen[bytes] | None = None
        self.shm_before = audit.shared_memory()
        self.groups: dict[str, dict[str, object]] = {}
        self.closers = contextlib.ExitStack()
        self.failed = False
        self.may_keep: tuple[str, ...] = ()

    # -- configuration ---------------------------------------------------------------------------

    def lease_port(self) -> int:
        self.leases.append(Lease())
        return self.leases[-1].port

    def install(self, app: str, name: str | None = None) -> Path:
        """Copy tests/apps/<app> (file or folder) to where every user can read it."""
        source = TESTS / "apps" / app
        target = self.apps / (name or app)
        if source.is_dir():
            shutil.copytree(source, target, ignore=IGNORE, dirs_exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
        return target

    def write_app(self, name: str, text: str) -> Path:
        path = self.apps / name
        path.write_text(text)
        path.chmod(0o644)
        return path

    def group(self, name: str = "main", where: Vhost | None = None, **values: object) -> None:
        """Define a daemon group: keywords are options, `_` for `-`; None leaves one out."""
        chosen: dict[str, object] = {"threads": 5, "python-path": self.apps / "lib"}
        if self.settings.root:
            chosen["user"] = self.settings.daemon_user
            chosen["group"] = self.settings.daemon_group
        chosen.update({key.replace("_", "-"): value for key, value in values.items()})
        self.groups[name] = chosen
        (where or self.config).add(f"WSGIDaemonProcess {name} {options(chosen)}")

    def use_applications(self) -> None:
        """Run in the frameworks' environment. Some keep a request's uploads until the next one."""
        self.config.python_home = str(self.settings.applications)
        self.may_keep = ("/tmp/#",)

    @property
    def application_group(self) -> str:
        return "%{GLOBAL}" if self.flavour.interpreter == "main" else "sub"

    def add_app(
        self,
        app: str | Path,
        at: str = "/",
        where: Vhost | None = None,
        group: str = "main",
        group_options: dict[str, Any] | None = None,
        **alias: object,
    ) -> Path:
        """Map a URL to an application in this site's mode; keywords are WSGIScriptAlias options."""
        path = app if isinstance(app, Path) else self.install(app)
        chosen: dict[str, object] = {"application-group": self.application_group}
        if self.mode == "daemon":
            if group not in self.groups:
                self.group(group, **(group_options or {}))
            chosen["process-group"] = group
        elif "WSGIPythonPath" not in "\n".join(self.config.top):
            self.config.add(f"WSGIPythonPath {self.apps / 'lib'}")
        chosen.update({key.replace("_", "-"): value for key, value in alias.items()})
        (where or self.config).add(f"WSGIScriptAlias {at} {path} {options(chosen)}")
        return path

    def serve(self, app: str | Path, at: str = "/", **keywords: Any) -> Path:
        path = self.add_app(app, at, **keywords)
        self.start()
        return path

    # -- life ------------------------------------------------------------------------------------

    def write_config(self) -> None:
        self.conf_file.write_text(self.config.text())

    def httpd(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run httpd as a command (-t, -k graceful, ...)."""
        self.write_config()
        return subprocess.run(
            [self.settings.httpd, "-f", str(self.conf_file), *arguments],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            umask=0o022,
        )

    def check(self) -> subprocess.CompletedProcess[str]:
        """httpd -t: its messages are in stderr."""
        return self.httpd("-t")

    def start(self) -> None:
        self.write_config()
        with (self.root / "logs" / "console.log").open("ab") as console:
            self.process = subprocess.Popen(
                [self.settings.httpd, "-f", str(self.conf_file), "-DFOREGROUND"],
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
                umask=0o022,
                preexec_fn=allow_cores,  # noqa: PLW1509 - single-threaded
                cwd="/",
            )
        if self not in RUNNING:
            RUNNING.append(self)
        wait_until(self.started, START_DEADLINE, lambda: f"start\n{self.logs.tail()}")

    def started(self) -> bool:
        """The configuration is active and the sockets are open (before that, httpd opens them for
        a while even when it is going to fail)."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise StartFailed(f"exit status {self.process.returncode}\n{self.logs.tail()}")
        return self.starts_seen() > 0

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def starts_seen(self) -> int:
        return len(self.logs.find(r"resuming normal operations"))

    def restart(self, kind: str = "graceful") -> None:
        """graceful or restart, by httpd's own command; returns when the new configuration is
        active (children of the old one may still be finishing)."""
        wait_until(self.starts_seen, START_DEADLINE, "first start in the log")
        self.session.close()  # httpd will close the connections that are idle
        before = self.starts_seen()
        done = self.httpd("-k", kind)
        assert done.returncode == 0, done.stderr
        wait_until(
            lambda: self.starts_seen() > before, STOP_DEADLINE, lambda: f"{kind}\n{self.tail()}"
        )

    def stop(self) -> float:
        """SIGTERM; returns the seconds it took. Fails when httpd does not obey."""
        assert self.process is not None
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not self.running, STOP_DEADLINE, lambda: f"stop\n{self.tail()}")
        return time.monotonic() - begin

    def settle(self) -> None:
        """Let httpd close its connections before a SIGTERM: its event MPM sometimes crashes when
        it stops while one of its threads is closing one (httpd 2.4.71, without us as well)."""
        with contextlib.suppress(AssertionError):
            wait_until(lambda: audit.connections(self.port) == 0, 1.0)

    def others(self) -> set[int]:
        """Processes of other servers that are running, e.g. the module's."""
        return {pid for site in RUNNING if site is not self for pid in site.family()}

    def kill_all(self) -> None:
        """Last resort of the fixtures: everything below this test process."""
        known = self.others()
        for process in procs.descendants(os.getpid()):
            if process.pid not in known:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait(10)

    def close(self) -> list[str]:
        """Stop, look around, free everything. The problems found, worst first."""
        problems: list[str] = []
        self.stage.open_all()
        self.session.close()
        self.closers.close()
        try:
            if self.running:
                problems += audit.check_descriptors(self.family(), self.root, self.may_keep)
                self.settle()
                self.stop()
        except AssertionError as error:
            problems.append(str(error))
        if self in RUNNING:
            RUNNING.remove(self)
        problems += audit.check_gone(self.root, self.shm_before, self.others())
        problems += sanitizer.take_reports()
        problems += [f"unexpected log line: {entry}" for entry in self.logs.unexpected()]
        if any("still" in problem for problem in problems):
            self.kill_all()
        for lease in self.leases:
            lease.release()
        return problems

    def tail(self) -> str:
        return self.logs.tail()

    # -- processes -------------------------------------------------------------------------------

    def family(self) -> list[int]:
        return [self.pid, *(p.pid for p in procs.descendants(self.pid))]

    def supervisors(self) -> list[int]:
        """Children of httpd's parent that lead their own process group."""
        return [
            p.pid for p in procs.descendants(self.pid) if p.ppid == self.pid and p.pgrp == p.pid
        ]

    def children(self) -> list[int]:
        return [
            p.pid for p in procs.descendants(self.pid) if p.ppid == self.pid and p.pgrp != p.pid
        ]

    def daemons(self) -> list[int]:
        return [p.pid for s in self.supervisors() for p in procs.descendants(s)]

    def group_pids(self, name: str) -> list[int]:
        """Daemons of one group, by the group's name on their side of the log or in /proc."""
        return [pid for pid in self.daemons() if self.group_of(pid) == name]

    def group_of(self, pid: int) -> str:
        """The group that listens on the socket this process has open."""
        mine = set(procs.descriptors(pid).values())
        for path, inode in audit.listening(self.root):
            if f"socket:[{inode}]" in mine:
                number = int(path.rsplit(".", 2)[1])
                return list(self.groups)[number - 1]
        return ""

    # -- requests --------------------------------------------------------------------------------

    def request(self, method: str, path: str, expect: int | None = None, **more: Any) -> Any:
        more.setdefault("timeout", 30)
        more.setdefault("allow_redirects", False)
        host = more.pop("host", None)
        if host:
            more["headers"] = {**more.get("headers", {}), "Host": host}
        reply = self.session.request(method, self.url + path, **more)
        if expect is not None:
            assert reply.status_code == expect, f"{reply.status_code}: {reply.text}\n{self.tail()}"
        return reply

    def get(self, path: str = "/", expect: int | None = 200, **more: Any) -> Any:
        return self.request("GET", path, expect, **more)

    def post(self, path: str = "/", expect: int | None = 200, **more: Any) -> Any:
        return self.request("POST", path, expect, **more)

    def raw(self, timeout: float = 15.0) -> RawConnection:
        """A raw connection, closed with the site at the latest."""
        return self.closers.enter_context(RawConnection(self.port, timeout))

    # -- log -------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def expects_log(
        self, *patterns: str, log: str | None = None, count: int = 1, deadline: float = 10.0
    ) -> Iterator[list[Entry]]:
        """Each pattern must match exactly `count` new lines (of that log); they are then no fault.

        The list yielded holds the lines after the block.
        """
        mark = self.logs.mark()
        found: list[Entry] = []
        yield found
        for pattern in patterns:
            entries = self.wait_log(pattern, log, count, mark, deadline)
            assert len(entries) == count, f"{len(entries)} lines match {pattern!r}: {entries}"
            found.extend(entries)

    def wait_log(
        self,
        pattern: str,
        log: str | None = None,
        count: int = 1,
        mark: Mark | None = None,
        deadline: float = 10.0,
    ) -> list[Entry]:
        wait_until(
            lambda: len(self.logs.find(pattern, log, mark)) >= count,
            deadline,
            lambda: f"no {count} lines matching {pattern!r}\n{self.tail()}",
        )
        entries = self.logs.find(pattern, log, mark)
        self.logs.expect(entries)
        return entries

    @contextlib.contextmanager
    def expects_traceback(
        self, last: str, log: str | None = None, frames: bool = True
    ) -> Iterator[None]:
        """An exception in full, exactly once and in that log only: a numbered line, "Traceback
        (most recent call last):" (if there are frames) and as its end a line that matches `last`.
        """
        mark = self.logs.mark()
        yield

        def ends() -> list[Entry]:
            found = self.logs.find(rf"(?:^|\] ){last}", log, mark)
            return [entry for entry in found if not entry.number]

        wait_until(ends, 10.0, lambda: f"no traceback with {last!r}\n{self.tail()}")
        loud = [e for e in self.logs.since(mark) if e.loud]
        numbered = [e for e in loud if e.number]
        starts = [e for e in loud if "Traceback (most recent call last)" in e.text]
        assert len(numbered) == 1, f"{len(numbered)} numbered lines\n{self.tail()}"
        assert len(ends()) == 1, f"{len(ends())} ends of tracebacks\n{self.tail()}"
        assert len(starts) == (1 if frames else 0), f"{len(starts)} tracebacks\n{self.tail()}"
        block = [
            e for e in loud
            if e.file == numbered[0].file and numbered[0].line <= e.line <= ends()[0].line
        ]  # fmt: skip
        assert ends()[0] in block, f"the parts are not together\n{self.tail()}"
        self.logs.expect(block)


IGNORE = shutil.ignore_patterns("__pycache__", "*.pyc")
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C",
    **sanitizer.environment(),
}


def allow_cores() -> None:
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
