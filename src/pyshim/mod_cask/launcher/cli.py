# SPDX-License-Identifier: Apache-2.0
"""The command line. The only file of the launcher that prints."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from mod_cask import __version__
from mod_cask.common.errors import Failure
from mod_cask.launcher import control, install
from mod_cask.launcher.options import OPTIONS, from_namespace
from mod_cask.launcher.serve import serve

TARGETS = """\
TARGET is one of
  app.py, app.wsgi           a file; its application is called `application` or `app`
  app.py:name                the same with another name
  package.module:name        imported from the current directory
  package.module:create()    called once to make the application
  a folder                   with manage.py (Django), wsgi.py or app.py

It is imported once before Apache starts; if that fails the traceback is shown and the exit status
is 1. Ctrl-C and SIGTERM finish running requests and stop, SIGUSR1 loads the application again.
"""


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="mod-cask", description="Python web applications behind Apache httpd."
    )
    python = ".".join(map(str, sys.version_info[:3]))
    top.add_argument(
        "--version", action="version", version=f"mod-cask {__version__} (Python {python})"
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    text = "serve an application with an Apache of its own, in the foreground"
    one = add_command(commands, "serve", text, epilog=TARGETS)
    one.add_argument("target", metavar="TARGET", help="the application, see below")
    for option in OPTIONS:
        option.add_to(one)
    for name, text in (
        ("module-location", "print the path of the Apache module"),
        ("module-config", "print the lines for Apache's configuration that load the module"),
        ("install-module", "copy the module and its engine among Apache's modules"),
    ):
        one = add_command(commands, name, text)
        if name == "install-module":
            one.add_argument("--modules-directory", type=Path, metavar="DIR",
                             help="where to (default: where apxs says)")  # fmt: skip
    for command in control.COMMANDS:
        add_control(commands, command)
    return top


def add_control(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], command: control.Command
) -> None:
    one = add_command(commands, command.name, command.text)
    if command.argument:
        one.add_argument("name", metavar=command.argument)
    else:
        one.add_argument("--json", action="store_true", help="as the supervisor gave it")
        text = "wait until every group is ready; exit status 1 if that takes longer"
        one.add_argument("--wait", type=float, metavar="SECONDS", help=text)
    text = f"the control socket (default: ${control.VARIABLE}, or a usual place)"
    one.add_argument("--control", type=Path, metavar="PATH", help=text)


def add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    text: str,
    epilog: str = "",
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def say(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(line, flush=True)


def log(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(line, file=sys.stderr, flush=True)


def do_control(parsed: argparse.Namespace) -> None:
    path = control.find(parsed.control)
    if parsed.command == "reload":
        say(control.reload(path, parsed.name))
    elif parsed.command == "stop":
        control.ask(path, f"stop {parsed.name}")
    elif parsed.command == "stacks":
        say(control.ask(path, f"stacks {parsed.name}")["text"].rstrip())
    else:
        wait = parsed.wait
        status = control.ask(path, "status") if wait is None else control.wait_ready(path, wait)
        for line in [json.dumps(status, indent=2)] if parsed.json else control.lines(status):
            say(line)


def dispatch(parsed: argparse.Namespace) -> int:
    if parsed.command in {command.name for command in control.COMMANDS}:
        do_control(parsed)
        return 0
    if parsed.command == "serve":
        return serve(from_namespace(parsed), say, log)
    if parsed.command == "module-location":
        say(str(install.location()))
        return 0
    if parsed.command == "module-config":
        module = install.location()
    else:
        module = install.install(install.modules_directory(parsed.modules_directory))
    for line in install.config_lines(module):
        say(line)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    parsed = parser().parse_args(arguments)
    try:
        return dispatch(parsed)
    except Failure as failure:
        if failure.detail:
            log(failure.detail.rstrip("\n"))
        log(f"mod-cask: error: {failure}")
        return failure.status
    except KeyboardInterrupt:
        return 130
