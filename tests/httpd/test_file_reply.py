# SPDX-License-Identifier: Apache-2.0
"""Files in replies, as httpd sends them: sendfile, ranges, conditions, files that change."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from email.utils import formatdate

import pytest

from harness.http2 import Http2Connection
from harness.wait import wait_until

DATA = bytes(i * 7 % 256 for i in range(300_001))
BIG = 24 << 20
HOUR_AGO = int(time.time()) - 3600


@pytest.fixture(scope="module")
def server(module_site):
    config = module_site.config
    config.modules.append("deflate")
    if module_site.mpm != "prefork":
        config.modules.append("http2")
        config.add("Protocols h2c http/1.1")
    path = module_site.install("replies.py")
    for at in ("/kernel", "/deflate", "/headers", "/none", "/plain"):
        module_site.add_app(path, at=at)
    config.add(
        "<Location /kernel>\nWSGIEnableSendfile On\n</Location>",
        "<Location /headers>\nWSGIEnableSendfile On\nHeader set X-By-Httpd 1\n</Location>",
        "<Location /deflate>\nSetOutputFilter DEFLATE\n</Location>",
        "<Location /none>\nMaxRanges none\n</Location>",
        "EnableSendfile On", "EnableMMAP On",
    )  # fmt: skip
    (module_site.apps / "data.bin").write_bytes(DATA)
    (module_site.apps / "data.txt").write_bytes(b"0123456789" * 10)
    os.utime(module_site.apps / "data.bin", (HOUR_AGO, HOUR_AGO))
    module_site.start()
    return module_site


@pytest.fixture
def site(server, checked):
    return checked


@pytest.fixture
def big(site):
    """A file that does not fit into the buffers on its way."""
    path = site.apps / "big.bin"
    path.write_bytes(b"x" * BIG)
    yield path
    path.unlink()


# -- sendfile --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "used"), [("/kernel", True), ("/headers", True), ("/plain", False), ("/deflate", False)]
)
def test_who_sends(site, at, used):
    """The kernel, where WSGIEnableSendfile says so; EnableSendfile has no say."""
    with traced(site, "sendfile,sendfile64") as calls:
        reply = site.get(f"{at}/file?data.bin", headers={"Accept-Encoding": "gzip"})
        assert reply.content == DATA
    assert any(" = " in call for call in calls) is used


def test_no_file_is_mapped(site):
    """Not even where EnableMMAP allows it: one that is cut short would crash httpd."""
    with traced(site, "mmap") as calls:
        for at in ("/plain", "/deflate", "/kernel"):
            site.get(f"{at}/file?data.bin", headers={"Accept-Encoding": "gzip"})
    assert not [call for call in calls if "MAP_SHARED" in call and "MAP_ANONYMOUS" not in call]


@contextlib.contextmanager
def traced(site, calls):
    """System calls of these names that httpd's children make."""
    strace = shutil.which("strace")
    assert strace is not None, "strace is missing"
    output = site.root / "trace"
    pids = [word for pid in site.children() for word in ("-p", str(pid))]
    found = []
    with subprocess.Popen(
        [strace, "-f", "-e", f"trace={calls}", "-o", output, *pids],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        assert "attached" in process.stderr.readline()
        try:
            yield found
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)
    found += output.read_text().splitlines()
    output.unlink()


# -- kinds of file objects -------------------------------------------------------------------------

TEXT = b"0123456789" * 10


@pytest.mark.parametrize(
    "kind", ["open", "unbuffered", "text", "fdopen", "temporary", "bytesio", "spooled", "rolled",
             "spooled-at-5", "member", "gzip", "subclass"],
)  # fmt: skip
def test_kinds_of_files(site, kind):
    """What read() gives is what the client gets. Whether a SpooledTemporaryFile has a descriptor
    is Python's matter."""
    reply = site.get(f"/kernel/wrapped?{kind}")
    body = {"spooled-at-5": TEXT[5:], "subclass": TEXT.replace(b"0", b"O")}
    assert reply.content == body.get(kind, TEXT)
    if kind in ("open", "unbuffered", "text", "fdopen", "temporary"):
        assert reply.headers["Accept-Ranges"] == "bytes"
    elif kind in ("bytesio", "member", "gzip", "subclass"):
        assert "Accept-Ranges" not in reply.headers


# -- ranges ----------------------------------------------------------------------------------------


