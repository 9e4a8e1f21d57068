# SPDX-License-Identifier: Apache-2.0
"""What the tests run with: httpd, its modules, the module under test, users.

Environment, for development: MOD_CASK_SO (another module than the installed one),
CASK_TEST_PYTHON_HOME, CASK_TEST_APPLICATIONS (the frameworks' environment), CASK_TEST_SCRATCH (a
folder that every user can reach).
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DAEMON_USERS = ("games", "daemon", "nobody")
SERVER_USERS = ("www-data", "apache", "http", "daemon")


class SetupError(Exception):
    """The machine lacks something the tests need."""


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def find_program(*names: str) -> str:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/sbin"])
    for name in names:
        found = shutil.which(name, path=path)
        if found:
            return found
    raise SetupError(f"none of {', '.join(names)} found in {path}")


@dataclass(frozen=True)
class Flavour:
    """One way of running an application."""

    mpm: str
    mode: str
    """embedded or daemon"""
    interpreter: str = "main"
    """main or sub"""

    def __str__(self) -> str:
        tail = "" if self.interpreter == "main" else f"-{self.interpreter}"
        return f"{self.mpm}-{self.mode}{tail}"


@dataclass(frozen=True)
class Settings:
    httpd: str
    modules: Path
    module: Path
    python_home: Path
    scratch: Path
    root: bool
    server_user: str
    server_group: str
    daemon_user: str
    daemon_group: str
    applications: Path
    """The environment with the frameworks of tests/apps/requirements.txt; mod_cask is not in it."""

    def has_module(self, name: str) -> bool:
        return (self.modules / f"mod_{name}.so").exists()


def first_user(names: tuple[str, ...], other_than: str = "") -> pwd.struct_passwd:
    for name in names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0 and name != other_than:
            return entry
    raise SetupError(f"no such user: {', '.join(names)}")


def group_of(entry: pwd.struct_passwd) -> str:
    import grp  # noqa: PLC0415 - needed here only

    return grp.getgrgid(entry.pw_gid).gr_name


def find_module() -> Path:
    given = os.environ.get("MOD_CASK_SO")
    if given:
        return Path(given).resolve()
    command = Path(sys.prefix) / "bin" / "mod-cask"
    if not command.exists():
        raise SetupError(f"{command} is missing: install the package, or set MOD_CASK_SO")
    return Path(output(str(command), "module-location"))


@cache
def settings() -> Settings:
    root = os.geteuid() == 0
    me = pwd.getpwuid(os.geteuid())
    server = first_user(SERVER_USERS) if root else me
    daemon = first_user(DAEMON_USERS, server.pw_name) if root else me
    apxs = find_program("apxs", "apxs2")
    return Settings(
        httpd=find_program("apache2", "httpd"),
        modules=Path(output(apxs, "-q", "LIBEXECDIR")),
        module=find_module(),
        python_home=Path(os.environ.get("CASK_TEST_PYTHON_HOME", sys.prefix)),
        scratch=Path(os.environ.get("CASK_TEST_SCRATCH", "/var/tmp")),
        root=root,
        server_user=server.pw_name,
        server_group=group_of(server),
        daemon_user=daemon.pw_name,
        daemon_group=group_of(daemon),
        applications=Path(
            os.environ.get("CASK_TEST_APPLICATIONS", Path(sys.prefix).parent / "applications")
        ),
    )
