# SPDX-License-Identifier: Apache-2.0
"""Applications that read request bodies in all ways: the first part of the path names one."""

import errno
import io
import json
import os
import random
import threading
import zlib

import stage

TEXT = [("Content-Type", "text/plain")]


def reply_json(start_response, data):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(data).encode()]


def described(error):
    """An exception as the documentation describes it: class, errno by name."""
    code = errno.errorcode.get(getattr(error, "errno", None) or 0, "")
    return f"{type(error).__name__} {code}".strip()


def count(environ, start_response):
    """Length and check sum of the body; the query is how much to read at once."""
    source = environ["wsgi.input"]
    block = bytearray(int(environ["QUERY_STRING"] or 65536))
    size = check = 0
    while got := source.readinto(block):
        size += got
        check = zlib.crc32(memoryview(block)[:got], check)
    return reply_json(
        start_response,
        {
            "size": size,
            "crc32": check,
            "length": environ.get("CONTENT_LENGTH"),
            "terminated": environ["wsgi.input_terminated"],
            "pid": os.getpid(),
        },
    )


def quick_count(environ, start_response):
    """As count, without the sum: for bodies that are longer than the patience of a test."""
    block = bytearray(1 << 20)
    size = sum(iter(lambda: environ["wsgi.input"].readinto(block), 0))
    return reply_json(start_response, {"size": size})


def mixed(environ, start_response):
    """As count, by calls that a random generator chooses; the query is its seed. Lines are told
    from the rest of the body by their content."""
    source = environ["wsgi.input"]
    chance = random.Random(environ["QUERY_STRING"])  # noqa: S311 - no secret
    size = check = 0
    empty = 0
    while empty < 2:
        limit = chance.choice((1, 7, 100, 8192, 20_000, 32_768, 65_536, 300_000))
        buffer = bytearray(limit)
        match chance.randrange(6):
            case 0:
                part = source.read(limit)
                assert len(part) in (limit, 0) or source.read(1) == b""
            case 1:
                part = source.read1(limit)
            case 2:
                part = source.readline(limit)
                assert part.find(b"\n") in (-1, len(part) - 1)
            case 3:
                part = b"".join(source.readlines(limit))
            case 4:
                part = bytes(buffer[: source.readinto(buffer)])
            case _:
                part = bytes(buffer[: source.readinto1(buffer)])
        size += len(part)
        check = zlib.crc32(part, check)
        empty = 0 if part else empty + 1
    return reply_json(start_response, {"size": size, "crc32": check})


def echo(environ, start_response):
    """Each part of the body goes back as it comes."""
    start_response("200 OK", TEXT)
    while block := environ["wsgi.input"].read1(65536):
        yield block


def one(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"only one"]


def unread(environ, start_response):
    stage.note("body", "unread")
    start_response("403 Forbidden", TEXT)
    return [b"not read"]


