# SPDX-License-Identifier: Apache-2.0
"""Processes: lost and replaced daemons, graceful and hard restarts, stop, a lost supervisor, a
lost httpd. What must be gone afterwards is looked for by every test's own audit as well."""

import os
import signal
import time

import pytest

from harness import procs
from harness.load import Load
from harness.wait import wait_until

pytestmark = pytest.mark.only("daemon", reason="life of daemon groups")


def pid_of(site, at=""):
    return site.get(f"{at}/process").json()["pid"]


def sockets_of_groups(site):
    return [p for p in (site.root / "run").iterdir() if p.is_socket() and p.suffix == ".sock"]


@pytest.mark.broad
def test_killed_daemon_is_replaced(site):
    site.serve("gateway.py")
    site.logs.allow("CASK04")
    before = pid_of(site)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: not procs.alive(before))
    begin = time.monotonic()
    after = pid_of(site)
    assert after != before
    assert time.monotonic() - begin < 5
    assert site.logs.find(r"CASK04\d\d.*'main'")


def test_killed_daemon_under_load(site):
    """Only requests that this process was serving may fail, and only with 502."""
    site.serve("gateway.py", group_options={"processes": 2, "threads": 3})
    site.logs.allow("CASK04|CASK07")
    with Load(site.url + "/one") as load:
        load.more(10)
        for pid in site.daemons():
            os.kill(pid, signal.SIGKILL)
            load.more(10)
        wait_until(lambda: len(site.daemons()) == 2)
        load.more(10)
    assert len(load.failures) <= 6, load.failures
    assert {answer.status for answer in load.failures} <= {502}, load.failures
    assert site.get("/one").text == "only one"


def test_crashing_request_is_502_and_never_repeated(site):
    site.serve("gateway.py")
    site.logs.allow("CASK04")
    with site.expects_log(r"\[client .*CASK07\d\d: group 'main'"):
        site.get("/die", 502)
    assert site.get("/one").text == "only one"


def test_crash_in_the_middle_of_a_reply_is_seen(site):
    site.serve("gateway.py")
    site.logs.allow("CASK04|CASK07")
    with site.raw() as client:
        client.request("GET /die?some-bytes")
        reply = client.read_reply()
        assert reply.status == 200
        assert reply.body == b"some-bytes"
        assert not reply.complete
        assert client.at_end()
    assert site.get("/one").text == "only one"


def test_application_that_dies_while_loading_is_not_started_at_full_speed(site):
    """The delay between starts grows from 100 ms: at most about 5 starts in the first 3 s."""
    path = site.write_app(
        "app.py",
        f"import sys, os\nsys.path.insert(0, {str(site.apps / 'lib')!r})\n"
        "import stage\nstage.note('starts', 'x')\nos._exit(1)\n",
    )
    site.stage.expect_notes("starts")
    site.logs.allow("CASK")
    site.add_app(path, at="/bad", group="bad")
    site.add_app("gateway.py", at="/good", group="good")
    site.start()
    end = time.monotonic() + 3
    while time.monotonic() < end:
        assert site.get("/good/one").text == "only one"
    starts = len(site.stage.notes("starts"))
    assert 2 <= starts <= 7, starts


@pytest.mark.broad
def test_stop_leaves_nothing(site):
    site.serve("gateway.py", group_options={"processes": 2})
    site.get("/one")
    family = site.family()
    assert site.stop() < 5
    assert not [pid for pid in family if procs.alive(pid)]
    assert list((site.root / "run").iterdir()) == [] or not [
        p for p in (site.root / "run").iterdir() if p.is_socket()
    ]


def test_stop_runs_exit_handlers(site):
    path = site.write_app("app.py", EXITING)
    site.stage.expect_notes("exits")
    site.serve(path)
    site.get("/")
    site.stop()
    assert site.stage.notes("exits") == ["atexit"]


