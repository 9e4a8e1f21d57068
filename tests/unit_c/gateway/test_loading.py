# SPDX-License-Identifier: Apache-2.0
"""Loading, reloading, interpreters, threads and the end, through the door."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .engine_driver import RELOADING, STALE_OK, Answer, Engine

GOOD = """
def application(environ, start_response):
    start_response('200 OK', [])
    return [b'%s']
"""
ID = (("id",),)


@pytest.fixture(params=["embedded", "daemon"])
def engine(program: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine = Engine(program, tmp_path, daemon=request.param == "daemon")
    yield engine
    engine.close()


def change(engine: Engine, text: str) -> None:
    """Another file under the same name, as deployments make it."""
    fresh = engine.script.with_suffix(".new")
    fresh.write_text(text)
    fresh.rename(engine.script)


def visit(engine: Engine, text: str | None = None, flags: int = RELOADING) -> Answer:
    return engine.serve(text, flags=flags, settings=ID)


def test_module_names(engine: Engine) -> None:
    text = """
import sys
def application(environ, start_response):
    start_response('200 OK', [])
    print(__name__, __file__, sys.modules[__name__].application is application, sys.argv)
    print(isinstance(__mtime__, int))
    return []
"""
    answer = engine.serve(text)
    name, path, same, argv = answer.log[0].removeprefix("error ").split(" ", 3)
    assert name.startswith("_mod_wsgi_") and len(name) == len("_mod_wsgi_") + 32
    assert (path, same, argv) == (str(engine.script), "True", "['mod_wsgi']")
    assert answer.log[1] == "error True"
    assert not list(engine.folder.glob("**/*.pyc"))


def test_missing_script(engine: Engine) -> None:
    engine.app()
    answer = engine.serve()
    assert answer.outcome == "MISSING"
    assert answer.problem.startswith("604 ")


def test_missing_callable_names_the_others(engine: Engine) -> None:
    text = "import os\nx = 1\ndef app(e, s): pass\nclass Other: pass\ndef _own(): 0\n"
    answer = engine.serve(text)
    assert answer.outcome == "FAILED"
    assert answer.problem.endswith("no callable 'application'; it has 'app', 'Other'")
    assert engine.serve("application = 3\n").problem.endswith("not callable but of type int")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def broken(:\n", "SyntaxError"),
        ("import nothing_of_this_name\n", "ModuleNotFoundError"),
        ("raise SystemExit(1)\n", "SystemExit"),
        ("x = '\\udce9'.encode()\n", "UnicodeEncodeError"),
    ],
)
def test_broken_script(engine: Engine, text: str, words: str) -> None:
    answer = visit(engine, text)
    assert answer.outcome == "FAILED"
    assert answer.problem.startswith("606 ") and words in answer.problem
    assert words in answer.detail
    # The next one is answered at once and shortly ...
    answer = visit(engine)
    assert (answer.outcome, answer.detail) == ("FAILED", "")
    assert answer.problem.startswith("607 ") and "next try at" in answer.problem
    # ... and the first one after a change loads it.
    change(engine, GOOD % "good")
    assert visit(engine).writes == ["4 good"]


def test_printed_while_loading(engine: Engine) -> None:
    answer = engine.serve("import sys\nsys.stdout.write('unfinished')\n" + GOOD % "x")
    assert answer.outcome == "DONE"
    assert answer.log == ["error unfinished"]
    engine.write("print('alone')\n" + GOOD % "x")
    assert engine.ask("load").of("process-log") == ["error alone"]


def test_changed_script(engine: Engine) -> None:
    assert visit(engine, GOOD % "one").writes == ["3 one"]
    change(engine, GOOD % "two")
    assert visit(engine, flags=0).writes == ["3 one"]
    answer = visit(engine)
    if not engine.daemon:
        assert (answer.outcome, answer.writes) == ("DONE", ["3 two"])
        return
    assert (answer.outcome, answer.steps) == ("STALE", [])
    assert answer.of("stale") == [str(engine.script)]
    answer = visit(engine, flags=RELOADING | STALE_OK)
    assert (answer.writes, answer.of("stale")) == (["3 one"], [])  # asked for a moment ago
    for _ in range(12):
        answer = visit(engine)
    assert (answer.outcome, answer.writes) == ("DONE", ["3 one"])  # too busy to be stalled


def test_changed_script_that_is_broken(engine: Engine) -> None:
    assert visit(engine, GOOD % "one").outcome == "DONE"
    change(engine, "raise KeyError('new')\n")
    answer = visit(engine, flags=RELOADING | STALE_OK)
    assert answer.writes == ["3 one"]
    if engine.daemon:
        return
    assert "CASK0510" in answer.log[0] and "KeyError: 'new'" in answer.log[1]
    answer = visit(engine)
    assert (answer.writes, answer.log) == (["3 one"], [])
    change(engine, GOOD % "two")
    assert visit(engine).writes == ["3 two"]


def test_unchanged_script_is_not_loaded_again(engine: Engine) -> None:
    text = "print('loading')\n" + GOOD % "one"
    assert visit(engine, text).log == ["error loading"]
    assert visit(engine).log == []


def test_load_and_loaded(engine: Engine) -> None:
    engine.write(GOOD % "x")
    assert engine.ask("load").outcome == "DONE"
    assert engine.ask("loaded").of("loaded") == [f"{engine.script} application "]
    engine.app(group="second")
    assert engine.ask("load").outcome == "DONE"
    assert len(engine.ask("loaded").of("loaded")) == 2


STATE = """
import mod_wsgi, apache, mod_cask, sys, signal
count = 0
def application(environ, start_response):
    global count
    count += 1
    start_response('200 OK', [])
    return [b'%d %s %s' % (count, mod_wsgi.application_group.encode(),
                          environ['mod_wsgi.application_group'].encode())]
