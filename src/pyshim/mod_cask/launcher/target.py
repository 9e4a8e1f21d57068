# SPDX-License-Identifier: Apache-2.0
"""What `mod-cask serve TARGET` means. Looks at files, imports nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mod_cask.common.errors import Failure, UsageError

SCRIPT_SUFFIXES = (".py", ".wsgi")
CALLABLES = ("application", "app")
FACTORIES = ("create_app", "make_app")
MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
ATTRIBUTE = re.compile(r"(?P<name>[^\W\d]\w*(\.[^\W\d]\w*)*)(?P<call>\(\))?")
SETTINGS = re.compile(r"""["']DJANGO_SETTINGS_MODULE["']\s*,\s*["']([\w.]+)["']""")


@dataclass(frozen=True)
class Target:
    """An application that has not been imported yet.

    Either script (run as a file) or module (imported) is set. callables are tried in this order; a
    name that ends with "()" is called once to make the application.
    """

    home: Path
    """Current directory of the application and first entry of its sys.path."""
    found: str
    """In words, for the user."""
    script: Path | None = None
    module: str | None = None
    callables: tuple[str, ...] = CALLABLES
    environment: tuple[tuple[str, str], ...] = ()
    """Variables to set unless they are set already."""


def find(text: str, here: Path) -> Target:
    """Raises Failure when there is no such thing, UsageError when it cannot be understood."""
    path = here / text
    if path.is_dir():
        return in_directory(path)
    if path.is_file():
        return script(path)
    name, _, attribute = text.rpartition(":")
    if name and (here / name).is_file():
        return script(here / name, attribute)
    if text.endswith(SCRIPT_SUFFIXES) or "/" in text:
        raise Failure(f"there is no file or folder '{path}'")
    return imported(text, here)


def script(path: Path, attribute: str = "") -> Target:
    path = path.absolute()
    if path.suffix not in SCRIPT_SUFFIXES:
        raise UsageError(
            f"'{path}' is no Python file", f"name one that ends with {' or '.join(SCRIPT_SUFFIXES)}"
        )
    names = callables(attribute) if attribute else CALLABLES
    return Target(path.parent, f"script '{path}'", script=path, callables=names)


def imported(text: str, here: Path) -> Target:
    name, colon, attribute = text.partition(":")
    if MODULE.fullmatch(name) is None:
        raise UsageError(
            f"'{text}' is no target",
            "use file.py, package.module:attribute, package.module:factory() or a folder",
        )
    names = callables(attribute) if colon else CALLABLES
    return Target(here, f"module '{text}'", module=name, callables=names)


def callables(attribute: str) -> tuple[str, ...]:
    if ATTRIBUTE.fullmatch(attribute) is None:
        raise UsageError(f"'{attribute}' is no name of an application", "write app or create_app()")
    return (attribute,)


def in_directory(folder: Path) -> Target:
    folder = folder.absolute()
    if (folder / "manage.py").is_file():
        return django(folder)
    for name in ("wsgi", "app"):
        if (folder / f"{name}.py").is_file():
            names = (*CALLABLES, *(f"{factory}()" for factory in FACTORIES))
            return Target(folder, f"'{folder / name}.py'", module=name, callables=names)
    raise Failure(f"'{folder}' holds no manage.py, wsgi.py or app.py", "name the file to serve")


def django(folder: Path) -> Target:
    """The project of a manage.py: its wsgi.py, else the settings alone."""
    match = SETTINGS.search((folder / "manage.py").read_text(errors="replace"))
    packages = [match[1].rpartition(".")[0]] if match else []
    packages += sorted(path.parent.name for path in folder.glob("*/wsgi.py"))
    for package in packages:
        if package and (folder.joinpath(*package.split(".")) / "wsgi.py").is_file():
            found = f"Django project '{folder}' with '{package}.wsgi'"
            return Target(folder, found, module=f"{package}.wsgi", callables=("application",))
    if match is None:
        raise Failure(
            f"'{folder / 'manage.py'}' names no settings and there is no wsgi.py",
            "name the application as package.module:attribute",
        )
    return Target(
        folder,
        f"Django project '{folder}' with settings '{match[1]}'",
        module="django.core.wsgi",
        callables=("get_wsgi_application()",),
        environment=(("DJANGO_SETTINGS_MODULE", match[1]),),
    )
