# SPDX-License-Identifier: Apache-2.0
"""Options about the way between httpd and a daemon group: sockets, buffers, owners of scripts."""

import os
import pwd
import socket
import stat
import time

import pytest

from harness.wait import wait_until

pytestmark = pytest.mark.only("daemon", reason="options of daemon groups")

WEBSITE = """\
import time
def application(environ, start_response):
    kind, _, count = environ["PATH_INFO"][1:].partition("/")
    if kind == "header":
        start_response("200 OK", [("Content-Length", "2"), ("X-Long", "x" * int(count))])
        return [b"ok"]
    start_response("200 OK", [])
    if kind == "pieces":
        return (time.sleep(0.002) or b"x" for _ in range(int(count)))
    return [b"y" * int(count)]
"""


def serve(site, **options):
    site.serve(site.write_app("website.py", WEBSITE), group_options=options)


def test_header_buffer_size(site):
    serve(site, header_buffer_size="8K")
    assert len(site.get("/header/8000").headers["X-Long"]) == 8000
    with site.expects_log("CASK0740: group 'main': a header of the reply has 8206 bytes"):
        site.get("/header/8200", 500)
    site.get("/header/10")


def test_headers_are_long_by_default(site):
    serve(site)
    assert len(site.get("/header/60000").headers["X-Long"]) == 60000


def test_buffer_sizes(site):
    """Small buffers change nothing that is seen; a large body passes through them."""
    serve(site, send_buffer_size=4096, receive_buffer_size=4096)
    assert len(site.get("/body/5000000").content) == 5000000


def chunks(site, path):
    """How many chunks httpd made of a reply."""
    with site.raw() as client:
        client.request(f"GET {path}")
        return len(client.read_reply().chunks)


def test_flush_delay_makes_larger_packets(site):
    """200 pieces that come one by one leave as a few."""
    serve(site, response_flush_delay="300")
    assert chunks(site, "/pieces/200") <= 4


def test_flush_delay_ends_at_the_buffer_size(site):
    serve(site, response_flush_delay="5000", response_buffer_size="20")
    begin = time.monotonic()
    assert 3 <= chunks(site, "/pieces/200") <= 12
    assert time.monotonic() - begin < 20


def test_response_socket_timeout(site):
    """A client that takes nothing is given up after the time."""
    serve(site, response_socket_timeout="500ms", threads=1)
    with socket.create_connection(("127.0.0.1", site.port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(b"GET /body/200000000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        begin = time.monotonic()
        with site.expects_log("CASK0(220|707)"):
            site.get("/body/1", timeout=30)
        assert time.monotonic() - begin < 15


def test_response_socket_timeout_spares_the_next_request(site):
    """The connection's own timeout is back: a kept connection may be idle for longer."""
    serve(site, response_socket_timeout="300ms")
    with site.raw() as client:
        client.request("GET /body/10")
        assert client.read_reply().status == 200
        end = time.monotonic() + 0.8
        wait_until(lambda: time.monotonic() > end)
        client.request("GET /body/10")
        assert client.read_reply().status == 200


@pytest.mark.root
def test_socket_user(site):
    """The socket is that user's: httpd's children, who run as another one, are kept out."""
    site.logs.allow("CASK07")
    path = site.write_app("website.py", WEBSITE)
    site.group("mine")
    site.group("other", socket_user="games", connect_timeout=1)
    site.add_app(path, at="/mine", group="mine")
    site.add_app(path, at="/other", group="other")
    site.start()
    owners = {
        pwd.getpwuid(p.stat().st_uid).pw_name
        for p in (site.root / "run").iterdir()
        if stat.S_ISSOCK(p.stat().st_mode) and p.suffix == ".sock"
    }
    assert len(owners) == 2
    assert "games" in owners
    site.get("/mine/body/1")
    site.get("/other/body/1", 503)


@pytest.mark.root
@pytest.mark.parametrize(
    ("option", "change", "why"),
    [
        ("script_user", lambda script, folder: os.chown(script, 1, -1), "does not belong"),
        ("script_user", lambda script, folder: os.chown(folder, 1, -1), "does not belong"),
        ("script_user", lambda script, folder: script.chmod(0o664), "written by its group"),
        ("script_user", lambda script, folder: folder.chmod(0o775), "written by its group"),
        ("script_user", lambda script, folder: script.chmod(0o646), "written by everybody"),
        ("script_group", lambda script, folder: os.chown(script, -1, 1), "does not belong"),
        ("script_group", lambda script, folder: folder.chmod(0o777), "written by everybody"),
    ],
)
def test_owner_of_scripts(site, option, change, why):
    folder = site.apps / "owned"
    folder.mkdir(mode=0o755)
    script = folder / "website.py"
    script.write_text(WEBSITE)
    script.chmod(0o644)
    site.serve(script, group_options={option: "root"})
    site.get("/body/1")
    change(script, folder)
    with site.expects_log(f"CASK0119: group 'main': '{folder}.* .*{why}"):
        site.get("/body/1", 403)
    os.chown(script, 0, 0)
    os.chown(folder, 0, 0)
    script.chmod(0o644)
    folder.chmod(0o755)
    site.get("/body/1")


@pytest.mark.root
def test_group_may_write_for_script_group(site):
    folder = site.apps / "shared"
    folder.mkdir()
    script = folder / "website.py"
    script.write_text(WEBSITE)
    folder.chmod(0o775)
    script.chmod(0o664)
    site.serve(script, group_options={"script_group": "root"})
    site.get("/body/1")


def test_script_user_and_group_exclude_each_other(site):
    site.config.add("WSGIDaemonProcess x script-user=root script-group=root")
    result = site.check()
    assert result.returncode == 1
    assert "script-user= and script-group= exclude each other" in result.stderr
