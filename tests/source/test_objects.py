# SPDX-License-Identifier: Apache-2.0
"""The two shared objects as built: what they export, what they need, which globals they hold."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

# What compiler and linker put there themselves.
RUNTIME = re.compile(
    r"^(completed\.\d+|__dso_handle|_DYNAMIC|_GLOBAL_OFFSET_TABLE_|__TMC_END__|__bss_start|_edata"
    r"|_end|__JCR_(END|LIST)__|object\.\d+|__data_start|data_start|__gcov_\S+|__asan_\S+)$"
)
# The record of the module, the one global, and CPython's static definition tables.
MODULE_GLOBALS = {"wsgi_module", "the_process"}
# What a thread is doing (apache/embed.c says why it cannot hang from an object).
MODULE_GLOBALS |= {"thread_id", "thread_inside"}
ENGINE_GLOBALS = {"the_process"}
PYTHON_TABLES = re.compile(r"_(methods?|members|getset|slots|spec|definition)$")


@dataclass(frozen=True)
class Symbol:
    name: str
    kind: str
    binding: str
    visibility: str
    section: str


def package() -> Path:
    """Where the package is installed: MOD_CASK_SO, else where this Python finds it."""
    given = os.environ.get("MOD_CASK_SO")
    if given:
        return Path(given).resolve().parent
    spec = importlib.util.find_spec("mod_cask")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (Path(folder) / "mod_cask.so").exists():
            return Path(folder)
    pytest.fail("mod_cask is not installed for this Python: run `make test`, or set MOD_CASK_SO")


def readelf(*arguments: str | Path) -> str:
    if shutil.which("readelf") is None:
        pytest.fail("readelf is missing: install binutils")
    return subprocess.run(
        ["readelf", "-W", *arguments], check=True, capture_output=True, text=True
    ).stdout


def sections(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^\s*\[\s*(\d+)\]\s+(\S+)", readelf("-S", path), re.MULTILINE))


def symbols(path: Path, option: str) -> list[Symbol]:
    names = sections(path)
    found = []
    for line in readelf(option, path).splitlines():
        fields = line.split()
        if len(fields) >= 8 and re.fullmatch(r"\d+:", fields[0]):
            section = names.get(fields[6], fields[6])
            name = fields[7].split("@")[0]
            found.append(Symbol(name, fields[3], fields[4], fields[5], section))
    return found


def exported(path: Path) -> set[str]:
    return {
        s.name
        for s in symbols(path, "--dyn-syms")
        if s.section != "UND" and s.binding in ("GLOBAL", "WEAK") and s.visibility == "DEFAULT"
    }


def wanted(path: Path) -> set[str]:
    return {s.name for s in symbols(path, "--dyn-syms") if s.section == "UND" and s.name}


def needed(path: Path) -> list[str]:
    return re.findall(r"\(NEEDED\).*\[(.+?)\]", readelf("-d", path))


def globals_of(path: Path) -> set[str]:
    """Objects that can be written while the process runs."""
    found = symbols(path, "--syms")
    if not any(s.kind == "OBJECT" for s in found):
        pytest.skip(f"'{path.name}' is stripped")
    writable = (".data", ".bss", ".tdata", ".tbss")
    return {
        re.sub(r"\.\d+$", "", s.name)
        for s in found
        if s.kind in ("OBJECT", "TLS") and s.section in writable and not RUNTIME.match(s.name)
    }


@pytest.fixture(scope="module")
def module() -> Path:
    return package() / "mod_cask.so"


@pytest.fixture(scope="module")
def engine() -> Path:
    found = sorted(package().glob("_engine*.so"))
    assert found, f"no engine in {package()}"
    return found[0]


def test_module_exports_its_record_only(module: Path) -> None:
    assert exported(module) == {"wsgi_module"}


def test_engine_exports_its_two_entries_only(engine: Path) -> None:
    assert exported(engine) == {"PyInit__engine", "cask_engine_entry"}


def test_module_has_no_python(module: Path) -> None:
    assert not [name for name in needed(module) if "python" in name]
    assert not [name for name in wanted(module) if re.match(r"_?Py[A-Z_]", name)]


def test_engine_needs_libc_only(engine: Path) -> None:
    """No httpd, no APR, and no libpython: a static Python has none."""
    assert not [
        name for name in needed(engine) if not re.match(r"(libc|libpthread|libdl|ld-)", name)
    ]
    assert not [name for name in wanted(engine) if re.match(r"(ap_|apr_)", name)]


def test_module_globals(module: Path) -> None:
    assert globals_of(module) <= MODULE_GLOBALS


def test_engine_globals(engine: Path) -> None:
    unexpected = {n for n in globals_of(engine) - ENGINE_GLOBALS if not PYTHON_TABLES.search(n)}
    assert not unexpected
