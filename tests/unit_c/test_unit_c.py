# SPDX-License-Identifier: Apache-2.0
"""Builds the C unit tests with gcc and runs each program: plainly, tortured, and with TSan."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TOP = HERE.parent.parent
PROGRAMS = ["_".join(p.relative_to(HERE).with_suffix("").parts) for p in HERE.glob("*/test_*.c")]
# Threads meet here; elsewhere ThreadSanitizer has nothing to look at.
THREADED = [name for name in PROGRAMS if name.startswith(("metrics_", "platform_", "wire_"))]


@pytest.fixture(scope="module")
def output() -> Path:
    # The same folder as the Makefile's, kept between runs: only what changed is compiled again.
    return Path(os.environ.get("CASK_WORK", TOP / "build")) / "unit_c"


def build(output: Path, target: str) -> None:
    if shutil.which("gcc") is None or shutil.which("make") is None:
        pytest.fail("the C unit tests need gcc and make")
    made = subprocess.run(
        ["make", "-s", "-f", HERE / "unit.mk", f"UNIT_OUT={output}", target],
        cwd=TOP,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert "warning:" not in made.stderr, made.stderr


@pytest.fixture(scope="module")
def asan(output: Path) -> Path:
    build(output, "unit-c-build")
    return output / "asan"


@pytest.fixture(scope="module")
def tsan(output: Path) -> Path:
    build(output, "unit-c-build-tsan")
    return output / "tsan"


def run(program: Path, *arguments: str) -> None:
    done = subprocess.run(
        [program, *arguments],
        cwd=TOP,
        env={**os.environ, "UNIT_CORPUS": str(TOP / "tests" / "corpus")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_asan(asan: Path, name: str) -> None:
    run(asan / name)


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_torture(asan: Path, name: str) -> None:
    run(asan / name, "--torture")


@pytest.mark.parametrize("name", sorted(THREADED))
def test_tsan(tsan: Path, name: str) -> None:
    run(tsan / name)
