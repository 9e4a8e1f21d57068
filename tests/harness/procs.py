# SPDX-License-Identifier: Apache-2.0
"""Processes as /proc shows them: families, open descriptors, identities.

The test process makes itself a subreaper: whatever httpd, its supervisor or a daemon leaves behind
becomes its child instead of init's, and so cannot hide from the audit.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from dataclasses import dataclass
from pathlib import Path

from harness import sanitizer

PR_SET_CHILD_SUBREAPER = 36
# What reading /proc gives for a process that is ending.
GONE = (FileNotFoundError, ProcessLookupError, PermissionError)


@dataclass(frozen=True)
class Process:
    pid: int
    ppid: int
    pgrp: int
    session: int
    state: str
    name: str


def become_subreaper() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot become a subreaper")


def look(pid: int) -> Process | None:
    """What /proc says about one process, or None when it has gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("latin-1")
    except GONE:
        return None
    name, _, rest = text.partition("(")[2].rpartition(")")
    state, ppid, pgrp, session = rest.split()[:4]
    return Process(pid, int(ppid), int(pgrp), int(session), state, name)


def all_processes() -> list[Process]:
    pids = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    return [process for process in map(look, pids) if process is not None]


def descendants(pid: int) -> list[Process]:
    """Living processes below pid, without zombies."""
    children: dict[int, list[Process]] = {}
    for process in all_processes():
        children.setdefault(process.ppid, []).append(process)
    found: list[Process] = []
    queue = [pid]
    while queue:
        for child in children.get(queue.pop(), []):
            queue.append(child.pid)
            if child.state not in "ZX":
                found.append(child)
    return found


def reap_strays(known: set[int]) -> None:
    """Collect zombies that were handed to us as subreaper; `known` belong to somebody else."""
    for process in all_processes():
        if process.ppid == os.getpid() and process.state == "Z" and process.pid not in known:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)


def alive(pid: int) -> bool:
    process = look(pid)
    return process is not None and process.state not in "ZX"


def command_line(pid: int) -> str:
    try:
        data = Path(f"/proc/{pid}/cmdline").read_bytes()
    except GONE:
        return ""
    return data.replace(b"\0", b" ").decode("utf-8", "replace").strip()


def status_field(pid: int, field: str) -> str:
    """A line of /proc/PID/status, e.g. "Uid" or "Umask"."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return value.strip()
    raise KeyError(field)


def check_lean(pids: list[int], limit_kb: int = 120_000) -> None:
    """None of them has ever held more memory, i.e. never a long body. Sanitizers need more."""
    if sanitizer.environment():
        limit_kb *= 4
    peaks = {pid: int(status_field(pid, "VmHWM").split()[0]) for pid in pids}
    assert max(peaks.values()) < limit_kb, peaks


def maps(pid: int) -> str:
    """What the process has mapped: its libraries."""
    return Path(f"/proc/{pid}/maps").read_text("utf-8", "replace")


def descriptors(pid: int) -> dict[int, str]:
    """Open descriptors and what they refer to."""
    found: dict[int, str] = {}
    try:
        paths = list(Path(f"/proc/{pid}/fd").iterdir())
    except GONE:
        return found
    for path in paths:
        with contextlib.suppress(*GONE):
            found[int(path.name)] = str(path.readlink())
    return found


def peak_memory(pid: int) -> int:
    """Bytes that the process had resident at most."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))