def unread_generator(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"part one, "
    yield b"part two"


def die(environ, start_response):
    os._exit(9)


def die_reading(environ, start_response):
    """The process is lost in the middle of an upload."""
    environ["wsgi.input"].read(1_000_000)
    os._exit(9)


def error_page(environ, start_response):
    """As an ErrorDocument: what it tells, and what becomes of the body."""
    try:
        body = str(len(environ["wsgi.input"].read()))
    except OSError as error:
        body = described(error)
    start_response("200 OK", TEXT)
    return [f"page for {environ['REDIRECT_STATUS']}, body: {body}".encode()]


def raises(environ, start_response):
    """The error of a read is let through."""
    stage.note("body", "reading")
    try:
        environ["wsgi.input"].read()
    except Exception as error:
        stage.note("body", described(error))
        raise
    return one(environ, start_response)


def raises_late(environ, start_response):
    """... after the reply has begun."""
    start_response("200 OK", TEXT)
    yield b"begun\n"
    try:
        yield environ["wsgi.input"].read()
    except Exception as error:
        stage.note("body", described(error))
        raise


def handles(environ, start_response):
    """Every way to read, after an error; the application answers itself."""
    source = environ["wsgi.input"]
    stage.note("body", "reading")
    seen = []
    for read in (
        source.read,
        source.read,
        lambda: source.read(0),
        lambda: source.read(1),
        source.read1,
        source.readline,
        source.readlines,
        lambda: next(source),
        lambda: source.readinto(bytearray(5)),
        lambda: source.readinto1(bytearray(5)),
    ):
        try:
            seen.append(f"{read()!r:.20}")
        except Exception as error:
            seen.append(described(error))
    stage.note("body", ", ".join(seen))
    return reply_json(start_response, seen)


def two_steps(environ, start_response):
    """Part of the body, a gate, the rest."""
    source = environ["wsgi.input"]
    seen = [source.read(int(environ["QUERY_STRING"])).decode()]
    stage.note("body", "first")
    stage.gate()
    try:
        seen.append(source.read().decode())
    except OSError as error:
        seen.append(described(error))
    stage.note("body", "second")
    return reply_json(start_response, seen)


# -- 100-continue ----------------------------------------------------------------------------------


def asks(environ, start_response):
    """Runs the calls of the query between two gates."""
    stage.gate("before")
    source = environ["wsgi.input"]
    seen = []
    for name, _, size in (call.partition(":") for call in environ["QUERY_STRING"].split(",")):
        if name == "gate":
            stage.gate("middle")
        elif name == "readinto":
            seen.append(source.readinto(bytearray(int(size))))
        else:
            seen.append(getattr(source, name)(*([int(size)] if size else [])))
    seen = [item.decode() if isinstance(item, bytes) else item for item in seen]
    return reply_json(start_response, seen)


def after_reply(environ, start_response):
    """The reply begins, then the body is read."""
    write = start_response("200 OK", TEXT)
    write(b"begun\n")
    stage.gate()
    return [environ["wsgi.input"].read()]


def in_close(environ, start_response):
    """The body is read when the reply is complete."""

    class Result(list):
        def __iter__(self):
            return iter([b"whole reply"])

        def close(self):
            stage.note("body", str(len(environ["wsgi.input"].read())))

    start_response("200 OK", [*TEXT, ("Content-Length", "11")])
    return Result()


# -- wsgi.input as a file --------------------------------------------------------------------------


def attempt(call):
    try:
        value = call()
    except Exception as error:
        return f"!{type(error).__name__}"
    return value if isinstance(value, (bool, int, str, type(None))) else repr(value)


def surface(environ, start_response):
    source = environ["wsgi.input"]
    buffer = bytearray(4)
    with source as entered:
        same = entered is source
    return reply_json(
        start_response,
        {
            "with": same,
            "iter": iter(source) is source,
            "BufferedIOBase": isinstance(source, io.BufferedIOBase),
            "RawIOBase": isinstance(source, io.RawIOBase),
            "readable": source.readable(),
            "writable": source.writable(),
            "seekable": source.seekable(),
            "isatty": source.isatty(),
            "closed": source.closed,
            "flush": source.flush(),
            "close": source.close(),
            "closed later": source.closed,
            "fileno": attempt(source.fileno),
            "seek": attempt(lambda: source.seek(0)),
            "tell": attempt(source.tell),
            "truncate": attempt(source.truncate),
            "detach": attempt(source.detach),
            "write": attempt(lambda: source.write(b"x")),
            "writelines": attempt(lambda: source.writelines([b"x"])),
            "read text": attempt(lambda: source.read("5")),
            "read float": attempt(lambda: source.read(5.0)),
            "read two": attempt(lambda: source.read(1, 2)),
            "read huge": attempt(lambda: source.read(1 << 70)),
            "readinto bytes": attempt(lambda: source.readinto(b"fixed")),
            "read index": attempt(lambda: source.read(type("I", (), {"__index__": lambda s: 2})())),
            "read1": attempt(lambda: source.read1(2)),
            "readinto": attempt(lambda: source.readinto(buffer)),
            "buffer": attempt(lambda: bytes(buffer)),
            "readinto1": attempt(lambda: source.readinto1(memoryview(buffer)[1:3])),
            "buffer later": attempt(lambda: bytes(buffer)),
            "read None": attempt(lambda: source.read(None)),
            "name": attempt(lambda: source.name),
            "repr": repr(source).split(" at ")[0],
            "new": attempt(type(source)),
            "attribute": attempt(lambda: setattr(source, "mine", 1)),
        },
    )


def wrapped(environ, start_response):
    """The wrappers of the standard library over wsgi.input."""
    source = environ["wsgi.input"]
    match environ["QUERY_STRING"]:
        case "text":
            lines = list(io.TextIOWrapper(source, encoding="utf-8"))
        case "buffered":
            lines = [line.decode() for line in io.BufferedReader(source, 5)]
        case "copy":
            import shutil

            target = io.BytesIO()
            shutil.copyfileobj(source, target)
            lines = target.getvalue().decode().splitlines(keepends=True)
        case "json":
            lines = json.load(source)
    return reply_json(start_response, lines)


KEPT = {}


def keep(environ, start_response):
    KEPT["input"] = environ["wsgi.input"]
    KEPT["iterator"] = iter(environ["wsgi.input"])
    return one(environ, start_response)


def kept(environ, start_response):
    """Every use of an input whose request is over."""
    source = KEPT["input"]
    calls = {
        "read": source.read,
        "read0": lambda: source.read(0),
        "read1": source.read1,
        "readline": source.readline,
        "readlines": source.readlines,
        "readinto": lambda: source.readinto(bytearray(3)),
        "readinto1": lambda: source.readinto1(bytearray(3)),
        "next": lambda: next(KEPT["iterator"]),
        "with": source.__enter__,
        "close": source.close,
        "closed": lambda: source.closed,
        "readable": source.readable,
    }
    return reply_json(start_response, {name: attempt(call) for name, call in calls.items()})


def thread(environ, start_response):
    """Another thread reads the body; the query says whether the application waits for it."""
    source = environ["wsgi.input"]
    found = []

    def work():
        try:
            found.append(len(source.read()))
        except Exception as error:
            found.append(described(error))
        stage.note("body", str(found[0]))

    worker = threading.Thread(target=work)
    worker.start()
    if environ["QUERY_STRING"] == "join":
        worker.join()
    return reply_json(start_response, found)


def threads(environ, start_response):
    """Several threads take turns; nothing is lost, nothing comes twice."""
    source = environ["wsgi.input"]
    lock = threading.Lock()
    lines = []

    def work():
        while True:
            with lock:
                line = source.readline()
                lines.append(line)
            if not line:
                return

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    start_response("200 OK", TEXT)
    return [b"".join(lines)]


PAGES = {
    name: value
    for name, value in list(globals().items())
    if callable(value) and getattr(value, "__module__", None) == __name__
}


def application(environ, start_response):
    name = environ["PATH_INFO"].strip("/").partition("/")[0]
    return PAGES[name.replace("-", "_")](environ, start_response)
