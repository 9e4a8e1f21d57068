# SPDX-License-Identifier: Apache-2.0
"""The body of a reply: iterables, write(), streaming, close(), lengths, HEAD, 204 and 304."""

import pytest

from harness.wait import wait_until

pytestmark = pytest.mark.broad


@pytest.fixture(scope="module")
def server(module_site):
    module_site.serve("gateway.py")
    for name in ("closed", "generator"):
        module_site.stage.expect_notes(name)
    return module_site


@pytest.fixture
def site(server, checked):
    checked.stage.forget("closed", "generator")
    return checked


@pytest.mark.parametrize(
    ("page", "body"),
    [("lists", "one two three"), ("one", "only one"), ("tuples", "ab"), ("empty", ""),
     ("Instance", "from an instance"), ("old-sequence", "xy"), ("write-only", "all of it")],
)  # fmt: skip
def test_kinds_of_iterables(site, page, body):
    with site.raw() as client:
        for _ in range(2):  # the connection stays in step
            client.request(f"GET /{page}")
            reply = client.read_reply()
            assert (reply.status, reply.body.decode(), reply.complete) == (200, body, True)


def test_length_of_a_single_block_is_known(site):
    with site.raw() as client:
        client.request("GET /one")
        assert client.read_reply().header("Content-Length") == "8"


def test_generator_is_streamed(site):
    """Each chunk is with the client while the application is still held before the next."""
    for number in range(3):
        site.stage.close_gate(f"gate{number}")
    with site.raw() as client:
        client.request("GET /generator")
        head = client.read_head()
        assert head.status == 200
        for number in range(3):
            assert client.read_chunk() == b"chunk %d\n" % number
            site.stage.wait_reached(f"gate{number}", site.stage.reached(f"gate{number}") or 1)
            assert client.nothing_came()
            site.stage.open_gate(f"gate{number}")
        assert client.read_chunk() == b""
    site.stage.wait_notes("generator", ["end"])


def test_write_is_not_held_back(site):
    site.stage.close_gate()
    with site.raw() as client:
        client.request("GET /write")
        assert client.read_head().status == 200
        assert client.read_chunk() == b"written 1\n"
        site.stage.open_gate()
        rest = b""
        while chunk := client.read_chunk():
            rest += chunk
        assert rest == b"written 2\nreturned\n"


def test_streaming_to_http_1_0(site):
    """Without chunks the end of the reply is the end of the connection."""
    with site.raw() as client:
        client.send(b"GET /lists HTTP/1.0\r\n\r\n")
        reply = client.read_reply()
        assert reply.header("Transfer-Encoding") is None
        assert reply.body == b"one two three"


def test_big_reply_is_whole(site):
    with site.raw() as client:
        client.request("GET /big?8")
        reply = client.read_reply()
        assert reply.complete
        assert reply.body == bytes(range(256)) * 256 * 16 * 8


# -- close() ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["normal", "short"])
def test_close_is_called_once(site, how):
    site.logs.allow("longer than its Content-Length")
    reply = site.get(f"/closing?{how}")
    assert reply.text == ("fir" if how == "short" else "first\nlast\n")
    site.stage.wait_notes("closed", ["close"])


def test_close_is_called_when_the_iteration_raises(site):
    with site.expects_traceback("ValueError: in the middle of the iteration"), site.raw() as client:
        client.request("GET /closing?raise")
        reply = client.read_reply()
        assert reply.status == 200
        assert reply.body == b"first\n"
        assert not reply.complete
        assert client.at_end()
    site.stage.wait_notes("closed", ["close"])


def test_close_is_called_when_the_first_item_raises(site):
    with site.expects_traceback("KeyError: 'before the first item'"):
        site.get("/close-early", 500)
    site.stage.wait_notes("closed", ["close"])


def test_close_is_called_after_a_wrong_item(site):
    with site.expects_traceback("TypeError", frames=False), site.raw() as client:
        client.request("GET /closing?type")
        reply = client.read_reply()
        assert reply.body == b"first\n"
        assert not reply.complete
    site.stage.wait_notes("closed", ["close"])


def test_close_is_called_without_start_response(site):
    with site.expects_traceback(r"\w+Error", frames=False):
        site.get("/closing?nostart", 500)
    site.stage.wait_notes("closed", ["close"])


def test_close_that_fails_spares_the_reply(site):
    with site.expects_traceback("RuntimeError: close failed"), site.raw() as client:
        client.request("GET /closing?closefails")
        reply = client.read_reply()
        assert reply.body == b"first\nlast\n"
        assert reply.complete
    site.stage.wait_notes("closed", ["close"])


