# SPDX-License-Identifier: Apache-2.0
"""Looks for what a server left behind, and for descriptors that leak while it runs."""

from __future__ import annotations

import os
import stat
from collections import Counter
from pathlib import Path

from harness import procs
from harness.wait import wait_until

SHM = Path("/dev/shm")
LISTEN = "0A"  # state in /proc/net/tcp
HARMLESS = ("/dev/", "/proc/", "/sys/", "/run/", "/var/run/", "/etc/")


def shared_memory() -> set[str]:
    """Names in /dev/shm, and System V segments and semaphores; without what another run of the
    harness's own tests puts there."""
    paths = list(SHM.iterdir()) if SHM.is_dir() else []
    mine = f"cask-test-{os.getpid()}"
    found = {str(p) for p in paths if not p.name.startswith("cask-test-") or p.name == mine}
    for kind in ("shm", "sem"):
        table = Path(f"/proc/sysvipc/{kind}")
        if table.exists():
            rows = table.read_text().splitlines()[1:]
            found |= {f"System V {kind} {row.split()[1]}" for row in rows}
    return found


def socket_files(root: Path) -> list[str]:
    found = []
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            if stat.S_ISSOCK(path.lstat().st_mode):
                found.append(str(path))
    return found


def bound_sockets(root: Path) -> list[str]:
    """UNIX sockets some process still holds below root, unlinked ones and abstract ones as well."""
    rows = Path("/proc/net/unix").read_text().splitlines()
    return [row.split()[-1] for row in rows if str(root) in row]


def connections(port: int) -> int:
    """Connections that the server on this port still holds (loopback, IPv4)."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    mine = [row for row in rows if int(row[1].rpartition(":")[2], 16) == port]
    return sum(1 for row in mine if row[3] != LISTEN and row[9] != "0")


def listening(root: Path) -> list[tuple[str, str]]:
    """(path, inode) of the listening UNIX sockets below root."""
    lines = Path("/proc/net/unix").read_text().splitlines()
    rows = [line.split() for line in lines if str(root) in line]
    return [(row[-1], row[-2]) for row in rows if int(row[3], 16) & 0x10000]


def kind_of(target: str) -> str:
    """"socket", "pipe", "anon_inode", "memfd", or the path."""
    if target.startswith("/memfd:"):
        return "memfd"
    return target if target.startswith("/") else target.partition(":")[0]


def census(pid: int) -> Counter[str]:
    return Counter(kind_of(target) for target in procs.descriptors(pid).values())


def stray_files(pid: int, root: Path, may_keep: tuple[str, ...] = ()) -> list[str]:
    """Regular files open in a process that serves no request: leaked descriptors."""
    found = []
    for number, target in procs.descriptors(pid).items():
        if not target.startswith("/") or target.startswith(("/memfd:", *HARMLESS)):
            continue
        path = target.removesuffix(" (deleted)")
        if path.startswith((f"{root}/logs/", f"{root}/run/", "/tmp/.ZendSem")):
            continue
        if target.startswith(may_keep):
            continue
        if number > 2 and not path.endswith((".so", ".py", ".zip")):
            found.append(f"{number} -> {target}")
    return found


def check_descriptors(
    pids: list[int], root: Path, may_keep: tuple[str, ...] = ()
) -> list[str]:
    """Problems found; a request that is just ending gets two seconds to let go."""
    problems: list[str] = []

    def clean() -> bool:
        problems[:] = [f"process {pid} keeps {leak}" for pid in pids
                       for leak in stray_files(pid, root, may_keep)]
        return not problems

    try:
        wait_until(clean, 2.0)
    except AssertionError:
        return problems
    return []


def check_gone(root: Path, shm_before: set[str], known: set[int]) -> list[str]:
    """What a stopped server left: processes, socket files, shared memory, cores."""
    problems: list[str] = []

    def strays() -> list[procs.Process]:
        procs.reap_strays(known)
        return [p for p in procs.descendants(os.getpid()) if p.pid not in known]

    try:
        wait_until(lambda: not strays(), 1.0)
    except AssertionError:
        problems += [
            f"process {p.pid} ({p.name}) is still there: {procs.command_line(p.pid)}"
            for p in strays()
        ]
    problems += [f"socket file left: {path}" for path in socket_files(root)]
    problems += [f"socket left: {path}" for path in bound_sockets(root)]
    problems += [f"shared memory left: {name}" for name in sorted(shared_memory() - shm_before)]
    problems += [f"core left: {path}" for path in (root / "cores").iterdir()]
    return problems
