# SPDX-License-Identifier: Apache-2.0
"""The harness itself: a server starts and stops, and what it leaves behind is seen."""

import pytest


@pytest.mark.broad
def test_hello(site):
    site.serve("hello.py")
    assert site.get("/").text == "hello\n"
    with site.raw() as client:
        client.request("GET /")
        reply = client.read_reply()
        assert (reply.status, reply.body, reply.complete) == (200, b"hello\n", True)
    assert site.stop() < 5


def test_an_unexpected_line_is_a_problem(site):
    site.write_app("noisy.py", "import sys\nprint('oops', file=sys.stderr)\n")
    path = site.write_app(
        "app.py",
        "def application(environ, start_response):\n"
        "    print('oops', file=environ['wsgi.errors'])\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [b'x']\n",
    )
    site.serve(path)
    site.get("/")
    site.wait_log("oops")
    site.logs.expected.clear()
    assert [entry.text for entry in site.logs.unexpected() if "oops" in entry.text]
    site.logs.allow("oops")