def test_close_is_called_when_the_client_leaves(site):
    """Mid-reply: the request ends, the thread is free again, one info line says so."""
    site.stage.close_gate()
    mark = site.logs.mark()
    client = site.raw()
    client.request("GET /closing?gate")
    assert client.read_head().status == 200
    assert client.read_chunk() == b"first\n"
    client.reset()
    site.stage.open_gate()
    site.stage.wait_notes("closed", ["close"])
    wait_until(lambda: client_gone(site, mark), what=lambda: f"one info line\n{site.tail()}")
    assert site.get("/one").text == "only one"
    lines = client_gone(site, mark)
    assert len(lines) == 1, lines
    assert lines[0].level == "info"


def client_gone(site, mark):
    """Our lines since then, without those about connections in general."""
    return [e for e in site.logs.since(mark) if e.module == "wsgi" and e.number]


def test_close_is_called_when_the_client_is_slow_and_then_leaves(site):
    """The application is blocked in the middle of a big reply when the client goes."""
    client = site.raw()
    client.request("GET /closing?big")
    assert client.read_head().status == 200
    assert client.read_chunk().startswith(b"first")
    assert site.stage.notes("closed") == []
    client.reset()
    site.stage.wait_notes("closed", ["close"])


@pytest.mark.parametrize("code", ["204 No Content", "304 Not Modified"])
def test_status_without_a_body(site, code):
    with site.raw() as client:
        for _ in range(2):
            client.request(f"GET /status?{code.replace(' ', '+')}")
            head = client.read_head()
            assert head.status == int(code[:3])
            assert head.header("X-Status") == "1"
            assert head.header("Transfer-Encoding") is None
            client.request("GET /one")
            assert client.read_reply().body == b"only one"
    site.stage.wait_notes("closed", ["close", "close"])


# -- HEAD ------------------------------------------------------------------------------------------


def test_head_has_no_body(site):
    with site.raw() as client:
        for _ in range(2):
            client.request("HEAD /lists")
            assert client.read_reply(head_only=True).status == 200
        client.request("GET /one")
        assert client.read_reply().body == b"only one"


def test_head_keeps_the_declared_length(site):
    with site.raw() as client:
        client.request("HEAD /head-length")
        assert client.read_reply(head_only=True).header("Content-Length") == "12345"
        client.request("GET /head-length")
        assert len(client.read_reply().body) == 12345


def test_head_reaches_the_application_as_head(site):
    """WSGIMapHEADToGET's default maps only when a content filter is at work; here none is."""
    with site.raw() as client:
        client.request("HEAD /method")
        assert client.read_reply(head_only=True).header("X-Method") == "HEAD"


def test_head_of_a_big_reply_ends(site):
    with site.raw() as client:
        client.request("HEAD /big?16")
        assert client.read_reply(head_only=True).status == 200
        client.request("GET /one")
        assert client.read_reply().body == b"only one"


# -- Content-Length --------------------------------------------------------------------------------


def test_exact_length(site):
    with site.raw() as client:
        client.request("GET /length?10,4,6")
        reply = client.read_reply()
        assert reply.header("Content-Length") == "10"
        assert reply.header("Transfer-Encoding") is None
        assert (reply.body, reply.complete) == (b"z" * 10, True)
    site.stage.wait_notes("closed", ["close"])


@pytest.mark.parametrize("blocks", ["5,20", "5,3,20", "5,5,1", "0,7"])
def test_excess_is_dropped(site, blocks):
    """The next reply on the connection is in its place."""
    site.logs.allow("longer than its Content-Length")
    declared = int(blocks.split(",")[0])
    with site.raw() as client:
        client.request(f"GET /length?{blocks}")
        assert client.read_reply().body == b"z" * declared
        client.request("GET /one")
        assert client.read_reply().body == b"only one"
    site.stage.wait_notes("closed", ["close"])


def test_shortage_is_seen_by_the_client(site):
    """The connection is closed, so the client can tell; the application's author reads it in the
    log, once."""
    site.logs.allow(r"Content-Length")
    with site.raw() as client:
        client.request("GET /length?20,5,5")
        reply = client.read_reply()
        assert reply.status == 200
        assert reply.body == b"z" * 10
        assert not reply.complete
        assert client.at_end()
    site.stage.wait_notes("closed", ["close"])


# -- broken off ------------------------------------------------------------------------------------


def test_failure_after_write_is_not_finished(site):
    """No last chunk, no HTML page glued to the body."""
    with site.expects_traceback("ValueError: after write"), site.raw() as client:
        client.request("GET /write-then-raise")
        reply = client.read_reply()
        assert reply.status == 200
        assert reply.body == b"begun\n"
        assert not reply.complete
        assert client.at_end()


def test_failure_before_anything_was_sent_is_500(site):
    with site.expects_traceback("ValueError: before anything was sent"), site.raw() as client:
        client.request("GET /raises-after-start")
        reply = client.read_reply()
        assert reply.status == 500
        assert reply.complete
