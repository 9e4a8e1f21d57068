# SPDX-License-Identifier: Apache-2.0
"""start_response: what it accepts, what it refuses, and when a reply can still be replaced."""

import json

import pytest


@pytest.fixture(scope="module")
def server(module_site):
    module_site.serve("gateway.py")
    return module_site


@pytest.fixture
def site(server, checked):
    return checked


def start(site, status="200 OK", headers=(), body=("body",)):
    data = {"status": status, "headers": list(headers), "body": list(body)}
    client = site.raw()
    text = json.dumps(data).encode()
    client.request("POST /start", f"Content-Length: {len(text)}", body=text)
    return client.read_reply()


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        ("200 OK", 200, "OK"),
        ("201 Created", 201, "Created"),
        ("404 My Own Words", 404, "My Own Words"),
        ("299 Odd", 299, "Odd"),
        ("599 Other", 599, "Other"),
        ("402 Caf\xe9", 402, "Caf\xe9"),
    ],
)
def test_status_line_is_the_applications(site, status, code, reason):
    reply = start(site, status)
    assert (reply.status, reply.reason, reply.body) == (code, reason, b"body")


def test_status_without_a_reason(site):
    reply = start(site, "200")
    assert reply.status == 200
    assert reply.body == b"body"


def test_headers_arrive_in_order_and_repeated(site):
    reply = start(
        site,
        headers=[
            ("X-B", "1"), ("X-A", "2"), ("X-B", "3"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"),
            ("WWW-Authenticate", "Basic"), ("WWW-Authenticate", "Digest"), ("Link", "<a>"),
            ("Link", "<b>"), ("X-Latin", "caf\xe9"),
        ],
    )  # fmt: skip
    assert reply.all("X-B") == ["1", "3"]
    assert reply.all("X-A") == ["2"]
    assert reply.all("Set-Cookie") == ["a=1", "b=2"]
    assert reply.all("WWW-Authenticate") == ["Basic", "Digest"]
    assert reply.all("Link") == ["<a>", "<b>"]
    assert reply.all("X-Latin") == ["caf\xe9"]


def test_content_type_is_the_applications(site):
    assert start(site, headers=[("Content-Type", "Text/X-Own; a=B")]).all("Content-Type") == [
        "Text/X-Own; a=B"
    ]


def test_no_content_type_is_made_up_from_the_scripts_name(site):
    assert "python" not in (start(site).header("Content-Type") or "")


def test_a_status_header_does_not_change_the_status(site):
    reply = start(site, "200 OK", [("Status", "404 Not Found"), ("Content-Type", "text/plain")])
    assert reply.status == 200
    assert reply.body == b"body"


def test_location_of_a_redirect(site):
    reply = start(site, "302 Found", [("Location", "/elsewhere?a=1")], [""])
    assert reply.status == 302
    assert reply.header("Location") == "/elsewhere?a=1"


def test_last_modified_and_etag_arrive(site):
    sent = [("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"), ("ETag", '"x"')]
    reply = start(site, headers=sent)
    assert reply.header("Last-Modified") == sent[0][1]
    assert reply.header("ETag") == '"x"'
    for odd in ("Fri, 01 Jan 2100 00:00:00 GMT", "yesterday"):
        assert start(site, headers=[("Last-Modified", odd)]).header("Last-Modified") == odd


def test_date_and_server_are_httpds(site):
    reply = start(site, headers=[("Date", "yesterday"), ("Server", "mine")])
    assert len(reply.all("Date")) == 1
    assert "yesterday" not in reply.all("Date")
    assert reply.all("Server")[0].startswith("Apache")


def test_own_framing_cannot_be_forged(site):
    """Transfer-Encoding and Connection belong to the server; whatever it does with such a header,
    the reply on the wire is well framed and the next one is in its place."""
    site.logs.allow(r"Transfer-Encoding|hop-by-hop|Traceback|File |start_response|CASK05")
    client = site.raw()
    for _ in range(2):
        text = json.dumps(
            {"headers": [["Transfer-Encoding", "chunked"]], "body": ["0\r\n\r\nHTTP/1.1 200 x"]}
        ).encode()
        client.request("POST /start", f"Content-Length: {len(text)}", body=text)
        reply = client.read_reply()
        assert reply.complete
        assert reply.status in (200, 500)
        if reply.status == 200:
            assert reply.body == b"0\r\n\r\nHTTP/1.1 200 x"


def test_connection_close_of_the_application(site):
    site.logs.allow(r"Connection|hop-by-hop|Traceback|File |start_response|CASK05")
    reply = start(site, headers=[("Connection", "close")])
    assert reply.complete or reply.status == 500


BAD = {
    "status-int": "TypeError",
    "status-bytes": "TypeError",
    "status-short": "ValueError",
    "status-long": "ValueError",
    "status-letters": "ValueError",
    "status-newline": "ValueError",
    "status-nul": "ValueError",
    "status-nonlatin": "(UnicodeEncodeError|ValueError)",
    "status-no-space": "ValueError",
    "status-099": "ValueError",
    "headers-tuple": "TypeError",
    "headers-none": "TypeError",
    "headers-dict": "TypeError",
    "item-list": "TypeError",
    "item-three": "(TypeError|ValueError)",
    "name-bytes": "TypeError",
    "name-empty": "ValueError",
    "name-space": "ValueError",
    "name-colon": "ValueError",
    "name-newline": "ValueError",
    "name-nonlatin": "(UnicodeEncodeError|ValueError)",
    "value-int": "TypeError",
    "value-bytes": "TypeError",
    "value-newline": "ValueError",
    "value-lf": "ValueError",
    "value-nul": "ValueError",
    "value-control": "ValueError",
    "value-nonlatin": "(UnicodeEncodeError|ValueError)",
    "length-junk": "ValueError",
    "length-negative": "ValueError",
    "no-arguments": "TypeError",
    "one-argument": "TypeError",
    "exc-info-text": r"\w+Error",
    "twice": r"\w+Error",
}


@pytest.mark.parametrize("case", BAD)
def test_refused(site, case):
    """500 from httpd, the reason as a traceback in the log once; nothing of the reply leaks."""
    with site.expects_traceback(BAD[case]), site.raw() as client:
        client.request(f"GET /wrong?{case}")
        reply = client.read_reply()
        assert reply.status == 500
        assert reply.complete
        assert b"should not be seen" not in reply.body
        assert reply.header("X-Evil") is None
        assert client.at_end()  # httpd closes after 500
    assert site.get("/one").text == "only one"


@pytest.mark.parametrize(
    ("case", "error"),
    [("never-started", r"\w+Error"), ("returns-none", "TypeError"), ("returns-text", "TypeError"),
     ("returns-number", "TypeError")],
)  # fmt: skip
def test_wrong_kind_of_reply(site, case, error):
    with site.expects_traceback(error, frames=False):
        reply = site.get(f"/{case}", 500)
    assert reply.headers["Content-Type"].startswith("text/html")


def test_exc_info_replaces_what_was_not_sent(site):
    reply = site.get("/exc-info-before", 503)
    assert reply.reason == "Replaced"
    assert "X-First" not in reply.headers
    assert reply.headers["X-Second"] == "2"
    assert reply.text == "error page"


def test_exc_info_after_sending_raises_again(site):
    """The exception comes out of start_response; nothing is glued to the begun reply."""
    with site.expects_traceback("ValueError: too late to replace"), site.raw() as client:
        client.request("GET /exc-info-after")
        reply = client.read_reply()
    assert reply.status == 200
    assert reply.body == b"sent\n"
    assert not reply.complete


def test_exc_info_can_be_caught_again(site):
    site.stage.expect_notes("again")
    assert site.get("/exc-info-generator").text == "sent\nend\n"
    assert site.stage.notes("again") == ["raised again in the generator"]


def test_exc_info_none_is_as_if_not_given(site):
    assert site.get("/exc-info-none").text == "none is fine"


def test_second_call_after_sending_is_an_error(site):
    site.stage.expect_notes("second")
    assert site.get("/start-after-sent").text == "sent\nend\n"
    assert site.stage.notes("second") in (["RuntimeError"], ["AssertionError"])


def test_header_list_is_copied(site):
    reply = site.get("/list-argument-kept")
    assert reply.headers["X-One"] == "1"
    assert "X-Two" not in reply.headers


@pytest.mark.only("daemon", reason="one process serves both requests for certain")
def test_use_after_the_request_is_refused(site):
    site.get("/kept-start")
    found = site.get("/use-kept").json()
    assert found == {"start": "RuntimeError", "write": "RuntimeError", "input": "RuntimeError"}


def test_start_response_in_the_generator(site):
    reply = site.get("/late-start", 202)
    assert reply.headers["X-Late"] == "yes"
    assert reply.text == "late"


def test_write_of_text(site):
    with site.expects_traceback("TypeError"):
        site.get("/write-text", 500)


def test_empty_write_settles_the_head(site):
    """Nothing has left yet: a failure is a 500, not half a reply."""
    assert site.get("/write-empty").text == "start_response(): headers have been sent already!"
    with site.expects_traceback("ValueError: after an empty write"):
        site.get("/write-empty?raise", 500)
