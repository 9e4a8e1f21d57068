# SPDX-License-Identifier: Apache-2.0
"""The application every server of the bench runs: one route per workload, found by one lookup."""

import pathlib
import tempfile
import time

FILE_10M = pathlib.Path(tempfile.gettempdir(), "mod-cask-bench-10m.bin")
CHUNK = b"x" * 65536
BODIES = {"/hello": b"Hello, World!", "/body10k": b"x" * 10240, "/body1m": b"x" * 1048576}


def reply(start_response, body):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def stream10m(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(160 * 65536))])
    return (CHUNK for _ in range(160))


def file10m(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(160 * 65536))])
    return environ["wsgi.file_wrapper"](FILE_10M.open("rb"), 65536)


def post(environ, start_response):
    total = 0
    while data := environ["wsgi.input"].read(65536):
        total += len(data)
    return reply(start_response, b"%d" % total)


def sleep5(environ, start_response):
    time.sleep(0.005)  # the workload itself: an application that waits
    return reply(start_response, BODIES["/hello"])


ROUTES = {"/stream10m": stream10m, "/file10m": file10m, "/post": post, "/sleep5": sleep5}


def application(environ, start_response):
    path = environ["PATH_INFO"]
    route = ROUTES.get(path)
    if route is None:
        return reply(start_response, BODIES.get(path, BODIES["/hello"]))
    return route(environ, start_response)
