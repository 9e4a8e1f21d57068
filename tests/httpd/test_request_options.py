# SPDX-License-Identifier: Apache-2.0
"""Directives about single requests: httpd's own record, slow requests, activity. And cookies."""

import json
import time

import pytest

from harness import procs
from harness.wait import wait_until


@pytest.mark.only("embedded", reason="a daemon has no record of httpd's")
@pytest.mark.broad
def test_apache_request(site):
    site.config.add("WSGIPassApacheRequest On")
    site.serve("capsule.py")
    assert site.get("/page?x=1").text == "PyCapsule GET /page?x=1 HTTP/1.1"
    # one that was kept says that it is over instead of pointing to freed memory
    assert site.get("/kept").text.startswith("ValueError: ")


def test_apache_request_of_a_dispatch_script(site):
    """It runs inside httpd in both modes."""
    path = site.write_app(
        "dispatch.py",
        f"import sys\nsys.path.insert(0, {str(site.apps)!r})\nfrom capsule import line_of\n"
        "def callable_object(environ):\n"
        "    line = line_of(environ['apache.request_rec'])\n"
        "    return 'application' if line == 'GET /page HTTP/1.1' else line\n",
    )
    site.config.add("WSGIPassApacheRequest On", f"WSGIDispatchScript {path}")
    site.serve("capsule.py")
    assert site.get("/page").status_code == 200


def test_no_apache_request(site):
    """By default, and in a daemon always."""
    if site.mode == "daemon":
        site.config.add("WSGIPassApacheRequest On")
    site.serve("capsule.py")
    assert site.get("/").text == "none"


def test_slow_requests(site):
    site.config.add("WSGISlowRequests 0.4")
    site.serve("gateway.py")
    site.get("/one")  # loads the application, which may be slow
    site.logs.expect(site.logs.find("CASK0250"))
    mark = site.logs.mark()
    site.get("/one")
    site.stage.close_gate()
    with site.expects_log("CASK0250: slow request: ") as lines, site.raw() as client:
        client.request("GET /gate/a%20b?gate")
        site.stage.wait_reached()
        over = time.monotonic() + 0.4
        wait_until(lambda: time.monotonic() > over)
        site.stage.open_gate()
        pid = client.read_reply().body.decode()
    text = lines[0].text
    assert "GET '/gate/a b' took 0." in text or "GET '/gate/a b' took 1." in text
    assert f"process {pid}, script '{site.apps}/gateway.py'" in text
    assert ("group 'main'" if site.mode == "daemon" else "embedded") in text
    assert len(site.logs.find("CASK0250", None, mark)) == 1


def test_a_slow_request_with_an_error_page_is_told_once(site):
    """Served by the same application, in an internal redirect that has the request's time."""
    path = site.write_app(
        "app.py",
        f"import sys\nsys.path.insert(0, {str(site.apps / 'lib')!r})\nimport stage\n"
        "def application(environ, start_response):\n"
        "    if environ['PATH_INFO'] == '/slow':\n"
        "        stage.gate()\n"
        "        raise ValueError('late')\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [b'page']\n",
    )
    site.config.add("WSGISlowRequests 0.3", "ErrorDocument 500 /page")
    site.serve(path)
    site.stage.close_gate()
    mark = site.logs.mark()
    with site.raw() as client:
        client.request("GET /slow")
        site.stage.wait_reached()
        over = time.monotonic() + 0.3
        wait_until(lambda: time.monotonic() > over)
        site.stage.open_gate()
        assert client.read_reply().body == b"page"
    told = site.wait_log("CASK0250: slow request: GET '/slow'", mark=mark)
    assert told == site.logs.find("CASK0250", None, mark)
    site.logs.allow("CASK0501|Traceback|File |ValueError|raise|^\\s")


def test_slow_requests_are_not_told_by_default(site):
    site.serve("gateway.py")
    site.stage.close_gate()
    with site.raw() as client:
        client.request("GET /gate")
        site.stage.wait_reached()
        site.stage.open_gate()
        client.read_reply()
    assert not site.logs.find("CASK0250")


@pytest.mark.parametrize("value", ["-1", "soon", "1x", ""])
def test_bad_slow_requests(site, value):
    site.config.add(f"WSGISlowRequests {value}")
    done = site.check()
    assert done.returncode != 0
    assert "WSGISlowRequests" in done.stderr


@pytest.mark.only("daemon", reason="httpd's children have no inactivity-timeout")
class TestActivity:
    def serve(self, site):
        site.config.add("<Location /one>\nWSGIIgnoreActivity On\n</Location>")
        site.serve("gateway.py", group_options={"inactivity_timeout": 1})
        return site.get("/process").json()["pid"]

    def test_requests_that_do_not_count(self, site):
        """The process is replaced although it is asked all the time."""
        before = self.serve(site)
        begin = time.monotonic()

        def replaced():
            site.get("/one")
            return not procs.alive(before)

        wait_until(replaced, 10, "the idle process ends")
        assert time.monotonic() - begin > 0.5

    def test_requests_that_count(self, site):
        before = self.serve(site)
        over = time.monotonic() + 2.5

        def late():
            site.get("/lists")
            return time.monotonic() > over

        wait_until(late)
        assert site.get("/process").json()["pid"] == before

    def test_a_request_that_does_not_count_is_finished(self, site):
        site.config.add("<Location /gate>\nWSGIIgnoreActivity On\n</Location>")
        before = self.serve(site)
        site.stage.close_gate()
        with site.raw() as client:
            client.request("GET /gate")
            site.stage.wait_reached()
            over = time.monotonic() + 1.5
            wait_until(lambda: time.monotonic() > over)
            site.stage.open_gate()
            assert client.read_reply().body.decode() == str(before)
        wait_until(lambda: not procs.alive(before), 10, "the idle process ends")


class TestCookies:
    @pytest.fixture
    def site(self, site):
        site.serve("gateway.py")
        return site

    def cookie(self, site, *lines):
        with site.raw() as client:
            client.request("GET /environ", *lines)
            return json.loads(client.read_reply().body)["HTTP_COOKIE"]

    def test_cookies(self, site):
        """Several Cookie headers are one with "; ", and one is left as it is."""
        ask = self.cookie
        assert ask(site, "Cookie: a=1", "Cookie: b=2") == "a=1; b=2"
        assert ask(site, "Cookie: a=1; b=2", "X: y", "cookie: c=3", "Cookie:  d=4") == (
            "a=1; b=2; c=3; d=4"
        )
        assert ask(site, "Cookie: a=1, b=2; c=3") == "a=1, b=2; c=3"
        assert ask(site, 'Cookie: a={"x": 1, "y": 2}') == 'a={"x": 1, "y": 2}'
        assert ask(site, "Cookie: day=Wed, 21 Oct", "Cookie: b=2") == "day=Wed, 21 Oct; b=2"
        assert ask(site, "Cookie:", "Cookie: b=2") == "; b=2"
        assert ask(site, "Cookie: a=1", "Cookie:") == "a=1; "
        assert ask(site, "X: y", "Cookie: a=1") == "a=1"
