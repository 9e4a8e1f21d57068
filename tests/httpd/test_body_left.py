# SPDX-License-Identifier: Apache-2.0
"""Bodies that the application does not read (to the end): the reply comes at once, and the next
request is found where it begins, or the connection is closed."""

import threading

import pytest

SMALL = 100_000
LARGE = 3_000_000
"""More than is waited for."""


@pytest.fixture(scope="module")
def server(module_site):
    module_site.config.add("WSGIChunkedRequest On", "Timeout 20")
    module_site.serve("bodies.py")
    module_site.stage.expect_notes("body")
    return module_site


@pytest.fixture
def site(server, checked):
    checked.stage.forget("body")
    return checked


def start(client, path, framing, size, sent=0):
    """Head and the first bytes of a body of `size`."""
    if framing == "length":
        client.request(f"POST {path}", f"Content-Length: {size}", body=b"g" * sent)
    else:
        client.request(f"POST {path}", "Transfer-Encoding: chunked")
        client.send_chunk(b"g" * (sent or 1))


def rest(client, framing, size, sent=0):
    if framing == "length":
        client.send(b"g" * (size - sent))
    else:
        client.send_chunk(b"g" * (size - (sent or 1)))
        client.send_chunk(b"")


FRAMINGS = pytest.mark.parametrize("framing", ["length", "chunked"])
PAGES = pytest.mark.parametrize(
    ("page", "body"), [("unread", b"not read"), ("unread-generator", b"part one, part two")]
)


@pytest.mark.broad
@PAGES
@FRAMINGS
def test_reply_does_not_wait_for_the_body(site, page, body, framing):
    """The client sees the reply although it has not sent all; then it goes on, and asks again."""
    with site.raw() as client:
        start(client, f"/{page}", framing, SMALL, 10)
        reply = client.read_reply()
        assert (reply.body, reply.complete) == (body, True)
        rest(client, framing, SMALL, 10)
        client.request("GET /one")
        assert client.read_reply().body == b"only one"


@PAGES
@FRAMINGS
def test_body_that_has_come_already(site, page, body, framing):
    with site.raw() as client:
        for _ in range(3):
            start(client, f"/{page}", framing, 5000, 10)
            rest(client, framing, 5000, 10)
            assert client.read_reply().body == body
        client.request("GET /one")
        assert client.read_reply().body == b"only one"


@pytest.mark.broad
@PAGES
@FRAMINGS
def test_long_body_is_not_waited_for(site, page, body, framing):
    """The reply comes, whole, however the client goes on; then the connection is closed."""
    with site.raw() as client:
        start(client, f"/{page}", framing, LARGE)
        if framing == "chunked":
            rest(client, framing, LARGE)
        reply = client.read_reply()
        assert (reply.body, reply.complete) == (body, True)
        assert client.at_end()


def test_long_body_is_announced_to_be_unwanted(site):
    """Known before the head leaves: a client that looks stops sending."""
    with site.raw() as client:
        start(client, "/unread", "length", LARGE)
        assert client.read_reply().header("Connection") == "close"


@PAGES
def test_client_that_sends_everything_first(site, page, body):
    """Closing in a way that destroys the reply on its way would be no answer."""
    with site.raw(40) as client:
        client.request(f"POST /{page}", f"Content-Length: {30 * LARGE}")
        for _ in range(30):
            client.send(b"g" * LARGE)
        reply = client.read_reply()
        assert (reply.body, reply.complete) == (body, True)


@FRAMINGS
def test_failure_does_not_wait_for_a_long_body(site, framing):
    with site.expects_traceback("KeyError: 'nosuch'"), site.raw() as client:
        start(client, "/nosuch", framing, LARGE)
        if framing == "chunked":
            rest(client, framing, LARGE)
        assert client.read_reply().status == 500
        assert client.at_end()


