# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests that start `mod-cask serve`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.launched import COMMAND, Launched, Serve
from harness.ports import free_port


@pytest.fixture
def home(world: Path) -> Iterator[Path]:
    """A folder for the application that every user can read."""
    path = Path(tempfile.mkdtemp(prefix="serve-", dir=world))
    path.chmod(0o755)
    (path / "app").mkdir()
    yield path
    shutil.rmtree(path)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def serve(home: Path, port: int) -> Iterator[Serve]:
    """Starts the command in the application's folder; checks at the end that nothing is left."""
    started: list[Launched] = []

    def start(*words: str | Path, **more: Any) -> Launched:
        more.setdefault("cwd", home / "app")
        folder = home / f"run{len(started)}"
        folder.mkdir(mode=0o755)
        one = Launched(folder, COMMAND, "serve", *words, "--port", str(port), **more)
        started.append(one)
        return one

    yield start
    for one in started:
        if one.process.poll() is None:
            one.stop()
    left = [problem for one in started for problem in one.left_behind()]
    for one in started:
        one.kill()
    assert not left
