# SPDX-License-Identifier: Apache-2.0
"""module-location, module-config, install-module, --help and --version."""

from __future__ import annotations

import dataclasses
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from harness.launched import COMMAND
from harness.site import Site


def command(*words: str | Path, expect: int = 0, **more: int) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(COMMAND), *map(str, words)], capture_output=True, text=True, check=False, timeout=60,
        **more,  # type: ignore[call-overload]
    )  # fmt: skip
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def test_location_is_a_file() -> None:
    assert Path(command("module-location").stdout.strip()).is_file()


def test_config_loads_the_module() -> None:
    module = command("module-location").stdout.strip()
    assert command("module-config").stdout.splitlines() == [
        f'LoadModule wsgi_module "{module}"',
        f'WSGIPythonHome "{sys.prefix}"',
    ]


def test_as_python_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mod_cask", "module-location"],
        capture_output=True, text=True, check=True, cwd="/",
    )  # fmt: skip
    assert done.stdout == command("module-location").stdout


@pytest.mark.parametrize("words", [["--help"], ["serve", "--help"], ["install-module", "-h"]])
def test_help(words: list[str]) -> None:
    assert command(*words).stdout.startswith("usage: mod-cask")


def test_version() -> None:
    assert command("--version").stdout.startswith("mod-cask ")


@pytest.mark.parametrize("words", [[], ["bogus"], ["module-location", "x"], ["serve"]])
def test_mistakes(words: list[str]) -> None:
    assert "usage: mod-cask" in command(*words, expect=2).stderr


def test_installed_module_serves(site: Site) -> None:
    folder = site.root / "modules"
    folder.mkdir(mode=0o755)
    lines = command("install-module", "--modules-directory", folder).stdout.splitlines()
    module = folder / "mod_cask.so"
    assert lines[0] == f'LoadModule wsgi_module "{module}"'
    for path in folder.rglob("*"):
        wanted = 0o755 if path.is_dir() or path.suffix == ".so" else 0o644
        assert path.stat().st_mode & 0o777 == wanted, path
    command("install-module", "--modules-directory", folder)  # once more over itself
    site.config.settings = dataclasses.replace(site.config.settings, module=module)
    site.serve("hello.py")
    assert site.get("/").status_code == 200


def test_missing_folder(tmp_path: Path) -> None:
    done = command("install-module", "--modules-directory", tmp_path / "none", expect=1)
    assert "there is no folder" in done.stderr


def test_folder_that_cannot_be_written(world: Path) -> None:
    uid = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
    folder = "/usr/lib"
    more = {"user": uid} if os.geteuid() == 0 else {}
    done = command("install-module", "--modules-directory", folder, expect=1, **more)
    assert "cannot install into '/usr/lib'" in done.stderr
    assert "Traceback" not in done.stderr
