# SPDX-License-Identifier: Apache-2.0
"""Says where its client is and how it has asked."""

from wsgiref.util import request_uri


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{environ['REMOTE_ADDR']} asked for {request_uri(environ)}\n".encode()]
