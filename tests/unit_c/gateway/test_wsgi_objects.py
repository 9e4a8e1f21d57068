# SPDX-License-Identifier: Apache-2.0
"""The objects that PEP 3333 gives to applications: input, errors, file wrapper."""

from __future__ import annotations

import gzip

import pytest

from .engine_driver import CHUNKED, Engine, app

INPUT = """
def application(environ, start_response):
    f = environ['wsgi.input']
    print(repr(eval(environ['PATH_INFO'])))
    start_response('200 OK', [])
    return []
"""
LINES = [b"one\ntw", b"o\n", b"three"]


@pytest.mark.parametrize("flags", [0, CHUNKED])
@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("f.read()", "b'one\\ntwo\\nthree'"),
        ("f.read(None), f.read(), f.read(3)", "(b'one\\ntwo\\nthree', b'', b'')"),
        ("f.read(-5)", "b'one\\ntwo\\nthree'"),
        ("f.read(7), f.read(100)", "(b'one\\ntwo', b'\\nthree')"),
        ("f.read(0), f.read(1)", "(b'', b'o')"),
        ("f.read1(), f.read1(1), f.read1(100)", "(b'one\\ntw', b'o', b'\\n')"),
        ("f.readline(), f.readline(), f.readline(), f.readline()",
         "(b'one\\n', b'two\\n', b'three', b'')"),
        ("f.readline(2), f.readline(2), f.readline(100)", "(b'on', b'e\\n', b'two\\n')"),
        ("f.readline(0), f.readline(None), f.read()", "(b'', b'one\\n', b'two\\nthree')"),
        ("f.readlines()", "[b'one\\n', b'two\\n', b'three']"),
        ("f.readlines(5), f.readlines()", "([b'one\\n', b'two\\n'], [b'three'])"),
        ("list(f), next(f, 0)", "([b'one\\n', b'two\\n', b'three'], 0)"),
        ("next(f), f.read(2), f.readline()", "(b'one\\n', b'tw', b'o\\n')"),
        ("(b := bytearray(6)), f.readinto(b), f.readinto(b), b",
         "(bytearray(b'o\\nthre'), 6, 6, bytearray(b'o\\nthre'))"),
        ("f.readable(), f.seekable(), f.writable(), f.closed, f.close(), f.read(3)",
         "(True, False, False, False, None, b'one')"),
        ("__import__('io').BufferedReader(f).read()", "b'one\\ntwo\\nthree'"),
    ],
)  # fmt: skip
def test_input(engine: Engine, code: str, result: str, flags: int) -> None:
    answer = engine.serve(INPUT, body=LINES, PATH_INFO=code, flags=flags)
    assert answer.log == ["error " + result], answer.problem + answer.detail


def test_input_of_many_bytes(engine: Engine) -> None:
    body = [bytes([i % 256]) * 4000 for i in range(60)]
    for flags in (0, CHUNKED):
        answer = engine.serve(INPUT, body=body, PATH_INFO="hash(f.read()) and 1", flags=flags)
        assert answer.log == ["error 1"]
        answer = engine.serve(body=body, PATH_INFO="sum(map(len, f))", flags=flags)
        assert answer.log == ["error 240000"]


@pytest.mark.parametrize(
    ("errno", "kind", "outcome"),
    [
        ("104", "ConnectionResetError", "CLIENT_GONE"),
        ("110", "TimeoutError", "BODY_BAD"),
        ("74", "OSError", "BODY_BAD"),
    ],
)
def test_input_errors(engine: Engine, errno: str, kind: str, outcome: str) -> None:
    settings = (("body-error", errno),)
    answer = engine.serve(INPUT, body=[b"x"], PATH_INFO="f.read()", settings=settings)
    assert answer.outcome == outcome
    text = app(
        f"try:\n    environ['wsgi.input'].read()\nexcept {kind} as error:\n    print(error.errno)\n"
        f"try:\n    environ['wsgi.input'].read()\nexcept {kind}:\n    print('again')\nreturn []"
    )
    answer = engine.serve(text, body=[b"x"], settings=settings)
    assert (answer.outcome, answer.log) == ("DONE", [f"error {errno}", "error again"])


