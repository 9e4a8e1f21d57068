# SPDX-License-Identifier: Apache-2.0
"""Runs the garbage collector: WebOb's requests are cycles that keep temporary files open."""

import gc


def application(environ, start_response):
    gc.collect()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"collected"]
