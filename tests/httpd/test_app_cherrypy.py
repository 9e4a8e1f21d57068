# SPDX-License-Identifier: Apache-2.0
"""CherryPy: two applications in one tree; its engine starts and stops once in each process."""

import os

import pytest

from harness.parts import check_parts
from harness.wait import wait_until

DATA = bytes(i * 43 % 256 for i in range(90_000))


def prepare(site, **group):
    site.use_applications()
    path = site.install("cherrypy_site")
    (path / "data.bin").write_bytes(DATA)
    site.config.add("WSGIPassAuthorization On")
    site.stage.expect_notes("engine")
    site.add_app(path / "tree.wsgi", at="/cp", group_options=group)
    site.start()
    return path / "tree.wsgi"


@pytest.fixture(scope="module")
def server(module_site):
    prepare(module_site)
    return module_site


@pytest.fixture
def site(server, checked):
    return checked


def test_pages_of_both_applications(site):
    text = site.get("/cp/?name=%C3%A4", host="shop.test").text
    assert text == "hello ä at http://shop.test/cp/ below /cp"
    assert site.get("/cp", 301).headers["Location"] == f"{site.url}/cp/"
    assert site.get("/cp/other/").text.startswith("the other application")
    assert site.get("/cp/away", 303).headers["Location"] == f"{site.url}/cp/other/"


def test_gzip(site):
    reply = site.get("/cp/other/", headers={"Accept-Encoding": "gzip"})
    assert reply.headers["Content-Encoding"] == "gzip"
    assert reply.text == "the other application " * 100


def test_session(site):
    for number in (1, 2, 3):
        assert site.get("/cp/visits").text == f"visit {number}"


def test_upload_and_json(site):
    data = bytes(range(256)) * 5000
    found = site.post("/cp/upload", files={"file": ("f.bin", data)}, data={"note": "ñ"}).json()
    assert found == {"name": "f.bin", "size": len(data), "sum": sum(data), "note": "ñ"}
    assert site.post("/cp/json", json={"a": ["ä"]}).json() == {"a": ["ä"]}


def test_methods(site):
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    site.request("PUT", "/cp/store", 201, data="kept text", headers=headers)
    assert site.get("/cp/store").text == "kept text"
    site.request("DELETE", "/cp/store", 200)
    assert site.get("/cp/store").text == ""
    site.request("PATCH", "/cp/store", 405)


def test_files(site):
    reply = site.get("/cp/download")
    assert reply.content == DATA
    part = site.get("/cp/download", 206, headers={"Range": "bytes=-10"})
    assert part.content == DATA[-10:]
    parts = site.get("/cp/download", 206, headers={"Range": "bytes=0-1,10-11"})
    assert parts.headers["Content-Type"].startswith("multipart/byteranges")
    static = site.get("/cp/static/style.css")
    assert static.text == "em { color: red; }\n"
    date = {"If-Modified-Since": static.headers["Last-Modified"]}
    assert site.get("/cp/static/style.css", 304, headers=date).content == b""


def test_stream(site):
    check_parts(site, "/cp/stream")


def test_authentication_by_the_application(site):
    assert site.get("/cp/private", 401).headers["WWW-Authenticate"].startswith("Basic")
    assert site.get("/cp/private", auth=("ann", "pass")).text == "for ann"


def test_errors(site):
    site.logs.allow("Traceback|File |LookupError|HTTP|ENGINE|^ *[~^]+$|raise |Request |Remote-Addr")
    assert "not on this shelf" in site.get("/cp/missing", 404).text
    site.get("/cp/nosuch", 404)
    assert "500 Internal Server Error" in site.get("/cp/fail", 500).text


# -- the engine ------------------------------------------------------------------------------------


def engine(site):
    """Process ids that started the engine and that stopped it, in order."""
    notes = [note.split() for note in site.stage.notes("engine")]
    return [[int(pid) for word, pid in notes if word == want] for want in ("start", "stop")]


@pytest.mark.broad
def test_engine_starts_and_stops_once(fresh_site):
    site = fresh_site
    prepare(site, processes=2)
    processes = 2 if site.mode == "daemon" else 1
    site.get("/cp/")
    wait_until(lambda: len(engine(site)[0]) == processes)
    for _ in range(20):
        site.get("/cp/")
    started, stopped = engine(site)
    assert len(started) == len(set(started)) == processes
    assert not stopped
    site.stop()
    assert sorted(engine(site)[1]) == sorted(started)


@pytest.mark.broad
def test_engine_over_a_graceful_restart(fresh_site):
    """New processes start theirs, the old ones stop theirs, each once."""
    site = fresh_site
    prepare(site)
    site.get("/cp/")
    wait_until(lambda: engine(site)[0])
    old = engine(site)[0]
    site.restart("graceful")
    wait_until(lambda: set(old) <= set(engine(site)[1]), what=site.tail)
    site.get("/cp/")
    site.stop()
    started, stopped = engine(site)
    assert len(started) == len(set(started)) > len(old)
    assert sorted(stopped) == sorted(started)


@pytest.mark.only("daemon", reason="embedded mode reloads the script inside the process")
def test_engine_of_each_generation(fresh_site):
    """A reload ends the old process only after its engine has stopped."""
    site = fresh_site
    script = prepare(site)
    site.get("/cp/")
    old = engine(site)[0]
    os.utime(script, (1, 1))
    wait_until(lambda: site.get("/cp/") and engine(site)[1] == old, what=site.tail)
    assert len(engine(site)[0]) == 2
    site.stop()
    assert engine(site)[1] == engine(site)[0]
