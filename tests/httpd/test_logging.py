# SPDX-License-Identifier: Apache-2.0
"""Levels, and the way of a record into the right log as one entry."""

import json
import re

import pytest

pytestmark = pytest.mark.broad

NAMES = {50: "crit", 40: "error", 30: "warn", 20: "info", 10: "debug", 5: "debug"}


@pytest.fixture(scope="module")
def server(module_site):
    """a: no LogLevel of its own for us; b: debug for us; a/quiet: errors only."""
    site = module_site
    a, b = site.config.vhost("a.test"), site.config.vhost("b.test")
    path = site.add_app("logs.py", where=a, group="a")
    site.add_app(path, where=b, group="b")
    a.add("LogLevel warn", "<Location /lazy>\nLogLevel wsgi:info\n</Location>")
    a.add('<If "%{QUERY_STRING} =~ /quiet/">\nLogLevel wsgi:error\n</If>')
    b.add("LogLevel wsgi:debug")
    site.start()
    site.logs.allow("logs: imported")
    return site


@pytest.fixture
def site(server, checked):
    return checked


def lines(site, mark, last, host, who):
    """Entries that name `who`, once a line with `last` is there."""
    site.wait_log(last, host, mark=mark)
    found = [e for e in site.logs.since(mark) if who in e.text]
    site.logs.expect(site.logs.since(mark))
    assert {e.file for e in found} == {f"{host}.log"}
    assert {e.module for e in found} == {"wsgi"}
    return found


def run(site, function, host, last, who=None):
    who = who or f"{function}-{host}"
    mark = site.logs.mark()
    site.get(f"/{function}?{who}", host=host)
    return lines(site, mark, last, host, who)


def levels_of(found, word):
    return [e.level for e in found if re.search(rf"\b{word}\b", e.text)]


def test_levels_of_records(site):
    found = run(site, "levels", "b.test", "levels-b.test end")
    for logger in ("stream", "direct", "cask"):
        for level, name in NAMES.items():
            assert levels_of(found, rf"{logger} {level}") == [name]
    assert levels_of(found, "last resort") == ["warn"]
    assert levels_of(found, "print") == ["error"]
    assert levels_of(found, "errors") == ["error"]
    client = r"(?:\w+\.\w+\(\d+\): )?\[client 127\.0\.0\.1:\d+\] "
    assert all(re.match(client, e.text) for e in found)


def test_places_of_records(site):
    """httpd shows them at debug by default."""
    found = run(site, "levels", "b.test", "levels-b.test end")
    for logger in ("stream", "direct", "cask"):
        [entry] = [e for e in found if e.text.endswith(f"{logger} 10")]
        assert re.match(r"logs\.py\(\d+\): \[client", entry.text)


def test_log_level_filters_records_of_log_handler(site):
    """What is printed is never lost to a LogLevel that was not made for us."""
    found = run(site, "levels", "a.test", "levels-a.test end")
    for logger in ("direct", "cask"):
        for level, name in NAMES.items():
            shown = [name] if level >= 30 else []
            assert levels_of(found, rf"{logger} {level}") == shown
    for level, name in NAMES.items():
        assert levels_of(found, f"stream {level}") == [name]


def test_log_level_for_us_filters_everything(site):
    found = run(site, "levels", "a.test", "levels-quiet end", "levels-quiet")
    for logger in ("stream", "direct", "cask"):
        for level, name in NAMES.items():
            shown = [name] if level >= 40 else []
            assert levels_of(found, rf"{logger} {level}") == shown
    assert levels_of(found, "last resort") == []
    assert levels_of(found, "print") == ["error"]


def test_warnings(site):
    mark = site.logs.mark()
    site.get("/levels?warn-me", host="b.test")
    site.wait_log("warn-me end", "b.test", mark=mark)
    found = [e for e in site.logs.since(mark) if "warn" in e.text]
    site.logs.expect(site.logs.since(mark))
    [warned] = [e for e in found if "UserWarning: warn-me warned" in e.text]
    assert warned.level == "warn"
    assert re.search(r"logs\.py:\d+: UserWarning", warned.text)
    at = site.logs.since(mark).index(warned)
    below = site.logs.since(mark)[at + 1]
    assert "warnings.warn(" in below.text
    assert below.level == "warn"


