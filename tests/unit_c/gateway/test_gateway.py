# SPDX-License-Identifier: Apache-2.0
"""PEP 3333 through the door: the engine with fake ends instead of httpd."""

from __future__ import annotations

import pytest

from .engine_driver import HEAD, HTTPS, Engine, app

GONE = str(32)  # EPIPE


def test_one_element_list_leaves_in_one_piece(engine: Engine) -> None:
    answer = engine.serve(app("return [b'hello']"))
    assert answer.outcome == "DONE"
    assert answer.steps == ["start", "write", "finish"]
    assert (answer.status, answer.length, answer.writes) == (200, 5, ["5 hello"])
    assert answer.headers == ["X-A: b"]


def test_items_of_a_list_are_joined_without_flush(engine: Engine) -> None:
    answer = engine.serve(app("return [b'a', b'', b'b' * 3]"))
    assert (answer.steps, answer.writes, answer.length) == (
        ["start", "write", "finish"], ["4 abbb"], -1,
    )


def test_empty_list(engine: Engine) -> None:
    answer = engine.serve(app("return []"))
    assert (answer.steps, answer.length) == (["start", "finish"], 0)


def test_generator_is_flushed_item_by_item(engine: Engine) -> None:
    answer = engine.serve(app("yield b'one'\nyield b''\nyield b'two'"))
    assert answer.steps == ["start", "write", "flush", "write", "flush", "finish"]
    assert answer.length == -1


def test_complete_generator_is_held_for_the_end(engine: Engine) -> None:
    answer = engine.serve(app("yield b'12345'", headers="[('Content-Length', '5')]"))
    assert (answer.steps, answer.length, answer.headers) == (["start", "write", "finish"], 5, [])


def test_large_blocks_are_lent(engine: Engine) -> None:
    answer = engine.serve(app("return [b'x' * 100000, b'y' * 10]"))
    assert [w.split()[:2] for w in answer.writes] == [["100000", "lent"], ["10", "y" * 10]]
    assert engine.serve(app("return [b'z' * 9000]")).writes[0].startswith("9000 lent")


def test_many_items(engine: Engine) -> None:
    answer = engine.serve(app("return [b'q' * 1000] * 100"))
    assert sum(int(w.split()[0]) for w in answer.writes) == 100000
    assert answer.outcome == "DONE"


def test_write_callable(engine: Engine) -> None:
    answer = engine.serve(app("write(b'one')\nwrite(b'two')\nreturn [b'three']"))
    assert answer.steps == ["start", "write", "flush", "write", "flush", "write", "finish"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("return ['text']", "TypeError: the application's iterable must yield bytes, not str"),
        ("return None", "TypeError"),
        ("raise ValueError('boom')", "application raised ValueError: boom"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("write('text')", "TypeError: write() takes bytes"),
        ("start_response('200 OK', [])", "AssertionError"),
        ("write(b'x'); start_response('200 OK', [])", "RuntimeError"),
    ],
)
def test_faults(engine: Engine, body: str, problem: str) -> None:
    answer = engine.serve(app(body))
    assert answer.outcome == "FAILED"
    assert problem in answer.problem
    assert "Traceback" in answer.detail or "TypeError" in answer.detail
    assert "finish" not in answer.steps


def test_without_start_response(engine: Engine) -> None:
    text = "def application(environ, start_response):\n    return [b'x']\n"
    answer = engine.serve(text)
    assert answer.outcome == "FAILED"
    assert "start_response" in answer.problem
    assert answer.steps == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("'200'", ""),
        ("'999 Odd'", ""),
        ("'200 '", ""),
        ("b'200 OK'", "TypeError"),
        ("'20 OK'", "ValueError"),
        ("'2000 OK'", "ValueError"),
        ("'200OK'", "ValueError"),
        ("'100 Continue'", "ValueError"),
        ("'200 a\\r\\nX: y'", "ValueError"),
        ("'200 \\u20ac'", "UnicodeEncodeError"),
    ],
)
def test_status(engine: Engine, status: str, kind: str) -> None:
    answer = engine.serve(app("return [b'']", status=status))
    assert answer.outcome == ("FAILED" if kind else "DONE")
    assert kind in answer.problem


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ("[('Set-Cookie', 'a=1'), ('Set-Cookie', 'b=2')]", ""),
        ("[('X', 'caf\\xe9')]", ""),
        ("[('X', 'a\\tb')]", ""),
        ("(('X', 'a'),)", "TypeError"),
        ("[['X', 'a']]", "TypeError"),
        ("[('X', 'a', 'b')]", "ValueError"),
        ("[('X', b'a')]", "TypeError"),
        ("[('', 'a')]", "ValueError"),
        ("[('X Y', 'a')]", "ValueError"),
        ("[('X:', 'a')]", "ValueError"),
        ("[('X', 'a\\r\\nB: c')]", "ValueError"),
        ("[('X', 'a\\0')]", "ValueError"),
        ("[('X', '\\u20ac')]", "UnicodeEncodeError"),
        ("[('Content-Length', 'abc')]", "ValueError"),
        ("[('Content-Length', '-1')]", "ValueError"),
        ("[('Content-Length', '1'), ('Content-Length', '2')]", "ValueError"),
    ],
)
def test_headers(engine: Engine, headers: str, kind: str) -> None:
    answer = engine.serve(app("return [b'x']", headers=headers))
    assert answer.outcome == ("FAILED" if kind else "DONE"), answer.problem
    assert kind in answer.problem


