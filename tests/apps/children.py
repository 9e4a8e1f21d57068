# SPDX-License-Identifier: Apache-2.0
"""An application that starts processes and threads of its own: the path says how."""

import concurrent.futures
import logging
import multiprocessing
import os
import subprocess
import sys
import threading
import time

import mod_wsgi
import stage


def square(number):
    return number * number


def status_of(pid):
    """The exit status of a child; one that does not end is killed."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return str(os.waitstatus_to_exitcode(status))
        time.sleep(0.01)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return "it went on"


def leaves(environ, write):
    pid = os.fork()
    if pid == 0:
        os._exit(7)
    return status_of(pid)


def exits(environ, write):
    pid = os.fork()
    if pid == 0:
        print("the child says so", file=sys.stderr)
        sys.exit(7)
    return status_of(pid)


def exits_with_words(environ, write):
    pid = os.fork()
    if pid == 0:
        sys.exit("the child gives up")
    return status_of(pid)


def returns(environ, write):
    pid = os.fork()
    if pid == 0:
        return "the child's answer"
    return status_of(pid)


def raises(environ, write):
    pid = os.fork()
    if pid == 0:
        raise ValueError("in the child")
    return status_of(pid)


def writes(environ, write):
    pid = os.fork()
    if pid == 0:
        write(b"the child's answer")
        return "more of it"
    return status_of(pid)


def reads(environ, write):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if environ["wsgi.input"].read() else 1)
    return status_of(pid) + environ["wsgi.input"].read().decode()


def logs(environ, write):
    pid = os.fork()
    if pid == 0:
        mod_wsgi.LogHandler().emit(logging.makeLogRecord({"msg": "by the child", "levelno": 40}))
        os._exit(7)
    return status_of(pid)


def runs(environ, write):
    program = [sys.executable, "-c", "print(6 * 7)"]
    done = subprocess.run(program, capture_output=True, check=True)
    return done.stdout.decode().strip()


def multiprocesses(environ, write):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return str(sum(pool.map(square, range(4))))


def executes(environ, write):
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        return str(sum(pool.map(square, range(4))))


def is_terminated(environ, write):
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(30,))
    child.start()
    child.terminate()
    child.join(5)
    if child.exitcode is None:
        child.kill()
        child.join()
        return "deaf to SIGTERM"
    return str(child.exitcode)


def threads(environ, write):
    """A thread that goes on with the request's things after the request."""
    errors, body = environ["wsgi.errors"], environ["wsgi.input"]

    def work():
        stage.gate()
        print("late print")
        errors.write("late line\n")
        for use in (body.read, lambda: write(b"late")):
            try:
                use()
            except RuntimeError as error:
                print("late use:", error, file=errors)
        stage.note("done", environ["PATH_INFO"])

    threading.Thread(target=work).start()
    return "started"


def ends(environ, write):
    os._exit(3)


WAYS = (
    leaves,
    exits,
    exits_with_words,
    returns,
    raises,
    writes,
    reads,
    logs,
    runs,
    multiprocesses,
    executes,
    is_terminated,
    threads,
    ends,
)
BY_NAME = {way.__name__: way for way in WAYS}


def application(environ, start_response):
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    return [BY_NAME[environ["PATH_INFO"].strip("/")](environ, write).encode()]
