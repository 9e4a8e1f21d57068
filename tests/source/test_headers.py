# SPDX-License-Identifier: Apache-2.0
"""How files begin, include guards, and that each header compiles alone."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from rules import PYTHON_ROOMS, TOP, C, complain, files_below, name_of, room_of, text_files

SPDX = "SPDX-License-Identifier: Apache-2.0"
NEEDS_SPDX = {".c", ".h", ".def", ".py", ".mk", ".sh"}


def test_licence_line() -> None:
    breaches = []
    for path in text_files():
        lines = path.read_text().splitlines()[:3]
        named = path.suffix in NEEDS_SPDX or (lines and lines[0].startswith("#!"))
        if named and lines and not any(SPDX in line for line in lines):
            breaches.append(name_of(path))
    complain(breaches, f"'{SPDX}' stands in the first lines")


def test_c_files_say_what_they_are_for() -> None:
    breaches = []
    for path in files_below(C, ".c", ".h", ".def"):
        short = path.relative_to(C).as_posix()
        lines = path.read_text().splitlines()
        if lines[0] != f"/* {SPDX} */" or not lines[1].startswith(f"/* {short} - "):
            breaches.append(f"{name_of(path)}: second line is not '/* {short} - ...'")
    complain(breaches, "a file opens by saying what it is for")


def test_python_files_say_what_they_are_for() -> None:
    breaches = []
    for path in files_below(TOP, ".py"):
        text = path.read_text()
        body = re.sub(r"\A(#[^\n]*\n)*", "", text)
        if body.strip() and not body.startswith(('"""', 'r"""')):
            breaches.append(name_of(path))
    complain([b for b in breaches if "tests/apps/" not in b], "a module has a docstring")


def test_include_guards() -> None:
    breaches = []
    for path in files_below(C, ".h"):
        guard = f"CASK_{room_of(path)}_{path.stem}_H".upper()
        text = path.read_text()
        if f"#ifndef {guard}\n#define {guard}\n" not in text or not text.endswith("#endif\n"):
            breaches.append(f"{name_of(path)}: {guard}")
    complain(breaches, "guards are CASK_<ROOM>_<STEM>_H")


def output(*command: str) -> list[str]:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return shlex.split(done.stdout)


def httpd_flags() -> list[str]:
    apxs = shutil.which("apxs") or shutil.which("apxs2") or "/usr/bin/apxs"
    if not Path(apxs).exists():
        pytest.fail("apxs is missing: install apache2-dev")
    apr = output(apxs, "-q", "APR_CONFIG") or ["apr-1-config"]
    flags = [*output(apxs, "-q", "EXTRA_CPPFLAGS"), *output(apr[0], "--cppflags", "--includes")]
    return [*flags, "-isystem", *output(apxs, "-q", "INCLUDEDIR")]


def test_headers_compile_alone() -> None:
    compiler = shutil.which("gcc") or shutil.which("cc")
    assert compiler, "no C compiler"
    common = ["-std=gnu11", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Werror", f"-I{C}"]
    httpd = httpd_flags()
    python = ["-isystem", sysconfig.get_path("include")]

    def compile_alone(path: Path) -> str:
        room = room_of(path)
        extra = httpd if room == "apache" else python if room in PYTHON_ROOMS else []
        done = subprocess.run(
            [compiler, *common, *extra, "-x", "c", "-"],
            input=f'#include "{path.relative_to(C).as_posix()}"\n',
            capture_output=True,
            text=True,
            check=False,
        )
        return "" if done.returncode == 0 else f"{name_of(path)}:\n{done.stderr}"

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(compile_alone, files_below(C, ".h")))
    complain([r for r in results if r], "each header compiles alone")