def test_stop_does_not_wait_for_a_stuck_thread(site):
    """A thread of the application that never ends holds the stop up for shutdown-timeout."""
    path = site.write_app("app.py", STUCK)
    site.stage.close_gate()
    site.logs.allow("CASK04")
    site.serve(path, group_options={"shutdown_timeout": 1})
    site.get("/")
    site.stage.wait_reached()
    assert 0.8 < site.stop() < 4


def test_stop_with_a_stuck_request(site):
    """httpd gives its own children ten seconds for their requests, whoever serves them."""
    site.serve("gateway.py", group_options={"shutdown_timeout": 1})
    site.logs.allow("CASK0|AH00045|AH00046|[Tt]hread 0x|^.{0,40}  (File|<no Python)")
    site.stage.close_gate()
    client = site.raw()
    client.request("GET /gate")
    site.stage.wait_reached()
    assert site.stop() < 14
    assert site.logs.find(r"gateway.py.* in gate"), "the log says where it was stuck"


STUCK = """\
import threading
import stage
def application(environ, start_response):
    threading.Thread(target=stage.gate, daemon=False).start()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"x"]
"""

EXITING = """\
import atexit, sys
import stage
atexit.register(stage.note, "exits", "atexit")
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"x"]
"""


@pytest.mark.broad
@pytest.mark.parametrize("kind", ["graceful", "restart"])
def test_restart_leaves_nothing_of_earlier_generations(site, kind):
    site.serve("gateway.py", group_options={"processes": 2})
    site.logs.allow("AH00171|AH00173|AH00493|caught SIG")
    pid_of(site)
    before = set(site.daemons())
    assert len(before) == 2
    site.restart(kind)
    wait_until(lambda: not [pid for pid in before if procs.alive(pid)], 15, "old daemons gone")
    assert pid_of(site) not in before
    wait_until(lambda: len(site.daemons()) == 2)
    assert len(site.supervisors()) == 1
    assert len(sockets_of_groups(site)) == 1


def test_graceful_under_load(site):
    site.serve("gateway.py", group_options={"processes": 2})
    with Load(site.url + "/one") as load:
        load.more(5)
        for _ in range(3):
            site.restart("graceful")
            load.more(10)
    assert [answer for answer in load.failures if answer.status] == []
    assert len(load.failures) <= 9, load.failures  # httpd's own keep-alive closes


def test_running_request_survives_graceful(site):
    site.serve("gateway.py")
    site.stage.close_gate()
    before = pid_of(site)
    with site.raw(40) as client:
        client.request("GET /gate")
        site.stage.wait_reached()
        site.restart("graceful")
        assert pid_of(site) != before
        assert procs.alive(before)
        site.stage.open_gate()
        assert client.read_reply().body == b"%d" % before
    wait_until(lambda: not procs.alive(before), 15, "old daemon gone once its request is done")


def test_graceful_with_a_changed_configuration(site):
    """A new group, a removed one, another number of processes."""
    path = site.install("gateway.py")
    site.add_app(path, at="/old", group="old")
    site.add_app(path, at="/kept", group="kept", group_options={"processes": 1})
    site.start()
    old = pid_of(site, "/old")
    pid_of(site, "/kept")
    site.config.top[:] = [
        line.replace("/old", "/new").replace("old", "new").replace("processes=1", "processes=3")
        for line in site.config.top
    ]
    site.groups = {"new": {}, "kept": {}}
    site.restart("graceful")
    assert site.get("/new/environ").json()["mod_wsgi.process_group"] == "new"
    wait_until(lambda: not procs.alive(old), 20, "the removed group's daemon is gone")
    wait_until(lambda: len(site.daemons()) == 4, 20, lambda: f"{site.daemons()}")
    site.get("/old/one", 404)
    assert len(sockets_of_groups(site)) == 2


def test_log_rotation(site):
    """After the log was renamed and httpd restarted gracefully, daemons write to the new one."""
    site.serve("gateway.py")
    site.get("/one")
    log = site.root / "logs" / "error.log"
    log.rename(site.root / "logs" / "error.1")
    assert site.httpd("-k", "graceful").returncode == 0
    wait_until(lambda: log.exists() and site.starts_seen(), 15)
    site.get("/prints")
    found = site.wait_log("prints: to stdout")
    assert found[0].file == "error.log"
    site.wait_log("prints: to stderr")


