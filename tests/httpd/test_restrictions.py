# SPDX-License-Identifier: Apache-2.0
"""WSGIRestrictStdin, WSGIRestrictStdout, WSGIRestrictSignal, for all and for some interpreters."""

import subprocess

import pytest
import requests

from harness.wait import wait_until


def ask(site, page, at=""):
    return site.get(f"{at}/{page}").json()


def add_section(site, selectors, line):
    site.config.add(f"<WSGIInterpreterOptions {selectors}>", line, "</WSGIInterpreterOptions>")


def test_streams_are_free_by_default(site):
    site.serve("python_options.py")
    with site.expects_log("printed by the application"):
        seen = ask(site, "streams")
    assert seen["print"] == "done"
    assert seen["read"] == "done"


def test_restricted_streams_say_why(site):
    site.config.add("WSGIRestrictStdin On", "WSGIRestrictStdout On")
    site.serve("python_options.py")
    seen = ask(site, "streams")
    for what in ("print", "isatty", "hasattr"):
        assert seen[what].startswith("OSError: sys.stdout is not for applications")
        assert "WSGIRestrictStdout On" in seen[what]
    for what in ("read", "lines", "encoding"):
        assert seen[what].startswith("OSError: sys.stdin is not for applications")


@pytest.mark.broad
def test_restricted_streams_end_quietly(site):
    """Python flushes sys.stdout at its end: nobody wants to read about that."""
    site.config.add("WSGIRestrictStdin On", "WSGIRestrictStdout On")
    site.serve("python_options.py")
    ask(site, "flags")
    site.settle()
    site.stop()
    assert not site.logs.find("OSError|Exception ignored")


def test_one_interpreter_can_be_restricted(site):
    add_section(site, "application-group=tight", "WSGIRestrictStdout On")
    path = site.install("python_options.py")
    site.add_app(path, at="/tight", application_group="tight")
    site.serve(path)
    with site.expects_log("printed by the application"):
        assert ask(site, "streams")["print"] == "done"
    assert ask(site, "streams", "/tight")["print"].startswith("OSError")


def test_the_most_special_section_counts(site):
    group = "main" if site.mode == "daemon" else "%{GLOBAL}"
    both = f"process-group={group} application-group=%{{GLOBAL}}"
    add_section(site, both, "WSGIRestrictStdout Off")
    add_section(site, f"process-group={group}", "WSGIRestrictStdout On")
    site.config.add("WSGIRestrictStdout Off")
    path = site.install("python_options.py")
    site.add_app(path, at="/other", application_group="other")
    site.serve(path)
    with site.expects_log("printed by the application"):
        assert ask(site, "streams")["print"] == "done"
    assert ask(site, "streams", "/other")["print"].startswith("OSError")


def test_signal_handlers_are_not_registered(site):
    """The caller gets what the real function would return; one line per place of call."""
    site.serve("python_options.py")
    with site.expects_log(r"python_options\.py:\d+ has no effect.*WSGIRestrictSignal Off"):
        assert ask(site, "signals") == {"results": [True] * 3, "same": True}
        assert ask(site, "signals")["same"] is True


@pytest.mark.only("main", reason="Python forks in its main interpreter only")
def test_a_child_may_handle_signals(site):
    site.serve("python_options.py")
    assert ask(site, "child-signals") == {"text": "handled"}
    assert not site.logs.find("has no effect")


def test_without_the_restriction_pythons_own_rule_holds(site):
    """Requests are not served by the main thread, so Python refuses by itself."""
    site.config.add("WSGIRestrictSignal Off")
    site.serve("python_options.py")
    assert "main thread" in ask(site, "signals")["results"][0]


def answers(site):
    try:
        return ask(site, "flags")
    except requests.ConnectionError:
        return None


@pytest.mark.only("embedded", reason="a daemon has no terminal")
@pytest.mark.unsanitized(reason="it starts httpd without the runtimes")
def test_with_httpd_x_print_reaches_the_terminal(site):
    """So that a debugger can be used; WSGIRestrictStdout is about servers."""
    site.config.add("WSGIRestrictStdout On")
    site.add_app("python_options.py")
    site.write_config()
    output = site.root / "logs" / "terminal.txt"
    with output.open("wb") as terminal:
        process = subprocess.Popen(
            [site.settings.httpd, "-f", str(site.conf_file), "-X"],
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
    try:
        wait_until(lambda: answers(site), 10.0, site.tail)
        assert ask(site, "streams")["print"] == "done"
    finally:
        site.session.close()
        process.terminate()
        process.wait(10)
    assert "printed by the application\n" in output.read_text().splitlines(keepends=True)
