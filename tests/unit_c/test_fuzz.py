# SPDX-License-Identifier: Apache-2.0
"""Every fuzzer for a short time, from its corpus; `make soak` runs them for long."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness import fuzz

SECONDS = 2


@pytest.fixture(scope="module", autouse=True)
def programs() -> Path:
    return fuzz.build()


def test_each_has_a_corpus() -> None:
    assert sorted(path.stem for path in fuzz.CORPUS.glob("*.zip")) == fuzz.NAMES


@pytest.mark.parametrize("name", fuzz.NAMES)
def test_fuzzer(name: str, tmp_path: Path) -> None:
    fuzz.run(name, SECONDS, tmp_path / name, "-seed=1")


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_fuzzers() -> None:
    """All at once, sharing the processors for SOAK_SECONDS. What they find is kept in the work
    folder; `make fuzz-corpus` takes it into tests/corpus."""
    assert fuzz.has_libfuzzer(), "clang with libFuzzer is missing"
    found = fuzz.build() / "found"
    jobs = os.cpu_count() or 2
    each = int(os.environ.get("SOAK_SECONDS", "600")) * jobs // len(fuzz.NAMES) + 1
    with ThreadPoolExecutor(jobs) as pool:
        runs = {name: pool.submit(fuzz.run, name, each, found / name) for name in fuzz.NAMES}
    failed = [f"{name}: {error}" for name, job in runs.items() if (error := job.exception())]
    assert not failed, "\n".join(failed)
