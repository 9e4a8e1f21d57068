# SPDX-License-Identifier: Apache-2.0
"""The ranks of the rooms (architecture.md §2): every #include goes down."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rules import PYTHON_ROOMS, RANKS, C, complain, files_below, name_of, room_of

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.MULTILINE)
SOURCES = files_below(C, ".c", ".h", ".def")
HTTPD = re.compile(
    r"^(ap_|apr|apu|http|httpd|heartbeat|mod_|mpm_|scoreboard|unixd|util_|os\.h)[\w.-]*\.h$"
)
DOOR = "gateway/engine.h"
# Python.h, and the headers of interp/ that begin with it.
PYTHON = {"Python.h", "interp/gil.h", "interp/compat.h"}


def includes(path: Path) -> list[tuple[str, str]]:
    return INCLUDE.findall(path.read_text())


def breach(path: Path, quote: str, target: str) -> str | None:  # noqa: PLR0911 - one per rule
    """Why a file may not include this; None when it may."""
    room = room_of(path)
    if target == "Python.h" or target in ("structmember.h", "frameobject.h"):
        return None if room in PYTHON_ROOMS else "Python's headers are not for this room"
    if HTTPD.match(target) and not (C / target).exists():
        return None if room == "apache" else "httpd's and APR's headers are for apache/ only"
    if quote == "<":
        return None
    if not (C / target).is_file():
        return 'no such file of the project (write "room/file.h")'
    other = target.split("/", maxsplit=1)[0]
    if other == room:
        return None
    if RANKS[other] >= RANKS[room]:
        return f"{other}/ has rank {RANKS[other]}, {room}/ has {RANKS[room]}"
    if room in ("apache", "proc") and other in PYTHON_ROOMS and target != DOOR:
        return f"of the rooms with Python only {DOOR} is for {room}/"
    if room == "proto":
        return "proto/ knows nothing but itself"
    return None


def test_every_room_has_a_rank() -> None:
    rooms = {room_of(p) for p in SOURCES}
    assert rooms <= set(RANKS), rooms - set(RANKS)


def test_includes_go_down() -> None:
    complain(
        [
            f"{name_of(path)}: {target}: {why}"
            for path in SOURCES
            for quote, target in includes(path)
            if (why := breach(path, quote, target))
        ],
        "layers",
    )


def test_a_c_file_includes_its_own_header_first() -> None:
    breaches = []
    for path in SOURCES:
        own = f"{room_of(path)}/{path.stem}.h"
        targets = [target for _, target in includes(path) if target not in PYTHON]
        if path.suffix == ".c" and (C / own).exists() and targets[:1] != [own]:
            breaches.append(f"{name_of(path)}: {own} is not first")
    complain(breaches, "the own header comes first (after Python.h)")


def test_python_header_comes_before_all() -> None:
    breaches = [
        name_of(path)
        for path in SOURCES
        if "Python.h" in (names := [target for _, target in includes(path)])
        and names[0] != "Python.h"
    ]
    complain(breaches, "Python.h defines macros that libc headers look at: it comes first")


@pytest.mark.parametrize(
    ("room", "quote", "target", "refused"),
    [
        ("wire", '"', "proc/spec.h", True),
        ("wire", '"', "gateway/engine.h", True),
        ("proc", '"', "gateway/engine.h", False),
        ("apache", '"', "interp/gil.h", True),
        ("proto", '"', "platform/buf.h", True),
        ("metrics", '"', "request/keys.h", True),
        ("metrics", '"', "platform/shm.h", False),
        ("proc", "<", "apr_pools.h", True),
        ("wire", '"', "httpd.h", True),
        ("apache", '"', "httpd.h", False),
        ("proc", "<", "Python.h", True),
        ("gateway", "<", "Python.h", False),
        ("platform", '"', "log.h", True),
    ],
)
def test_the_rule_itself(room: str, quote: str, target: str, refused: bool) -> None:
    assert (breach(C / room / "file.c", quote, target) is not None) == refused
