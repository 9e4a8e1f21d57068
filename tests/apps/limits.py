# SPDX-License-Identifier: Apache-2.0
"""What a process may use, and requests that use too much of it."""

import ctypes
import json
import os
import resource
import threading
import time
from urllib.parse import parse_qs

LIBC = ctypes.PyDLL(None)  # calls keep Python's lock


def facts(query):
    names = ("CPU", "DATA", "AS", "NOFILE")
    return {
        "pid": os.getpid(),
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "groups": os.getgroups(),
        "gid": os.getgid(),
        "limits": {name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}")) for name in names},
    }


def allocate(query):
    return {"bytes": len(bytearray(int(query["bytes"][0])))}


def hold(query):
    """Keeps Python's lock inside a C function."""
    LIBC.sleep(int(query["seconds"][0]))
    return {}


def spin(query):
    """Runs bytecode until it is interrupted or the time is over."""
    end = time.monotonic() + float(query["seconds"][0])
    while time.monotonic() < end:
        time.sleep(0.01)
    return {}


def burn(query):
    end = time.process_time() + float(query["seconds"][0])
    while time.process_time() < end:
        pass
    return {}


def stack(query):
    """The size of this thread's stack."""
    pthread = ctypes.CDLL(None)
    attributes = (ctypes.c_char * 64)()
    size = ctypes.c_size_t()
    pthread.pthread_getattr_np(ctypes.c_ulong(threading.get_ident()), attributes)
    pthread.pthread_attr_getstacksize(attributes, ctypes.byref(size))
    pthread.pthread_attr_destroy(attributes)
    return {"stack": size.value}


VIEWS = {
    "/facts": facts,
    "/allocate": allocate,
    "/hold": hold,
    "/spin": spin,
    "/burn": burn,
    "/stack": stack,
}


def application(environ, start_response):
    result = VIEWS[environ["PATH_INFO"]](parse_qs(environ["QUERY_STRING"]))
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(result).encode()]
