# SPDX-License-Identifier: Apache-2.0
"""The servers that are compared: one private httpd each, alike but for the module that answers."""

import http.client
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from workloads import Workload

HERE = pathlib.Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")
USER = "www-data"
START_DEADLINE = 90  # seconds; below valgrind everything is fifty times slower


class UnavailableError(Exception):
    """A server that cannot be measured on this machine, and why."""


@dataclass(frozen=True)
class Bench:
    """Where things are: `work` is a world-readable folder, the modules are shared objects."""

    work: pathlib.Path
    cask: pathlib.Path
    mod_wsgi: pathlib.Path | None
    limit: pathlib.Path


def as_user() -> list[str]:
    """Return what to put before a command so that root's servers run as an ordinary user.

    valgrind makes its output files before httpd would change its user.
    """
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]


def wsgi(bench: Bench, module: pathlib.Path | None, daemon: bool) -> list[str]:
    """Return the configuration both modules understand."""
    if module is None:
        raise UnavailableError("mod_wsgi is not installed")
    lines = [
        f'LoadModule wsgi_module "{module}"',
        f'WSGIPythonHome "{sys.prefix}"',
        "WSGIApplicationGroup %{GLOBAL}",
        f'WSGIScriptAlias / "{bench.work}/app.py"',
    ]
    if daemon:
        lines += [
            "WSGISocketPrefix run-",
            f"WSGIDaemonProcess bench threads=15 home={bench.work} shutdown-timeout=60",
            "WSGIProcessGroup bench",
            "WSGIRestrictEmbedded On",
        ]
    return lines


SERVERS: dict[str, Callable[[Bench], list[str]]] = {
    "c_handler": lambda bench: [
        f'LoadModule bench_limit_module "{bench.limit}"',
        "<Location />",
        "  SetHandler bench-limit",
        "</Location>",
    ],
    "cask_embedded": lambda bench: wsgi(bench, bench.cask, daemon=False),
    "cask_daemon": lambda bench: wsgi(bench, bench.cask, daemon=True),
    "mod_wsgi_embedded": lambda bench: wsgi(bench, bench.mod_wsgi, daemon=False),
    "mod_wsgi_daemon": lambda bench: wsgi(bench, bench.mod_wsgi, daemon=True),
}


def apxs(variable: str) -> str:
    """Return a variable of apxs, such as LIBEXECDIR."""
    command = [os.environ.get("APXS", "apxs"), "-q", variable]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Server:
    """One running httpd. `wrapper` is put before the command (valgrind).

    It has more `threads` than there are connections: when all are busy, it closes idle ones.
    """

    bench: Bench
    name: str
    wrapper: list[str] = field(default_factory=list)
    threads: int = 128

    def start(self, workload: Workload) -> None:
        """Start it and wait for the first right answer."""
        self.port = free_port()
        self.root = self.bench.work / self.name
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir()
        config = self.root / "httpd.conf"
        config.write_text("\n".join(self.config()) + "\n")
        if os.geteuid() == 0:
            shutil.chown(self.root, USER)
        command = [*as_user(), *self.wrapper, f"{apxs('SBINDIR')}/{apxs('PROGNAME')}"]
        command += ["-f", str(config)]
        command.append("-X" if self.wrapper else "-DFOREGROUND")
        with (self.root / "out.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)
        deadline = time.monotonic() + START_DEADLINE
        while (why := self.check(workload)) is not None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise UnavailableError(f"{why}: {self.log_tail()}")
            time.sleep(0.02)

    def config(self) -> list[str]:
        modules = apxs("LIBEXECDIR")
        return [
            f'ServerRoot "{self.root}"', "ServerName 127.0.0.1", f"Listen 127.0.0.1:{self.port}",
            f"PidFile {self.root}/httpd.pid", f"DefaultRuntimeDir {self.root}",
            f"Mutex default:{self.root}", f"ErrorLog {self.root}/error.log", "LogLevel warn",
            f"LoadModule mpm_event_module {modules}/mod_mpm_event.so",
            f"LoadModule authz_core_module {modules}/mod_authz_core.so",
            "StartServers 1", "ServerLimit 1", f"ThreadLimit {self.threads}",
            f"ThreadsPerChild {self.threads}", f"MaxRequestWorkers {self.threads}",
            "MinSpareThreads 1", f"MaxSpareThreads {self.threads}", "AsyncRequestWorkerFactor 20",
            "KeepAlive On", "MaxKeepAliveRequests 0", "KeepAliveTimeout 60",
            "<Directory />", "  Require all granted", "  AllowOverride None", "</Directory>",
            *SERVERS[self.name](self.bench),
        ]  # fmt: skip

    def check(self, workload: Workload) -> str | None:
        """Return None when the answer is right, else what is wrong."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(workload.method, workload.path, b"x" * workload.body or None)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return str(error)
        finally:
            connection.close()
        return None if status == 200 else f"status {status}"

    def pids(self) -> list[int]:
        """Return httpd and all its living descendants."""
        parents = {}
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit() and (fields := stat(int(entry.name))):
                parents[int(entry.name)] = int(fields[1])
        found = [self.process.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def cpu(self) -> float:
        """Return the CPU seconds all its processes have used."""
        spent = [fields for pid in self.pids() if (fields := stat(pid))]
        return sum(sum(int(ticks) for ticks in fields[11:15]) for fields in spent) / TICKS

    def stop(self) -> None:
        """Stop daemons first, so that each writes its profile, then httpd."""
        if self.wrapper:
            for pid in self.pids()[1:]:
                send(pid, signal.SIGTERM)
            deadline = time.monotonic() + 20
            while len(self.pids()) > 1 and time.monotonic() < deadline:
                time.sleep(0.05)
        send(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            send(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def log_tail(self) -> str:
        texts = [path.read_text(errors="replace") for path in self.root.glob("*.log")]
        return " | ".join(line for text in texts for line in text.splitlines()[-3:])[-600:]


def stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat from the state on; None when it has gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
