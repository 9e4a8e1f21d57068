# SPDX-License-Identifier: Apache-2.0
"""Replies in whose place httpd answers: WSGIErrorOverride and WSGILocalRedirect."""

import pytest

from harness import procs
from harness.http2 import Http2Connection


@pytest.fixture(scope="module")
def server(module_site):
    config = module_site.config
    if module_site.mpm != "prefork":
        config.modules.append("http2")
        config.add("Protocols h2c http/1.1")
    path = module_site.add_app("replies.py")
    for at in ("/over", "/plain", "/pages", "/fixed"):
        module_site.add_app(path, at=at)
    # The last alias wins nothing: the one at / takes all. Put it behind the others.
    config.top.append(config.top.pop(next(
        n for n, line in enumerate(config.top) if line.startswith("WSGIScriptAlias / ")
    )))  # fmt: skip
    (module_site.root / "htdocs" / "404.html").write_text("page of the server\n")
    config.add(
        "Alias /static404 htdocs/404.html",
        "<Location /over>\nWSGIErrorOverride On\nErrorDocument 404 /static404\n</Location>",
        "<Location /pages>\nWSGIErrorOverride On\nErrorDocument 404 /pages/error-page\n"
        "</Location>",
        "<Location /fixed>\nWSGIErrorOverride On\nErrorDocument 401 \"short words\"\n</Location>",
        "<Location /plain>\nWSGILocalRedirect Off\n</Location>",
    )
    module_site.start()
    return module_site


@pytest.fixture
def site(server, checked):
    return checked


# -- WSGIErrorOverride -----------------------------------------------------------------------------


def test_off_by_default(site):
    reply = site.get("/status?404+Mine", 404)
    assert (reply.reason, reply.text) == ("Mine", "own words...")


@pytest.mark.broad
def test_error_document_of_the_server(site):
    with site.raw() as client:
        for _ in range(2):  # the connection stays in step
            client.request("GET /over/status?404+Mine")
            reply = client.read_reply()
            assert (reply.status, reply.body) == (404, b"page of the server\n")
            assert reply.header("X-Own") is None
            assert reply.header("Set-Cookie") is None
            assert reply.header("Content-Type") == "text/html" or "x-own" not in str(reply.headers)


def test_built_in_page(site):
    reply = site.get("/over/status?503+Mine", 503)
    assert reply.headers["Content-Type"].startswith("text/html")
    assert "own words" not in reply.text


def test_headers_that_belong_to_the_status_stay(site):
    with site.raw() as client:
        client.request("GET /fixed/status?401+Mine")
        reply = client.read_reply()
    assert (reply.status, reply.body) == (401, b"short words")
    assert reply.all("WWW-Authenticate") == ['Basic realm="one"', "Bearer"]
    assert reply.all("Retry-After") == ["7"]
    assert reply.all("Allow") == ["GET, PUT"]


def test_page_from_the_application_itself(site):
    """ErrorDocument names a page of the application, which answers with the same status."""
    reply = site.get("/pages/status?404+Mine", 404)
    assert reply.text == "page for 404 of /pages/status"


@pytest.mark.parametrize("status", ["200 OK", "302 Found", "399 Odd"])
def test_other_statuses_are_not_touched(site, status):
    reply = site.get(f"/over/status?{status.replace(' ', '+')}", int(status[:3]))
    assert reply.text == "own words..."


def test_status_that_httpd_has_no_page_for(site):
    reply = site.get("/over/status?499+Mine", 499)
    assert reply.text == "own words..."


def test_head(site):
    with site.raw() as client:
        client.request("HEAD /over/status?404+Mine")
        assert client.read_reply(head_only=True).status == 404
        client.request("GET /text?5")
        assert client.read_reply().body == b"the s"


def test_streamed_reply(site):
    assert site.get("/over/streamed-error", 404).text == "page of the server\n"


@pytest.mark.unsanitized(reason="the sanitizers keep freed memory for a while")
def test_large_body_is_dropped_as_it_comes(site):
    """Nothing of 64 MiB is kept."""
    site.stage.expect_notes("large")
    workers = [*site.children(), *site.daemons()]
    before = [procs.peak_memory(pid) for pid in workers]
    reply = site.get("/over/large-error", 500)
    assert "text/html" in reply.headers["Content-Type"]
    site.stage.wait_notes("large", ["all"])
    for pid, peak in zip(workers, before, strict=True):
        assert procs.peak_memory(pid) - peak < 16 << 20


def test_failure_of_the_application(site):
    """500 by itself has httpd's page either way."""
    with site.expects_traceback("KeyError"):
        site.get("/over/nothing-like-that", 500)


@pytest.mark.only("event", reason="mod_http2 does not go with prefork")
def test_http2(site):
    with Http2Connection(site.port) as client:
        stream = client.wait(client.request("GET", "/over/status?404+Mine"))
        assert (stream.status, stream.body) == (404, b"page of the server\n")
        assert stream.complete


# -- WSGILocalRedirect -----------------------------------------------------------------------------


@pytest.mark.broad
def test_local_redirect(site):
    """Status 200 and a Location of this server: httpd answers with what is there."""
    reply = site.get("/local?/target?a=1")
    assert reply.text == "GET None a=1"
    assert "Location" not in reply.headers
    assert "X-Own" not in reply.headers


def test_local_redirect_of_a_post(site):
    """The body belongs to the first request, read or not; the next request is in its place."""
    with site.raw() as client:
        client.request("POST /local?/target?b", "Content-Length: 6", body=b"posted")
        assert client.read_reply().body == b"GET None b"
        client.request("GET /text?5")
        assert client.read_reply().body == b"the s"


def test_local_redirect_to_a_file_and_to_nothing(site):
    assert site.get("/local?/static404").text == "page of the server\n"
    assert site.get("/over/local?/over/status?404+x", 404).text == "page of the server\n"


def test_local_redirect_in_a_circle_ends(site):
    with site.expects_log("AH00124"):
        site.get("/circle", 500)


@pytest.mark.parametrize(
    "location", ["//other.test/path", "http://other.test/", "relative", "?query", ""]
)
def test_other_locations_are_only_headers(site, location):
    reply = site.get(f"/local?{location}")
    assert reply.text == "not to be seen"
    assert reply.headers["Location"] == location


def test_local_redirect_off(site):
    reply = site.get("/plain/local?/target")
    assert (reply.text, reply.headers["Location"]) == ("not to be seen", "/target")
    assert reply.headers["X-Own"] == "1"
