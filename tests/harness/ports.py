# SPDX-License-Identifier: Apache-2.0
"""Ports for servers under test."""

from __future__ import annotations

import socket


class Lease:
    """A free port that stays ours: bound without listening, so that no one else is given it."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(("127.0.0.1", 0))
        self.port: int = self.sock.getsockname()[1]

    def release(self) -> None:
        self.sock.close()


def free_port() -> int:
    """A port that was free a moment ago, for a server that asks for it itself."""
    lease = Lease()
    lease.release()
    return lease.port
