# SPDX-License-Identifier: Apache-2.0
"""platform/lognums.def: a row for every number, a use for every row."""

from __future__ import annotations

import re
from functools import cache

from rules import (
    RANKS,
    C,
    calls_of,
    code_of,
    complain,
    files_below,
    functions_of,
    name_of,
    split_arguments,
)

TABLE = C / "platform" / "lognums.def"
ROW = re.compile(
    r'^CASK_LOGNUM\((\d+),\s*(\w+),\s*"((?:[^"\\]|\\.)*)",\s*"((?:[^"\\]|\\.)*)"\)$', re.MULTILINE
)
LEVELS = {"EMERG", "ALERT", "CRIT", "ERROR", "WARNING", "NOTICE", "INFO"}
# Whose number it is; rooms above may use it when they report on that room's business.
OWNERS = {
    1: "apache",
    2: "apache",
    3: "platform",
    4: "proc",
    5: "gateway",
    6: "interp",
    7: "wire",
}
SOURCES = files_below(C, ".c", ".h")


@cache
def rows() -> tuple[tuple[int, str, str, str], ...]:
    return tuple(
        (int(n), level, what, then) for n, level, what, then in ROW.findall(TABLE.read_text())
    )


@cache
def number_positions() -> dict[str, int]:
    """Functions that take a number: which argument it is ("unsigned number" in the definition)."""
    found = {}
    for path in SOURCES:
        for function in functions_of(path):
            for position, parameter in enumerate(function.parameters):
                if re.fullmatch(r"unsigned( int)? number", parameter):
                    found[function.name] = position
    return found


def uses() -> list[tuple[str, str, int]]:
    """Room, place, number of every number given as a constant."""
    found = []
    for path in SOURCES:
        room = path.relative_to(C).parts[0]
        for name, position in number_positions().items():
            for line, arguments in calls_of(path, name):
                if position < len(arguments):
                    for word in re.findall(r"(?<![\w.])\d+\b", arguments[position]):
                        found.append((room, f"{name_of(path)}:{line}", int(word)))
    return found


def test_rows_are_well_formed() -> None:
    written = re.findall(r"^CASK_LOGNUM\(", TABLE.read_text(), re.MULTILINE)
    assert len(rows()) == len(written), 'a row is not CASK_LOGNUM(number, level, "..", "..")'
    numbers = [row[0] for row in rows()]
    assert numbers == sorted(set(numbers)), "rows are sorted, and no number comes twice"
    complain([f"{n}: {level}" for n, level, _, _ in rows() if level not in LEVELS], "levels")
    complain([str(n) for n, _, what, then in rows() if not what or not then], "texts are not empty")


def test_functions_with_numbers_are_found() -> None:
    assert number_positions()["cask_problem_set"] == 2
    assert number_positions()["cask_log"] == 0
    assert split_arguments("a, f(b, c), {d, e}") == ("a", "f(b, c)", "{d, e}")


def test_every_number_has_a_row() -> None:
    known = {row[0] for row in rows()} | {0}
    complain([f"{where}: {n}" for _, where, n in uses() if n not in known], "numbers without a row")


def test_every_row_is_used() -> None:
    everywhere = "\n".join(code_of(path) for path in SOURCES)
    everywhere += "\n".join(code_of(p) for p in files_below(C, ".def") if p != TABLE)
    complain(
        [f"{n}: {what}" for n, _, what, _ in rows() if not re.search(rf"\b{n}u?\b", everywhere)],
        "rows that nothing uses",
    )


def may_use(room: str, hundred: int) -> bool:
    owner = OWNERS.get(hundred)
    return owner is not None and (room == owner or RANKS[room] > RANKS[owner])


def test_numbers_stay_in_their_rooms() -> None:
    complain(
        [
            f"{where}: {n} is not for {room}/"
            for room, where, n in uses()
            if n != 0 and not may_use(room, n // 100)
        ],
        "each room has its own range",
    )
