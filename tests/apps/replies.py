# SPDX-License-Identifier: Apache-2.0
"""Replies of many shapes: the first part of the path names the one that is given."""

import gzip
import io
import json
import os
import tempfile
import zipfile
from email.utils import formatdate

import stage

TEXT = [("Content-Type", "text/plain")]
HERE = os.path.dirname(__file__)
LINK = ("Link", "</style.css>; rel=preload; as=style")


def posted(environ):
    return json.loads(environ["wsgi.input"].read() or b"{}")


def head(environ, start_response):
    """Status and headers as posted."""
    wanted = posted(environ)
    start_response(
        wanted.get("status", "200 OK"), [(name, value) for name, value in wanted["headers"]]
    )
    return [b"body"]


def many(environ, start_response):
    """Query: number of headers, bytes of each value."""
    count, size = map(int, environ["QUERY_STRING"].split(","))
    start_response("200 OK", [*TEXT, *((f"X-{n}", "v" * size) for n in range(count))])
    return [b"body"]


# -- early hints -----------------------------------------------------------------------------------


def hints(environ, start_response):
    send = environ["wsgi.early_hints"]
    send([LINK])
    stage.gate()
    send([LINK, ("X-Second", "caf\xe9")])
    start_response("200 OK", [*TEXT, ("X-Final", "1")])
    return [b"page"]


def hints_calls(environ, start_response):
    """What calls in many wrong ways give, as JSON."""
    send = environ["wsgi.early_hints"]
    calls = {
        "none": send,
        "keyword": lambda: send(headers=[LINK]),
        "text": lambda: send("Link"),
        "tuple": lambda: send((LINK,)),
        "name": lambda: send([("Li nk", "x")]),
        "newline": lambda: send([("Link", "x\r\nX-Evil: 1")]),
        "nonlatin": lambda: send([("Link", "\u20ac")]),
        "length": lambda: send([("Content-Length", "5")]),
        "hop": lambda: send([("Transfer-Encoding", "chunked")]),
        "connection": lambda: send([("Connection", "close")]),
        "large": lambda: send([("Link", "x" * 70000)]),
        "empty": lambda: send([]),
    }
    result = {}
    for name, call in calls.items():
        try:
            result[name] = repr(call())
        except Exception as error:
            result[name] = type(error).__name__
    body = json.dumps(result).encode()
    start_response("200 OK", TEXT)
    return [body]


def hints_many(environ, start_response):
    """Sends until that is refused; says how often it was not."""
    count = 0
    try:
        while count < 1000:
            environ["wsgi.early_hints"]([("X-Count", str(count))])
            count += 1
    except RuntimeError:
        pass
    start_response("200 OK", TEXT)
    return [b"%d" % count]


def hints_late(environ, start_response):
    """After start_response, and after the first bytes."""
    start_response("200 OK", TEXT)
    environ["wsgi.early_hints"]([LINK])
    yield b"first "
    environ["wsgi.early_hints"]([("X-Late", "1")])
    yield b"last"


KEPT = []


def hints_keep(environ, start_response):
    KEPT[:] = [environ["wsgi.early_hints"]]
    start_response("200 OK", TEXT)
    return [b"kept"]


def hints_kept(environ, start_response):
    try:
        KEPT[0]([LINK])
        text = b"sent"
    except RuntimeError:
        text = b"RuntimeError"
    start_response("200 OK", TEXT)
    return [text]


# -- replies that break off ------------------------------------------------------------------------


