# SPDX-License-Identifier: Apache-2.0
"""Finds the Apache server: its binary, its modules and the MPM to use."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from mod_cask.common.errors import Failure

PROGRAMS = ("apache2", "httpd")
FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/local/apache2/bin", "/opt/homebrew/bin")
MODULE_FOLDERS = (
    "/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/lib/httpd/modules",
    "/usr/lib64/apache2", "/usr/lib/apache2", "/usr/libexec/apache2",
    "/usr/local/libexec/apache24", "/usr/local/apache2/modules", "/opt/homebrew/lib/httpd/modules",
)  # fmt: skip
MPMS = ("event", "worker", "prefork")
NEEDED = ("unixd", "authz_core", "alias", "mime", "reqtimeout")
REMEDY = (
    "install apache2-bin (Debian, Ubuntu), httpd (Fedora, RHEL), apache2 (Alpine) or httpd "
    "(Homebrew on macOS)"
)


@dataclass(frozen=True)
class Httpd:
    program: str
    mpm: str
    load: tuple[tuple[str, str], ...]
    """Name and file of each module to load: the MPM first; built-in ones are left out."""


def search_path() -> str:
    return os.pathsep.join([os.environ.get("PATH", os.defpath), *FOLDERS])


def program(given: str | None = None) -> str:
    """The server binary; `given` (environment variable HTTPD) instead of the search."""
    names = (given,) if given else PROGRAMS
    for name in names:
        found = shutil.which(name, path=search_path())
        if found is not None:
            return found
    if given:
        raise Failure(f"HTTPD names '{given}', which is no program")
    raise Failure("Apache is not installed", REMEDY)


def apxs() -> str | None:
    names = [name for name in (os.environ.get("APXS"), "apxs", "apxs2") if name]
    found = (shutil.which(name, path=search_path()) for name in names)
    return next((path for path in found if path is not None), None)


def module_folders() -> list[Path]:
    tool = apxs()
    asked = []
    if tool is not None:
        done = subprocess.run(
            [tool, "-q", "LIBEXECDIR"], capture_output=True, text=True, check=False, timeout=30
        )
        asked = [done.stdout.strip()] if done.returncode == 0 else []
    return [Path(folder) for folder in (*asked, *MODULE_FOLDERS) if Path(folder).is_dir()]


def built_in(server: str) -> set[str]:
    """Names of the modules inside the binary: "core.c" or "mod_unixd.c" give core and unixd."""
    done = subprocess.run([server, "-l"], capture_output=True, text=True, check=False, timeout=30)
    words = (line.strip() for line in done.stdout.splitlines())
    return {word.removesuffix(".c").removeprefix("mod_") for word in words if word.endswith(".c")}


def choose(inside: set[str], loadable: dict[str, Path]) -> tuple[str, list[tuple[str, str]]]:
    """(MPM, modules to load) of what the binary has and what lies in its folder."""
    load = []
    mpm = next((name for name in MPMS if name in inside), None)
    if mpm is None:
        mpm = next((name for name in MPMS if f"mpm_{name}" in loadable), None)
        if mpm is None:
            raise Failure("Apache has no MPM (mod_mpm_event.so was not found)", REMEDY)
        load.append((f"mpm_{mpm}_module", str(loadable[f"mpm_{mpm}"])))
    for name in NEEDED:
        if name in inside:
            continue
        if name not in loadable:
            raise Failure(f"Apache's mod_{name}.so was not found", REMEDY)
        load.append((f"{name}_module", str(loadable[name])))
    return mpm, load


def find() -> Httpd:
    server = program(os.environ.get("HTTPD"))
    loadable: dict[str, Path] = {}
    for folder in reversed(module_folders()):
        loadable |= {path.stem.removeprefix("mod_"): path for path in folder.glob("mod_*.so")}
    mpm, load = choose(built_in(server), loadable)
    return Httpd(server, mpm, tuple(load))