"""


def test_sub_interpreters_are_apart(engine: Engine) -> None:
    assert engine.serve(STATE).writes == ["3 1%20%20"]
    engine.app(group="two")
    assert engine.serve().writes == ["9 1%20two%20two"]
    assert engine.serve().writes == ["9 2%20two%20two"]
    assert engine.serve(command="thread").writes == ["9 3%20two%20two"]
    engine.app()
    assert engine.serve(command="thread").writes == ["3 2%20%20"]
    assert engine.serve().writes == ["3 3%20%20"]


def test_thread_states_are_kept_and_cleared(engine: Engine) -> None:
    text = """
import threading
local = threading.local()
class Noisy:
    def __del__(self): print('cleared')
def application(environ, start_response):
    start_response('200 OK', [])
    kept = hasattr(local, 'x')
    local.x = Noisy()
    return [b'%d' % kept]
"""
    assert engine.serve(text).writes == ["1 0"]
    assert engine.serve().writes == ["1 1"]
    assert engine.serve(command="thread").writes == ["1 0"]
    assert "cleared" in " ".join(engine.serve().lines)
    engine.app(group="sub")
    assert engine.serve(command="thread").writes == ["1 0"]
    assert engine.serve(command="thread").writes == ["1 0"]


def test_many_threads(engine: Engine) -> None:
    engine.write(GOOD % "x")
    for group in ("", "a", "b"):
        engine.app(group=group)
        engine.send("clear")
        assert engine.ask("many", "8", "200").of("failed") == ["0"]


def test_modules(engine: Engine) -> None:
    text = """
import apache, logging, mod_cask, mod_wsgi, signal, sys
def application(environ, start_response):
    start_response('200 OK', [])
    print(mod_wsgi.version, mod_cask.version, apache.version, apache.mpm_name, apache.description)
    print(mod_wsgi.process_group == '', mod_wsgi.maximum_processes, mod_wsgi.threads_per_process)
    print(apache.maximum_processes, apache.threads_per_process)
    print(issubclass(mod_wsgi.RequestTimeout, Exception))
    before = signal.getsignal(signal.SIGTERM)
    print(signal.signal(signal.SIGTERM, print) == before == signal.getsignal(signal.SIGTERM))
    log = logging.getLogger('x')
    log.addHandler(mod_wsgi.LogHandler())
    log.warning('be\\ncareful')
    print(hasattr(mod_wsgi, 'nonsense'))
    return []
"""
    answer = engine.serve(text)
    lines = [line.removeprefix("error ") for line in answer.log]
    assert lines[0].startswith("(6, 1, 1) (0, 1, 0) (2, 4, 58) event Apache/2.4.58")
    assert lines[1:4] == ["True 1 4", "1 64", "False"]
    assert lines[4].startswith("info signal.signal(15) at ")
    assert lines[5:] == ["True", "warn be", "warn careful", "False"]


def test_python_path(program: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        (folder / "here.py").write_text(f"name = {folder.name!r}\n")
    (second / "more.pth").write_text(str(tmp_path / "third") + "\n")
    (tmp_path / "third").mkdir()
    engine = Engine(program, tmp_path, python_path=f"{first}:{second}")
    text = "import here, sys\n" + GOOD.replace("b'%s'", "repr((here.name, sys.path[:3])).encode()")
    answer = engine.serve(text)
    path = [str(first), str(second), str(tmp_path / "third")]
    assert answer.writes[0].split(" ", 1)[1].replace("%20", " ") == repr(("first", path))
    engine.close()


@pytest.mark.parametrize("where", ["while True: pass", "import time\nwhile True: time.sleep(.01)"])
def test_interrupt(engine: Engine, where: str) -> None:
    body = "\n".join("    " + line for line in where.splitlines())
    text = f"def application(environ, start_response):\n{body}\n"
    answer = engine.serve(text, settings=(("interrupt", "300"),))
    assert (answer.outcome, answer.steps) == ("TIMEOUT", [])
    assert "RequestTimeout" in answer.detail
    assert engine.serve(GOOD % "fine").writes == ["4 fine"]


def test_dump(engine: Engine) -> None:
    text = """
import threading
event = threading.Event()
threading.Thread(target=event.wait, daemon=True, name='waits').start()
""" + GOOD % "x"
    engine.serve(text)
    dump = "\n".join(engine.ask("dump").lines)
    assert "most recent call first" in dump and "in wait" in dump


ENDING = """
import atexit, concurrent.futures, threading, time
atexit.register(print, 'atexit')
pool = concurrent.futures.ThreadPoolExecutor(1)
pool.submit(print, 'in pool')
def slow():
    time.sleep(SECONDS)
    print('joined')
threading.Thread(target=slow).start()
threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
"""


@pytest.mark.parametrize("groups", [("",), ("", "sub"), ("sub",)])
def test_stop(engine: Engine, groups: tuple[str, ...]) -> None:
    for group in groups:
        engine.write(ENDING.replace("SECONDS", "0.3") + GOOD % "x")
        engine.app(group=group)
        assert engine.serve().outcome == "DONE"
    answer = engine.ask("stop", "5000")
    assert answer.of("stopped") == ["0"]
    ends = [line for line in answer.of("process-log") if "in pool" not in line]
    assert sorted(ends) == ["error atexit"] * len(groups) + ["error joined"] * len(groups)


def test_stop_gives_up(engine: Engine) -> None:
    engine.serve(ENDING.replace("SECONDS", "60") + GOOD % "x")
    answer = engine.ask("stop", "500")
    assert answer.of("stopped") == ["110"]
    assert answer.of("process-log") == ["error atexit"]
