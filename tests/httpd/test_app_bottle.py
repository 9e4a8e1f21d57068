# SPDX-License-Identifier: Apache-2.0
"""A Bottle application, set up as Bottle's manual says for Apache."""

import pytest

from harness.parts import check_parts

pytestmark = pytest.mark.broad

DATA = bytes(i * 37 % 256 for i in range(120_000))


@pytest.fixture(scope="module")
def server(module_site):
    site = module_site
    site.use_applications()
    path = site.install("bottle_site")
    (path / "files").mkdir()
    (path / "files" / "data.bin").write_bytes(DATA)
    site.config.add("WSGIPassAuthorization On")
    site.add_app(path / "app.wsgi", at="/")
    site.start()
    return site


@pytest.fixture
def site(server, checked):
    return checked


def test_template(site):
    """The script changes the process's directory; Bottle finds its templates there."""
    reply = site.get("/list")
    assert "<h1>&lt;Things&gt;</h1>" in reply.text
    assert "<li>ä</li>" in reply.text
    assert reply.headers["X-Hook"] == "after"


def test_names_beyond_ascii(site):
    found = site.get("/item/%C3%A4%20b?q=%E2%82%AC", host="shop.test").json()
    assert found["name"] == "ä b"
    assert found["query"] == {"q": "€"}
    assert found["url"] == "http://shop.test/item/%C3%A4%20b?q=%E2%82%AC"


def test_static_file(site):
    reply = site.get("/file/data.bin?as=other.bin")
    assert reply.content == DATA
    assert reply.headers["Content-Length"] == str(len(DATA))
    assert reply.headers["Content-Disposition"] == 'attachment; filename="other.bin"'
    date = reply.headers["Last-Modified"]
    assert site.get("/file/data.bin", 304, headers={"If-Modified-Since": date}).content == b""
    part = site.get("/file/data.bin", 206, headers={"Range": "bytes=1000-1999"})
    assert part.content == DATA[1000:2000]
    assert part.headers["Content-Range"] == f"bytes 1000-1999/{len(DATA)}"
    assert site.request("HEAD", "/file/data.bin", 200).headers["Content-Length"] == "120000"
    site.get("/file/../app.wsgi", 404)


def test_upload(site):
    data = bytes(range(256)) * 3000
    reply = site.post("/upload", files={"file": ("f.bin", data)}, data={"note": "ñ"})
    assert reply.json() == {"name": "f.bin", "size": len(data), "sum": sum(data), "note": "ñ"}


def test_cookies(site):
    for number in (1, 2, 3):
        reply = site.get("/visits")
        assert reply.text == f"visit {number}"
        assert len(reply.raw.headers.getlist("Set-Cookie")) == 2


def test_redirect(site):
    assert site.get("/away", 303).headers["Location"] == f"{site.url}/list"


def test_basic_authentication_by_the_application(site):
    refused = site.get("/private", 401)
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    assert site.get("/private", auth=("ann", "pass")).text == "for ann"


def test_errors(site):
    assert site.get("/nosuch", 404).text == "not on this shelf"
    reply = site.get("/teapot", 418)
    assert "short and stout" in reply.text
    assert reply.reason == "I'm a teapot"
    site.post("/list", 405)


def test_stream(site):
    check_parts(site, "/stream")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_methods(site, method):
    reply = site.request(method, "/any", 200, json={"a": "ä"})
    assert reply.json() == {"method": method, "json": {"a": "ä"}}


def test_mounted_application(site):
    assert site.get("/inner/a/b").text == "/inner|/a/b"


def test_bytes(site):
    assert site.get("/raw").content == b"\x00\xff"


def test_view_that_fails(site):
    """Bottle writes the traceback to wsgi.errors and answers 500 itself."""
    mark = site.logs.mark()
    assert "Internal Server Error" in site.get("/fail", 500).text
    site.wait_log("LookupError: a view that fails", mark=mark)
    assert len(site.logs.find("Traceback", mark=mark)) == 1
    site.logs.expect(site.logs.since(mark))
