# SPDX-License-Identifier: Apache-2.0
"""A client that sends and receives at the same time, without holding either: what goes out comes
from a generator, of what comes in only length and check sum are kept."""

from __future__ import annotations

import select
import socket
import ssl
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

BLOCK = bytes(range(256)) * 1024


@dataclass
class Exchange:
    sent: int = 0
    received: int = 0
    """Body bytes, without chunk framing."""
    sent_crc32: int = 0
    received_crc32: int = 0
    head: bytes = b""
    body: bytes = b""
    """If it was to be kept."""


def pieces(size: int) -> Iterator[bytes]:
    """`size` bytes in blocks."""
    while size > 0:
        yield BLOCK[: min(size, len(BLOCK))]
        size -= len(BLOCK)


def connect(port: int, tls: bool = False) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), timeout=30)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        sock = context.wrap_socket(sock)
    return sock


class Sender:
    """The request on its way out."""

    def __init__(self, sock: socket.socket, head: bytes, size: int, chunked: bool) -> None:
        self.sock = sock
        self.parts = pieces(size)
        self.chunked = chunked
        self.rest = memoryview(head)
        self.over = False
        self.sent = 0
        self.crc32 = 0

    def refill(self) -> None:
        part = next(self.parts, None)
        if part is not None:
            self.sent += len(part)
            self.crc32 = zlib.crc32(part, self.crc32)
            self.rest = memoryview(b"%x\r\n%b\r\n" % (len(part), part) if self.chunked else part)
        elif self.chunked:
            self.rest = memoryview(b"0\r\n\r\n")
            self.chunked = False
        else:
            self.over = True

    def go(self) -> bool:
        """Send what goes; True when something did."""
        moved = False
        while not self.over:
            if not self.rest:
                self.refill()
                continue
            try:
                self.rest = self.rest[self.sock.send(self.rest) :]
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                break
            moved = True
        return moved


class Receiver:
    """The reply on its way in: Connection: close, with or without chunks."""

    def __init__(self, sock: socket.socket, keep: bool) -> None:
        self.sock = sock
        self.keep = keep
        self.body = b""
        self.head = b""
        self.chunked = False
        self.left = 0
        self.buffer = b""
        self.over = False
        self.received = 0
        self.crc32 = 0

    def take(self, data: bytes) -> None:
        self.received += len(data)
        self.crc32 = zlib.crc32(data, self.crc32)
        if self.keep:
            self.body += data

    def parse(self, data: bytes) -> None:
        self.buffer += data
        if not self.head:
            head, mark, self.buffer = self.buffer.partition(b"\r\n\r\n")
            if not mark:
                self.buffer = head
                return
            self.head = head
            self.chunked = b"transfer-encoding: chunked" in head.lower()
        while self.buffer and self.chunked:
            if self.left > 2:
                data = self.buffer[: self.left - 2]
                self.take(data)
                self.buffer = self.buffer[len(data) :]
                self.left -= len(data)
            elif self.left > 0:
                passed = len(self.buffer[: self.left])  # of the CR LF behind a chunk
                self.left -= passed
                self.buffer = self.buffer[passed:]
            else:
                line, mark, rest = self.buffer.partition(b"\r\n")
                if not mark:
                    return
                self.buffer, self.left = rest, int(line, 16) + 2
                if self.left == 2:
                    self.over = True
                    return
        if not self.chunked:
            self.take(self.buffer)
            self.buffer = b""

    def go(self) -> bool:
        moved = False
        while not self.over:
            try:
                data = self.sock.recv(262144)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            if not data:
                self.over = True
            self.parse(data)
            moved = True
        return moved


def exchange(
    sock: socket.socket, target: str, size: int, chunked: bool = False, *, patience: float = 20.0,
    headers: tuple[str, ...] = (), keep: bool = False,
) -> Exchange:  # fmt: skip
    """POST `size` bytes and take the reply meanwhile; fails when nothing moves for so long."""
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    lines = [f"POST {target} HTTP/1.1", "Host: localhost", "Connection: close", framing, *headers]
    sock.setblocking(False)
    sender = Sender(sock, "\r\n".join(lines).encode() + b"\r\n\r\n", size, chunked)
    receiver = Receiver(sock, keep)
    while not receiver.over:
        moved = sender.go()
        moved = receiver.go() or moved
        if not moved and not receiver.over:
            writers = [] if sender.over else [sock]
            begin = time.monotonic()
            if not any(select.select([sock], writers, [], patience)):
                raise AssertionError(
                    f"nothing moved for {time.monotonic() - begin:.0f} s: {sender.sent} sent, "
                    f"{receiver.received} received"
                )
    return Exchange(
        sender.sent, receiver.received, sender.crc32, receiver.crc32, receiver.head, receiver.body
    )