def test_disabled_levels_are_not_formatted(site):
    found = run(site, "lazy", "a.test", "lazy-a.test warning")
    assert [e.level for e in found] == ["info", "warn"]


def test_formatting_errors_do_not_stop_the_application(site):
    mark = site.logs.mark()
    site.get("/bad?bad", host="a.test")
    site.wait_log("bad after", "a.test", mark=mark)
    found = site.logs.since(mark, "a.test")
    site.logs.expect(found)
    assert any("--- Logging error ---" in e.text for e in found)


def test_json_stays_json(site):
    for host in ("a.test", "b.test"):
        found = run(site, "text", host, f"text-{host}")
        assert [e.level for e in found] == ["error", "warn", "warn"]
        for entry in found:
            value = json.loads(entry.text[entry.text.index("{") :])
            assert value == {
                "who": f"text-{host}",
                "text": 'quote " backslash \\ tab \t',
                "umlaut": "Grüße €",
                "list": [1, 2],
            }


def test_long_lines_are_whole(site):
    mark = site.logs.mark()
    site.get("/long?long", host="a.test")
    site.wait_log("direct end", "a.test", mark=mark)
    found = list(site.logs.since(mark, "a.test"))
    site.logs.expect(found)
    texts = [e.text.partition("] ")[2] for e in found if "€" in e.text or "xxx" in e.text]
    assert all(len(text.encode()) <= 61440 for text in texts)
    whole = "".join(texts)
    for size in (7000, 9000, 50000, 200000):
        assert f"long {'€' * (size // 3)} {size} end" in whole
    assert f"long {'x' * 40000} direct end" in texts


def test_lines_cannot_be_forged(site):
    agent = 'evil\\x0a" %s %n \xe4\x9b end'
    mark = site.logs.mark()
    site.get("/forged?forged", host="a.test", headers={"User-Agent": agent.encode("latin-1")})
    site.wait_log("forged odd file", "a.test", mark=mark)
    found = list(site.logs.since(mark, "a.test"))
    site.logs.expect(found)
    assert len(found) == 3
    assert all(re.match(r"\[client ", e.text) for e in found)
    first, second, _ = (e.text for e in found)
    assert "\\x0d" in first
    assert "\\x1b[31m \\x00 end agent" in first
    assert 'evil\\x0a" %s %n' in second
    assert "\xc2\x9b" not in second


def test_tracebacks_stay_together(site):
    """Four threads at once, in two ways each; every entry is followed by its own lines."""
    mark = site.logs.mark()
    site.get("/tracebacks?tb", host="b.test")
    site.get("/text?tb-done", host="b.test")
    site.wait_log("tb-done", "b.test", mark=mark)
    found = site.logs.since(mark)
    site.logs.expect(found)
    texts = [e.text.partition("] ")[2] if e.text.startswith("[client") else e.text for e in found]
    starts = [i for i, text in enumerate(texts) if text.startswith("Traceback")]
    assert len(starts) == 4 * 20 * 3
    for at in starts:
        here = texts[at : at + 10]
        end = next(i for i, text in enumerate(here) if text.startswith("ValueError: tb "))
        assert all(text.startswith("  ") for text in here[1:end])
        before = texts[at - 1]
        if re.match(r"tb (direct|stream) \d+$", before):
            assert before.split()[2] == here[end].split()[2]
    for word in ("direct", "stream"):
        assert sum(text.startswith(f"tb {word} ") for text in texts) == 80


def test_exceptions_are_whole(site):
    mark = site.logs.mark()
    site.get("/fail?fail", host="a.test", expect=500)
    site.wait_log("CASK0501", "a.test", mark=mark)
    found = site.logs.since(mark)
    site.logs.expect(found)
    assert {e.level for e in found} == {"error"}
    texts = [e.text.partition("] ")[2] for e in found]
    assert texts[-2:] == ["LookupError: fail Grüße", "second"]
    assert texts[1] == "Traceback (most recent call last):"


def test_a_flood_arrives(site):
    mark = site.logs.mark()
    site.get("/flood?flood", host="b.test")
    site.wait_log(r"flood 04999", "b.test", mark=mark)
    found = [e for e in site.logs.since(mark, "b.test") if "flood" in e.text]
    assert [int(re.search(r"flood (\d+)", e.text).group(1)) for e in found] == list(range(5000))
    assert all("[client 127.0.0.1:" in e.text for e in found)