KEEPER = """
kept = []
def application(environ, start_response):
    for call in (lambda: kept[0].read(), lambda: kept[1]('200 OK', []), lambda: kept[2](b'x')):
        if kept:
            try:
                call()
            except RuntimeError as error:
                print('over')
    kept[:] = environ['wsgi.input'], start_response, start_response('200 OK', [])
    return []
"""


def test_objects_of_an_ended_request(engine: Engine) -> None:
    assert engine.serve(KEEPER).log == []
    assert engine.serve().log == ["error over"] * 3


def test_input_on_another_thread(engine: Engine) -> None:
    body = "from concurrent.futures import ThreadPoolExecutor\n"
    body += "with ThreadPoolExecutor(1) as pool:\n"
    body += "    return [pool.submit(environ['wsgi.input'].read).result()]"
    assert engine.serve(app(body), body=[b"abc"]).writes == ["3 abc"]


def test_printed_lines(engine: Engine) -> None:
    body = """
import sys, threading
print('to', 'stdout')
sys.stderr.write('half')
environ['wsgi.errors'].write(' line\\n')
environ['wsgi.errors'].writelines(['a\\n', 'b\\n', '\\u20ac\\n', '\\n'])
environ['wsgi.errors'].flush()
t = threading.Thread(target=print, args=('elsewhere',)); t.start(); t.join()
sys.stdout.write('tail')
return []"""
    answer = engine.serve(app(body))
    lines = ["to stdout", "half line", "a", "b", "\u20ac", "", "tail"]
    assert answer.log == ["error " + line for line in lines]
    assert answer.of("process-log") == ["error elsewhere"]


def test_lines_of_a_forked_child(engine: Engine) -> None:
    """The parent's log is not the child's to write: its lines go to descriptor 2."""
    body = """
import os, sys
pid = os.fork()
if pid == 0:
    os.dup2(os.open(environ['PATH_INFO'], os.O_WRONLY | os.O_CREAT), 2)
    print('child')
    os._exit(0)
os.waitpid(pid, 0)
print('parent')
return []"""
    target = engine.folder / "stderr"
    assert engine.serve(app(body), PATH_INFO=str(target)).log == ["error parent"]
    assert target.read_text() == "child\n"


def test_very_long_line_is_split(engine: Engine) -> None:
    answer = engine.serve(app("print('x' * 50000)\nprint('x' * 130000)\nreturn []"))
    lengths = [len(line) - len("error ") for line in answer.log]
    assert lengths[0] == 50000
    assert sum(lengths[1:]) == 130000
    assert max(lengths) <= 60 * 1024


FILES = """
import io, gzip, os, tempfile
folder = os.path.dirname(__file__)
def application(environ, start_response):
    headers, make = eval(environ['PATH_INFO'])
    start_response('200 OK', headers)
    return environ['wsgi.file_wrapper'](make)
"""


@pytest.mark.parametrize(
    ("code", "steps"),
    [
        ("[], open(folder + '/data', 'rb')", ["start", "file 0 10", "finish"]),
        ("[], open(folder + '/data', 'rb', 0)", ["start", "file 0 10", "finish"]),
        ("[], (lambda f: (f.read(4), f)[1])(open(folder + '/data', 'rb'))",
         ["start", "file 4 6", "finish"]),
        ("[('Content-Length', '3')], open(folder + '/data', 'rb')",
         ["start", "file 0 3", "finish"]),
        ("[('Content-Length', '30')], open(folder + '/data', 'rb')",
         ["start", "file 0 10", "flush"]),
        ("[], (lambda f: (f.seek(99), f)[1])(open(folder + '/data', 'rb'))",
         ["start", "finish"]),
        ("[], (lambda f: (f.write(b'abc'), f.seek(0), f)[2])(tempfile.NamedTemporaryFile())",
         ["start", "file 0 3", "finish"]),
        ("[], io.BytesIO(b'memory')", ["start", "write 6 memory", "flush", "finish"]),
        ("[], gzip.open(folder + '/gz')", ["start", "write 5 plain", "flush", "finish"]),
    ],
)  # fmt: skip
def test_file_wrapper(engine: Engine, code: str, steps: list[str]) -> None:
    (engine.folder / "data").write_bytes(b"0123456789")
    (engine.folder / "gz").write_bytes(gzip.compress(b"plain"))
    answer = engine.serve(FILES, PATH_INFO=code)
    words = ("start", "write", "file", "flush", "finish")
    seen = [line for line in answer.lines if line.split()[0] in words]
    assert [line if line.split()[0] != "start" else "start" for line in seen] == [
        step for step in steps if not (step == "flush" and "flush" not in answer.steps)
    ], answer.problem + answer.detail


