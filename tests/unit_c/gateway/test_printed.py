# SPDX-License-Identifier: Apache-2.0
"""What is printed, as records: who prints gives the level, and what belongs together stays so."""

from .engine_driver import Engine

APP = """
import io, logging, sys, threading, traceback, warnings
class Formatting(logging.StreamHandler):
    def format(self, record):
        return 'formatted: ' + super().format(record)
class Own(logging.StreamHandler):
    def emit(self, record):
        self.stream.write(self.format(record) + '\\n')
class emit:
    '''Neither is a function of this name in a module of this name.'''
    def __init__(self, record):
        print(record)
def logger(name, handler, level=1):
    found = logging.getLogger(name)
    found.handlers[:] = [handler]
    found.propagate = False
    found.setLevel(level)
    return found
def application(environ, start_response):
    start_response('200 OK', [])
    exec(environ['PATH_INFO'], globals())
    return []
"""


def printed(engine: Engine, code: str) -> list[str]:
    answer = engine.serve(APP.replace("environ['PATH_INFO']", repr(code)))
    assert answer.outcome == "DONE", answer.problem
    return answer.log


def test_levels_of_records(engine: Engine) -> None:
    code = """
log = logger('a', logging.StreamHandler())
for level in (70, 50, 45, 40, 35, 30, 25, 20, 15, 10, 1):
    log.log(level, level)
"""
    names = ["crit"] * 2 + ["error"] * 2 + ["warn"] * 2 + ["info"] * 2 + ["debug"] * 3
    numbers = (70, 50, 45, 40, 35, 30, 25, 20, 15, 10, 1)
    assert printed(engine, code) == [f"{n} {i}" for n, i in zip(names, numbers, strict=True)]


def test_handlers_that_are_recognised(engine: Engine) -> None:
    code = """
logger('b', Formatting(sys.stderr)).info('one')
logging.getLogger('nobody').warning('two')
logger('c', Own(sys.stderr)).info('three')
emit('four')
stream = logging.StreamHandler(sys.stdout)
stream.terminator = ''
logger('d', stream).info('fi')
print('ve')
logger('d', logging.StreamHandler(environ['wsgi.errors'])).info('six')
""".replace("environ['wsgi.errors']", "sys.stderr")
    assert printed(engine, code) == [
        "info formatted: one", "warn two", "error three", "error four", "error fi", "error ve",
        "info six",
    ]  # fmt: skip


def test_records_of_several_lines(engine: Engine) -> None:
    code = """
try:
    raise ValueError('x')
except ValueError:
    logger('e', logging.StreamHandler()).warning('begin', exc_info=True)
"""
    lines = printed(engine, code)
    assert lines[0] == "warn begin"
    assert lines[1] == "warn Traceback (most recent call last):"
    assert lines[-1] == "warn ValueError: x"


def test_warnings(engine: Engine) -> None:
    lines = printed(engine, "warnings.warn('careful')")
    assert lines[0].startswith("warn ")
    assert lines[0].endswith("UserWarning: careful")


def test_a_line_begun_before_a_record_comes_first(engine: Engine) -> None:
    code = "print('begun', end=''); logger('f', logging.StreamHandler()).info('record'); print()"
    assert printed(engine, code) == ["error begun", "info record", "error "]


def test_odd_records(engine: Engine) -> None:
    code = """
log = logger('g', logging.StreamHandler())
class Odd(logging.LogRecord):
    pathname = property(lambda self: 1 / 0, lambda self, value: None)
    lineno = property(lambda self: 'x', lambda self, value: None)
logging.setLogRecordFactory(Odd)
log.handlers[0].formatter = logging.Formatter('%(message)s')
log.error('odd \\udcff')
Odd.levelno = property(lambda self: 'none', lambda self, value: None)
log.handlers[0].emit(Odd('g', 40, 'p', 1, 'no level', (), None))
logging.setLogRecordFactory(logging.LogRecord)
"""
    lines = printed(engine, code)
    assert lines[0] == "error odd ?"
    assert "error no level" in lines


def test_a_traceback_in_pieces_is_one_record(engine: Engine) -> None:
    """Lines of another thread cannot come between."""
    code = """
def run(n):
    for i in range(50):
        try:
            raise KeyError(n)
        except KeyError:
            traceback.print_exc(file=sys.stderr)
threads = [threading.Thread(target=run, args=(n,)) for n in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
print('Traceback (most recent call last):')
print('  open')
"""
    lines = printed(engine, code)
    assert lines[-2:] == ["error Traceback (most recent call last):", "error   open"]