@pytest.mark.broad
@pytest.mark.parametrize(
    ("wanted", "part"),
    [("0-9", DATA[:10]), ("300000-", DATA[-1:]), ("-5", DATA[-5:]),
     ("100000-199999", DATA[100_000:200_000]),
     ("299990-900000", DATA[299_990:])],
)  # fmt: skip
def test_range(site, wanted, part):
    for at in ("/plain", "/kernel"):
        with site.raw() as client:
            for _ in range(3):  # deterministic, and the connection stays in step
                client.request(f"GET {at}/file?data.bin", f"Range: bytes={wanted}")
                reply = client.read_reply()
                assert (reply.status, reply.body, reply.complete) == (206, part, True)
                assert reply.header("Content-Length") == str(len(part))
                assert reply.header("Content-Range").endswith(f"/{len(DATA)}")


def test_several_ranges(site):
    with site.raw() as client:
        client.request("GET /plain/file?data.txt", "Range: bytes=0-1,50-52")
        reply = client.read_reply()
    assert reply.status == 206
    assert reply.header("Content-Type").startswith("multipart/byteranges")
    assert b"\r\n\r\n01\r\n" in reply.body
    assert b"\r\n\r\n012\r\n" in reply.body


def test_range_that_cannot_be(site):
    reply = site.get("/plain/file?data.txt", 416, headers={"Range": "bytes=100-"})
    assert reply.headers["Content-Type"].startswith("text/html")


def test_ranges_are_announced(site):
    with site.raw() as client:
        client.request("GET /plain/file?data.txt")
        reply = client.read_reply()
        assert reply.header("Accept-Ranges") == "bytes"
        assert reply.header("Content-Length") == "100"


@pytest.mark.parametrize(
    ("page", "status"),
    [("plain/file?data.txt&none", 200), ("plain/file?data.txt&own", 206),
     ("plain/file?data.txt&status=203", 203), ("none/file?data.txt", 200),
     ("plain/text?50", 200), ("plain/text?15000", 200), ("plain/text?40000", 200)],
)  # fmt: skip
def test_ranges_that_httpd_leaves_alone(site, page, status):
    """The application said so, has cut by itself, or the reply is no file: whatever its size."""
    reply = site.get(f"/{page}", status, headers={"Range": "bytes=2-3"})
    if "own" in page:
        assert reply.headers["Content-Range"] == "bytes 5-9/100"
        assert reply.text == "56789"
    else:
        assert "Content-Range" not in reply.headers
        assert len(reply.content) > 4


def test_ranges_of_a_reply_that_offers_them(site):
    assert site.get("/plain/ranged", 206, headers={"Range": "bytes=2-3"}).text == "23"


@pytest.mark.parametrize(("tag", "status"), [('"v1"', 206), ('"v2"', 200), ('W/"v1"', 200)])
def test_if_range(site, tag, status):
    headers = {"Range": "bytes=2-3", "If-Range": tag}
    assert site.get("/plain/file?data.txt&etag", status, headers=headers)


@pytest.mark.only("event", reason="mod_http2 does not go with prefork")
def test_range_on_http2(site):
    with Http2Connection(site.port) as client:
        number = client.request("GET", "/plain/file?data.bin", ("range", "bytes=5-70004"))
        stream = client.wait(number)
        assert (stream.status, stream.body) == (206, DATA[5:70_005])
        assert client.wait(client.request("GET", "/kernel/file?data.bin")).body == DATA


# -- conditions ------------------------------------------------------------------------------------


@pytest.mark.broad
def test_not_modified(site):
    """The application gave validators; the client has the file already."""
    stamp = formatdate(HOUR_AGO, usegmt=True)
    with site.raw() as client:
        for header in ('If-None-Match: "v1"', f"If-Modified-Since: {stamp}", "If-None-Match: *"):
            client.request("GET /plain/file?data.bin&etag&modified", header)
            reply = client.read_reply()
            assert (reply.status, reply.body) == (304, b"")
            assert reply.header("ETag") == '"v1"'
            assert reply.header("Content-Length") in (None, str(len(DATA)))
        client.request("GET /plain/text?5")
        assert client.read_reply().body == b"the s"


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"If-None-Match": '"v2"'}, 200), ({"If-Match": '"v2"'}, 412), ({"If-Match": '"v1"'}, 200),
     ({"If-Modified-Since": "Sun, 06 Nov 1994 08:49:37 GMT"}, 200),
     ({"If-Unmodified-Since": "Sun, 06 Nov 1994 08:49:37 GMT"}, 412)],
)  # fmt: skip
def test_other_conditions(site, headers, status):
    reply = site.get("/plain/file?data.bin&etag&modified", status, headers=headers)
    assert (reply.content == DATA) is (status == 200)


