# SPDX-License-Identifier: Apache-2.0
"""A Falcon application: media, streams both ways, middleware, its own errors."""

import pytest

from harness.parts import check_parts

DATA = bytes(i * 41 % 256 for i in range(180_000))


@pytest.fixture(scope="module")
def server(module_site):
    site = module_site
    site.use_applications()
    path = site.install("falcon_site")
    (path / "data.bin").write_bytes(DATA)
    site.config.add("WSGIChunkedRequest On")
    site.stage.expect_notes("middleware")
    site.add_app(path / "app.py", at="/api")
    site.start()
    return site


@pytest.fixture
def site(server, checked):
    checked.stage.forget("middleware")
    return checked


def test_get(site):
    found = site.get("/api/thing/%C3%A4?a=1&b=%E2%82%AC&a=2", host="api.test").json()
    assert found == {
        "name": "ä", "uri": "http://api.test/api/thing/ä?a=1&b=%E2%82%AC&a=2",
        "prefix": "http://api.test/api", "root": "/api", "params": {"a": ["1", "2"], "b": "€"},
        "host": "api.test", "remote": "127.0.0.1",
    }  # fmt: skip


def test_put_and_delete(site):
    reply = site.request("PUT", "/api/thing/x", 201, json={"a": ["ä", None]})
    assert reply.json() == {"name": "x", "got": {"a": ["ä", None]}}
    assert reply.headers["Location"] == f"{site.url}/api/thing/x"
    gone = site.request("DELETE", "/api/thing/x", 204)
    assert gone.content == b""
    assert "Content-Length" not in gone.headers


def test_options_head_and_405(site):
    assert "PUT" in site.request("OPTIONS", "/api/thing/x", 200).headers["Allow"]
    assert site.request("PATCH", "/api/thing/x", 405).headers["Allow"]
    site.request("HEAD", "/api/file", 405)  # Falcon's own rule: no on_head(), no HEAD


@pytest.mark.parametrize("size", [0, 1, 65_536, 2_000_003])
def test_body_with_a_length(site, size):
    data = bytes(i % 251 for i in range(size))
    found = site.post("/api/raw", data=data, headers={"Content-Length": str(size)}).json()
    assert (found["size"], found["sum"]) == (size, sum(data))


def test_upload(site):
    data = bytes(range(256)) * 2000
    found = site.post("/api/upload", files={"file": ("f.bin", data), "b": (None, "text")}).json()
    assert found == {"file": ["f.bin", len(data), sum(data)], "b": [None, 4, sum(b"text")]}


def test_answer_while_reading(site):
    """Lines go up and come back in turn, on one request."""
    with site.raw() as client:
        lines = [b"one\n", b"two\n", b"three\n"]
        client.request("POST /api/echo", f"Content-Length: {sum(map(len, lines))}")
        client.send(lines[0])
        reply = client.read_head()
        assert reply.status == 200
        assert client.read_chunk() == b"ONE\n"
        client.send(lines[1])
        assert client.read_chunk() == b"TWO\n"
        client.send(lines[2])
        assert client.read_chunk() == b"THREE\n"
        assert client.read_chunk() == b""


def test_file(site):
    """set_stream() uses wsgi.file_wrapper."""
    reply = site.get("/api/file")
    assert reply.content == DATA
    assert reply.headers["Content-Length"] == str(len(DATA))
    assert reply.headers["ETag"] == '"v1"'
    assert site.get("/api/memory").text == "from memory"


def test_static_route(site):
    reply = site.get("/api/static/style.css")
    assert reply.headers["Content-Type"] == "text/css"
    assert "margin" in reply.text
    assert site.get("/api/static/style.css", 206, headers={"Range": "bytes=0-0"}).text == "p"
    site.get("/api/static/nosuch", 404)


def test_stream(site):
    check_parts(site, "/api/parts")


def test_cookies(site):
    for number in (1, 2):
        reply = site.get("/api/cookies")
        assert reply.text == f"visit {number}"
        assert len(reply.raw.headers.getlist("Set-Cookie")) == 2


def test_hooks_and_middleware(site):
    assert site.get("/api/private", 403).json()["title"] == "not you"
    reply = site.get("/api/private", headers={"X-User": "ann"})
    assert (reply.text, reply.headers["X-Middleware"]) == ("hello ann", "seen")
    assert site.stage.notes("middleware") == ["GET False", "GET True"]


def test_bad_media(site):
    headers = {"Content-Type": "application/json"}
    reply = site.request("PUT", "/api/thing/x", 400, data="{", headers=headers)
    assert reply.json()["title"] == "Invalid JSON"
    site.request("PUT", "/api/thing/x", 415, data="x", headers={"Content-Type": "text/odd"})


def test_resource_that_fails(site):
    """Falcon writes the traceback to wsgi.errors and answers 500 itself."""
    mark = site.logs.mark()
    assert site.get("/api/fail", 500).json() == {"title": "500 Internal Server Error"}
    site.wait_log("LookupError: a resource that fails", mark=mark)
    assert len(site.logs.find("Traceback", mark=mark)) == 1
    site.logs.expect(site.logs.since(mark))