def broken(environ, start_response):
    """Query: how it breaks, bytes given before. A text that compresses well."""
    how, size = environ["QUERY_STRING"].split(",")
    body = (b"the same words again " * (int(size) // 21 + 1))[: int(size)]
    headers = [*TEXT, ("ETag", '"broken"'), ("Cache-Control", "max-age=100")]
    if how == "short":
        start_response("200 OK", [*headers, ("Content-Length", str(int(size) + 10))])
        return [body]
    if how == "write":
        start_response("200 OK", headers)(body)
        raise ValueError("after write")
    start_response("200 OK", headers)
    return breaking(how, body)


def breaking(how, body):
    yield body
    if how == "raise":
        raise ValueError("in the middle")
    if how == "die":
        stage.gate()
        os._exit(9)
    yield b"the end"


def flood(environ, start_response):
    """Query: number of MiB, in blocks of 64 KiB that are all different objects."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    for number in range(int(environ["QUERY_STRING"]) * 16):
        yield bytes([number % 256]) * 65536


def stream(environ, start_response):
    """One event for each gate; the type is of the query."""
    start_response("200 OK", [("Content-Type", environ["QUERY_STRING"] or "text/event-stream")])
    for number in range(3):
        yield b"data: %d\n\n" % number
        stage.gate(f"gate{number}")


def text(environ, start_response):
    """Query: number of bytes; a list of one item. Cacheable for a while."""
    size = int(environ["QUERY_STRING"] or 20000)
    stage.note("served", environ["PATH_INFO"])
    body = (b"the same words again " * (size // 21 + 1))[:size]
    start_response("200 OK", [*TEXT, ("ETag", '"text"'), ("Cache-Control", "max-age=100")])
    return [body]


def ranged(environ, start_response):
    """A reply that is no file and says that ranges may be cut out of it."""
    start_response("200 OK", [*TEXT, ("Accept-Ranges", "bytes")])
    return [b"0123456789"]


# -- replies that httpd answers in place of --------------------------------------------------------


def status(environ, start_response):
    """Query: status; a page of its own with headers that an error page might keep."""
    start_response(
        environ["QUERY_STRING"].replace("+", " "),
        [
            ("Content-Type", "text/x-own"), ("WWW-Authenticate", 'Basic realm="one"'),
            ("WWW-Authenticate", "Bearer"), ("Retry-After", "7"), ("Allow", "GET, PUT"),
            ("X-Own", "1"), ("Set-Cookie", "a=1"), ("Content-Length", "12"),
        ],
    )  # fmt: skip
    return [b"own ", b"words...", b""]


def large_error(environ, start_response):
    """64 MiB in a 500 page; notes how much of it was asked for."""
    start_response("500 Internal Server Error", TEXT)
    for _ in range(1024):
        yield b"x" * 65536
    stage.note("large", "all")


def streamed_error(environ, start_response):
    start_response("404 Not Found", TEXT)
    yield b"own "
    yield b"words"


def error_page(environ, start_response):
    """For ErrorDocument: answers with the status it is the page of."""
    code = environ.get("REDIRECT_STATUS", "200")
    start_response(f"{code} Page", TEXT)
    return [b"page for %s of %s" % (code.encode(), environ.get("REDIRECT_URL", "").encode())]


def local(environ, start_response):
    """Query: Location. Reads nothing of a body."""
    start_response(
        "200 OK", [*TEXT, ("Location", environ["QUERY_STRING"]), ("X-Own", "1")]
    )
    return [b"not to be seen"]


def circle(environ, start_response):
    start_response("200 OK", [*TEXT, ("Location", "/circle")])
    return []


def target(environ, start_response):
    body = f"{environ['REQUEST_METHOD']} {environ.get('CONTENT_LENGTH')} ".encode()
    start_response("200 OK", TEXT)
    return [body, environ["wsgi.input"].read(), environ["QUERY_STRING"].encode()]


# -- files -----------------------------------------------------------------------------------------


def file_(environ, start_response):
    """Query: name, then any of etag, modified, none (Accept-Ranges: none), own (Content-Range),
    status=, type=, gate (before the file is returned)."""
    name, *words = environ["QUERY_STRING"].split("&")
    path = os.path.join(HERE, name)
    headers = []
    code = "200 OK"
    kind = "application/octet-stream"
    for word in words:
        if word == "etag":
            headers.append(("ETag", '"v1"'))
        if word == "modified":
            headers.append(("Last-Modified", formatdate(os.path.getmtime(path), usegmt=True)))
        if word == "none":
            headers.append(("Accept-Ranges", "none"))
        if word == "own":
            code = "206 Partial Content"
            headers += [("Content-Range", "bytes 5-9/100"), ("Content-Length", "5")]
        if word.startswith("status="):
            code = word[7:] + " Own"
        if word.startswith("type="):
            kind = word[5:]
    handle = open(path, "rb")
    if "own" in words:
        handle.seek(5)
    start_response(code, [("Content-Type", kind), *headers])
    return environ["wsgi.file_wrapper"](handle)


def wrapped(environ, start_response):
    """Query: kind of file object that holds data.txt."""
    handle = HANDLES[environ["QUERY_STRING"]](os.path.join(HERE, "data.txt"))
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](handle)


def spooled(path, size, seek=0):
    handle = tempfile.SpooledTemporaryFile(max_size=size)
    handle.write(open(path, "rb").read())
    handle.seek(seek)
    return handle


def temporary(path):
    handle = tempfile.NamedTemporaryFile()
    handle.write(open(path, "rb").read())
    handle.seek(0)
    return handle


def member(path):
    archive = zipfile.ZipFile(io.BytesIO(), "w", zipfile.ZIP_DEFLATED)
    archive.write(path, "data")
    return archive.open("data")


def packed(path):
    whole = gzip.compress(open(path, "rb").read())
    handle = tempfile.TemporaryFile()
    handle.write(whole)
    handle.seek(0)
    return gzip.GzipFile(fileobj=handle)


class Upper(io.FileIO):
    """Reads otherwise than its descriptor."""

    def read(self, size=-1):
        return super().read(size).replace(b"0", b"O")


HANDLES = {
    "open": lambda path: open(path, "rb"),
    "unbuffered": lambda path: open(path, "rb", buffering=0),
    "text": open,
    "fdopen": lambda path: os.fdopen(os.open(path, os.O_RDONLY), "rb"),
    "bytesio": lambda path: io.BytesIO(open(path, "rb").read()),
    "spooled": lambda path: spooled(path, 100_000),
    "rolled": lambda path: spooled(path, 10),
    "spooled-at-5": lambda path: spooled(path, 100_000, 5),
    "temporary": temporary,
    "member": member,
    "gzip": packed,
    "subclass": Upper,
}


def sendfile_header(environ, start_response):
    """For mod_xsendfile."""
    path = os.path.join(HERE, environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Type", "application/x-own"), ("X-Sendfile", path)])
    return []


def post_length(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", TEXT)
    return [b"%d" % len(body)]


PAGES = {
    name.rstrip("_"): value
    for name, value in list(globals().items())
    if callable(value) and getattr(value, "__module__", None) == __name__
}


def application(environ, start_response):
    name = environ["PATH_INFO"].strip("/").partition("/")[0] or "text"
    return PAGES[name.replace("-", "_")](environ, start_response)
