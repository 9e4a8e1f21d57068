# SPDX-License-Identifier: Apache-2.0
"""Ceilings of style.md §1 and §6: length of files, functions and lines; number of parameters."""

from __future__ import annotations

from rules import TOP, C, complain, files_below, functions_of, name_of, text_files

LIMITS = {".c": 600, ".h": 250, ".py": 400}


def test_length_of_files() -> None:
    breaches = []
    for path in text_files():
        limit = LIMITS.get(path.suffix)
        if TOP / "tests" / "apps" in path.parents:
            continue  # httpd serves a file: an application with many answers is one long file
        if path.suffix == ".h" and TOP / "tests" in path.parents:
            limit = LIMITS[".c"]  # what the programs of a test share is code in a header
        if limit and (lines := len(path.read_text().splitlines())) > limit:
            breaches.append(f"{name_of(path)}: {lines} lines, {limit} allowed")
    complain(breaches, "split by purpose")


def test_width_of_lines() -> None:
    breaches = [
        f"{name_of(path)}:{number}: {len(line)} columns"
        for path in text_files()
        if path.suffix in LIMITS
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > 100
    ]
    complain(breaches, "100 columns")


def test_functions() -> None:
    breaches = []
    for path in files_below(C, ".c", ".h"):
        for function in functions_of(path):
            where = f"{name_of(path)}:{function.line}: {function.name}()"
            if function.lines > 80:
                breaches.append(f"{where}: {function.lines} lines, 80 allowed")
            if len(function.parameters) > 7:
                breaches.append(f"{where}: {len(function.parameters)} parameters, 7 allowed")
    complain(breaches, "small functions")


def test_functions_are_found() -> None:
    """The rule would be blind if its search found nothing."""
    found = {f.name: f for f in functions_of(C / "platform" / "net.c")}
    assert found["cask_net_send_fds"].lines > 20
    assert len(found["cask_net_recv_fds"].parameters) == 7
    assert found["cask_net_pair"].lines == 1


def test_no_drawers() -> None:
    drawers = {"util", "utils", "misc", "common", "helpers", "helper", "stuff"}
    complain(
        [name_of(p) for p in files_below(TOP / "src" / "c", ".c", ".h") if p.stem in drawers],
        "there is no drawer for misc",
    )