def test_many_long_headers(engine: Engine) -> None:
    answer = engine.serve(app("return []", headers="[('X-%d' % i, 'v' * 500) for i in range(100)]"))
    assert len(answer.headers) == 100
    assert answer.headers[99] == "X-99: " + "v" * 500


def test_hop_by_hop_headers_are_left_out_with_one_warning(engine: Engine) -> None:
    headers = "[('Connection', 'close'), ('Transfer-Encoding', 'chunked'), ('Keep-Alive', 'x')]"
    answer = engine.serve(app("return [b'x']", headers=headers))
    assert answer.headers == ["Connection: close"]
    assert len(answer.log) == 1 and "CASK0504" in answer.log[0]
    assert engine.serve().log == []


def test_exc_info(engine: Engine) -> None:
    begin = "import sys\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    info = sys.exc_info()\n"
    again = "start_response('500 Oops', [('X-E', '1')], info)\nreturn [b'error']"
    answer = engine.serve(app(begin + again))
    assert (answer.outcome, answer.status, answer.headers) == ("DONE", 500, ["X-E: 1"])


def test_exc_info_after_the_headers(engine: Engine) -> None:
    body = "import sys\nwrite(b'begun')\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n"
    body += "    start_response('500 Oops', [], sys.exc_info())\nreturn []"
    answer = engine.serve(app(body))
    assert answer.outcome == "FAILED"
    assert "ZeroDivisionError" in answer.problem
    assert answer.steps == ["start", "write", "flush"]


def test_exception_in_mid_reply_is_no_end(engine: Engine) -> None:
    answer = engine.serve(app("yield b'one'\nraise KeyError('x')"))
    assert answer.outcome == "FAILED"
    assert answer.steps == ["start", "write", "flush"]


CLOSING = """
class Items:
    def __init__(self, items): self.items = items
    def __iter__(self): return self.run()
    def run(self):
        for item in self.items:
            if isinstance(item, Exception): raise item
            yield item
    closed = 0
    def close(self):
        Items.closed += 1
        print('closed', Items.closed)
        if self.items[-1:] == [b'bad']: raise ValueError('in close')

def application(environ, start_response):
    start_response('200 OK', [('Content-Length', '3')] if environ['QUERY_STRING'] == 'l' else [])
    return Items(eval(environ['PATH_INFO']))
"""


@pytest.mark.parametrize(
    ("items", "query", "outcome"),
    [
        ("[b'one', b'two']", "", "DONE"),
        ("[b'one']", "l", "DONE"),
        ("[ValueError('x')]", "", "FAILED"),
        ("[b'a', ValueError('x')]", "", "FAILED"),
        ("['str']", "", "FAILED"),
        ("[b'one', b'bad']", "", "DONE"),
        ("[]", "", "DONE"),
    ],
)
def test_close_is_called_once(engine: Engine, items: str, query: str, outcome: str) -> None:
    answer = engine.serve(CLOSING, PATH_INFO=items, QUERY_STRING=query)
    assert answer.outcome == outcome
    assert [line for line in answer.log if "closed" in line] == ["error closed 1"]
    assert ("CASK0505" in "".join(answer.log)) == ("bad" in items)


def test_close_is_called_when_the_client_has_gone(engine: Engine) -> None:
    settings = (("fail", GONE),)
    answer = engine.serve(CLOSING, PATH_INFO="[b'a', b'b']", QUERY_STRING="", settings=settings)
    assert answer.outcome == "CLIENT_GONE"
    assert answer.log == ["error closed 1"]
    assert answer.detail == ""


def test_client_gone_in_write(engine: Engine) -> None:
    body = "try:\n    write(b'x')\nexcept BrokenPipeError:\n    print('gone')\n    raise\nreturn []"
    answer = engine.serve(app(body), settings=(("fail", GONE),))
    assert (answer.outcome, answer.log) == ("CLIENT_GONE", ["error gone"])


