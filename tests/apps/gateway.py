# SPDX-License-Identifier: Apache-2.0
"""Small applications for the gateway tests: the first part of the path names the one that runs."""

import io
import json
import os
import sys
import tempfile
import threading

import stage

TEXT = [("Content-Type", "text/plain")]
HERE = os.path.dirname(__file__)


def describe(value):
    if isinstance(value, (str, bool, int, float, type(None))):
        return value
    if isinstance(value, tuple):
        return list(value)
    return type(value).__name__


def reply_json(start_response, data, status="200 OK"):
    body = json.dumps(data).encode()
    start_response(
        status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    )
    return [body]


def environ_(environ, start_response):
    result = {key: describe(value) for key, value in environ.items()}
    result["types"] = {key: type(value).__name__ for key, value in environ.items()}
    result["type of environ"] = type(environ).__name__
    result["pid"] = os.getpid()
    result["thread"] = threading.get_ident()
    return reply_json(start_response, result)


def process(environ, start_response):
    """What this process is."""
    mask = os.umask(0)
    os.umask(mask)
    import locale

    return reply_json(
        start_response,
        {
            "pid": os.getpid(),
            "ppid": os.getppid(),
            "uid": os.getuid(),
            "euid": os.geteuid(),
            "gid": os.getgid(),
            "groups": os.getgroups(),
            "umask": mask,
            "cwd": os.getcwd(),
            "path": sys.path,
            "prefix": sys.prefix,
            "executable": sys.executable,
            "argv": sys.argv,
            "env": dict(os.environ),
            "locale": locale.setlocale(locale.LC_ALL),
            "version": list(sys.version_info[:3]),
            "threads": threading.active_count(),
            "name": __name__,
        },
    )


# -- iterables -------------------------------------------------------------------------------------


class Closing:
    """An iterable that notes each call of close()."""

    def __init__(self, items, note="closed", fail=None):
        self.items = iter(items)
        self.note = note
        self.fail = fail

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.items)

    def close(self):
        stage.note(self.note, "close")
        if self.fail:
            raise self.fail


def lists(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"one ", b"", b"two ", b"three"]


def one(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"only one"]


def tuples(environ, start_response):
    start_response("200 OK", TEXT)
    return (b"a", b"b")


def empty(environ, start_response):
    start_response("200 OK", TEXT)
    return []


def generator(environ, start_response):
    start_response("200 OK", TEXT)
    for number in range(3):
        yield b"chunk %d\n" % number
        stage.gate(f"gate{number}")
    stage.note("generator", "end")


def late_start(environ, start_response):
    """A generator function: start_response is called by the first next()."""
    start_response("202 Later", [*TEXT, ("X-Late", "yes")])
    yield b"late"


class Instance:
    """The response is an instance of a class whose constructor is the application."""

    def __init__(self, environ, start_response):
        start_response("200 OK", TEXT)

    def __iter__(self):
        yield b"from "
        yield b"an instance"


def old_sequence(environ, start_response):
    """Iterable by __getitem__ only."""

    class Sequence:
        def __getitem__(self, index):
            return (b"x", b"y")[index]

    start_response("200 OK", TEXT)
    return Sequence()


def closing(environ, start_response):
    """close() and the way the iteration ends, by query string."""
    how = environ["QUERY_STRING"]

    def items():
        yield b"first\n"
        if how == "raise":
            raise ValueError("in the middle of the iteration")
        if how == "type":
            yield "not bytes"
        if how == "big":
            for _ in range(2000):
                yield b"x" * 65536
        if how == "gate":
            stage.gate()
            for _ in range(2000):
                yield b"y" * 65536
        yield b"last\n"

    headers = [*TEXT]
    if how == "short":
        headers.append(("Content-Length", "3"))
    if how != "nostart":
        start_response("200 OK", headers)
    fail = RuntimeError("close failed") if how == "closefails" else None
    return Closing(items(), fail=fail)


def close_early(environ, start_response):
    """Fails before the first item."""

    def items():
        raise KeyError("before the first item")
        yield b""

    start_response("200 OK", TEXT)
    return Closing(items())


