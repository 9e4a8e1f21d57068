# SPDX-License-Identifier: Apache-2.0
"""Builds and runs the fuzzers of tests/unit_c (fuzz.mk): with libFuzzer where clang has it, else
with a driver of our own that runs the same functions on the corpus and on changed copies."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
UNIT = TOP / "tests" / "unit_c"
CORPUS = TOP / "tests" / "corpus" / "fuzz"
NAMES = sorted(p.stem.removeprefix("fuzz_") for p in UNIT.glob("*/fuzz_*.c"))
PROTO = TOP / "tests" / "corpus" / "proto"
FRAMES = ("frame", "reply", "request")
"""Fuzzers that the corpus of frames is for, too."""

EMPTY = "int LLVMFuzzerTestOneInput(const void *d, long n);\n" \
    "int LLVMFuzzerTestOneInput(const void *d, long n) { return d == 0 && n < 0; }\n"


def output() -> Path:
    """The same folder as the Makefile's, kept between runs."""
    return Path(os.environ.get("CASK_WORK", TOP / "build")) / "unit_c"


@cache
def has_libfuzzer() -> bool:
    if shutil.which("clang") is None:
        return False
    output().mkdir(parents=True, exist_ok=True)
    probe = subprocess.run(
        ["clang", "-fsanitize=fuzzer", "-xc", "-", "-o", output() / "fuzz-probe"],
        input=EMPTY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return probe.returncode == 0


def build() -> Path:
    """The folder of the programs."""
    target = "fuzz-build" if has_libfuzzer() else "fuzz-build-replay"
    made = subprocess.run(
        ["make", "-s", "-f", UNIT / "unit.mk", f"UNIT_OUT={output()}", target],
        cwd=TOP, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    return output() / ("fuzz" if has_libfuzzer() else "replay")


def command(name: str, seconds: int, found: Path, *options: str) -> list[str]:
    program = build() / f"fuzz_{name}"
    seeds = [output() / "seeds" / name, *([PROTO] if name in FRAMES else [])]
    if not has_libfuzzer():
        return [str(word) for word in (program, seconds, *seeds)]
    found.mkdir(parents=True, exist_ok=True)
    words = [program, f"-max_total_time={seconds}", "-max_len=65536", "-timeout=20"]
    words += ["-rss_limit_mb=0", f"-artifact_prefix={found}-", *options, found, *seeds]
    return [str(word) for word in words]


def run(name: str, seconds: int, found: Path, *options: str) -> None:
    """found: a folder for inputs that reach new code; an input that fails is put beside it."""
    done = subprocess.run(
        command(name, seconds, found, *options),
        cwd=TOP, capture_output=True, text=True, timeout=seconds + 120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
