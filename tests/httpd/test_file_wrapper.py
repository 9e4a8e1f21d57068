# SPDX-License-Identifier: Apache-2.0
"""wsgi.file_wrapper: real files, parts of files, file-like objects, wrong lengths."""

import pytest

DATA = bytes(i * 7 % 256 for i in range(300_001))

pytestmark = pytest.mark.broad


@pytest.fixture(scope="module")
def server(module_site):
    module_site.serve("gateway.py")
    (module_site.apps / "data.bin").write_bytes(DATA)
    (module_site.apps / "empty.bin").write_bytes(b"")
    for name in ("file", "closed"):
        module_site.stage.expect_notes(name)
    return module_site


@pytest.fixture
def site(server, checked):
    checked.stage.forget("file", "closed")
    return checked


@pytest.mark.parametrize("kind", ["real", "buffered", "bytesio", "pythonic", "temporary"])
@pytest.mark.parametrize("offset", [0, 1, 70_000, 300_000])
def test_from_an_offset_to_the_end(site, kind, offset):
    reply = site.get(f"/file?{kind},{offset}")
    assert reply.content == DATA[offset:]
    if kind in ("real", "buffered", "temporary"):
        assert reply.headers["Content-Length"] == str(len(DATA) - offset)
    if kind in ("real", "pythonic"):
        site.stage.wait_notes("file", ["close"])


@pytest.mark.parametrize("kind", ["real", "pythonic"])
@pytest.mark.parametrize(("offset", "length"), [(0, 10), (100, 50_000), (300_000, 1), (5, 0)])
def test_declared_length_cuts(site, kind, offset, length):
    with site.raw() as client:
        client.request(f"GET /file?{kind},{offset},{length}")
        reply = client.read_reply()
        assert reply.complete
        assert reply.body == DATA[offset : offset + length]
        client.request("GET /one")
        assert client.read_reply().body == b"only one"


@pytest.mark.parametrize("kind", ["real", "pythonic"])
def test_declared_length_beyond_the_end(site, kind):
    """What is there is sent, or an error page; never padding, never a reply that looks whole."""
    site.logs.allow(r"Content-Length|CASK0|Traceback|File |Error")
    with site.raw() as client:
        client.request(f"GET /file?{kind},300000,100")
        reply = client.read_reply()
        if reply.status == 200:
            assert reply.body == DATA[300_000:]
            assert not reply.complete
        else:
            assert reply.status == 500
            assert reply.complete
    site.stage.wait_notes("file", ["close"])


def test_offset_beyond_the_end(site):
    reply = site.get("/file?real,400000")
    assert reply.content == b""
    site.stage.wait_notes("file", ["close"])


def test_empty_file(site):
    assert site.get("/file?empty").content == b""


def test_pipe(site):
    assert site.get("/file?pipe").content == b"through a pipe"
    site.stage.wait_notes("file", ["close"])


def test_block_size(site):
    assert site.get("/file?pythonic,0,,1000").content == DATA


def test_block_size_zero_is_an_empty_reply(site):
    assert site.get("/file?bytesio,0,,0").content == b""


def test_negative_block_size(site):
    with site.expects_traceback("ValueError"):
        site.get("/file-bad-block", 500)


def test_attributes(site):
    assert site.get("/file-attributes").json() == {
        "filelike": True, "blksize": 17, "subclass": True, "iter": True, "callable": True,
    }  # fmt: skip


def test_iterated_by_the_application(site):
    assert site.get("/file-unused").content == b"0123456789"


def test_after_write(site):
    assert site.get("/file-after-write").content == b"before " + DATA
    site.stage.wait_notes("file", ["close"])


def test_head(site):
    with site.raw() as client:
        client.request("HEAD /file?real")
        reply = client.read_reply(head_only=True)
        assert reply.header("Content-Length") == str(len(DATA))
        client.request("GET /one")
        assert client.read_reply().body == b"only one"
    site.stage.wait_notes("file", ["close"])


def test_client_leaves_during_a_file(site):
    with (site.apps / "data.bin").open("ab") as big:
        big.truncate(30_000_000)
    try:
        client = site.raw()
        client.request("GET /file?real")
        assert client.read_head().status == 200
        client.read_exact(1000)
        client.reset()
        site.stage.wait_notes("file", ["close"])
        assert site.get("/one").text == "only one"
    finally:
        (site.apps / "data.bin").write_bytes(DATA)


def test_repeated_requests_do_not_disturb_each_other(site):
    with site.raw() as client:
        for offset in (0, 299_990, 5, 300_000):
            client.request(f"GET /file?real,{offset}")
            assert client.read_reply().body == DATA[offset:]
