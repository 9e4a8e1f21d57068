# SPDX-License-Identifier: Apache-2.0
"""Talks to the supervisor of a running Apache: status, reload, stop, stacks.

The protocol is that of src/c/proc/control.h: one line there, one JSON object back.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mod_cask.common.errors import Failure, UsageError

USUAL = tuple(
    Path(folder) / "wsgi.control"
    for folder in ("/run/apache2", "/run/httpd", "/usr/local/apache2/logs")
)
"""Where the socket is when neither WSGISocketPrefix nor WSGIControlSocket is set."""

VARIABLE = "MOD_CASK_CONTROL"
POLL_SECONDS = 0.1
TALK_SECONDS = 30.0


@dataclass(frozen=True)
class Command:
    name: str
    text: str
    argument: str = ""


COMMANDS = (
    Command("status", "show the daemon groups of a running Apache"),
    Command("reload", "start new processes of a daemon group, and wait until they serve", "GROUP"),
    Command("stop", "end the processes of a daemon group until it is reloaded", "GROUP"),
    Command("stacks", "show the Python stacks of a daemon group, or of one process", "GROUP|PID"),
)


def find(given: Path | None) -> Path:
    """The control socket: given, from the environment, or the first of the usual ones."""
    if given is not None:
        return given
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    for path in USUAL:
        if path.is_socket():
            return path
    raise UsageError(
        "no control socket was found",
        remedy=f"give --control PATH or set {VARIABLE} (WSGIControlSocket of the configuration)",
    )


def ask(path: Path, line: str, seconds: float | None = TALK_SECONDS) -> dict[str, Any]:
    """Send a line; what came back. seconds: for each wait, None: no limit."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(seconds)
        try:
            client.connect(str(path))
            client.sendall(f"{line}\n".encode())
            data = b"".join(iter(lambda: client.recv(65536), b""))
        except OSError as error:
            raise Failure(
                f"control socket '{path}': {error.strerror or error}",
                remedy="is Apache running, with a daemon group?",
            ) from error
    try:
        answer: dict[str, Any] = json.loads(data)
    except ValueError as error:
        raise Failure(f"control socket '{path}': no answer") from error
    if answer.get("outcome") == "refused":
        raise Failure(str(answer["text"]))
    return answer


def is_ready(status: dict[str, Any]) -> bool:
    return bool(status["groups"]) and all(g["state"] == "READY" for g in status["groups"])


def wait_ready(path: Path, seconds: float) -> dict[str, Any]:
    """The status as soon as every group is READY; Failure after that time."""
    end = time.monotonic() + seconds
    while True:
        try:
            status = ask(path, "status")
        except Failure:
            status = None  # Apache may be starting
        if status is not None and is_ready(status):
            return status
        if time.monotonic() >= end:
            raise Failure(f"not ready after {seconds:g} s", detail=waiting_for(status))
        time.sleep(POLL_SECONDS)


def waiting_for(status: dict[str, Any] | None) -> str:
    if status is None:
        return "there is no control socket yet"
    return "\n".join(
        f"{group['name']}: {group['state']}{reason_of(group)}"
        for group in status["groups"]
        if group["state"] != "READY"
    )


def reason_of(group: dict[str, Any]) -> str:
    return f" ({group['reason']})" if group["reason"] else ""


def reload(path: Path, group: str) -> str:
    """One line when the new generation serves; Failure with the traceback when it does not."""
    answer = ask(path, f"reload {group}", None)
    if answer["outcome"] != "ready":
        raise Failure(answer["text"] or "not reloaded", detail=answer["detail"] or "")
    return f"{group}: the new processes serve"


def lines(status: dict[str, Any]) -> Iterator[str]:
    """The status for people."""
    for group in status["groups"]:
        processes = [p for g in group["generations"] for p in g["processes"]]
        busy = sum(p["busy"] for p in processes)
        yield (
            f"{group['name']}: {group['state']}{reason_of(group)}, generation "
            f"{group['generation']}, {len(processes)} processes, {busy} busy of "
            f"{group['processes'] * group['threads']} threads, {group['waiting']} waiting"
        )
        yield from generation_lines(group)
        trouble = group["last_trouble"]
        if trouble:
            yield f"  {trouble['seconds_ago']:.0f} s ago: {trouble['text']}"


def generation_lines(group: dict[str, Any]) -> Iterator[str]:
    for generation in group["generations"]:
        for process in generation["processes"]:
            age = process["ready_seconds"]
            yield (
                f"  generation {generation['number']} process {process['pid']} {process['state']}"
                f"{f' for {age:.0f} s' if age is not None else ''}, {process['busy']} busy"
                f"{', leaves: ' + process['leaving'] if process['leaving'] else ''}"
            )
            oldest = max(process["requests"], key=lambda r: r["seconds"], default=None)
            if oldest:
                yield f"    oldest request: {oldest['request']} ({oldest['seconds']:.1f} s)"
