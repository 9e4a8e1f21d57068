# SPDX-License-Identifier: Apache-2.0
"""Decides what the server looks like. Pure: touches no file and no process."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from mod_cask.common.errors import UsageError
from mod_cask.launcher.check import Checked
from mod_cask.launcher.httpd import Httpd
from mod_cask.launcher.identity import Identity
from mod_cask.launcher.options import ServeOptions
from mod_cask.launcher.target import Target

GROUP = "app"
GRACEFUL_STOP_S = 10  # time for running requests after Ctrl-C
SPARE = 16  # httpd threads beyond those that can be busy in Python: slow clients, static files
CHILD_THREADS = 64  # more than this and a second httpd child is worth it


@dataclass(frozen=True)
class Pool:
    """Sizes of httpd's own processes and threads."""

    children: int
    threads: int
    fixed: bool
    """All children from the start and always: the application lives in them."""

    @property
    def workers(self) -> int:
        return self.children * self.threads


@dataclass(frozen=True)
class Static:
    url: str
    folder: Path


@dataclass(frozen=True)
class Surroundings:
    """What was found on this machine."""

    httpd: Httpd
    identity: Identity
    addresses: tuple[str, ...]
    module: Path
    root: Path
    here: Path


@dataclass(frozen=True)
class Plan:
    """All that the templates need."""

    around: Surroundings
    port: int
    pool: Pool
    embedded: bool
    processes: int
    threads: int
    python_home: str
    target: Target
    callable_name: str
    static: tuple[Static, ...]
    log_level: str

    @property
    def wrapped(self) -> bool:
        """The application needs a script of ours; else its own file is one."""
        return (
            self.target.script is None
            or bool(self.target.environment)
            or not self.callable_name.isidentifier()
        )

    @property
    def script(self) -> Path:
        own = self.target.script
        return self.around.root / "application.wsgi" if self.wrapped or own is None else own


def sizes(mpm: str, embedded: bool, processes: int, threads: int) -> Pool:
    busy = processes * threads
    if mpm == "prefork":
        return Pool(busy if embedded else busy + SPARE, 1, fixed=embedded)
    if embedded:
        return Pool(processes, threads, fixed=True)
    children = math.ceil((busy + SPARE) / CHILD_THREADS)
    return Pool(children, math.ceil((busy + SPARE) / children), fixed=False)


def static_folders(pairs: tuple[tuple[str, str], ...], here: Path) -> tuple[Static, ...]:
    """Longest URL first: the first Alias that matches wins."""
    result = []
    for url, folder in pairs:
        path = here / folder
        if not url.startswith("/"):
            raise UsageError(f"--static: URL '{url}' does not begin with '/'")
        if not url.strip("/"):
            raise UsageError("--static: URL '/' would hide the application", "name a path below it")
        if not path.is_dir():
            raise UsageError(f"--static: there is no folder '{path}'")
        # A URL and its folder must both end in a slash, or neither.
        result.append(Static(url.rstrip("/"), path.absolute()))
    return tuple(sorted(result, key=lambda static: len(static.url), reverse=True))


def make(options: ServeOptions, target: Target, checked: Checked, around: Surroundings) -> Plan:
    return Plan(
        around=around,
        port=options.port,
        pool=sizes(around.httpd.mpm, options.embedded, options.processes, options.threads),
        embedded=options.embedded,
        processes=options.processes,
        threads=options.threads,
        python_home=checked.python_home,
        target=target,
        callable_name=checked.callable_name,
        static=static_folders(options.static, around.here),
        log_level=options.log_level,
    )
