# SPDX-License-Identifier: Apache-2.0
"""A reply in parts: each is with the client as soon as it is there."""

import time


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    for number in range(3):
        yield f"{number}: {environ['SERVER_PROTOCOL']} at {time.strftime('%H:%M:%S')}\n".encode()
        time.sleep(0.1)
