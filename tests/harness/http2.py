# SPDX-License-Identifier: Apache-2.0
"""A small HTTP/2 client, by "prior knowledge" or with TLS, on top of the h2 package."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events


@dataclass
class Stream:
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    interim: list[int] = field(default_factory=list)
    """Statuses of 1xx replies."""
    interim_headers: list[list[tuple[str, str]]] = field(default_factory=list)
    complete: bool = False
    """END_STREAM was seen."""
    reset: int | None = None
    """Error code of RST_STREAM."""

    @property
    def over(self) -> bool:
        return self.complete or self.reset is not None

    @property
    def status(self) -> int:
        return int(self.headers[":status"])


class Http2Connection:
    def __init__(
        self, port: int, timeout: float = 15.0, context: ssl.SSLContext | None = None
    ) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            context.set_alpn_protocols(["h2"])
            self.sock = context.wrap_socket(self.sock, server_hostname="localhost")
            assert self.sock.selected_alpn_protocol() == "h2"
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="latin-1"))
        self.h2.initiate_connection()
        self.streams: dict[int, Stream] = {}
        self.flush()

    def __enter__(self) -> Http2Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def flush(self) -> None:
        self.sock.sendall(self.h2.data_to_send())

    def request(
        self, method: str, path: str, *headers: tuple[str, str], body: bytes = b"", end: bool = True
    ) -> int:
        number = self.h2.get_next_available_stream_id()
        self.streams[number] = Stream()
        head = [(":method", method), (":path", path), (":scheme", "http"),
                (":authority", "localhost"), *headers]  # fmt: skip
        self.h2.send_headers(number, head, end_stream=end and not body)
        self.flush()
        if body:
            self.send(number, body, end)
        return number

    def send(self, number: int, data: bytes, end: bool = True) -> None:
        """Body bytes as flow control lets them go; what comes meanwhile is taken. Stops when the
        stream is over."""
        rest = memoryview(data)
        stream = self.streams[number]
        while (rest or end) and not stream.over:
            room = min(self.h2.local_flow_control_window(number), self.h2.max_outbound_frame_size)
            if rest and room <= 0:
                self.receive()
                continue
            part, rest = rest[:room], rest[room:]
            self.h2.send_data(number, part, end_stream=end and not rest)
            self.flush()
            if not rest:
                return

    def receive(self) -> bool:
        """Take what has come; False when httpd closed the connection."""
        data = self.sock.recv(65536)
        for event in self.h2.receive_data(data) if data else ():
            self.handle(event)
        self.flush()
        return bool(data)

    def handle(self, event: h2.events.Event) -> None:
        stream = self.streams.get(getattr(event, "stream_id", 0) or 0)
        if stream is None:
            return
        if isinstance(event, h2.events.ResponseReceived):
            stream.headers = dict(event.headers)
        elif isinstance(event, h2.events.InformationalResponseReceived):
            stream.interim.append(int(dict(event.headers)[":status"]))
            stream.interim_headers.append(list(event.headers))
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            stream.complete = True
        elif isinstance(event, h2.events.StreamReset):
            stream.reset = event.error_code

    def wait_for(self, number: int, condition: Callable[[Stream], object]) -> Stream:
        """Until the stream is so far, or over."""
        stream = self.streams[number]
        while not stream.over and not condition(stream) and self.receive():
            pass
        return stream

    def wait(self, number: int) -> Stream:
        return self.wait_for(number, lambda _: False)
