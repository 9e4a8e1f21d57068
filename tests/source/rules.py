# SPDX-License-Identifier: Apache-2.0
"""What the source rules share: which files there are, and C without its comments and strings."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
C = TOP / "src" / "c"
RANKS = {
    "apache": 4,
    "entry": 4,
    "proc": 3,
    "wire": 2,
    "gateway": 2,
    "interp": 1,
    "request": 1,
    "metrics": 1,
    "proto": 0,
    "platform": 0,
}
PYTHON_ROOMS = {"interp", "gateway", "entry"}
BINARY = {".bin", ".png", ".ico", ".gz", ".zip", ".jpg", ".woff2", ".so", ".o"}


@cache
def project_files() -> tuple[Path, ...]:
    """Every file that git tracks or would add; without git, every file outside build folders."""
    if (TOP / ".git").exists() and shutil.which("git") is not None:
        listed = subprocess.run(
            # The checkout may belong to another user than the one who tests.
            ["git", "-c", f"safe.directory={TOP}", "ls-files", "-coz", "--exclude-standard"],
            cwd=TOP,
            capture_output=True,
            text=True,
            check=False,
        )
        if listed.returncode == 0:
            paths = (TOP / name for name in listed.stdout.split("\0") if name)
            return tuple(sorted(p for p in paths if p.is_file()))
    skipped = {".git", "build", "dist", "__pycache__", ".pytest_cache", ".ruff_cache"}
    return tuple(
        sorted(
            p
            for p in TOP.rglob("*")
            if p.is_file() and not skipped & set(p.parts) and p.suffix != ".pyc"
        )
    )


def text_files() -> list[Path]:
    return [p for p in project_files() if p.suffix not in BINARY and not p.is_symlink()]


def files_below(folder: Path, *suffixes: str) -> list[Path]:
    return [p for p in project_files() if folder in p.parents and p.suffix in suffixes]


def name_of(path: Path) -> str:
    return path.relative_to(TOP).as_posix()


def room_of(path: Path) -> str:
    return path.relative_to(C).parts[0]


TOKEN = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'", re.DOTALL)


def blank(match: re.Match[str]) -> str:
    """As many lines and columns as before: positions stay true."""
    text = match.group(0)
    if text[0] in "\"'":
        return text[0] + " " * (len(text) - 2) + text[0]
    return re.sub(r"[^\n]", " ", text)


@cache
def code_of(path: Path) -> str:
    """The text of a C file with comments and the insides of strings blanked."""
    return TOKEN.sub(blank, path.read_text())


@dataclass(frozen=True)
class Function:
    name: str
    line: int
    lines: int
    """without its braces, as clang-tidy counts"""
    parameters: tuple[str, ...]


FUNCTION = re.compile(r"^(\w+)\(([^;{}]*?)\)[^;{}()]*\n\{$(.*?)^\}", re.MULTILINE | re.DOTALL)


def split_arguments(text: str) -> tuple[str, ...]:
    """The parts between commas that are not inside brackets."""
    parts, depth, last = [], 0, 0
    for at, letter in enumerate(text):
        if letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append(text[last:at].strip())
            last = at + 1
    parts.append(text[last:].strip())
    return tuple(part for part in parts if part not in ("", "void"))


@cache
def functions_of(path: Path) -> tuple[Function, ...]:
    """The functions defined in a formatted C file: name and braces in column 0."""
    code = code_of(path)
    return tuple(
        Function(
            name=match.group(1),
            line=code.count("\n", 0, match.start()) + 1,
            lines=match.group(3).count("\n") - 1,
            parameters=split_arguments(match.group(2)),
        )
        for match in FUNCTION.finditer(code)
    )


def calls_of(path: Path, name: str) -> list[tuple[int, tuple[str, ...]]]:
    """Line and arguments of each call (or declaration) of a function."""
    code = code_of(path)
    found = []
    for match in re.finditer(rf"\b{name}\s*\(", code):
        depth, at = 1, match.end()
        while depth > 0 and at < len(code):
            depth += {"(": 1, ")": -1}.get(code[at], 0)
            at += 1
        line = code.count("\n", 0, match.start()) + 1
        found.append((line, split_arguments(code[match.end() : at - 1])))
    return found


def complain(breaches: list[str], rule: str) -> None:
    assert not breaches, f"{rule}:\n  " + "\n  ".join(breaches)