def test_socket_file_that_somebody_deleted_is_made_anew(site):
    site.serve("gateway.py")
    site.get("/one")
    site.logs.allow("CASK0")
    for path in (site.root / "run").iterdir():
        if path.is_socket():
            path.unlink()
    wait_until(lambda: site.get("/one", None).status_code == 200, 10)
    site.restart("graceful")
    assert site.get("/one").text == "only one"


def test_supervisor_killed(site):
    """The daemons go on serving; httpd's parent starts another supervisor with new daemons."""
    site.serve("gateway.py", group_options={"processes": 2})
    site.logs.allow("CASK04")
    pid_of(site)
    (supervisor,) = site.supervisors()
    orphans = site.daemons()
    with Load(site.url + "/one") as load:
        load.more(3)
        os.kill(supervisor, signal.SIGKILL)
        load.more(10)
        wait_until(lambda: site.supervisors() not in ([], [supervisor]), 10, "another supervisor")
        wait_until(lambda: len(site.daemons()) == 2, 15, "new daemons")
        wait_until(lambda: not [p for p in orphans if procs.alive(p)], 40, "orphans gone")
        load.more(5)
    assert load.failures == []
    assert pid_of(site) in site.daemons()


def test_httpd_killed(site):
    """SIGKILL of httpd's parent: after 10 s neither supervisor nor daemon is left. (Its children
    are httpd's own affair; a real machine's init kills them with the service.)"""
    site.serve("gateway.py", group_options={"processes": 2})
    pid_of(site)
    ours = [*site.supervisors(), *site.daemons()]
    children = site.children()
    assert len(ours) == 3
    os.kill(site.pid, signal.SIGKILL)
    site.process.wait(5)
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not [pid for pid in ours if procs.alive(pid)], 10, "all gone after 10 s")
    for path in (site.root / "run").iterdir():
        if path.is_socket():
            path.unlink()  # nobody was left to do it


def test_start_after_a_killed_httpd(site):
    """Stale socket files of a dead server are no obstacle."""
    test_httpd_killed(site)
    (site.root / "run" / "httpd.pid").unlink(missing_ok=True)
    (site.root / "logs" / "error.log").unlink()
    site.start()
    assert site.get("/one").text == "only one"


def test_nothing_is_started_without_a_group(site):
    site.config.add("Alias /static " + str(site.root / "htdocs"))
    site.start()
    wait_until(site.children)
    assert site.supervisors() == []
    assert [p for p in (site.root / "run").iterdir() if p.is_socket()] == []


def test_descriptors_do_not_grow(site):
    """Requests of all kinds, many times: no process has more descriptors than after the first
    round."""
    site.serve("gateway.py", group_options={"processes": 1, "threads": 3})
    (site.apps / "data.bin").write_bytes(b"d" * 100_000)
    (site.apps / "empty.bin").write_bytes(b"")
    site.logs.allow("")  # this test is not about the log

    def a_round():
        site.get("/one")
        site.get("/raises", 500)
        site.get("/file?real")
        site.get("/file?temporary")
        site.get("/lists")
        site.post("/echo", data=b"x" * 300_000)
        site.post("/input-unread", data=b"x" * 300_000)
        client = site.raw()
        client.request("GET /big?4")
        client.read_head()
        client.reset()

    def counted():
        return {pid: len(procs.descriptors(pid)) for pid in site.family()}

    for _ in range(5):
        a_round()
    before = counted()
    for _ in range(25):
        a_round()
    limit = {pid: count + 4 for pid, count in before.items()}

    def fits():
        now = counted()
        return all(now.get(pid, 0) <= limit[pid] for pid in limit)

    wait_until(fits, 5, lambda: f"{before} {counted()}")
