# SPDX-License-Identifier: Apache-2.0
"""The private folder of one server: configuration, sockets, process id."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mod_cask.common.errors import Failure
from mod_cask.launcher.identity import Identity

LOCK = "lock"


@contextlib.contextmanager
def opened(given: Path | None, identity: Identity) -> Iterator[Path]:
    """A folder that is ours alone; a temporary one is removed at the end."""
    if given is None:
        with contextlib.ExitStack() as stack:
            path = Path(tempfile.mkdtemp(prefix="mod-cask-", dir=temporary_folder(identity)))
            stack.callback(shutil.rmtree, path, ignore_errors=True)
            prepare(path, identity)
            yield path
        return
    path = Path.cwd() / given
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"cannot make server root '{path}': {error.strerror}") from None
    inspect(path)
    if not reachable(path.resolve().parent, identity):
        raise Failure(f"user '{identity.user}' cannot reach server root '{path}'",
                      "name a folder below one that everybody may enter")  # fmt: skip
    with locked(path):
        prepare(path, identity)
        yield path


def reachable(folder: Path, identity: Identity) -> bool:
    """Whether the server's user may pass through the folder and all above it."""
    for path in (folder, *folder.parents):
        facts = path.stat()
        if facts.st_uid == identity.uid:
            bit = stat.S_IXUSR
        elif facts.st_gid == identity.gid:
            bit = stat.S_IXGRP
        else:
            bit = stat.S_IXOTH
        if not facts.st_mode & bit:
            return False
    return True


def temporary_folder(identity: Identity) -> Path:
    """TMPDIR, unless it is root's own and the server's user cannot reach it."""
    names = (tempfile.gettempdir(), "/tmp", "/var/tmp")  # noqa: S108
    candidates = [Path(name).resolve() for name in names]
    for path in candidates:
        if path.is_dir() and reachable(path, identity):
            return path
    return candidates[0]


def inspect(path: Path) -> None:
    """Refuses a folder that others could have prepared, or that holds other things."""
    facts = path.lstat()
    if not stat.S_ISDIR(facts.st_mode):
        raise Failure(f"server root '{path}' is no folder")
    if facts.st_uid != os.geteuid():
        raise Failure(f"server root '{path}' belongs to another user", "name one of your own")
    if facts.st_mode & 0o022:
        raise Failure(f"server root '{path}' can be written by others", f"run: chmod 700 '{path}'")
    if any(path.iterdir()) and not (path / LOCK).is_file():
        raise Failure(f"server root '{path}' holds files that are not mod-cask's",
                      "name an empty or a new folder")  # fmt: skip


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    with (path / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(f"another mod-cask serves from '{path}'",
                          "stop it or name another --server-root") from None  # fmt: skip
        yield


def prepare(path: Path, identity: Identity) -> None:
    """As root: the server's user may pass through, but neither list nor write."""
    run = path / "run"
    run.mkdir(mode=0o700, exist_ok=True)
    for folder in (path, run):
        if identity.switch:
            os.chown(folder, 0, identity.gid)
        folder.chmod(0o710 if identity.switch else 0o700)


def write(path: Path, text: str, identity: Identity) -> None:
    """A file that the server's user can read."""
    path.write_text(text, encoding="utf-8")
    if identity.switch:
        os.chown(path, 0, identity.gid)
    path.chmod(0o640 if identity.switch else 0o600)
