# SPDX-License-Identifier: Apache-2.0
"""HTTP/2: mod_http2 runs requests on threads of its own, which come and go."""

import json

import pytest

from harness.http2 import Http2Connection

pytestmark = pytest.mark.only("event", reason="mod_http2 does not go with prefork")


@pytest.fixture(scope="module")
def server(module_site):
    module_site.config.modules.append("http2")
    module_site.config.add("Protocols h2c http/1.1", "H2MaxWorkerIdleSeconds 1")
    module_site.serve("gateway.py")
    return module_site


@pytest.fixture
def site(server, checked):
    return checked


@pytest.fixture
def client(site):
    with Http2Connection(site.port) as client:
        yield client


def test_get(client):
    stream = client.wait(client.request("GET", "/lists"))
    assert (stream.status, stream.body, stream.complete) == (200, b"one two three", True)


def test_environ(client):
    stream = client.wait(client.request("GET", "/environ", ("cookie", "a=1"), ("cookie", "b=2")))
    found = json.loads(stream.body)
    assert found["SERVER_PROTOCOL"] == "HTTP/2.0"
    assert found["HTTP_COOKIE"] == "a=1; b=2"
    assert found["HTTP_HOST"] == "localhost"


def test_post(client):
    body = b"p" * 50_000
    length = ("content-length", "50000")
    assert client.wait(client.request("POST", "/echo", length, body=body)).body == body


def test_many_streams_at_once(client):
    numbers = [client.request("GET", f"/big?{1 + n % 2}") for n in range(8)]
    sizes = [len(client.wait(number).body) for number in numbers]
    assert sizes == [(1 + n % 2) << 20 for n in range(8)]


def test_reply_that_breaks_off_is_a_reset_stream(site, client):
    with site.expects_traceback("ValueError: after write"):
        stream = client.wait(client.request("GET", "/write-then-raise"))
    assert stream.reset is not None
    assert not stream.complete
    assert client.wait(client.request("GET", "/one")).body == b"only one"


def test_cancelled_stream_ends_the_request(site, client):
    site.stage.close_gate()
    site.stage.expect_notes("closed")
    number = client.request("GET", "/closing?gate")
    while not client.streams[number].body:
        client.receive()
    client.h2.reset_stream(number)
    client.flush()
    site.stage.open_gate()
    site.stage.wait_notes("closed", ["close"])
    assert client.wait(client.request("GET", "/one")).body == b"only one"


def test_threads_that_end_leave_nothing_behind(site, client):
    """Idle workers of mod_http2 end after a second; new ones take over, over and over."""
    for _ in range(3):
        numbers = [client.request("GET", "/one") for _ in range(12)]
        assert [client.wait(number).body for number in numbers] == [b"only one"] * 12


DECIDES = """\
def callable_object(environ):
    assert environ["SERVER_PROTOCOL"] == "HTTP/2.0"
    return environ["QUERY_STRING"] or None
"""
ANSWERS = """\
def reply(start_response, text):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text]

def application(environ, start_response):
    return reply(start_response, b"application")

def other(environ, start_response):
    return reply(start_response, b"other")

def handle_request(environ, start_response):
    return reply(start_response, environ["SCRIPT_NAME"].encode())
"""


def test_handler_and_dispatch_scripts(fresh_site):
    """Asked on mod_http2's threads, several at once."""
    site = fresh_site
    app = site.write_app("app.py", ANSWERS)
    site.config.modules.append("http2")
    site.config.add(
        "Protocols h2c http/1.1",
        f"WSGIDispatchScript {site.write_app('decides.py', DECIDES)}",
        f"WSGIHandlerScript answers {app}",
        "<Location /handled>\nSetHandler answers\n</Location>",
    )
    site.serve(app, "/p")
    wanted = {"/p": b"application", "/p?other": b"other", "/handled/x": b"/handled"}
    with Http2Connection(site.port) as client:
        for _ in range(3):
            streams = {path: client.request("GET", path) for path in wanted for _ in range(3)}
            found = {path: client.wait(number).body for path, number in streams.items()}
            assert found == wanted
