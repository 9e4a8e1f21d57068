# SPDX-License-Identifier: Apache-2.0
"""Asks the application's own Python, as the application's own user, whether the target imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mod_cask.common import paths
from mod_cask.common.errors import Failure, UsageError
from mod_cask.launcher.identity import Identity
from mod_cask.launcher.target import Target

DEADLINE = 120.0
PROBE = Path(__file__).with_name("probe.py")


@dataclass(frozen=True)
class Checked:
    """What the import has shown."""

    callable_name: str
    python_home: str
    python_version: str
    unchecked: str = ""
    """Module that exists only inside the server and kept the import from being tried."""


def interpreter(given: Path | None) -> str:
    """The program of --python: an interpreter itself or that of a virtual environment."""
    if given is None:
        return sys.executable
    candidates = [given]
    if given.is_dir():
        candidates = [given / "bin" / "python3", given / "bin" / "python"]
    for path in candidates:
        if path.is_file() and os.access(path, os.X_OK):
            return str(path.absolute())
    raise UsageError(f"--python: there is no interpreter '{candidates[0]}'")


def check(target: Target, identity: Identity, python: str, embedded: bool) -> Checked:
    """Raises Failure with the traceback when the application cannot be imported."""
    answer = ask(target, identity, python)
    facts = answer["facts"]
    if facts["implementation"] != "cpython":
        raise Failure(f"'{python}' is {facts['implementation']}, not CPython")
    if "unreadable" in answer:
        raise unreadable(identity, answer["unreadable"])
    if answer["engine"] is None:
        raise no_engine(identity, python, facts)
    if not starts_same(python, Path(facts["prefix"])):
        raise Failure(
            f"'{facts['prefix']}/bin/python3', which the server will start, is not '{python}'",
            f"make a virtual environment and name that: {python} -m venv DIR",
        )
    if "traceback" in answer:
        raise Failure(
            f"{target.found} cannot be imported by user '{identity.user}'",
            detail=answer["traceback"],
        )
    if answer["callable"] is None:
        raise Failure(f"{target.found} has no application: {answer['reason']}")
    if embedded and not shared_library(facts):
        raise Failure(
            f"'{python}' has no shared library, which embedded mode needs",
            f"install libpython{facts['version'].rpartition('.')[0]} (Debian, Ubuntu) or leave out "
            "--embedded",
        )
    return Checked(
        answer["callable"], facts["prefix"], facts["version"], answer.get("unchecked", "")
    )


def ask(target: Target, identity: Identity, python: str) -> dict[str, Any]:
    reader, writer = os.pipe()
    request = {
        "answer": writer,
        "home": str(target.home),
        "script": None if target.script is None else str(target.script),
        "module": target.module,
        "callables": target.callables,
        "environment": target.environment,
        "package": str(paths.PACKAGE),
    }
    who: dict[str, Any] = {}
    if identity.switch:
        groups = os.getgrouplist(identity.user, identity.gid)
        who = {"user": identity.uid, "group": identity.gid, "extra_groups": groups}
    try:
        with os.fdopen(reader, encoding="utf-8") as answers:
            status = run([python, "-c", PROBE.read_text(), json.dumps(request)], writer, who)
            text = answers.read()
    except PermissionError:
        raise unreadable(identity, python) from None
    except subprocess.TimeoutExpired:
        raise Failure(f"{target.found} was still importing after {DEADLINE:.0f} s") from None
    if not text:
        raise Failure(f"'{python}' ended with status {status} while it imported {target.found}")
    answer: dict[str, Any] = json.loads(text)
    return answer


def run(command: list[str], writer: int, who: dict[str, Any]) -> int:
    """Closes writer, so that the answer ends when the child does."""
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sys.stderr, cwd="/", pass_fds=[writer], **who
        )
    finally:
        os.close(writer)
    with process:
        try:
            return process.wait(DEADLINE)
        except BaseException:
            process.kill()
            raise


def unreadable(identity: Identity, what: str) -> Failure:
    return Failure(
        f"user '{identity.user}' cannot use '{what}'",
        "move it to where that user can read it, or name another with --user",
    )


def no_engine(identity: Identity, python: str, facts: dict[str, Any]) -> Failure:
    places = (paths.PACKAGE, *(Path(folder) for folder in facts["packages"]))
    hidden = [p for place in places if (p := paths.engine(place, facts["soabi"])).exists()]
    if hidden:
        return unreadable(identity, str(hidden[0]))
    return Failure(
        f"mod_cask has no engine for Python {facts['version']} ('{python}')",
        f"run: {python} -m pip install mod-cask",
    )


def starts_same(python: str, home: Path) -> bool:
    """Groups are given a home, not a program: its python3, or python, must be the one checked."""
    names = (home / "bin" / name for name in ("python3", "python"))
    first = next((path for path in names if path.exists()), None)
    return first is not None and first.samefile(python)


def shared_library(facts: dict[str, Any]) -> bool:
    name = facts["instsoname"] if ".so" in facts["instsoname"] else ""
    name = name or f"libpython{facts['ldversion']}.so.1.0"
    library, base = Path(facts["libdir"]), Path(facts["base_prefix"])
    folders = [library, library / facts["multiarch"], base / "lib", base / "lib64"]
    return any((folder / name).exists() for folder in folders)
