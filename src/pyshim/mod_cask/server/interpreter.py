# SPDX-License-Identifier: Apache-2.0
"""Prepares a fresh interpreter for applications; the engine calls `prepare()` once in each.

Everything here happens before any code of an application runs, and not on the path of a request.
"""

import contextlib
import importlib
import importlib.util
import os
import signal
import site
import sys
import threading  # its main thread must be the one that prepares the interpreter
import time
import types
from typing import Any

from mod_cask.server.restrict import restrict_signals, restrict_stream

Settings = dict[str, Any]


def add_path(python_path: str) -> None:
    """Directories through site (.pth files count), in front of the rest."""
    for directory in reversed([entry for entry in python_path.split(os.pathsep) if entry]):
        before = list(sys.path)
        site.addsitedir(directory)
        added = [entry for entry in sys.path if entry not in before]
        if directory not in added and directory in before:
            added.insert(0, directory)  # it was there already, but further back
        sys.path[:] = added + [entry for entry in sys.path if entry not in added]


def free_children() -> None:
    """A child that the application forks obeys signals; httpd's handlers are not its own, and
    httpd's threads block most of them."""

    def obey() -> None:
        with contextlib.suppress(ValueError):  # not of the main interpreter
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())

    os.register_at_fork(after_in_child=obey)


def graft_package(module: types.ModuleType) -> None:
    """`mod_wsgi.express` and the like of an installed package mod_wsgi stay importable."""
    own = sys.modules.pop("mod_wsgi", None)
    try:
        spec = importlib.util.find_spec("mod_wsgi")
    except (ImportError, ValueError):
        spec = None
    finally:
        if own is not None:
            sys.modules["mod_wsgi"] = own
    if spec is not None and spec.submodule_search_locations is not None:
        module.__path__ = list(spec.submodule_search_locations)


def make_apache(settings: Settings) -> None:
    """Module `apache`; embedded, a module of that name that can be imported is extended instead."""
    module = None
    if settings["embedded"] and importlib.util.find_spec("apache") is not None:
        module = importlib.import_module("apache")
    if module is None:
        module = types.ModuleType("apache")
        sys.modules["apache"] = module
    for name, value in settings["apache"].items():
        if value is not None:
            setattr(module, name, value)


def set_version() -> None:
    package = sys.modules["mod_cask"]
    numbers = [int(part) for part in package.__version__.split(".")[:3] if part.isdigit()]
    package.version = tuple(numbers)  # type: ignore[attr-defined]


def restrict(module: types.ModuleType, settings: Settings) -> None:
    if settings["restrict_stdin"]:
        restrict_stream("stdin", "WSGIRestrictStdin")
    if settings["restrict_stdout"]:
        restrict_stream("stdout", "WSGIRestrictStdout")
    if settings["restrict_signal"]:
        restrict_signals(module._log)


def prepare(module: types.ModuleType, settings: Settings) -> None:
    if settings["switch_interval"] is not None:
        sys.setswitchinterval(settings["switch_interval"])
    sys.argv = ["mod_wsgi"]
    if not settings["service"]:  # there the script's own handlers go on in children
        free_children()
    restrict(module, settings)
    if settings["python_eggs"]:
        os.environ["PYTHON_EGG_CACHE"] = settings["python_eggs"]
    for python_path in settings["python_paths"]:
        add_path(python_path)
    if settings["working_home"]:
        sys.path.insert(0, settings["working_home"])
    graft_package(module)
    make_apache(settings)
    set_version()


def join_threads(seconds: float) -> bool:
    """Waits for every thread that is not a daemon; False when some are left after so long.

    Workers of executors end only when told to; threading does that in its own shutdown, with joins
    that have no limit, hence on a thread that is given up.
    """
    deadline = time.monotonic() + seconds
    calls = list(reversed(getattr(threading, "_threading_atexits", ())))

    def run_calls() -> None:
        for call in calls:
            call()

    waiting = [threading.Thread(target=run_calls, daemon=True)] if calls else []
    for helper in waiting:
        helper.start()
    while True:
        waiting += [thread for thread in threading.enumerate() if not thread.daemon]
        ours = (threading.current_thread(), threading.main_thread())
        waiting = [thread for thread in waiting if thread not in ours and thread.is_alive()]
        if not waiting:
            return True
        for thread in waiting:
            thread.join(max(0.0, deadline - time.monotonic()))
        if time.monotonic() >= deadline:
            return not any(thread.is_alive() for thread in waiting)
