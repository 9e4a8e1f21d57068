# SPDX-License-Identifier: Apache-2.0
"""What the configuration has made of a request."""

import getpass
import json
import os
import sys


def application(environ, start_response):
    found = {
        "script": os.path.basename(environ["SCRIPT_FILENAME"]),
        "mount": environ["SCRIPT_NAME"],
        "path": environ["PATH_INFO"],
        "group": environ["mod_wsgi.process_group"],
        "interpreter": environ["mod_wsgi.application_group"],
        "callable": environ["mod_wsgi.callable_object"],
        "authorization": environ.get("HTTP_AUTHORIZATION"),
        "remote user": environ.get("REMOTE_USER"),
        "vhm": [environ.get(f"HTTP_X_VHM_{key}") for key in ("HOST", "ROOT")],
        "user": getpass.getuser(),
        "cwd": os.getcwd(),
        "umask": os.umask(0o22),
        "multi": [environ["wsgi.multiprocess"], environ["wsgi.multithread"]],
        "sys.path": sys.path,
        "prefix": sys.prefix,
        "lang": [os.environ.get(key) for key in ("LANG", "LC_ALL")],
        "pid": os.getpid(),
    }
    os.umask(found["umask"])
    environ["wsgi.input"].read()
    body = json.dumps(found).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]


app = application
