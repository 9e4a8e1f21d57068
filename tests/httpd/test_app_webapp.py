# SPDX-License-Identifier: Apache-2.0
"""webapp2 and its fork webapp3: a guest book. (webapp2's last stable release is for Python 2; its
last prerelease runs on Python 3.)"""

import pytest

from harness.parts import check_parts


@pytest.fixture(scope="module")
def server(module_site):
    site = module_site
    site.use_applications()
    path = site.install("webapp_site")
    for name in ("webapp2", "webapp3"):
        vhost = site.config.vhost(f"{name}.test")
        site.add_app(path / f"{name}.wsgi", at="/", where=vhost, application_group=name)
    site.start()
    return site


@pytest.fixture
def site(server, checked):
    return checked


@pytest.fixture(params=["webapp2.test", "webapp3.test"])
def host(request):
    return request.param


def test_guest_book(site, host):
    site.request("DELETE", "/", 204, host=host)
    for text in ("one", "zwei ä€"):
        reply = site.post("/", 303, data={"text": text}, host=host)
        assert reply.headers["Location"] == f"http://{host}/"
    assert site.get("/", host=host).text == "one\nzwei ä€"


def test_routes(site, host):
    found = site.get("/item/a%20b?q=1&q=%C3%A4", host=host).json()
    assert found == {
        "name": "a b", "uri": f"http://{host}/item/x", "get": ["1", "ä"], "script": "",
    }  # fmt: skip
    assert site.get("/nosuch", 404, host=host).text == "not in this book"
    site.request("PUT", "/", 405, host=host)


def test_upload(site, host):
    data = bytes(range(256)) * 2000
    found = site.post("/upload", files={"file": ("f.bin", data)}, host=host).json()
    assert found == {"name": "f.bin", "size": len(data), "sum": sum(data)}


def test_cookie(site, host):
    for number in (1, 2):
        assert site.get("/visits", host=host).text == f"visit {number}"


def test_stream(site, host):
    check_parts(site, "/stream", host)


def test_handler_that_fails(site, host):
    """The framework logs the exception with `logging` and answers 500 itself."""
    mark = site.logs.mark()
    site.get("/fail", 500, host=host)
    site.wait_log("LookupError: a handler that fails", mark=mark)
    assert len(site.logs.find("Traceback", mark=mark)) == 1
    site.logs.expect(site.logs.since(mark))
