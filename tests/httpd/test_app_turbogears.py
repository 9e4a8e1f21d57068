# SPDX-License-Identifier: Apache-2.0
"""A TurboGears 2 application: templates, REST, sessions, flash messages, uploads, streams."""

import pytest

from harness.parts import check_parts


@pytest.fixture(scope="module")
def server(module_site):
    site = module_site
    site.use_applications()
    path = site.install("turbogears_site")
    site.logs.allow("not provided and lib|backlash not installed")
    site.add_app(path / "app.wsgi", at="/tg")
    site.start()
    return site


@pytest.fixture
def site(server, checked):
    return checked


def test_template(site):
    text = site.get("/tg/").text
    assert "<h1>Things &amp; more</h1>" in text
    assert "<li>ä</li><li>&lt;b&gt;</li>" in text


def test_static_file(site):
    reply = site.get("/tg/style.css")
    assert "navy" in reply.text
    tag = {"If-None-Match": reply.headers["ETag"]}
    assert site.get("/tg/style.css", 304, headers=tag).content == b""


def test_paths_and_urls(site):
    found = site.get("/tg/deep/a/%C3%A4?q=%E2%82%AC", host="tg.test").json()
    assert found == {
        "parts": ["a", "ä"], "more": {"q": "€"}, "url": "/tg/x?a=%C3%A4",
        "absolute": "http://tg.test/tg/x",
    }  # fmt: skip


def test_rest(site):
    assert site.request("PUT", "/tg/books/one", 201, data={"title": "Träume"}).json()["name"]
    assert site.get("/tg/books/one").json() == {"title": "Träume"}
    assert site.get("/tg/books").json() == {"books": {"one": "Träume"}}
    site.request("DELETE", "/tg/books/one", 200)
    site.get("/tg/books/one", 404)


def test_validation(site):
    assert site.get("/tg/twice?number=21").json() == {"twice": 42}
    assert site.get("/tg/twice?number=x").json() == {"error": "no number"}


def test_session_and_flash(site):
    for number in (1, 2, 3):
        assert site.get("/tg/visits").json() == {"n": number}
    assert site.get("/tg/message", 302).headers["Location"] == f"{site.url}/tg/shown"
    assert "well done" in site.get("/tg/shown").text


def test_upload(site):
    data = bytes(range(256)) * 2500
    found = site.post("/tg/upload", files={"file": ("f.bin", data)}, data={"note": "ñ"}).json()
    assert found == {"name": "f.bin", "size": len(data), "sum": sum(data), "note": "ñ"}


def test_stream(site):
    check_parts(site, "/tg/stream")


def test_controller_that_fails(site):
    with site.expects_traceback("LookupError: a controller that fails"):
        site.get("/tg/fail", 500)
