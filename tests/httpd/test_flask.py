# SPDX-License-Identifier: Apache-2.0
"""A Flask application: sessions, send_file with ranges and conditions, forms, streams, errors."""

import pytest

from harness.parts import check_parts

DATA = bytes(i * 31 % 256 for i in range(250_000))

pytestmark = pytest.mark.broad


@pytest.fixture(scope="module")
def server(module_site):
    site = module_site
    site.install("flask_site")
    (site.apps / "flask_site" / "data.bin").write_bytes(DATA)
    site.add_app(site.apps / "flask_site" / "app.py", at="/shop")
    site.start()
    return site


@pytest.fixture
def site(server, checked):
    return checked


def test_session_counts(site):
    for number in (1, 2, 3):
        assert site.get("/shop/").text == f"visit {number}"
    site.session.cookies.clear()
    assert site.get("/shop/").text == "visit 1"


def test_login(site):
    site.get("/shop/me", 401)
    reply = site.post("/shop/login", 302, data={"user": "Änn"})
    assert reply.headers["Location"] == "/shop/me"
    assert site.get("/shop/me").text == "you are Änn"


def test_whole_file(site):
    reply = site.get("/shop/file")
    assert reply.content == DATA
    assert reply.headers["Content-Length"] == str(len(DATA))
    assert "max-age=60" in reply.headers["Cache-Control"]
    assert reply.headers["ETag"]


@pytest.mark.parametrize(
    ("value", "first", "end"),
    [("bytes=0-9", 0, 10), ("bytes=100-", 100, 250_000), ("bytes=-5", 249_995, 250_000),
     ("bytes=70000-170000", 70_000, 170_001)],
)  # fmt: skip
def test_range(site, value, first, end):
    reply = site.get("/shop/file", 206, headers={"Range": value})
    assert reply.content == DATA[first:end]
    assert reply.headers["Content-Range"] == f"bytes {first}-{end - 1}/250000"
    assert reply.headers["Content-Length"] == str(end - first)


def test_range_that_cannot_be(site):
    reply = site.get("/shop/file", 416, headers={"Range": "bytes=999999-"})
    assert reply.headers["Content-Range"] == "bytes */250000"


def test_not_modified(site):
    first = site.get("/shop/file")
    for headers in (
        {"If-None-Match": first.headers["ETag"]},
        {"If-Modified-Since": first.headers["Last-Modified"]},
    ):
        with site.raw() as client:
            lines = [f"{name}: {value}" for name, value in headers.items()]
            client.request("GET /shop/file", *lines)
            reply = client.read_reply()
            assert reply.status == 304
            assert reply.header("ETag") == first.headers["ETag"]
            client.request("GET /shop/memory")
            assert client.read_reply().body == b"from memory"
    assert site.get("/shop/file", headers={"If-None-Match": '"other"'}).content == DATA


def test_upload(site):
    data = bytes(range(256)) * 4000
    reply = site.post(
        "/shop/upload", files={"file": ("ünï.bin", data)}, data={"title": "a b", "n": "1"}
    )
    assert reply.json() == {
        "name": "ünï.bin", "size": len(data), "sum": sum(data), "form": {"title": "a b", "n": "1"},
    }  # fmt: skip


def test_upload_beyond_the_applications_limit(site):
    """Flask answers 413 without reading; the client gets that answer, not a broken connection."""
    with site.raw() as client:
        size = 6_000_000
        client.request("POST /shop/upload", "Content-Type: multipart/form-data; boundary=x",
                       f"Content-Length: {size}")  # fmt: skip
        reply = client.read_head()
        assert reply.status == 413


def test_json(site):
    value = {"a": [1, 2, {"b": None}], "text": "ä€"}
    assert site.post("/shop/json", json=value).json() == value
    site.post("/shop/json", 400, data="{", headers={"Content-Type": "application/json"})


def test_stream(site):
    check_parts(site, "/shop/stream")


def test_names_beyond_ascii(site):
    found = site.get("/shop/name/%C3%A4/b%20c?x=%E2%82%AC", host="shop.test").json()
    assert found == {
        "name": "ä/b c", "url": "http://shop.test/shop/name/ä/b%20c?x=€",
        "root": "http://shop.test/shop/", "args": {"x": "€"},
    }  # fmt: skip


def test_not_found_is_flasks(site):
    assert "The requested URL was not found" in site.get("/shop/nosuch", 404).text


def test_view_that_fails(site):
    """Flask catches the exception itself, logs it to wsgi.errors and answers 500."""
    mark = site.logs.mark()
    site.get("/shop/fail", 500)
    site.wait_log("LookupError: a view that fails", mark=mark)
    assert len(site.logs.find("Traceback", mark=mark)) == 1
    site.logs.expect(site.logs.since(mark))


def test_head_and_options(site):
    assert site.request("HEAD", "/shop/file", 200).headers["Content-Length"] == str(len(DATA))
    assert "GET" in site.request("OPTIONS", "/shop/file", 200).headers["Allow"]
    site.request("DELETE", "/shop/file", 405)
