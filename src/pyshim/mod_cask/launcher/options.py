# SPDX-License-Identifier: Apache-2.0
"""The options of `mod-cask serve`: one row each gives parser, check, help text and documents.

A row names the directive it becomes; tests compare that with the generated configuration.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOG_LEVELS = ("emerg", "alert", "crit", "error", "warn", "notice", "info", "debug", "trace1",
              "trace2", "trace3", "trace4", "trace5", "trace6", "trace7", "trace8")  # fmt: skip


def number(low: int, high: int) -> Callable[[str], int]:
    """A parser for whole numbers within bounds; argparse shows its message."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"'{text}' is no whole number from {low} to {high}")
        return int(text)

    return parse


@dataclass(frozen=True)
class Option:
    flag: str
    default: Any
    help: str
    directive: str = ""
    """The directive (and its option) that carries the value; empty: the launcher's own."""
    metavar: str | tuple[str, ...] | None = None
    parse: Callable[[str], Any] | None = None
    choices: tuple[str, ...] | None = None
    switch: bool = False
    repeat: bool = False

    @property
    def name(self) -> str:
        return self.flag.lstrip("-").replace("-", "_")

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        more: dict[str, Any] = {"default": self.default, "help": self.help, "dest": self.name}
        if self.switch:
            parser.add_argument(self.flag, action="store_true", **more)
            return
        if self.repeat:
            more |= {"action": "append", "nargs": len(self.metavar or ()), "default": []}
        if self.parse is not None:
            more["type"] = self.parse
        if self.choices is not None:
            more["choices"] = self.choices
        parser.add_argument(self.flag, metavar=self.metavar, **more)


OPTIONS = (
    Option("--host", "127.0.0.1", "address or name to listen on; 0.0.0.0 and :: mean all "
           "(default: %(default)s)", "Listen", "ADDRESS"),
    Option("--port", 8000, "port to listen on (default: %(default)s)", "Listen", "N",
           number(1, 65535)),
    Option("--processes", 1, "processes that run the application (default: %(default)s)",
           "WSGIDaemonProcess processes", "N", number(1, 1000)),
    Option("--threads", 5, "requests that each process serves at a time (default: %(default)s)",
           "WSGIDaemonProcess threads", "N", number(1, 1000)),
    Option("--user", None, "user the application runs as; needs root (default for root: the web "
           "user of the system)", "WSGIDaemonProcess user", "NAME"),
    Option("--group", None, "group the application runs as; needs root (default: the user's own)",
           "WSGIDaemonProcess group", "NAME"),
    Option("--embedded", False, "run the application inside Apache's processes instead of in "
           "processes of its own", "WSGIProcessGroup", switch=True),
    Option("--python", None, "interpreter or virtual environment that runs the application "
           "(default: the one mod-cask runs with)", "WSGIDaemonProcess python-home", "PATH",
           Path),
    Option("--static", [], "serve the files of a folder directly, without the application; may be "
           "repeated", "Alias", ("URL", "DIR"), repeat=True),
    Option("--log-level", "warn", "least important messages to show: Apache's level words "
           "(default: %(default)s)", "LogLevel", "LEVEL", choices=LOG_LEVELS),
    Option("--server-root", None, "folder for configuration, sockets and the process id; made "
           "when it is missing, kept afterwards (default: a temporary one)", "ServerRoot", "DIR",
           Path),
)  # fmt: skip


@dataclass(frozen=True)
class ServeOptions:
    """The parsed command line; one field for each row of OPTIONS, and the target."""

    target: str
    host: str = "127.0.0.1"
    port: int = 8000
    processes: int = 1
    threads: int = 5
    user: str | None = None
    group: str | None = None
    embedded: bool = False
    python: Path | None = None
    static: tuple[tuple[str, str], ...] = ()
    log_level: str = "warn"
    server_root: Path | None = None


def from_namespace(parsed: argparse.Namespace) -> ServeOptions:
    values = {option.name: getattr(parsed, option.name) for option in OPTIONS}
    values["static"] = tuple((url, folder) for url, folder in values["static"])
    return ServeOptions(target=parsed.target, **values)
