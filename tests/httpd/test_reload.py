# SPDX-License-Identifier: Apache-2.0
"""A changed script: the new generation is ready before the old one goes; no request is lost."""

import os
import time

import pytest

from harness import procs
from harness.load import Load
from harness.wait import wait_until

pytestmark = pytest.mark.only("daemon", reason="generations of daemon groups")

APP = """\
import os, sys
import stage
{extra}
stage.note("loads", "{name} {version}")
def application(environ, start_response):
    if environ["PATH_INFO"] == "/gate":
        stage.gate()
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"{version} %d %d" % (os.getpid(), len(body))]
"""


def write(site, version, name="app.py", extra=""):
    """Replace the script as an editor or a deployment does, by another file of that name."""
    text = APP.format(version=version, name=name, extra=extra)
    site.write_app(f"{name}.new", text).rename(site.apps / name)
    return site.apps / name


def serve(site, **options):
    site.stage.expect_notes("loads")
    path = write(site, 1)
    site.serve(path, group_options=options)
    assert version(site) == "1"
    return path


def version(site, path="/"):
    return site.get(path).text.split()[0]


def pid(site, path="/"):
    return int(site.get(path).text.split()[1])


def test_change_is_served_at_once(site):
    """A request that finds the script changed waits for the new code (when few ask for it)."""
    serve(site)
    for number in range(2, 5):
        write(site, number)
        assert version(site) == str(number)


def test_touch_makes_a_new_generation(site):
    path = serve(site, processes=2)
    before = set(site.daemons())
    os.utime(path, ns=(time.time_ns(), time.time_ns() + 10_000_000))
    wait_until(lambda: pid(site) not in before, 10)
    wait_until(lambda: not [p for p in before if procs.alive(p)], 15, "old generation gone")
    wait_until(lambda: len(site.daemons()) == 2)


def test_older_time_counts_as_a_change(site):
    path = serve(site)
    before = pid(site)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    wait_until(lambda: pid(site) != before, 10)


@pytest.mark.broad
@pytest.mark.parametrize("body", [None, b"b" * 40_000], ids=["GET", "POST"])
def test_under_load_none_fails(site, body):
    """Five reloads; nothing failed; the old generation answers nothing for long once the new one
    does."""
    serve(site, processes=1, threads=5)
    with Load(site.url + "/", threads=4, body=body) as load:
        load.more(10)
        for number in range(2, 7):
            write(site, number)
            wait_until(lambda n=number: load.answers[-1].text.startswith(f"{n} "), 15)
            load.more(10)
    assert load.failures == []
    first = {}
    last = {}
    for answer in load.answers:
        number = int(answer.text.split()[0])
        first.setdefault(number, answer.moment)
        last[number] = answer.moment
    for number in range(1, 6):
        assert last[number] - first[number + 1] < 1.0, number
    assert max(answer.seconds for answer in load.answers) < 3


def test_broken_script_leaves_the_old_generation_serving(site):
    serve(site)
    before = pid(site)
    site.logs.allow("Traceback|File |^\\s|CASK0|RuntimeError|SyntaxError|\\^")
    write(site, 2, extra="raise RuntimeError('broken deploy')")
    for _ in range(3):
        assert site.get("/").text.split()[:2] == ["1", str(before)]
    site.wait_log("RuntimeError: broken deploy")
    assert site.logs.find(r"CASK04\d\d.*'main'")
    write(site, 3)
    wait_until(lambda: version(site) == "3", 15, "the next good script is served")


def test_import_that_hangs_leaves_the_old_generation_serving(site):
    serve(site, startup_timeout=2, reload_wait="500ms")
    before = pid(site)
    site.logs.allow("CASK0")
    site.stage.close_gate("hang")
    write(site, 2, extra="stage.gate('hang')")
    begin = time.monotonic()
    assert site.get("/").text.split()[:2] == ["1", str(before)]
    assert time.monotonic() - begin < 3
    site.stage.wait_reached("hang")
    assert site.get("/").text.split()[:2] == ["1", str(before)]


def test_running_request_is_finished_by_the_old_generation(site):
    serve(site)
    before = pid(site)
    site.stage.close_gate()
    with site.raw(30) as client:
        client.request("GET /gate")
        site.stage.wait_reached()
        write(site, 2)
        wait_until(lambda: version(site) == "2", 10)
        site.stage.open_gate()
        assert client.read_reply().body.split()[:2] == [b"1", b"%d" % before]
    wait_until(lambda: not procs.alive(before), 15)


def test_drain_ends_at_graceful_timeout(site):
    serve(site, graceful_timeout=1, shutdown_timeout=1)
    before = pid(site)
    site.logs.allow("CASK0")
    site.logs.allow_stacks()
    site.stage.close_gate()
    with site.raw(30) as client:
        client.request("GET /gate")
        site.stage.wait_reached()
        write(site, 2)
        wait_until(lambda: version(site) == "2", 10)
        wait_until(lambda: not procs.alive(before), 8, "old generation gone")
        assert client.read_head().status in (502, 503, 504)
        assert version(site) == "2"


def test_the_next_generation_loads_what_the_old_one_had(site):
    """Before it is ready: so the first request after a reload costs no import."""
    site.stage.expect_notes("loads")
    one, two = write(site, 1, "one.py"), write(site, 1, "two.py")
    site.add_app(one, at="/one")
    site.add_app(two, at="/two")
    site.start()
    assert version(site, "/one") == version(site, "/two") == "1"
    loaded = site.stage.notes("loads").count("two.py 1")
    before = pid(site, "/one")
    write(site, 2, "one.py")
    wait_until(lambda: version(site, "/one") == "2", 10)
    assert site.stage.notes("loads").count("two.py 1") == loaded + 1
    after = pid(site, "/two")
    assert after != before
    assert site.stage.notes("loads").count("two.py 1") == loaded + 1


def test_many_changes_merge(site):
    """Ten changes in a row start a few generations, not ten; at the end the last one serves."""
    serve(site)
    with Load(site.url + "/", threads=2) as load:
        load.more(3)
        for number in range(2, 12):
            write(site, number)
            load.more(1)
        wait_until(lambda: version(site) == "11", 15)
    assert load.failures == []
    wait_until(lambda: len(site.daemons()) == 1, 20)


def test_other_groups_keep_their_processes(site):
    site.stage.expect_notes("loads")
    path = write(site, 1)
    other = write(site, 1, "other.py")
    site.add_app(path, at="/app")
    site.add_app(other, at="/other", group="other")
    site.start()
    version(site, "/app")
    before = pid(site, "/other")
    write(site, 2)
    wait_until(lambda: version(site, "/app") == "2", 10)
    assert pid(site, "/other") == before