# -- start_response and write ----------------------------------------------------------------------


def start(environ, start_response):
    """start_response with what the request's JSON body says."""
    data = json.loads(environ["wsgi.input"].read())
    headers = [tuple(pair) for pair in data.get("headers", [])]
    start_response(data.get("status", "200 OK"), headers)
    return [item.encode("latin-1") for item in data.get("body", ["body"])]


WRONG = {
    "status-int": lambda s: s(200, TEXT),
    "status-bytes": lambda s: s(b"200 OK", TEXT),
    "status-short": lambda s: s("20", TEXT),
    "status-long": lambda s: s("2000 OK", TEXT),
    "status-letters": lambda s: s("abc Bad", TEXT),
    "status-newline": lambda s: s("200 OK\r\nX-Evil: 1", TEXT),
    "status-nul": lambda s: s("200 O\0K", TEXT),
    "status-nonlatin": lambda s: s("200 \u20ac", TEXT),
    "status-099": lambda s: s("099 Odd", TEXT),
    "status-no-space": lambda s: s("200OK", TEXT),
    "headers-tuple": lambda s: s("200 OK", tuple(TEXT)),
    "headers-none": lambda s: s("200 OK", None),
    "headers-dict": lambda s: s("200 OK", dict(TEXT)),
    "item-list": lambda s: s("200 OK", [["Content-Type", "text/plain"]]),
    "item-three": lambda s: s("200 OK", [("A", "b", "c")]),
    "name-bytes": lambda s: s("200 OK", [(b"A", "b")]),
    "name-empty": lambda s: s("200 OK", [("", "b")]),
    "name-space": lambda s: s("200 OK", [("A B", "c")]),
    "name-colon": lambda s: s("200 OK", [("A:B", "c")]),
    "name-newline": lambda s: s("200 OK", [("A\nB", "c")]),
    "name-nonlatin": lambda s: s("200 OK", [("\u20ac", "c")]),
    "value-int": lambda s: s("200 OK", [("A", 1)]),
    "value-bytes": lambda s: s("200 OK", [("A", b"b")]),
    "value-newline": lambda s: s("200 OK", [("A", "b\r\nX-Evil: 1")]),
    "value-lf": lambda s: s("200 OK", [("A", "b\nc")]),
    "value-nul": lambda s: s("200 OK", [("A", "b\0c")]),
    "value-control": lambda s: s("200 OK", [("A", "b\x01c")]),
    "value-nonlatin": lambda s: s("200 OK", [("A", "\u20ac")]),
    "length-junk": lambda s: s("200 OK", [("Content-Length", "abc")]),
    "length-negative": lambda s: s("200 OK", [("Content-Length", "-5")]),
    "no-arguments": lambda s: s(),
    "one-argument": lambda s: s("200 OK"),
    "exc-info-text": lambda s: s("200 OK", TEXT, "exc"),
    "twice": lambda s: (s("200 OK", TEXT), s("200 OK", TEXT)),
}


def wrong(environ, start_response):
    WRONG[environ["QUERY_STRING"]](start_response)
    return [b"should not be seen"]


def never_started(environ, start_response):
    return [b"no start_response"]


def returns_none(environ, start_response):
    start_response("200 OK", TEXT)


def returns_text(environ, start_response):
    start_response("200 OK", TEXT)
    return ["text"]


def returns_number(environ, start_response):
    start_response("200 OK", TEXT)
    return 42


def exc_info_before(environ, start_response):
    """PEP 3333: with exc_info the headers are replaced as long as nothing was sent."""
    start_response("200 OK", [*TEXT, ("X-First", "1")])
    try:
        raise ValueError("handled")
    except ValueError:
        start_response("503 Replaced", [*TEXT, ("X-Second", "2")], sys.exc_info())
    return [b"error page"]


