# SPDX-License-Identifier: Apache-2.0
"""Applications behind the standard library's strict checker of both sides."""

from wsgiref.validate import validator

TEXT = [("Content-Type", "text/plain")]


def simple(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"simple"]


def generator(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"gene"
    yield b"rator"


def writes(environ, start_response):
    start_response("200 OK", TEXT)(b"written ")
    return [b"and returned"]


def reads(environ, start_response):
    source = environ["wsgi.input"]
    parts = [source.read(3), source.readline(), *source.readlines(), *source, source.read(10)]
    environ["wsgi.errors"].flush()
    start_response("200 OK", TEXT)
    return [b"|".join(parts)]


def nothing(environ, start_response):
    start_response("204 No Content", [])
    return []


PAGES = {f"/{f.__name__}": f for f in (simple, generator, writes, reads, nothing)}


def choose(environ, start_response):
    return PAGES[environ["PATH_INFO"]](environ, start_response)


application = validator(choose)
