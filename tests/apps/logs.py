# SPDX-License-Identifier: Apache-2.0
"""Logs in every way Python has. PATH_INFO names the function below; `who` marks its lines."""

import json
import logging
import sys
import threading
import traceback
import warnings

import mod_wsgi

import mod_cask

print("logs: imported")

STREAM = logging.getLogger("stream")
STREAM.addHandler(logging.StreamHandler(sys.stderr))
DIRECT = logging.getLogger("direct")
DIRECT.addHandler(mod_wsgi.LogHandler())
CASK = logging.getLogger("cask")
CASK.addHandler(mod_cask.LogHandler())
for logger in (STREAM, DIRECT, CASK):
    logger.propagate = False
    logger.setLevel(1)
LEVELS = (logging.CRITICAL, logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG, 5)
JSON = {"text": 'quote " backslash \\ tab \t', "umlaut": "Grüße €", "list": [1, 2]}
FORGED = "first\n[Thu Jan 01 00:00:00 1970] [wsgi:emerg] forged\r\nthird \x1b[31m \x00 end"


def levels(environ, who):
    for logger in (STREAM, DIRECT, CASK):
        for level in LEVELS:
            logger.log(level, "%s %s %d", who, logger.name, level)
    logging.getLogger("nobody").warning("%s last resort", who)
    warnings.warn(f"{who} warned", UserWarning, stacklevel=1)
    warnings.simplefilter("always")
    print(who, "print")
    print(who, "errors", file=environ["wsgi.errors"])
    STREAM.error("%s end", who)


def text(environ, who):
    line = json.dumps({"who": who, **JSON}, ensure_ascii=False)
    print(line)
    DIRECT.warning(line)
    STREAM.warning(line)


def long(environ, who):
    for size in (7000, 9000, 50000, 200000):
        print(f"{who} {'€' * (size // 3)} {size} end")
    DIRECT.error("%s %s direct end", who, "x" * 40000)


def forged(environ, who):
    agent = environ["HTTP_USER_AGENT"]
    DIRECT.error("%s %s agent %s", who, FORGED.replace("\n", "\\n"), agent)
    print(who, "agent", agent)
    code = compile(f"LOG.error({who!r} + ' odd file')", "/srv/\n[x] odd\x1b.py", "exec")
    exec(code, {"LOG": DIRECT})  # noqa: S102 - a source file with an evil name


def tracebacks(environ, who):
    def several():
        for number in range(20):
            try:
                raise ValueError(f"{who} {number}")
            except ValueError:
                DIRECT.exception("%s direct %d", who, number)
                STREAM.exception("%s stream %d", who, number)
                traceback.print_exc()

    threads = [threading.Thread(target=several) for _ in range(3)]
    for thread in threads:
        thread.start()
    several()
    for thread in threads:
        thread.join()


def later(environ, who):
    """Lines from a thread without a request, during and after this one."""
    errors = environ["wsgi.errors"]

    def run():
        print(f"{who} from a thread")
        DIRECT.warning("%s warned by a thread", who)
        print(f"{who} thread by wsgi.errors", file=errors)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    print(f"{who} from the request")


def flood(environ, who):
    for number in range(5000):
        DIRECT.info("%s %05d %s", who, number, "." * 100)


class Costly:
    def __str__(self):
        raise RuntimeError("formatted although nobody reads it")


def lazy(environ, who):
    DIRECT.debug("%s", Costly())
    DIRECT.info("%s info", who)
    DIRECT.warning("%s warning", who)


def bad(environ, who):
    DIRECT.error("%s %d", who, "not a number")
    DIRECT.error("%s after", who)


def fail(environ, who):
    raise LookupError(f"{who} Grüße\nsecond")


def application(environ, start_response):
    name = environ["PATH_INFO"].strip("/")
    globals()[name](environ, environ["QUERY_STRING"] or name)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ.get("UNIQUE_ID", "-").encode()]
