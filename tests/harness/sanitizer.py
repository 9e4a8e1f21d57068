# SPDX-License-Identifier: Apache-2.0
"""What servers need around them when the module and the engine are built with sanitizers.

`make asan` sets CASK_TEST_REPORTS, a folder that every user can write; without it all of this is
empty. httpd and Python themselves are not sanitized, so the runtimes are loaded before them.
"""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

OPTIONS = {
    "detect_leaks": "0",  # what httpd and Python keep until they end is no fault of ours
    "exitcode": "66",
    # Crashes that tests provoke stay what they are: processes lost by a signal.
    "handle_segv": "0",
    "handle_sigbus": "0",
    "handle_abort": "0",
    "print_stacktrace": "1",
    "halt_on_error": "1",
}


def folder() -> Path | None:
    given = os.environ.get("CASK_TEST_REPORTS")
    return Path(given) if given else None


def runtime(name: str) -> str:
    found = subprocess.run(
        ["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True
    ).stdout.strip()
    # gcc names a link or a linker script beside the archive; the loader wants the library itself.
    return str(Path(found).resolve())


@cache
def environment() -> dict[str, str]:
    """Variables of a server's environment; empty for an ordinary build."""
    reports = folder()
    if reports is None:
        return {}
    words = [f"{name}={value}" for name, value in OPTIONS.items()]
    options = ":".join([*words, f"log_path={reports / 'report'}"])
    # ASan wraps crypt() and must find the real one when it begins, or Python's module has none.
    libraries = ("libasan.so", "libubsan.so", "libcrypt.so.1")
    return {
        "LD_PRELOAD": " ".join(runtime(name) for name in libraries),
        "ASAN_OPTIONS": options,
        "UBSAN_OPTIONS": options,
        "PYTHONMALLOC": "malloc",  # memory of objects is looked at like any other
    }


def take_reports() -> list[str]:
    """The reports since the last call, whole; the files stay, under another name."""
    reports = folder()
    found = []
    for path in sorted(reports.glob("report.*")) if reports is not None else []:
        seen = path.rename(path.with_name(f"seen-{path.name}"))
        found.append(f"sanitizer report {seen}:\n{seen.read_text('utf-8', 'replace')}")
    return found
