# SPDX-License-Identifier: Apache-2.0
"""A Pyramid application set up by an ini file, mounted below a path."""

import pytest

from harness.parts import check_parts

DATA = bytes(i * 29 % 256 for i in range(150_000))


@pytest.fixture(scope="module")
def server(module_site):
    site = module_site
    site.use_applications()
    path = site.install("pyramid_site")
    (path / "data.bin").write_bytes(DATA)
    site.add_app(path / "pyramid.wsgi", at="/pyr")
    site.start()
    return site


@pytest.fixture
def site(server, checked):
    return checked


def test_urls(site):
    found = site.get("/pyr/where?a=%C3%A4", host="shop.test").json()
    assert found == {
        "url": "http://shop.test/pyr/where?a=%C3%A4",
        "route": "http://shop.test/pyr/item/%C3%A4/b",
        "script": "/pyr", "params": {"a": "ä"},
        "static": "http://shop.test/pyr/static/style.css",
    }  # fmt: skip
    assert site.get("/pyr/item/%C3%A4+b").json() == {"name": "ä+b"}


def test_traversal(site):
    """Pyramid walks over PATH_INFO, which may hold any text."""
    found = site.get("/pyr/shelf/one/%E2%82%AC/").json()
    assert found == {"path": "/pyr/shelf/one/%E2%82%AC/", "subpath": []}
    site.get("/pyr/nosuch", 404)


def test_session(site):
    for number in (1, 2, 3):
        assert site.get("/pyr/count").text == f"visit {number}"


def test_login_and_logout(site):
    assert "log in first" in site.get("/pyr/edit", 403).text
    reply = site.post("/pyr/login", 302, data={"user": "ann"})
    assert reply.headers["Location"] == f"{site.url}/pyr/edit"
    assert len(reply.raw.headers.getlist("Set-Cookie")) >= 1
    assert site.get("/pyr/edit").text == "ann may edit"
    site.get("/pyr/logout", 302)
    site.get("/pyr/edit", 403)


def test_csrf(site):
    token = site.get("/pyr/token").text
    assert site.post("/pyr/token", headers={"X-CSRF-Token": token}).json() == {"ok": True}
    assert site.post("/pyr/token", 400, headers={"X-CSRF-Token": "x"}).text == "bad token"


def test_upload(site):
    data = bytes(range(256)) * 6000
    reply = site.post("/pyr/upload", files={"file": ("ü.bin", data)}, data={"note": "ñ"})
    assert reply.json() == {"name": "ü.bin", "size": len(data), "sum": sum(data), "note": "ñ"}


def test_download(site):
    """FileResponse uses wsgi.file_wrapper."""
    reply = site.get("/pyr/download")
    assert reply.content == DATA
    assert reply.headers["Content-Length"] == str(len(DATA))
    assert site.request("HEAD", "/pyr/download", 200).headers["Content-Length"] == str(len(DATA))


def test_conditional(site):
    assert site.get("/pyr/conditional").headers["ETag"] == '"v1"'
    assert site.get("/pyr/conditional", 304, headers={"If-None-Match": '"v1"'}).content == b""
    assert site.get("/pyr/conditional", 206, headers={"Range": "bytes=4-"}).text == "same"


def test_static_view(site):
    reply = site.get("/pyr/static/style.css")
    assert "teal" in reply.text
    assert reply.headers["Content-Type"].startswith("text/css")
    assert "max-age=3600" in reply.headers["Cache-Control"]


def test_stream(site):
    check_parts(site, "/pyr/stream")


def test_logging_by_the_ini_file(site):
    """StreamHandler(sys.stderr) was made while the script was loading; its lines arrive."""
    with site.expects_log("INFO pyramid_app: a line for the log"):
        assert site.post("/pyr/json", json={"a": ["ä"]}).json() == {"a": ["ä"]}


def test_view_that_fails(site):
    mark = site.logs.mark()
    site.get("/pyr/fail", 500)
    site.wait_log("LookupError: a view that fails", mark=mark, count=2)
    assert len(site.logs.find("CASK0501", mark=mark)) == 1
    site.logs.expect(site.logs.since(mark))
