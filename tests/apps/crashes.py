# SPDX-License-Identifier: Apache-2.0
"""Every way to lose a process."""

import ctypes
import os
import resource
import signal
import sys
import time


def segfault():
    ctypes.string_at(0)


def abort():
    os.abort()


def leave():
    os._exit(3)


def kill():
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def cpu():
    """Uses up its processor time, deaf to the signal that comes first."""
    resource.setrlimit(resource.RLIMIT_CPU, (1, 2))
    while True:
        pass


def overflow():
    """Calls of C functions, without an end that Python could see."""
    sys.setrecursionlimit(1 << 30)
    deep = []
    for _ in range(1 << 22):
        deep = [deep]
    repr(deep)


WAYS = {
    f"/{way.__name__}": way for way in (segfault, abort, leave, kill, cpu, overflow)
}


def application(environ, start_response):
    start_response("200 OK", [])
    way = WAYS.get(environ["PATH_INFO"])
    if way is not None:
        way()
    return [str(os.getpid()).encode()]