def exc_info_after(environ, start_response):
    """... and the exception is raised again once they have been."""
    write = start_response("200 OK", TEXT)
    write(b"sent\n")
    try:
        raise ValueError("too late to replace")
    except ValueError:
        start_response("500 Replaced", TEXT, sys.exc_info())
    return [b"never"]


def exc_info_generator(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"sent\n"
    try:
        raise ValueError("raised again in the generator")
    except ValueError:
        try:
            start_response("500 Replaced", TEXT, sys.exc_info())
        except ValueError as error:
            stage.note("again", str(error))
    yield b"end\n"


def exc_info_none(environ, start_response):
    start_response("200 OK", TEXT, None)
    return [b"none is fine"]


def start_after_sent(environ, start_response):
    start_response("200 OK", TEXT)(b"sent\n")
    try:
        start_response("200 OK", TEXT)
    except Exception as error:
        stage.note("second", type(error).__name__)
    return [b"end\n"]


def kept_start(environ, start_response):
    """Keeps start_response, write and input for use after the request."""
    KEPT["start"] = start_response
    KEPT["write"] = start_response("200 OK", TEXT)
    KEPT["input"] = environ["wsgi.input"]
    KEPT["errors"] = environ["wsgi.errors"]
    return [b"kept"]


KEPT = {}


def use_kept(environ, start_response):
    seen = {}
    calls = {
        "start": lambda: KEPT["start"]("200 OK", TEXT),
        "write": lambda: KEPT["write"](b"ghost"),
        "input": lambda: KEPT["input"].read(10),
    }
    for name, call in calls.items():
        try:
            call()
            seen[name] = "no error"
        except Exception as error:
            seen[name] = type(error).__name__
    return reply_json(start_response, seen)


def write(environ, start_response):
    put = start_response("200 OK", TEXT)
    put(b"written 1\n")
    stage.gate()
    put(b"written 2\n")
    return [b"returned\n"]


def write_only(environ, start_response):
    put = start_response("200 OK", TEXT)
    put(b"all of it")
    return []


def write_text(environ, start_response):
    put = start_response("200 OK", TEXT)
    put("text")
    return []


def write_empty(environ, start_response):
    """The head is settled, but nothing of it has left."""
    put = start_response("200 OK", TEXT)
    put(b"")
    if environ["QUERY_STRING"] == "raise":
        raise ValueError("after an empty write")
    try:
        start_response("201 Created", TEXT)
    except RuntimeError as error:
        put(str(error).encode())
    return [b"!"]


def write_then_raise(environ, start_response):
    start_response("200 OK", TEXT)(b"begun\n")
    raise ValueError("after write")


def list_argument_kept(environ, start_response):
    """The header list may be changed after the call: the reply must not change with it."""
    headers = [("Content-Type", "text/plain"), ("X-One", "1")]
    start_response("200 OK", headers)
    headers.append(("X-Two", "2"))
    return [b"ok"]


# -- lengths and special statuses ------------------------------------------------------------------


def length(environ, start_response):
    """Query: declared length, then the blocks that are sent, all in bytes: length?5,3,4"""
    declared, *blocks = map(int, environ["QUERY_STRING"].split(","))
    start_response("200 OK", [*TEXT, ("Content-Length", str(declared))])
    return Closing([b"z" * size for size in blocks])


def status(environ, start_response):
    start_response(environ["QUERY_STRING"].replace("+", " "), [("X-Status", "1")])
    return Closing([b"this body"])


def method(environ, start_response):
    body = environ["REQUEST_METHOD"].encode()
    start_response("200 OK", [*TEXT, ("X-Method", environ["REQUEST_METHOD"])])
    return [body]


def head_length(environ, start_response):
    start_response("200 OK", [*TEXT, ("Content-Length", "12345")])
    return Closing([b""] if environ["REQUEST_METHOD"] == "HEAD" else [b"x" * 12345])


# -- failures --------------------------------------------------------------------------------------


def raises(environ, start_response):
    raise ValueError("no reply from here")


def raises_after_start(environ, start_response):
    start_response("200 OK", TEXT)
    raise ValueError("before anything was sent")


def raises_chained(environ, start_response):
    try:
        raise KeyError("the cause")
    except KeyError as error:
        raise ValueError("the effect") from error


def raises_system_exit(environ, start_response):
    sys.exit(3)


def raises_nonlatin(environ, start_response):
    raise ValueError("Grüße \u20ac\nsecond line")


def raises_interrupt(environ, start_response):
    raise KeyboardInterrupt


def recursion(environ, start_response):
    return recursion(environ, start_response)


# -- wsgi.input ------------------------------------------------------------------------------------


def echo(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response(
        "200 OK",
        [("Content-Type", "application/octet-stream"), ("Content-Length", str(len(body)))],
    )
    return [body]


def input_calls(environ, start_response):
    """Runs the calls of the query on wsgi.input: read,read:5,readline,readline:3,lines,lines:10,
    iter. The answer is the list of results."""
    source = environ["wsgi.input"]
    results = []
    for call in environ["QUERY_STRING"].split(","):
        name, _, size = call.partition(":")
        arguments = [None if size == "None" else int(size)] if size else []
        try:
            if name == "iter":
                value = list(source)
            elif name == "next":
                value = next(source, None)
            else:
                value = getattr(source, name)(*arguments)
        except Exception as error:
            value = f"!{type(error).__name__}"
        results.append(plain(value))
    return reply_json(start_response, results)


def plain(value):
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value if isinstance(value, (int, str, type(None))) else type(value).__name__


def input_gate(environ, start_response):
    """Reads five bytes, stops at the gate, reads the rest."""
    first = environ["wsgi.input"].read(5)
    stage.gate()
    rest = environ["wsgi.input"].read()
    start_response("200 OK", TEXT)
    return [first, b"|", rest]


def input_fails(environ, start_response):
    """Reads everything; notes the error and answers with its name."""
    source = environ["wsgi.input"]
    stage.note("input", "reading")
    try:
        body = source.read()
        text = f"{len(body)} bytes"
    except OSError:
        text = "OSError"
        try:
            source.read()
            text += " then bytes"
        except OSError:
            text += " then OSError"
    stage.note("input", text)
    start_response("200 OK", TEXT)
    return [text.encode()]


def input_unread(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"not read"]


def input_part(environ, start_response):
    start_response("200 OK", TEXT)
    return [environ["wsgi.input"].read(10)]


def early(environ, start_response):
    """Answers before the body is there, then reads it."""
    start_response("200 OK", TEXT)
    yield b"answer first\n"
    size = 0
    while block := environ["wsgi.input"].read(65536):
        size += len(block)
    yield b"%d bytes" % size


def pingpong(environ, start_response):
    """Sends back each line as it comes."""
    start_response("200 OK", TEXT)
    for line in environ["wsgi.input"]:
        yield line.upper()


# -- wsgi.file_wrapper -----------------------------------------------------------------------------


def file_(environ, start_response):
    """Query: kind of file, offset, declared length ("" for none), block size."""
    kind, offset, declared, block = (environ["QUERY_STRING"] + ",,,").split(",")[:4]
    handle = open_file(kind)
    handle.seek(int(offset or 0))
    headers = [("Content-Type", "application/octet-stream")]
    if declared:
        headers.append(("Content-Length", declared))
    start_response("200 OK", headers)
    wrapper = environ["wsgi.file_wrapper"]
    return wrapper(handle, int(block)) if block else wrapper(handle)


class Noting(io.FileIO):
    def close(self):
        if not self.closed:
            stage.note("file", "close")
        super().close()


class Pythonic:
    """A file-like object without a descriptor."""

    def __init__(self, data):
        self.data = io.BytesIO(data)

    def read(self, size=-1):
        return self.data.read(size)

    def seek(self, offset):
        self.data.seek(offset)

    def close(self):
        stage.note("file", "close")


def open_file(kind):
    path = os.path.join(HERE, "data.bin")
    if kind == "real":
        return Noting(path)
    if kind == "buffered":
        return open(path, "rb")
    if kind == "bytesio":
        return io.BytesIO(open(path, "rb").read())
    if kind == "pythonic":
        return Pythonic(open(path, "rb").read())
    if kind == "empty":
        return open(os.path.join(HERE, "empty.bin"), "rb")
    if kind == "temporary":
        handle = tempfile.TemporaryFile()
        handle.write(open(path, "rb").read())
        handle.flush()
        return handle
    if kind == "pipe":
        reader, writer = os.pipe()
        os.write(writer, b"through a pipe")
        os.close(writer)

        class Pipe(Noting):
            def seek(self, offset):
                pass

        return Pipe(reader)
    raise KeyError(kind)


def file_bad_block(environ, start_response):
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](io.BytesIO(b"abc"), -1)


def file_attributes(environ, start_response):
    handle = io.BytesIO(b"abc")
    wrapped = environ["wsgi.file_wrapper"](handle, 17)

    class Sub(environ["wsgi.file_wrapper"]):
        pass

    seen = {
        "filelike": wrapped.filelike is handle,
        "blksize": wrapped.blksize,
        "subclass": list(Sub(handle)) == [b"abc"],
        "iter": iter(wrapped) is wrapped,
        "callable": callable(environ["wsgi.file_wrapper"]),
    }
    return reply_json(start_response, seen)


def file_unused(environ, start_response):
    """A file wrapper that is made but not returned: read by the application."""
    start_response("200 OK", TEXT)
    return list(environ["wsgi.file_wrapper"](io.BytesIO(b"0123456789"), 4))


def file_after_write(environ, start_response):
    start_response("200 OK", TEXT)(b"before ")
    return environ["wsgi.file_wrapper"](open_file("real"))


# -- wsgi.errors -----------------------------------------------------------------------------------


def errors(environ, start_response):
    stream = environ["wsgi.errors"]
    stream.write("errors: one\nerrors: two\n")
    stream.writelines(["errors: ", "three\n"])
    print("errors: printed", file=stream)
    stream.write("errors: in ")
    stream.write("pieces\n")
    stream.write("errors: no line end")
    stream.flush()
    stream.write("errors: tail at the end of the request")
    start_response("200 OK", TEXT)
    return [b"ok"]


def errors_of_a_thread(environ, start_response):
    def work():
        print("errors: by a thread", file=environ["wsgi.errors"])
        print("errors: printed by a thread")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    start_response("200 OK", TEXT)
    return [b"ok"]


def errors_odd(environ, start_response):
    stream = environ["wsgi.errors"]
    stream.write("odd: Grüße \u20ac\n")
    stream.write("odd: nul \0 inside\n")
    stream.write("odd: long " + "x" * 20000 + " end\n")
    stream.write("odd: percent %s %n\n")
    return reply_json(
        start_response,
        {"isatty": stream.isatty(), "closed": stream.closed, "encoding": stream.encoding},
    )


def prints(environ, start_response):
    print("prints: to stdout")
    print("prints: to stderr", file=sys.stderr)
    start_response("200 OK", TEXT)
    return [b"ok"]


def gate(environ, start_response):
    stage.gate(environ["QUERY_STRING"] or "gate")
    start_response("200 OK", TEXT)
    return [b"%d" % os.getpid()]


def big(environ, start_response):
    """Query: number of MiB, sent in blocks of 64 KiB."""
    start_response("200 OK", TEXT)
    block = bytes(range(256)) * 256
    return (block for _ in range(int(environ["QUERY_STRING"]) * 16))


def die(environ, start_response):
    """The process ends without a word, after some reply bytes if the query says so."""
    if environ["QUERY_STRING"]:
        start_response("200 OK", TEXT)(environ["QUERY_STRING"].encode())
    os._exit(9)


PAGES = {
    name.rstrip("_"): value
    for name, value in list(globals().items())
    if callable(value) and getattr(value, "__module__", None) == __name__
}


def application(environ, start_response):
    name = environ["PATH_INFO"].strip("/").partition("/")[0] or "environ"
    return PAGES[name.replace("-", "_")](environ, start_response)
