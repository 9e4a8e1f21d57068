# SPDX-License-Identifier: Apache-2.0
"""/kind?how: replies of every kind that count how often they are closed.

how: an HTTP status, `raise` (in the middle), `first` (before the first item), `gate` (after the
first item wait for the test, then send much), `late` (wait before the reply starts).
"""

import io
import os

import stage

FIRST, LAST = b"first\n", b"last\n"
HEADERS = [("Content-Type", "text/plain"), ("ETag", '"v1"')]


def parts(how):
    if how == "first":
        raise ValueError("before the first item")
    yield FIRST
    if how == "raise":
        raise ValueError("in the middle")
    if how == "gate":
        stage.gate()
        for _ in range(500):
            yield b"x" * 65536
    yield LAST


class Counted:
    def __init__(self, how):
        self.items = parts(how)

    def __iter__(self):
        return self.items

    def close(self):
        stage.note("closed", "close")


class Like:
    """A file-like object without a descriptor."""

    def __init__(self, how):
        self.items = parts(how)

    def read(self, size):
        return next(self.items, b"")

    def close(self):
        stage.note("closed", "close")


class Real(io.FileIO):
    """A real file; one with much in it for the client that leaves."""

    def __init__(self, how):
        path = os.path.join(os.path.dirname(__file__), "big.bin" if how == "gate" else "small.txt")
        super().__init__(path)

    def close(self):
        if not self.closed:
            stage.note("closed", "close")
        super().close()


def generator(environ, how):
    try:
        yield from parts(how)
    finally:
        stage.note("closed", "close")


KINDS = {
    "iterable": lambda environ, how: Counted(how),
    "generator": generator,
    "like": lambda environ, how: environ["wsgi.file_wrapper"](Like(how)),
    "real": lambda environ, how: environ["wsgi.file_wrapper"](Real(how)),
}


def application(environ, start_response):
    kind, how = environ["PATH_INFO"][1:], environ["QUERY_STRING"]
    if how == "late":
        stage.gate()
    status = f"{how} Status" if how.isdigit() else "200 OK"
    write = start_response(status, HEADERS)
    if kind != "write":
        return KINDS[kind](environ, how)
    try:
        for item in parts("gate" if how == "gate" else ""):
            write(item)
    except OSError:
        stage.note("closed", "refused")
        raise
    return Counted(how)
