# SPDX-License-Identifier: Apache-2.0
"""Requests in threads while a test does something to the server."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from types import TracebackType

import requests

from harness.wait import wait_until


@dataclass(frozen=True)
class Answer:
    moment: float
    """When it was complete (time.monotonic())."""
    seconds: float
    status: int
    """0 when there was none."""
    text: str


class Load:
    """GETs (or POSTs of `body`) of one path from several threads, until the block ends."""

    def __init__(self, url: str, threads: int = 3, body: bytes | None = None) -> None:
        self.url = url
        self.body = body
        self.answers: list[Answer] = []
        self.stopped = False
        self.threads = [threading.Thread(target=self.run) for _ in range(threads)]

    def run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while not self.stopped:
                self.answers.append(self.ask(session))

    def ask(self, session: requests.Session) -> Answer:
        begin = time.monotonic()
        try:
            method = "GET" if self.body is None else "POST"
            reply = session.request(method, self.url, data=self.body, timeout=20)
            status, text = reply.status_code, reply.text
        except requests.RequestException as error:
            status, text = 0, repr(error)
        end = time.monotonic()
        return Answer(end, end - begin, status, text)

    def __enter__(self) -> Load:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.stopped = True
        for thread in self.threads:
            thread.join(30)

    def more(self, count: int = 5) -> None:
        """Wait until so many more requests were answered."""
        target = len(self.answers) + count
        wait_until(lambda: len(self.answers) >= target, 30, "the load goes on")

    @property
    def failures(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.status != 200]
