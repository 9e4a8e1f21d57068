# SPDX-License-Identifier: Apache-2.0
"""Functions of a script that httpd asks: what they are called with, what they may answer."""

from __future__ import annotations

import pytest

from .engine_driver import RELOADING, Answer, Engine

ABSENT, NONE, BOOL, TEXT, BYTES, LIST = (1 << number for number in range(6))
ANY = NONE | BOOL | TEXT | BYTES | LIST


def ask(engine: Engine, value: str, accepts: int = ANY, argument: str = "") -> Answer:
    """The answer of a function that returns this expression."""
    engine.write(f"def function(environ, *more):\n    return {value}\n")
    return engine.ask("ask", "function", str(accepts), argument)


@pytest.mark.parametrize(
    ("value", "answer", "texts"),
    [
        ("None", "NONE 0 0", []),
        ("True", "BOOL 1 0", []),
        ("False", "BOOL 0 0", []),
        ("'text'", "TEXT 0 1", ["text"]),
        ("''", "TEXT 0 1", [""]),
        ("'gr\\xfc\\u20ac'", "TEXT 0 1", ["gr%C3%BC%E2%82%AC"]),
        ("'\\udcff'", "TEXT 0 1", ["%FF"]),
        ("b'\\xff'", "BYTES 0 1", ["%FF"]),
        ("['a', b'b', '']", "LIST 0 3", ["a", "b", ""]),
        ("()", "LIST 0 0", []),
        ("{'one': 1}", "LIST 0 1", ["one"]),
        ("(c for c in 'ab')", "LIST 0 2", ["a", "b"]),
        ("['g'] * 16384", "LIST 0 16384", ["g"] * 8),
    ],
)
def test_answers(engine: Engine, value: str, answer: str, texts: list[str]) -> None:
    given = ask(engine, value)
    assert given.outcome == "DONE"
    assert given.of("answer") == [answer] * 2
    assert given.of("text") == texts * 2


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("17", "TypeError: 'int' object is not iterable"),
        ("['a', 17]", "TypeError: str or bytes expected, not int"),
        ("'a\\0b'", "ValueError: a text with a NUL character in it"),
        ("['a\\0b']", "ValueError: a text with a NUL"),
        ("'\\ud800'", "UnicodeEncodeError"),
        ("['g'] * 16385", "ValueError: more than 16384 texts"),
        ("iter(lambda: 'endless', None)", "ValueError: more than 16384 texts"),
        ("'x' * 1048576", "ValueError: more than 1048576 bytes"),
        ("(1 // 0 for _ in 'a')", "ZeroDivisionError"),
    ],
)
def test_answers_that_cannot_be_used(engine: Engine, value: str, words: str) -> None:
    given = ask(engine, value)
    assert given.outcome == "FAILED"
    assert given.problem.startswith("515 script '")
    assert words in given.problem
    assert given.of("text") == []


@pytest.mark.parametrize(
    ("value", "accepts", "words"),
    [
        ("'a'", NONE | BOOL, "function() returned a value of type str; allowed are None, bool"),
        ("None", TEXT, "type NoneType; allowed are str"),
        ("True", TEXT | LIST, "type bool; allowed are str, an iterable of str"),
        ("17", NONE | BYTES, "type int; allowed are None, bytes"),
    ],
)
def test_answers_of_a_wrong_kind(engine: Engine, value: str, accepts: int, words: str) -> None:
    given = ask(engine, value, accepts)
    assert (given.outcome, given.problem[:3]) == ("FAILED", "515")
    assert words in given.problem


def test_arguments(engine: Engine) -> None:
    given = ask(engine, "[type(environ).__name__, *more]", argument="p%E4ss")
    assert given.of("text")[:2] == ["dict", "p%C3%A4ss"]
    assert ask(engine, "[str(len(more))]").of("text")[0] == "0"


def test_one_environ_for_all_questions(engine: Engine) -> None:
    given = ask(engine, "environ.setdefault('n', []).append('x') or environ['n']")
    assert given.of("answer") == ["LIST 0 1", "LIST 0 2"]
    assert ask(engine, "sorted(k for k in environ if k.startswith('wsgi.in'))").of("text") == []


def test_missing_function(engine: Engine) -> None:
    engine.write("x = 1\n")
    given = engine.ask("ask", "function", str(ANY), "")
    assert (given.outcome, given.problem[:3]) == ("FAILED", "516")
    assert "has no function function()" in given.problem
    given = engine.ask("ask", "function", str(ANY | ABSENT), "")
    assert (given.outcome, given.of("answer")) == ("DONE", ["ABSENT 0 0"] * 2)


def test_exceptions(engine: Engine) -> None:
    engine.write("def function(environ):\n    raise SystemExit('leave')\n")
    given = engine.ask("ask", "function", str(ANY), "")
    assert (given.outcome, given.problem[:3]) == ("FAILED", "514")
    assert "SystemExit: leave" in given.problem
    assert "Traceback" in given.detail


def test_scripts_that_cannot_be_loaded(engine: Engine) -> None:
    engine.write("raise RuntimeError('no')\n")
    assert engine.ask("ask", "function", str(ANY), "").problem[:3] == "606"
    engine.send("app", "/nonexistent.py", "", "")
    given = engine.ask("ask", "function", str(ANY), "")
    assert (given.outcome, given.problem[:3]) == ("MISSING", "604")


def test_script_is_loaded_again(engine: Engine) -> None:
    assert ask(engine, "'old'").of("text") == ["old", "old"]
    engine.script.write_text("def function(environ):\n    return 'newer'\n")
    engine.send("flags", str(RELOADING))
    engine.send("id")
    assert engine.ask("ask", "function", str(ANY), "").of("text") == ["newer", "newer"]


def test_what_it_prints_goes_to_the_request(engine: Engine) -> None:
    given = ask(engine, "print('printed', end='')")
    assert given.log == ["error printedprinted"]
