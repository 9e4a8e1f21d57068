# SPDX-License-Identifier: Apache-2.0
"""Every difference from mod_wsgi that docs/guide/from-mod_wsgi.md lists has tests behind it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from rules import TOP, complain

PAGE = TOP / "docs" / "guide" / "from-mod_wsgi.md"
HEAD = ["mod_wsgi", "mod_cask", "Why", "Way back", "Test"]
REFERENCE = re.compile(r"`(test_\w+\.(?:py|c))::([^`]+)`")


def rows() -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of the rows of every table of differences."""
    inside = False
    for number, line in enumerate(PAGE.read_text().splitlines(), 1):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not cells:
            inside = False
        elif cells == HEAD:
            inside = True
        elif inside and set(line) - set("|- "):
            yield number, cells


@cache
def names_in(file: str) -> frozenset[str]:
    """Test functions and classes of a Python file; tests of a C file by their descriptions."""
    found: set[str] = set()
    for path in (TOP / "tests").rglob(file):
        text = path.read_text()
        if path.suffix == ".c":
            found |= set(re.findall(r'\{"([^"]+)", test_', text))
        else:
            kinds = (ast.FunctionDef, ast.ClassDef)
            found |= {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)}
    return frozenset(found)


def test_rows_are_whole() -> None:
    broken = [
        f"{PAGE.name}:{number}: {len(cells)} cells"
        for number, cells in rows()
        if len(cells) != len(HEAD) or not all(cells)
    ]
    complain(broken, "a difference has five cells, none of them empty")


def test_every_row_has_a_test() -> None:
    missing = []
    for number, cells in rows():
        named = REFERENCE.findall(cells[-1])
        if not named:
            missing.append(f"{PAGE.name}:{number}: names no test")
        missing += [
            f"{PAGE.name}:{number}: there is no {name}::{test}"
            for name, test in named
            if test not in names_in(name)
        ]
    complain(missing, "a test stands behind each difference")


def test_rows_are_found() -> None:
    """The rules would be blind if the search found nothing."""
    assert len(list(rows())) > 30
    assert "test_rows_are_found" in names_in(Path(__file__).name)
