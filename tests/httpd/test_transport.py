# SPDX-License-Identifier: Apache-2.0
"""Between httpd and the daemons: concurrency, pooling, broken connections, hostile peers."""

import os
import signal
import socket
import threading

import pytest

from harness import audit, procs
from harness.load import Load
from harness.wait import wait_until

pytestmark = pytest.mark.only("daemon", reason="the wire to daemon groups")


@pytest.mark.broad
def test_four_processes_of_one_thread_serve_four_at_once(site):
    site.serve("gateway.py", group_options={"processes": 4, "threads": 1})
    for _ in range(3):
        before = site.stage.reached()
        site.stage.close_gate()
        clients = [site.raw() for _ in range(4)]
        for client in clients:
            client.request("GET /gate")
        site.stage.wait_reached(count=before + 4)
        assert len(set(site.stage.notes("gate.reached")[-4:])) == 4
        site.stage.open_gate()
        assert len({client.read_reply().body for client in clients}) == 4
        for client in clients:
            client.close()


def test_waiting_requests_are_served_when_a_thread_is_free(site):
    """More requests than threads: they wait in the backlog, none is refused."""
    site.serve("gateway.py", group_options={"processes": 1, "threads": 1})
    site.stage.close_gate()
    clients = [site.raw(30) for _ in range(6)]
    for client in clients:
        client.request("GET /gate")
    site.stage.wait_reached(count=1)
    site.stage.open_gate()
    assert [client.read_reply().status for client in clients] == [200] * 6


def test_a_free_process_is_found(site):
    """One of two processes is busy for long: all other requests go to the other."""
    site.serve("gateway.py", group_options={"processes": 2, "threads": 1})
    wait_until(lambda: len(site.daemons()) == 2)
    for _ in range(5):
        site.get("/one")
    site.stage.close_gate()
    with site.raw() as client:
        client.request("GET /gate")
        site.stage.wait_reached()
        busy = site.stage.notes("gate.reached")[-1]
        for _ in range(30):
            assert str(site.get("/process").json()["pid"]) != busy
        site.stage.open_gate()
        assert client.read_reply().status == 200


def test_connections_are_kept(site):
    site.serve("gateway.py", group_options={"threads": 3})
    pid = site.get("/process").json()["pid"]
    inodes = set()
    for _ in range(30):
        site.get("/one")
        inodes |= {t for t in procs.descriptors(pid).values() if t.startswith("socket:")}
    assert len(inodes) <= 8, "a new connection for each request"


def test_parallel_requests_are_not_mixed_up(site):
    site.serve("gateway.py", group_options={"processes": 2, "threads": 4})
    wrong = []

    def work(number):
        for turn in range(15):
            body = (b"%d-%d " % (number, turn)) * (1 + 997 * turn)
            reply = ask(site, body)
            if reply != body:
                wrong.append((number, turn, len(body), len(reply)))

    def ask(site, body):
        with site.raw(40) as client:
            client.request("POST /echo", f"Content-Length: {len(body)}", body=body)
            return client.read_reply().body

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


@pytest.mark.unsanitized(reason="the sanitizers keep freed memory for a while")
def test_memory_does_not_grow_with_the_body(site):
    """60 MB up and down in one request: neither side holds it."""
    site.serve("gateway.py")
    site.get("/one")
    with site.raw(60) as client:
        size = 60_000_000
        client.request("POST /early", f"Content-Length: {size}")
        assert client.read_head().status == 200
        block = b"m" * 1_000_000
        for _ in range(60):
            client.send(block)
        assert client.read_chunk() == b"answer first\n"
        assert client.read_chunk() == b"60000000 bytes"
    procs.check_lean([*site.children(), *site.daemons()])


def test_slow_reader_of_a_big_reply(site):
    site.serve("gateway.py")
    with site.raw(60) as client:
        client.request("GET /big?24")
        assert client.read_head().status == 200
        for _ in range(20):
            assert site.get("/one").text == "only one"  # while the reader does nothing
        size = 0
        while chunk := client.read_chunk():
            size += len(chunk)
        assert size == 24 * 1024 * 1024


def test_httpd_child_killed_during_a_request(site):
    """The daemon's thread is free again, and the next child serves."""
    site.serve("gateway.py", group_options={"processes": 1, "threads": 1})
    site.logs.allow("AH00051|AH00052|exit signal|CASK0")
    site.stage.close_gate()
    client = site.raw()
    client.request("GET /gate")
    site.stage.wait_reached()
    (daemon,) = site.daemons()
    for pid in site.children():
        os.kill(pid, signal.SIGKILL)
    site.stage.open_gate()
    wait_until(site.children, 10)
    assert site.get("/process").json()["pid"] == daemon
    assert site.get("/one").text == "only one"


def hostile(site, data):
    """Connect to the group's socket like a stranger (another uid than httpd's, no secret)."""
    (path, _), *_ = audit.listening(site.root)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(path)
        try:
            sock.sendall(data)
            while sock.recv(4096):
                pass
        except (BrokenPipeError, ConnectionResetError):
            pass
        return True


@pytest.mark.parametrize(
    "data",
    [b"", b"GET / HTTP/1.0\r\n\r\n", b"\0" * 4096, b"\xff" * 4096, os.urandom(20_000)],
    ids=["nothing", "http", "zeros", "ones", "random"],
)
def test_strangers_are_sent_away(site, data):
    site.serve("gateway.py", group_options={"processes": 1, "threads": 1})
    pid = site.get("/process").json()["pid"]
    site.logs.allow("CASK07")
    if data:
        for _ in range(3):
            hostile(site, data)
    else:
        (path, _), *_ = audit.listening(site.root)
        idle = site.closers.enter_context(socket.socket(socket.AF_UNIX))
        idle.connect(path)
    assert site.get("/process").json()["pid"] == pid


def test_reply_broken_off_by_a_stop_is_seen(site):
    """A daemon that is told to stop in the middle of a reply never makes it look whole."""
    site.serve("gateway.py", group_options={"graceful_timeout": 1, "shutdown_timeout": 1})
    site.logs.allow("CASK0|AH00045|AH00046")
    site.logs.allow_stacks()
    site.stage.close_gate("gate0")
    client = site.raw(30)
    client.request("GET /generator")
    assert client.read_head().status == 200
    assert client.read_chunk() == b"chunk 0\n"
    site.stage.wait_reached("gate0")
    pid = int(site.stage.notes("gate0.reached")[-1])
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not procs.alive(pid), 10)
    site.stage.open_gate("gate0")
    rest = client.read_to_end()
    assert not rest.endswith(b"0\r\n\r\n"), rest


def test_load_over_all_processes(site):
    site.serve("gateway.py", group_options={"processes": 3, "threads": 2})
    with Load(site.url + "/one", threads=8) as load:
        load.more(300)
    assert load.failures == []
