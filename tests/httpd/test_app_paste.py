# SPDX-License-Identifier: Apache-2.0
"""A stack of Paste and Repoze middleware above a WebOb application."""

import pytest


@pytest.fixture(scope="module")
def server(module_site):
    site = module_site
    site.use_applications()
    path = site.install("paste_stack")
    site.config.add("WSGIPassAuthorization On")
    site.stage.expect_notes("transaction")
    site.logs.allow(r'access: .* "[A-Z]+ /s/')  # the access log of translogger
    site.add_app(path / "stack.wsgi", at="/s")
    site.start()
    return site


@pytest.fixture
def site(server, checked):
    checked.stage.forget("transaction")
    return checked


def test_url_map(site):
    found = site.get("/s/where?q=%C3%A4", host="s.test").json()
    assert found == {
        "url": "http://s.test/s/where?q=%C3%A4", "script": "/s", "greeting": "hello",
        "user": None,
    }  # fmt: skip
    assert site.get("/s/plain/where").json()["script"] == "/s/plain"
    site.get("/s/nosuch", 404)
    assert "not for you" in site.get("/s/forbidden", 403).text


def test_static(site):
    reply = site.get("/s/static/style.css")
    assert "olive" in reply.text
    date = {"If-Modified-Since": reply.headers["Last-Modified"]}
    assert site.get("/s/static/style.css", 304, headers=date).content == b""


def test_gzip(site):
    reply = site.get("/s/big", headers={"Accept-Encoding": "gzip"})
    assert reply.headers["Content-Encoding"] == "gzip"
    assert reply.text == "one line of text\n" * 5000
    plain = site.get("/s/big", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert plain.text == reply.text


def test_virtual_host_monster(site):
    """Headers by which a server in front says what the outer address is."""
    found = site.get("/s/where", headers={"X-Vhm-Host": "https://outer.test/sub"}).json()
    assert found["url"] == "https://outer.test/sub/where"
    site.get("/s/where", 404, headers={"X-Vhm-Root": "/elsewhere"})


def test_login(site):
    """repoze.who asks, then knows the user by the header and by its cookie."""
    assert "Basic" in site.get("/s/private", 401).headers["WWW-Authenticate"]
    assert site.get("/s/private", auth=("ann", "pass")).text == "hello ann"
    site.get("/s/private", 401, auth=("ann", "no"))


@pytest.mark.parametrize("at", ["/s", "/s/plain"])
@pytest.mark.parametrize(
    ("how", "status", "end"),
    [("", 200, "commit"), ("parts", 200, "commit"), ("veto", 500, "abort"), ("304", 304, "commit"),
     ("etag", 200, "commit")],
)  # fmt: skip
def test_end_of_the_transaction(site, at, how, status, end):
    """repoze.tm commits after the last item: the iteration goes on to its end, always."""
    site.get(f"{at}/save?{how}", status)
    site.stage.wait_notes("transaction", [end])


@pytest.mark.parametrize("how", ["", "parts", "etag"])
def test_head_ends_the_transaction(site, how):
    site.request("HEAD", f"/s/plain/save?{how}", 200)
    site.stage.wait_notes("transaction", ["commit"])


def test_not_modified_ends_the_transaction(site):
    headers = {"If-None-Match": '"v1"'}
    site.get("/s/plain/save?etag", 304, headers=headers)
    site.stage.wait_notes("transaction", ["commit"])


def test_exception_aborts_the_transaction(site):
    with site.expects_traceback("LookupError: in the middle of a transaction"):
        site.get("/s/plain/save?raise", 500)
    site.stage.wait_notes("transaction", ["abort"])


def test_access_log_of_the_middleware(site):
    with site.expects_log(r'access: 127.0.0.1 - - .*"GET /s/where HTTP/1.1" 200'):
        site.get("/s/where")
