# SPDX-License-Identifier: Apache-2.0
"""Reads httpd's error logs and tells which lines a test has asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

LINE = re.compile(
    r"\[(?P<time>[^]]*)\] \[(?P<module>[^]:]*):(?P<level>[a-z0-9]+)\] "
    r"\[pid (?P<pid>\d+)(?::tid (?P<tid>\d+))?\] (?P<text>.*)"
)
LOUD = frozenset({"emerg", "alert", "crit", "error", "warn"})
NUMBER = re.compile(r"\b(CASK\d{4})\b")


@dataclass(frozen=True)
class Entry:
    file: str
    line: int
    module: str
    level: str
    """Empty for a line that is not in httpd's format: crash output, a sanitizer's report."""
    pid: int
    text: str

    @property
    def number(self) -> str:
        found = NUMBER.search(self.text)
        return found.group(1) if found else ""

    @property
    def loud(self) -> bool:
        """Warning or above, or a crash."""
        return not self.level or self.level in LOUD or "exit signal" in self.text

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: [{self.module}:{self.level}] [{self.pid}] {self.text}"


# httpd's own, when it is stopped while it puts a connection aside for keep-alive: no fault.
STOPPING = r"AH03093: process_socket: apr_pollset_add failure for keep alive"

Mark = dict[str, int]
"""For each log file, how many of its lines were there at some moment."""


class Logs:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.expected: set[tuple[str, int]] = set()
        self.allowed = [STOPPING]

    def files(self) -> list[Path]:
        return sorted(p for p in self.folder.glob("*.log") if not p.name.startswith("access"))

    def entries(self, name: str | None = None) -> list[Entry]:
        """All complete lines so far; of one file ("error", or a virtual host's name) or of all."""
        found: list[Entry] = []
        for path in self.files():
            if name is None or path.stem == name:
                found.extend(parse(path))
        return found

    def mark(self) -> Mark:
        return {entry.file: entry.line for entry in self.entries()}

    def since(self, mark: Mark, name: str | None = None) -> list[Entry]:
        return [e for e in self.entries(name) if e.line > mark.get(e.file, 0)]

    def find(self, pattern: str, name: str | None = None, mark: Mark | None = None) -> list[Entry]:
        """Entries whose text matches, only those after the mark when there is one."""
        return [e for e in self.since(mark or {}, name) if re.search(pattern, e.text)]

    def expect(self, entries: Iterable[Entry]) -> None:
        self.expected.update((e.file, e.line) for e in entries)

    def allow(self, pattern: str) -> None:
        """Lines like this may come any number of times, earlier or later."""
        self.allowed.append(pattern)

    def allow_stacks(self) -> None:
        """What a daemon's threads were doing when it was ended."""
        self.allow(r"most recent call first|^  File |^  <no Python frame>")

    def unexpected(self) -> list[Entry]:
        return [
            e
            for e in self.entries()
            if e.loud
            and (e.file, e.line) not in self.expected
            and not any(re.search(pattern, e.text) for pattern in self.allowed)
        ]

    def tail(self, lines: int = 60) -> str:
        parts = []
        for path in self.files():
            text = path.read_text("utf-8", "replace").splitlines()[-lines:]
            parts.append(f"--- {path.name}\n" + "\n".join(text))
        return "\n".join(parts)


def parse(path: Path) -> list[Entry]:
    entries = []
    text = path.read_bytes().decode("utf-8", "replace")
    complete = text[: text.rfind("\n") + 1]
    for number, line in enumerate(complete.split("\n")[:-1], 1):
        match = LINE.match(line)
        if match is None:
            if line:
                entries.append(Entry(path.name, number, "", "", 0, line))
            continue
        entries.append(
            Entry(
                path.name,
                number,
                match["module"],
                match["level"],
                int(match["pid"]),
                match["text"],
            )
        )
    return entries
