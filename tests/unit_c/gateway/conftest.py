# SPDX-License-Identifier: Apache-2.0
"""The driver, built once, and an engine in a process of its own for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .engine_driver import TOP, Engine, build


@pytest.fixture(scope="session")
def program() -> Path:
    return build(Path(os.environ.get("CASK_WORK", TOP / "build")) / "gateway")


@pytest.fixture
def engine(program: Path, tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(program, tmp_path)
    yield engine
    engine.close()