def test_conditions_are_the_applications_own_matter_elsewhere(site):
    """No validator, another status, or no file: nothing is compared."""
    headers = {"If-None-Match": "*", "If-Modified-Since": formatdate(time.time(), usegmt=True)}
    assert site.get("/plain/file?data.txt", headers=headers).content
    assert site.get("/plain/file?data.txt&etag&status=203", 203, headers=headers).content
    headers = {"If-None-Match": '"text"'}
    assert site.get("/plain/text?5", headers=headers).text == "the s"


@pytest.mark.parametrize("at", ["/plain", "/kernel", "/headers"])
@pytest.mark.parametrize(
    "header",
    ["X-None: 1", "Range: bytes=2-3", "Range: bytes=100-", 'If-None-Match: "v1"',
     'If-Match: "v2"'],
)  # fmt: skip
def test_head_says_what_get_says(site, at, header):
    """Whoever asks first whether a download can be resumed gets the truth."""
    httpds = ("Date", "Connection", "Upgrade", "Transfer-Encoding")
    heads = []
    with site.raw() as client:
        for method in ("GET", "HEAD"):
            client.request(f"{method} {at}/file?data.txt&etag", header)
            reply = client.read_reply(head_only=method == "HEAD")
            said = [h for h in reply.headers if h[0] not in httpds]
            if reply.status >= 400:  # httpd gives the length of its pages for GET only
                said = [h for h in said if h[0] != "Content-Length"]
            heads.append((reply.status, said))
        client.request("GET /plain/text?5")
        assert client.read_reply().body == b"the s"
    assert heads[0] == heads[1]


# -- files that change -----------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["/plain", "/kernel"])
def test_file_that_is_cut_short_while_it_is_sent(site, big, at):
    """The client sees less than promised and a closed connection; httpd goes on."""
    site.logs.allow("CASK0270")
    children = site.children()
    with site.raw() as client:
        client.request(f"GET {at}/file?big.bin")
        head = client.read_head()
        assert head.header("Content-Length") == str(BIG)
        client.read_exact(1000)
        big.write_bytes(b"")
        rest = client.read_to_end()
        assert len(rest) < BIG - 1000
    assert site.children() == children
    assert site.get("/plain/text?5").text == "the s"


def test_file_that_is_cut_short_behind_a_filter(site, big):
    """A compressed reply has no length: its last chunk must be missing."""
    site.logs.allow("AH10298")  # mod_deflate's own, where it looks
    with site.raw() as client:
        big.write_bytes(os.urandom(12 << 20))  # cannot be compressed
        client.request("GET /deflate/file?big.bin&type=text/plain", "Accept-Encoding: gzip")
        head = client.read_head()
        assert head.header("Content-Encoding") == "gzip"
        assert client.read_chunk()
        with site.expects_log("CASK0270"):
            big.write_bytes(b"")
            assert not client.read_body(head).complete
    assert site.get("/plain/text?5").text == "the s"


def test_file_that_grows_keeps_its_length(site, big):
    with site.raw() as client:
        client.request("GET /plain/file?big.bin")
        head = client.read_head()
        client.read_exact(1000)
        with big.open("ab") as file:
            file.write(b"more")
        assert len(client.read_exact(BIG - 1000)) == BIG - 1000
        assert head.header("Content-Length") == str(BIG)
        client.request("GET /plain/text?5")
        assert client.read_reply().body == b"the s"


@pytest.mark.only("daemon", reason="the file belongs to httpd's child otherwise")
def test_daemon_thread_is_free_while_httpd_sends(site, big):
    """A slow client keeps neither a thread of the daemon nor the file open there."""
    clients = [site.raw() for _ in range(8)]  # more than the group has threads
    for client in clients:
        client.request("GET /plain/file?big.bin")
        client.read_exact(100)
    wait_until(lambda: site.get("/plain/text?5").text == "the s")
    for client in clients:
        client.reset()
    site.logs.allow("CASK0220")
