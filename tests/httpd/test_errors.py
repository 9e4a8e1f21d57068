# SPDX-License-Identifier: Apache-2.0
"""wsgi.errors, print, and exceptions: which log, how often, and what the client sees."""

import pytest

pytestmark = pytest.mark.broad


@pytest.fixture(scope="module")
def server(module_site):
    site = module_site
    site.config.add("ServerAdmin admin@main.test")
    path = site.add_app("gateway.py", where=site.config.vhost("a.test"), group="a")
    site.add_app(path, where=site.config.vhost("b.test"), group="b")
    site.start()
    return site


@pytest.fixture
def site(server, checked):
    return checked


def test_lines_go_to_the_log_of_the_virtual_host(site):
    for host in ("a.test", "b.test"):
        mark = site.logs.mark()
        site.get("/errors", host=host)
        site.wait_log("errors: tail at the end of the request", host, mark=mark)
        texts = [e.text for e in site.logs.since(mark) if "errors:" in e.text]
        assert [text[text.index("errors:") :] for text in texts] == [
            "errors: one", "errors: two", "errors: three", "errors: printed", "errors: in pieces",
            "errors: no line end", "errors: tail at the end of the request",
        ]  # fmt: skip
        found = [e for e in site.logs.since(mark) if "errors:" in e.text]
        assert {e.file for e in found} == {f"{host}.log"}
        assert {e.level for e in found} == {"error"}
        site.logs.expect(found)


def test_lines_of_a_thread_of_the_application(site):
    """It serves no request: its lines go to the log of the server that defines the group."""
    mark = site.logs.mark()
    site.get("/errors-of-a-thread", host="a.test")
    found = site.wait_log("by a thread", count=2, mark=mark)
    assert [e.text[e.text.index("errors:") :] for e in found] == [
        "errors: by a thread", "errors: printed by a thread"
    ]  # fmt: skip
    assert {(e.file, e.level) for e in found} == {("error.log", "error")}
    assert "[client" not in found[0].text


def test_odd_lines(site):
    mark = site.logs.mark()
    seen = site.get("/errors-odd", host="a.test").json()
    assert seen == {"isatty": False, "closed": False, "encoding": "utf-8"}
    site.wait_log("odd: percent %s %n", "a.test", mark=mark)
    found = [e for e in site.logs.since(mark, "a.test") if "odd:" in e.text or "xxxx" in e.text]
    site.logs.expect(found)
    text = "\n".join(e.text for e in found)
    assert "odd: long " in text
    assert "odd: nul " in text
    assert "odd: Gr" in text


def test_print_and_stderr(site):
    mark = site.logs.mark()
    site.get("/prints", host="b.test")
    for stream in ("stdout", "stderr"):
        site.wait_log(f"prints: to {stream}", "b.test", mark=mark)
    assert {e.file for e in site.logs.find("prints:", mark=mark)} == {"b.test.log"}


@pytest.mark.parametrize(
    ("page", "last"),
    [
        ("raises", "ValueError: no reply from here"),
        ("raises-after-start", "ValueError: before anything was sent"),
        ("raises-chained", "ValueError: the effect"),
        ("raises-interrupt", "KeyboardInterrupt"),
        ("recursion", "RecursionError"),
    ],
)
def test_exception(site, page, last):
    """500 for the client; the whole traceback once, in the log of its virtual host only."""
    mark = site.logs.mark()
    if page == "raises-chained":
        reply = site.get(f"/{page}", 500, host="a.test")
        site.wait_log(last, "a.test", mark=mark)
        found = [e for e in site.logs.since(mark) if e.loud]
        text = "\n".join(e.text for e in found)
        assert "KeyError: 'the cause'" in text
        assert "direct cause" in text
        assert len([e for e in found if last in e.text and not e.number]) == 1
        assert len([e for e in found if e.number]) == 1
        site.logs.expect(found)
    else:
        with site.expects_traceback(last, "a.test"):
            reply = site.get(f"/{page}", 500, host="a.test")
    assert reply.headers["Content-Type"].startswith("text/html")
    assert "Traceback" not in reply.text
    assert "admin@main.test" in reply.text
    assert site.get("/one", host="a.test").text == "only one"
    text = "\n".join(e.text for e in site.logs.since(mark, "a.test"))
    assert "gateway.py" in text
    assert "in application" in text


def test_system_exit_does_not_end_the_process(site):
    before = site.get("/process", host="a.test").json()["pid"]
    mark = site.logs.mark()
    site.get("/raises-system-exit", 500, host="a.test")
    site.wait_log("SystemExit", "a.test", mark=mark)
    site.logs.expect(e for e in site.logs.since(mark, "a.test"))
    if site.mpm != "prefork" or site.mode == "daemon":
        assert site.get("/process", host="a.test").json()["pid"] == before


def test_exception_text_beyond_ascii(site):
    mark = site.logs.mark()
    site.get("/raises-nonlatin", 500, host="a.test")
    site.wait_log("second line", "a.test", mark=mark)
    site.logs.expect(site.logs.since(mark, "a.test"))


def test_exception_with_a_body_pending(site):
    """500 although the request's body was never read."""
    with site.expects_traceback("ValueError: no reply from here", "a.test"):
        reply = site.post("/raises", 500, data=b"x" * 500_000, host="a.test")
    assert reply.headers["Content-Type"].startswith("text/html")
