# SPDX-License-Identifier: Apache-2.0
"""Tells how the Python it runs in was started, and touches what may be restricted."""

import json
import os
import signal
import sys
import threading


def flags(environ):
    return {
        "optimize": sys.flags.optimize,
        "debug": __debug__,
        "seed": os.environ.get("PYTHONHASHSEED"),
        "seeded": sys.flags.hash_randomization,
        "hash": hash("a text of some length"),
        "warnoptions": sys.warnoptions,
        "bytecode": not sys.dont_write_bytecode,
        "interval": sys.getswitchinterval(),
        "eggs": os.environ.get("PYTHON_EGG_CACHE"),
        "path": sys.path,
        "argv": sys.argv,
        "module": __name__,
    }


def outcome(call, *arguments):
    try:
        call(*arguments)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "done"


def streams(environ):
    return {
        "print": outcome(print, "printed by the application"),
        "isatty": outcome(lambda: sys.stdout.isatty() or None),
        "hasattr": outcome(lambda: hasattr(sys.stdout, "fileno")),
        "read": outcome(lambda: sys.stdin.read() or None),
        "lines": outcome(lambda: list(sys.stdin)),
        "encoding": outcome(lambda: sys.stdin.encoding),
    }


def handler(*_):
    pass


def register():
    return signal.signal(signal.SIGUSR2, handler)


def signals(environ):
    before = signal.getsignal(signal.SIGUSR2)
    results = []
    for _ in range(3):
        try:
            results.append(register() == before)
        except ValueError as error:
            results.append(str(error))
    return {"results": results, "same": signal.getsignal(signal.SIGUSR2) == before}


def child_signals(environ):
    """A child of the application may handle signals as it likes."""
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGUSR2, lambda *_: os.write(writable, b"handled"))
        os.kill(os.getpid(), signal.SIGUSR2)
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(writable)
    text = os.read(readable, 100).decode()
    os.close(readable)
    return {"text": text}


def main_thread(environ):
    return {"ident": threading.main_thread().ident}


PAGES = {
    "/flags": flags, "/streams": streams, "/signals": signals,
    "/child-signals": child_signals, "/main-thread": main_thread,
}  # fmt: skip


def application(environ, start_response):
    body = json.dumps(PAGES[environ["PATH_INFO"]](environ)).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]
