# SPDX-License-Identifier: Apache-2.0
"""The module commands: where the httpd module is, how to load it, a copy among httpd's modules."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

from mod_cask.common import paths
from mod_cask.common.errors import Failure
from mod_cask.launcher import httpd, render

LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", paths.MODULE_NAME)


def location() -> Path:
    module = paths.module()
    if not module.is_file():
        raise Failure(f"'{module}' is missing", "install the package with pip")
    return module


def config_lines(module: Path) -> list[str]:
    return [
        f"LoadModule wsgi_module {render.quote(module)}",
        f"WSGIPythonHome {render.quote(sys.prefix)}",
    ]


def modules_directory(given: Path | None) -> Path:
    folders = [Path.cwd() / given] if given is not None else httpd.module_folders()
    if not folders:
        raise Failure("Apache's folder of modules was not found", "name it: --modules-directory")
    if not folders[0].is_dir():
        raise Failure(f"there is no folder '{folders[0]}'")
    return folders[0]


def install(folder: Path) -> Path:
    """Copies the module and, beside it, the package with its engine; the module's new path.

    Engines of other Python versions that are there already stay: the module then serves them all.
    """
    source, target = location(), folder / paths.MODULE_NAME
    package = folder / "mod_cask"
    try:
        shutil.copytree(
            paths.PACKAGE, package, ignore=LEFT_OUT, dirs_exist_ok=True, copy_function=replace
        )
        for path in (package, *package.rglob("*")):
            if path.is_dir():
                path.chmod(0o755)
        record_home(package)
        replace(source, target)
    except (OSError, shutil.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise Failure(f"cannot install into '{folder}': {reason}",
                      "run as root or name another --modules-directory") from None  # fmt: skip
    return target


def replace(source: str | Path, target: str | Path) -> None:
    """In one step, for a running httpd has the old file mapped; readable for every user that a
    daemon group may run as, whatever the umask is."""
    source, target = Path(source), Path(target)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    os.close(handle)
    try:
        shutil.copyfile(source, name)
        Path(name).chmod(0o755 if source.suffix == ".so" else 0o644)
        Path(name).replace(target)
    except OSError:
        Path(name).unlink()
        raise


def record_home(package: Path) -> None:
    """The Python this copy belongs to is the one that runs us, wherever it was built."""
    info = paths.engine(package, sysconfig.get_config_var("SOABI")).with_suffix(".info")
    if not info.is_file():
        return
    homes = {"prefix": sys.prefix, "base_prefix": sys.base_prefix}
    pairs = (line.partition("=") for line in info.read_text().splitlines())
    info.write_text("".join(f"{key}={homes.get(key, value)}\n" for key, _, value in pairs))