def test_file_wrapper_can_be_subclassed_and_closes(engine: Engine) -> None:
    text = """
import mod_wsgi
class Loud(mod_wsgi.FileWrapper):
    def close(self):
        print('closing', self.blksize, self.filelike.closed)
        super().close()
def application(environ, start_response):
    assert environ['wsgi.file_wrapper'] is mod_wsgi.FileWrapper
    start_response('200 OK', [])
    return Loud(filelike=open(__file__, 'rb'), blksize=100)
"""
    answer = engine.serve(text)
    assert answer.steps == ["start", "file", "finish"]
    assert answer.log == ["error closing 100 False"]


def test_validator_accepts(engine: Engine) -> None:
    text = """
from wsgiref.validate import validator
@validator
def application(environ, start_response):
    data = environ['wsgi.input'].read(100)
    environ['wsgi.errors'].write('')
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return iter([data])
"""
    variables = {
        "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": "/", "QUERY_STRING": "",
        "SERVER_NAME": "s", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": "4",
    }  # fmt: skip
    answer = engine.serve(text, body=[b"data"], **variables)
    assert (answer.outcome, answer.log) == ("DONE", []), answer.problem + answer.detail
    assert answer.writes == ["4 data"]


HINTS = """
kept = []
def application(environ, start_response):
    send = environ['wsgi.early_hints']
    for headers in eval(environ['PATH_INFO']):
        try:
            send(headers)
        except Exception as error:
            print(type(error).__name__)
    if kept:
        try:
            kept[0]([('Link', 'x')])
        except RuntimeError:
            print('over')
    kept[:] = [send]
    start_response('200 OK', [])
    return []
"""


def test_early_hints(engine: Engine) -> None:
    answer = engine.serve(HINTS, PATH_INFO="[[('Link','<a>'),('X','\\xe9')],[],[('Link','b')]]")
    assert answer.of("hint") == ["Link: <a>", "X: %E9", "Link: b"]
    answer = engine.serve(
        PATH_INFO="[(), None, [1], [('A b','')], [('A','\\n')], [('Content-Length','1')],"
        "[('TE','x')], [('Connection','close')], [('A','x'*70000)], [('A',1)]]"
    )
    assert answer.of("hint") == []
    kinds = ["TypeError"] * 3 + ["ValueError"] * 6 + ["TypeError", "over"]
    assert answer.log == ["error " + kind for kind in kinds]


def test_early_hints_are_limited_and_fail_as_writes_do(engine: Engine) -> None:
    answer = engine.serve(HINTS, PATH_INFO="[[('Link','x')]] * 18")
    assert len(answer.of("hint")) == 16
    assert answer.log == ["error RuntimeError"] * 2
    answer = engine.serve(PATH_INFO="[[('Link','x')]]", settings=(("fail", "32"),))
    assert "error BrokenPipeError" in answer.log


def test_headers_for_one_connection(engine: Engine) -> None:
    headers = [("Connection", "X-A , close,,x-b"), ("X-A", "1"), ("X-B", "2"), ("X-C", "3"),
               ("Keep-Alive", "1"), ("Connection", "close")]  # fmt: skip
    text = f"def application(e, s):\n    s('200 OK', {headers!r})\n    return []\n"
    answer = engine.serve(text)
    assert answer.of("header") == ["Connection: close", "X-C: 3"]
    assert len([line for line in answer.log if "CASK0504" in line]) == 1