@pytest.mark.only("daemon", reason="a process that ends takes embedded httpd along")
@FRAMINGS
def test_lost_process_does_not_wait_for_the_body(fresh_site, framing):
    """502 at once, although the client has not sent all."""
    site = fresh_site
    site.logs.allow("CASK0705|CASK0421|CASK0424")
    site.config.add("WSGIChunkedRequest On")
    site.serve("bodies.py")
    with site.raw() as client:
        start(client, "/die", framing, SMALL, 10)
        assert client.read_reply().status == 502
        assert client.at_end()


def test_trailers_are_read_past(site):
    """They end a body; they are no headers, of this request or the next."""
    with site.raw() as client:
        for path in ("/count", "/unread"):
            client.request(f"POST {path}", "Transfer-Encoding: chunked", "Trailer: X-Sum")
            client.send_chunk(b"body")
            client.send(b"0\r\nX-Sum: 1\r\nHost: evil.test\r\nContent-Length: 50\r\n\r\n")
            assert client.read_reply().status in (200, 403)
        client.request("GET /one")
        assert client.read_reply().body == b"only one"


@pytest.mark.parametrize("merge", ["Off", "On"])
def test_trailers_are_no_headers(fresh_site, merge):
    """Even where httpd merges them for logging, the application has begun without them."""
    site = fresh_site
    site.config.add("WSGIChunkedRequest On", f"MergeTrailers {merge}")
    site.serve(
        site.write_app(
            "app.py",
            "def application(environ, start_response):\n"
            "    before = sorted(environ)\n"
            "    body = environ['wsgi.input'].read()\n"
            "    start_response('200 OK', [('X-Auth', environ.get('HTTP_X_USER', 'none')),\n"
            "                              ('X-Same', str(before == sorted(environ)))])\n"
            "    return [body]\n",
        )
    )
    with site.raw() as client:
        client.request("POST /", "Transfer-Encoding: chunked", "Trailer: X-User")
        client.send_chunk(b"body")
        client.send(b"0\r\nX-User: admin\r\n\r\n")
        reply = client.read_reply()
        assert (reply.body, reply.header("X-Auth"), reply.header("X-Same")) == (
            b"body", "none", "True",
        )  # fmt: skip


@pytest.mark.broad
def test_pipelining(site):
    """Requests in one piece: bodies read, unread, chunked and empty; replies in order."""
    requests = [
        ("POST /count", "Content-Length: 5", b"first"),
        ("POST /unread", "Content-Length: 6", b"second"),
        ("GET /one", "Accept: */*", b""),
        ("POST /count", "Transfer-Encoding: chunked", b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
        ("POST /unread", "Transfer-Encoding: chunked", b"3\r\nabc\r\n0\r\nX: y\r\n\r\n"),
        ("POST /count", "Content-Length: 0", b""),
        ("GET /one", "Accept: */*", b""),
    ]
    data = b"".join(
        f"{line} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n".encode() + body
        for line, header, body in requests
    )
    with site.raw() as client:
        client.send(data)
        replies = [client.read_reply() for _ in requests]
    assert [reply.status for reply in replies] == [200, 403, 200, 200, 403, 200, 200]
    sizes = [b'"size": 5,', b"not read", b"only one", b'"size": 5,', b"not read", b'"size": 0,']
    assert all(size in reply.body for size, reply in zip(sizes, replies, strict=False))
    assert replies[-1].body == b"only one"


@pytest.mark.broad
def test_body_read_after_the_reply(site):
    """close() of the result may still read; the reply is whole already."""
    with site.raw() as client:
        start(client, "/in-close", "length", SMALL, 10)
        rest(client, "length", SMALL, 10)
        assert client.read_reply().body == b"whole reply"
        site.stage.wait_notes("body", [str(SMALL)])
        client.request("GET /one")
        assert client.read_reply().body == b"only one"


def test_busy_clients_do_not_hold_threads(site):
    """Long bodies that nobody reads: as many clients as the server has threads, all answered."""
    clients = [site.raw(30) for _ in range(12)]
    for client in clients:
        start(client, "/unread", "length", LARGE, 1000)
    replies = []
    threads = [
        threading.Thread(target=lambda c=client: replies.append(c.read_reply().body))
        for client in clients
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert replies == [b"not read"] * 12
    assert site.get("/one").text == "only one"
