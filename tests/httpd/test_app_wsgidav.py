# SPDX-License-Identifier: Apache-2.0
"""WsgiDAV: what file managers do with a WebDAV share."""

import re
from xml.etree import ElementTree

import pytest

DATA = bytes(i * 47 % 256 for i in range(400_000))
DAV = "{DAV:}"
LOCK = """<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope>
<D:locktype><D:write/></D:locktype><D:owner>ann</D:owner></D:lockinfo>"""
SET = """<?xml version="1.0"?><D:propertyupdate xmlns:D="DAV:" xmlns:x="urn:x"><D:set><D:prop>
<x:colour>gr\u00fcn</x:colour></D:prop></D:set></D:propertyupdate>"""
ASK = """<?xml version="1.0"?><D:propfind xmlns:D="DAV:" xmlns:x="urn:x"><D:prop><x:colour/>
</D:prop></D:propfind>"""


@pytest.fixture(scope="module")
def server(module_site):
    site = module_site
    site.use_applications()
    path = site.install("wsgidav_site")
    (path / "files").mkdir()
    (path / "files").chmod(0o777)
    site.config.add("WSGIPassAuthorization On", "WSGIChunkedRequest On")
    site.add_app(path / "dav.wsgi", at="/dav")
    site.start()
    return site


@pytest.fixture
def site(server, checked):
    """A share that is empty before and after."""
    checked.session.auth = ("ann", "pass")
    yield checked
    for path, _ in listing(checked, "/dav/").items():
        if path != "/dav/":
            checked.request("DELETE", path, 204)


def listing(site, path):
    """PROPFIND of depth 1: path -> length (None for folders)."""
    reply = site.request("PROPFIND", path, 207, headers={"Depth": "1"})
    found = {}
    for node in ElementTree.fromstring(reply.content).iter(f"{DAV}response"):  # noqa: S314
        length = node.find(f".//{DAV}getcontentlength")
        found[node.findtext(f"{DAV}href")] = None if length is None else int(length.text)
    return found


def test_needs_a_login(site):
    site.session.auth = None
    assert "Basic" in site.get("/dav/", 401).headers["WWW-Authenticate"]
    site.session.auth = ("ann", "pass")


def test_options(site):
    reply = site.request("OPTIONS", "/dav/", 200)
    assert "LOCK" in reply.headers["Allow"]
    assert reply.headers["DAV"].startswith("1,2")


def test_put_get_and_ranges(site):
    site.request("PUT", "/dav/data.bin", 201, data=DATA)
    site.request("PUT", "/dav/data.bin", 204, data=DATA)
    reply = site.get("/dav/data.bin")
    assert reply.content == DATA
    assert site.get("/dav/data.bin", 206, headers={"Range": "bytes=5-9"}).content == DATA[5:10]
    tag = {"If-None-Match": reply.headers["ETag"]}
    assert site.get("/dav/data.bin", 304, headers=tag).content == b""
    assert site.request("HEAD", "/dav/data.bin", 200).headers["Content-Length"] == "400000"


def test_put_in_chunks(site):
    """As macOS's Finder does."""
    parts = (DATA[i : i + 7000] for i in range(0, len(DATA), 7000))
    site.request("PUT", "/dav/chunked.bin", 201, data=parts)
    assert site.get("/dav/chunked.bin").content == DATA


def test_put_that_asks_first(site):
    """Expect: 100-continue, as curl and Windows do; without a login the body is not wanted."""
    with site.raw() as client:
        client.request("PUT /dav/x.bin", "Content-Length: 9", "Expect: 100-continue")
        assert client.read_head().status == 401
    with site.raw() as client:
        client.request("PUT /dav/x.bin", "Content-Length: 9", "Expect: 100-continue",
                       "Authorization: Basic YW5uOnBhc3M=")  # fmt: skip
        assert client.read_head().status == 100
        client.send(b"nine here")
        assert client.read_reply().status == 201
    assert site.get("/dav/x.bin").text == "nine here"


def test_folders(site):
    site.request("MKCOL", "/dav/d%C3%A4", 201)
    site.request("MKCOL", "/dav/d%C3%A4", 405)
    site.request("PUT", "/dav/d%C3%A4/a.txt", 201, data=b"abc")
    assert listing(site, "/dav/") == {"/dav/": None, "/dav/d%C3%A4/": None}
    assert listing(site, "/dav/d%C3%A4/") == {"/dav/d%C3%A4/": None, "/dav/d%C3%A4/a.txt": 3}


def test_copy_and_move(site):
    """Destination is an absolute URL of this server."""
    site.request("PUT", "/dav/a.txt", 201, data=b"abc")
    site.request("COPY", "/dav/a.txt", 201, headers={"Destination": f"{site.url}/dav/b.txt"})
    moved = {"Destination": f"{site.url}/dav/c%20c.txt", "Overwrite": "F"}
    site.request("MOVE", "/dav/a.txt", 201, headers=moved)
    site.request("MOVE", "/dav/b.txt", 412, headers=moved)
    assert listing(site, "/dav/") == {"/dav/": None, "/dav/b.txt": 3, "/dav/c%20c.txt": 3}


def test_lock(site):
    site.request("PUT", "/dav/l.txt", 201, data=b"abc")
    locked = site.request("LOCK", "/dav/l.txt", 200, data=LOCK,
                          headers={"Timeout": "Second-60", "Content-Type": "text/xml"})  # fmt: skip
    token = locked.headers["Lock-Token"]
    assert re.fullmatch(r"<(opaquelocktoken|urn:uuid):[^>]+>", token)
    site.request("PUT", "/dav/l.txt", 423, data=b"no")
    site.request("PUT", "/dav/l.txt", 204, data=b"yes", headers={"If": f"({token})"})
    site.request("UNLOCK", "/dav/l.txt", 204, headers={"Lock-Token": token})
    site.request("PUT", "/dav/l.txt", 204, data=b"again")
    assert site.get("/dav/l.txt").text == "again"


def test_properties(site):
    site.request("PUT", "/dav/p.txt", 201, data=b"abc")
    site.request("PROPPATCH", "/dav/p.txt", 207, data=SET.encode())
    reply = site.request("PROPFIND", "/dav/p.txt", 207, data=ASK, headers={"Depth": "0"})
    found = ElementTree.fromstring(reply.content).find(".//{urn:x}colour")  # noqa: S314
    assert found.text == "grün"


def test_folder_for_people(site):
    site.request("PUT", "/dav/seen.txt", 201, data=b"abc")
    assert "seen.txt" in site.get("/dav/").text