def test_content_length_is_enforced(engine: Engine) -> None:
    text = app("return eval(environ['PATH_INFO'])", headers="[('Content-Length', '4')]")
    answer = engine.serve(text, PATH_INFO="[b'123456']")
    assert (answer.outcome, answer.writes) == ("DONE", ["4 1234"])
    assert len(answer.log) == 1 and "CASK0503" in answer.log[0]
    answer = engine.serve(PATH_INFO="[b'12']")
    assert (answer.outcome, answer.steps) == ("FAILED", ["start", "write", "flush"])
    assert answer.problem.startswith("502 ")
    answer = engine.serve(PATH_INFO="(x for x in [b'12', b'345', b'6'])")
    assert [w.split()[1] for w in answer.writes] == ["12", "34"]
    assert answer.outcome == "DONE"


def test_head_and_bodyless_statuses(engine: Engine) -> None:
    text = app("return [b'body']", status="environ['QUERY_STRING']")
    answer = engine.serve(text, flags=HEAD, QUERY_STRING="200 OK")
    assert (answer.steps, answer.length) == (["start", "finish"], 4)
    for status in ("204 No Content", "304 Not Modified"):
        answer = engine.serve(QUERY_STRING=status)
        assert (answer.steps, answer.length, answer.outcome) == (["start", "finish"], -1, "DONE")


def test_head_of_empty_list_claims_no_length(engine: Engine) -> None:
    assert engine.serve(app("return []"), flags=HEAD).length == -1


ENVIRON = """
def application(environ, start_response):
    for key in sorted(environ):
        print(key, type(environ[key]).__name__, repr(environ[key]))
    assert type(environ) is dict
    environ['REQUEST_METHOD'] = environ['wsgi.version'] = 'spoilt'
    start_response('200 OK', [])
    return []
"""


def environ_of(log: list[str]) -> dict[str, tuple[str, str]]:
    rows = [line.split(" ", 3)[1:] for line in log]
    return {key: (kind, value) for key, kind, value in rows}


def test_environ(engine: Engine) -> None:
    headers = {"host": "h:1", "x-own": "caf\xe9", "X_Bad": "x", "cookie": "a=1"}
    variables = {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/\udce9", "DOCUMENT_ROOT": "/d\xe9",
        "MY_VAR": "1", "wsgi.input": "fake", "wsgi.own": "mine", "CONTENT_TYPE": "",
    }  # fmt: skip
    for round_number in range(4):  # values come from the template from the third on
        answer = engine.serve(ENVIRON, headers=headers, flags=HTTPS, **variables)
        seen = environ_of(answer.log)
        assert seen["REQUEST_METHOD"] == ("str", "'GET'"), round_number
        assert seen["PATH_INFO"] == ("str", "'/é'")
        assert seen["DOCUMENT_ROOT"] == ("str", "'/dé'")
        assert seen["MY_VAR"] == ("str", "'1'")
        assert seen["HTTP_HOST"] == ("str", "'h:1'")
        assert seen["HTTP_X_OWN"] == ("str", "'café'")
        assert seen["HTTP_COOKIE"] == ("str", "'a=1'")
        assert seen["CONTENT_TYPE"] == ("str", "''")
        assert "HTTP_X_BAD" not in seen
        assert seen["wsgi.version"] == ("tuple", "(1, 0)")
        assert seen["wsgi.url_scheme"] == ("str", "'https'")
        assert seen["wsgi.input"][0] == "Input"
        assert seen["wsgi.own"] == ("str", "'mine'")
        assert seen["wsgi.multithread"] == ("bool", "True")
        assert seen["wsgi.multiprocess"] == ("bool", "False")
        assert seen["wsgi.run_once"] == ("bool", "False")
        assert seen["wsgi.input_terminated"] == ("bool", "True")
        assert seen["mod_wsgi.version"] == ("tuple", "(6, 1, 1)")
        assert seen["apache.version"] == ("tuple", "(2, 4, 58)")
        assert seen["mod_wsgi.application_group"] == ("str", "''")
        assert seen["mod_wsgi.thread_id"] == ("int", "1")
        assert seen["mod_wsgi.queue_start"] == ("float", "0.0")
        assert float(seen["mod_wsgi.application_start"][1]) > 1e9
    # What the next request does not have is gone, though it had come often enough to be kept.
    seen = environ_of(engine.serve(REQUEST_METHOD="POST").log)
    assert seen["REQUEST_METHOD"] == ("str", "'POST'")
    assert seen["wsgi.url_scheme"] == ("str", "'http'")
    assert not {"HTTP_HOST", "PATH_INFO", "MY_VAR", "HTTP_COOKIE", "CONTENT_TYPE"} & set(seen)
