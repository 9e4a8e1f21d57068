# SPDX-License-Identifier: Apache-2.0
"""What must not be in any file: paths of one machine, postponed work, trailing blanks."""

from __future__ import annotations

import re
from pathlib import Path

from rules import complain, name_of, project_files, text_files

MACHINE = re.compile(r"/root/|file:///|10\.\d+\.\d+\.\d+:")
POSTPONED = re.compile(r"\b(TODO|FIXME|XXX|HACK|TBD)\b")
SELF = Path(__file__).resolve()


def breaches(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name_of(path)}:{number}: {match.group(0)}"
        for path in text_files()
        if path != SELF
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if (match := pattern.search(line))
    ]


def test_no_machine_paths() -> None:
    complain(breaches(MACHINE), "paths and names of one machine")


def test_nothing_is_postponed() -> None:
    complain(breaches(POSTPONED), "postponed work belongs into an issue")


def test_text_is_clean() -> None:
    found = []
    for path in text_files():
        text = path.read_text(errors="replace")
        if "\r" in text or "\ufffd" in text:
            found.append(f"{name_of(path)}: carriage return or no UTF-8")
        if text and not text.endswith("\n"):
            found.append(f"{name_of(path)}: no newline at the end")
        if re.search(r"[ \t]+$", text, re.MULTILINE) and path.suffix != ".md":
            found.append(f"{name_of(path)}: blanks at the end of a line")
    complain(found, "clean text")


def test_no_built_files() -> None:
    built = {".so", ".o", ".a", ".pyc", ".whl", ".info"}
    complain([name_of(p) for p in project_files() if p.suffix in built], "built files")
