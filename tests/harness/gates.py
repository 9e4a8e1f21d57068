# SPDX-License-Identifier: Apache-2.0
"""Gates: places where an application stops until the test lets it go on; and its notes.

The test's side of tests/apps/lib/stage.py. A gate is a file the test holds an exclusive lock on;
the application notes its arrival and asks for a shared lock.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from harness.wait import wait_until


class Stage:
    def __init__(self, root: Path) -> None:
        self.folder = root / "stage"
        self.folder.mkdir()
        self.folder.chmod(0o777)
        self.locks: dict[str, int] = {}

    def file(self, name: str) -> Path:
        """A file that every user may append to; made here, because the kernel may refuse root to
        open another user's file for creation."""
        path = self.folder / name
        if not path.exists():
            path.touch()
            path.chmod(0o666)
        return path

    def close_gate(self, name: str = "gate") -> None:
        self.file(f"{name}.reached")
        self.file(f"{name}.passed")
        if name not in self.locks:
            self.locks[name] = os.open(self.file(f"{name}.lock"), os.O_RDWR | os.O_CLOEXEC)
            fcntl.flock(self.locks[name], fcntl.LOCK_EX)

    def open_gate(self, name: str = "gate") -> None:
        os.close(self.locks.pop(name))

    def open_all(self) -> None:
        for name in list(self.locks):
            self.open_gate(name)

    def reached(self, name: str = "gate") -> int:
        """How many times an application has come to this gate."""
        return len(self.notes(f"{name}.reached"))

    def wait_reached(self, name: str = "gate", count: int = 1, deadline: float = 10.0) -> None:
        wait_until(
            lambda: self.reached(name) >= count,
            deadline,
            lambda: f"gate '{name}' reached {self.reached(name)} of {count} times",
        )

    def notes(self, name: str) -> list[str]:
        """What applications wrote down with stage.note(name, text)."""
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def expect_notes(self, name: str) -> None:
        self.file(name)

    def wait_notes(self, name: str, wanted: list[str], deadline: float = 10.0) -> None:
        wait_until(
            lambda: self.notes(name) == wanted,
            deadline,
            lambda: f"notes '{name}' are {self.notes(name)}, wanted {wanted}",
        )

    def forget(self, *names: str) -> None:
        """Empty these notes (of an earlier test)."""
        for name in names:
            self.file(name).write_text("")
