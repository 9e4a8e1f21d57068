# SPDX-License-Identifier: Apache-2.0
"""Addresses to listen on."""

from __future__ import annotations

import errno
import socket
from ipaddress import ip_address

from mod_cask.common.errors import Failure, UsageError


def listen_addresses(host: str, port: int) -> tuple[str, ...]:
    """The addresses of host, as Listen wants them, each tried; Failure when a port is taken.

    A name such as localhost may have addresses that this machine does not serve: those are left
    out, unless that leaves none.
    """
    host = host.removeprefix("[").removesuffix("]")
    try:
        entries = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM,
                                     flags=socket.AI_PASSIVE)  # fmt: skip
    except (socket.gaierror, UnicodeError):
        raise UsageError(f"--host: '{host}' is no address or name of this machine") from None
    usable, problems = [], []
    for family, _, _, _, address in dict.fromkeys(entries):
        try:
            probe(family, address)
            usable.append(bracketed(str(address[0])))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                raise port_failure(error.errno, host, port) from None
            problems.append(error)
    if not usable:
        reason = problems[0].strerror
        raise Failure(f"cannot listen on '{host}': {reason}", "use an address of this machine")
    return tuple(usable)


def probe(family: int, address: tuple[object, ...]) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(1)


def port_failure(number: int, host: str, port: int) -> Failure:
    other = 8000 if port < 1024 else port + 1
    if number == errno.EACCES:
        return Failure(f"port {port} needs root", f"use --port {other}")
    return Failure(f"port {port} of '{host}' is in use", f"stop who has it, or use --port {other}")


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def url(host: str, port: int) -> str:
    """The address for a browser on this machine."""
    name = host.removeprefix("[").removesuffix("]")
    try:
        address = ip_address(name)
        name = "localhost" if address.is_unspecified else bracketed(name)
    except ValueError:
        name = name or "localhost"
    return f"http://{name}/" if port == 80 else f"http://{name}:{port}/"
