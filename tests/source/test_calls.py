# SPDX-License-Identifier: Apache-2.0
"""Forbidden calls (style.md §3), names of symbols (§1), and the ways around a rule.

A call that must be there all the same carries a comment on its own line or the line before:
`/* allowed: why */`.
"""

from __future__ import annotations

import re
from pathlib import Path

from rules import C, code_of, complain, files_below, functions_of, name_of

FORBIDDEN = [
    *("strcpy", "strcat", "sprintf", "vsprintf", "strtok", "strncpy", "gets", "alloca"),
    *("atoi", "atol", "atof", "system", "popen", "sleep", "usleep", "signal"),
    *("PyErr_Print", "PyList_GetItem", "PyDict_GetItem", "PyDict_GetItemString"),
]
ONLY_IN = {
    "fork": {"proc/spawn.c", "interp/runtime.c"},
    "exit": set(),
    "_exit": {"platform/process.c"},
    "vfork": set(),
}
PATTERN = re.compile(
    rf"(?<![\w.>])({'|'.join([*FORBIDDEN, *ONLY_IN])}|PyGILState_\w+)\s*\(",
)
SOURCES = files_below(C, ".c", ".h", ".def")


def allowed(path: Path, line: int) -> bool:
    lines = path.read_text().splitlines()
    return any("allowed:" in text for text in lines[max(line - 2, 0) : line])


def test_forbidden_calls() -> None:
    breaches = []
    for path in SOURCES:
        short = path.relative_to(C).as_posix()
        code = code_of(path)
        for match in PATTERN.finditer(code):
            line = code.count("\n", 0, match.start()) + 1
            if short not in ONLY_IN.get(match.group(1), set()) and not allowed(path, line):
                breaches.append(f"{name_of(path)}:{line}: {match.group(1)}()")
    complain(breaches, "forbidden calls")


def test_visible_functions_carry_their_files_name() -> None:
    """cask_<stem>_<verb>; files that share a header carry the header's stem."""
    breaches = []
    for path in files_below(C, ".c"):
        code = code_of(path)
        for function in functions_of(path):
            before = code[: code.index(f"\n{function.name}(")].rsplit("\n", 1)[-1]
            if re.search(r"\bstatic\b", before) or function.name.startswith("PyInit_"):
                continue
            stem = path.stem
            while stem and not function.name.startswith(f"cask_{stem}_"):
                stem = stem.rpartition("_")[0]
            known = {f"cask_{path.stem}", "cask_assert"}
            if not stem and function.name not in known and not shares_a_header(path, function.name):
                breaches.append(f"{name_of(path)}:{function.line}: {function.name}()")
    complain(breaches, "a symbol tells its file")


def shares_a_header(path: Path, name: str) -> bool:
    """Declared in a header that this file includes, of the same room or of a seam."""
    headers = re.findall(r'#include "([^"]+)"', path.read_text())
    return any(
        re.search(rf"\b{name}\s*\(", code_of(C / header))
        for header in headers
        if (C / header).is_file()
    )


def test_no_assignment_in_conditions() -> None:
    pattern = re.compile(r"\b(?:if|while)\s*\((?:[^;{}]*?[^=!<>])?\((\w[\w>.\-\[\]]*) = ")
    complain(
        [
            f"{name_of(path)}:{code_of(path).count(chr(10), 0, match.start()) + 1}"
            for path in SOURCES
            for match in pattern.finditer(code_of(path))
        ],
        "a call and its check stand together, without an assignment in the condition",
    )


def test_no_typedef_of_structs() -> None:
    complain(
        [
            f"{name_of(path)}: {match.group(0)}"
            for path in SOURCES
            for match in re.finditer(r"typedef\s+(struct|enum|union)\b[^;]*", code_of(path))
        ],
        "no typedef of structs",
    )
