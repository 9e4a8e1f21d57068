# SPDX-License-Identifier: Apache-2.0
"""An HTTP/1.1 client that sends exactly the bytes it is told and shows exactly what came back."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field


class Truncated(Exception):
    """The connection ended before the message did."""


@dataclass
class Reply:
    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    complete: bool = False
    """The framing says that the body is whole (last chunk seen, or Content-Length reached)."""
    chunks: list[bytes] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        values = self.all(name)
        return values[0] if values else None


class RawConnection:
    def __init__(self, port: int, timeout: float = 15.0, host: str = "127.0.0.1") -> None:
        self.sock = socket.create_connection((host, port), timeout=timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self) -> RawConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def request(self, line: str, *headers: str, body: bytes = b"", host: str = "localhost") -> None:
        """Send e.g. request("GET /x", "Accept: */*")."""
        lines = [f"{line} HTTP/1.1", f"Host: {host}", *headers]
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def send_chunk(self, data: bytes) -> None:
        """One chunk of a chunked body; b"" ends it."""
        self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def fill(self) -> bool:
        """Receive once; False at end of stream."""
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            return False
        self.buffer += data
        return bool(data)

    def read_line(self) -> bytes:
        while b"\n" not in self.buffer:
            if not self.fill():
                raise Truncated(f"in a line, after {self.buffer!r}")
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.rstrip(b"\r")

    def read_exact(self, size: int) -> bytes:
        while len(self.buffer) < size:
            if not self.fill():
                raise Truncated(f"{size} bytes wanted, {len(self.buffer)} came")
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def read_to_end(self) -> bytes:
        while self.fill():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def read_head(self) -> Reply:
        _, status, *reason = self.read_line().decode("latin-1").split(" ", 2)
        headers = []
        while line := self.read_line().decode("latin-1"):
            name, _, value = line.partition(":")
            headers.append((name, value.strip()))
        return Reply(int(status), reason[0] if reason else "", headers)

    def read_chunk(self) -> bytes:
        """The next chunk of a chunked reply; b"" for the last one."""
        size = int(self.read_line().split(b";")[0], 16)
        data = self.read_exact(size)
        if size == 0:
            while self.read_line():
                pass  # trailers
        elif self.read_line() != b"":
            raise ValueError("chunk without its line end")
        return data

    def read_reply(self, head_only: bool = False) -> Reply:
        return self.read_body(self.read_head(), head_only)

    def read_body(self, reply: Reply, head_only: bool = False) -> Reply:
        """The rest of a reply whose head has been read."""
        if head_only or reply.status in (204, 304) or reply.status < 200:
            reply.complete = True
            return reply
        length = reply.header("Content-Length")
        try:
            if (reply.header("Transfer-Encoding") or "").lower() == "chunked":
                while chunk := self.read_chunk():
                    reply.chunks.append(chunk)
                    reply.body += chunk
                reply.complete = True
            elif length is not None:
                reply.body = self.read_exact(int(length))
                reply.complete = True
            else:
                reply.body = self.read_to_end()
        except Truncated:
            if length is not None:
                reply.body, self.buffer = self.buffer, b""
        return reply

    def at_end(self) -> bool:
        """Nothing more comes: httpd has closed the connection (waits for it)."""
        return not self.buffer and not self.fill()

    def nothing_came(self) -> bool:
        """No byte has arrived up to now."""
        self.sock.setblocking(False)
        try:
            self.buffer += self.sock.recv(65536)
        except BlockingIOError:
            pass
        finally:
            self.sock.setblocking(True)
            self.sock.settimeout(15.0)
        return not self.buffer

    def shutdown_write(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with RST, as a client does that died."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        self.sock.close()
