# SPDX-License-Identifier: Apache-2.0
"""Timeouts of daemon groups: what ends, what the client gets, what goes on."""

import time

import pytest

from harness import procs
from harness.load import Load
from harness.wait import wait_until

pytestmark = pytest.mark.only("daemon", reason="options of daemon groups")


def pid_of(site):
    return site.get("/process").json()["pid"]


def test_request_timeout(site):
    """The process is replaced; the client is told; the others are served."""
    site.logs.allow("CASK0|File |[Tt]hread|Traceback|Stack|^\\s")
    site.serve(
        "gateway.py",
        group_options={"threads": 1, "request_timeout": 1, "graceful_timeout": 1,
                       "shutdown_timeout": 1},
    )  # fmt: skip
    before = pid_of(site)
    site.stage.close_gate()
    begin = time.monotonic()
    reply = site.get("/gate", None)
    assert reply.status_code in (502, 504)
    assert 0.9 < time.monotonic() - begin < 6
    wait_until(lambda: not procs.alive(before), 8)
    assert pid_of(site) != before


def test_request_within_the_timeout_is_left_alone(site):
    site.serve("gateway.py", group_options={"request_timeout": 20})
    before = pid_of(site)
    for _ in range(20):
        site.get("/one")
    assert pid_of(site) == before


def test_inactivity_timeout(site):
    site.serve("gateway.py", group_options={"inactivity_timeout": 1})
    before = pid_of(site)
    wait_until(lambda: not procs.alive(before), 10, "the idle process ends")
    assert pid_of(site) != before


def test_inactivity_timeout_spares_a_running_request(site):
    site.serve("gateway.py", group_options={"inactivity_timeout": "500ms"})
    site.stage.close_gate()
    with site.raw(30) as client:
        client.request("GET /gate")
        site.stage.wait_reached()
        pid = int(site.stage.notes("gate.reached")[0])
        end = time.monotonic() + 2
        wait_until(lambda: time.monotonic() > end or not procs.alive(pid))
        assert procs.alive(pid)
        site.stage.open_gate()
        assert client.read_reply().status == 200


def test_startup_timeout(site):
    """An import that never ends: the process is replaced, requests are answered with 503 or 504
    and not left hanging."""
    site.logs.allow("CASK0|File |[Tt]hread|Traceback|Stack|^\\s")
    path = site.write_app("app.py", "import stage\nstage.gate('import')\n")
    site.stage.close_gate("import")
    site.serve(path, group_options={"startup_timeout": 1, "connect_timeout": 2,
                                    "shutdown_timeout": 1})  # fmt: skip
    site.stage.wait_reached("import")
    first = int(site.stage.notes("import.reached")[0])
    begin = time.monotonic()
    assert site.get("/", None).status_code in (503, 504)
    assert time.monotonic() - begin < 8
    wait_until(lambda: not procs.alive(first), 8)
    site.stage.wait_reached("import", 2)


def test_connect_timeout(site):
    """While the group still loads, a request waits at most that long: 503."""
    site.logs.allow("CASK0708")
    path = site.write_app(
        "app.py",
        "import stage\nstage.gate('import')\n"
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n    return [b'ready']\n",
    )
    site.stage.close_gate("import")
    site.serve(path, group_options={"connect_timeout": 1})
    begin = time.monotonic()
    site.get("/", 503)
    assert 0.9 < time.monotonic() - begin < 4
    site.stage.open_gate("import")
    wait_until(lambda: site.get("/", None).status_code == 200, 10)


def test_request_waits_for_a_starting_group(site):
    path = site.write_app(
        "app.py",
        "import stage\nstage.gate('import')\n"
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n    return [b'ready']\n",
    )
    site.stage.close_gate("import")
    site.serve(path)
    with site.raw() as client:
        client.request("GET /")
        site.stage.wait_reached("import")
        assert client.nothing_came()
        site.stage.open_gate("import")
        assert client.read_reply().body == b"ready"


def test_socket_timeout(site):
    """No byte from the application for that long: 504."""
    site.logs.allow("CASK0")
    site.serve("gateway.py", group_options={"socket_timeout": 1})
    site.stage.close_gate()
    begin = time.monotonic()
    site.get("/gate", 504)
    assert 0.9 < time.monotonic() - begin < 4
    site.stage.open_gate()
    assert site.get("/one").text == "only one"


def test_queue_timeout(site):
    """A request that no thread took in that time: 504, and the application never sees it."""
    site.logs.allow("CASK0")
    site.serve("gateway.py", group_options={"threads": 1, "queue_timeout": 1})
    site.get("/one")
    site.stage.close_gate()
    with site.raw(30) as first:
        first.request("GET /gate")
        site.stage.wait_reached()
        begin = time.monotonic()
        site.get("/gate", 504)
        assert 0.9 < time.monotonic() - begin < 4
        site.stage.open_gate()
        assert first.read_reply().status == 200
    assert site.get("/one").text == "only one"
    assert site.stage.reached() == 1


def test_maximum_requests_under_load(site):
    """Processes are replaced again and again, and no request is lost."""


    site.serve("gateway.py", group_options={"processes": 2, "threads": 2, "maximum_requests": 20})
    with Load(site.url + "/process", threads=4) as load:

        def pids():
            return {a.text.partition('"pid": ')[2].partition(",")[0] for a in load.answers}

        wait_until(lambda: len(pids()) >= 8, 20, lambda: f"{len(load.answers)} by {pids()}")
    assert load.failures == []
