# SPDX-License-Identifier: Apache-2.0
"""Zope 5 as its instance's ini file puts it together; the instance lies beside this script.

WSGI promises no seek(), but Zope wants it for PUT and to repeat a request after a conflict.
"""

import os
import shutil
import tempfile

from paste.deploy import loadapp

HERE = os.path.dirname(os.path.abspath(__file__))
zope = loadapp("config:" + os.path.join(HERE, "instance", "etc", "zope.ini"))


def application(environ, start_response):
    if environ.get("CONTENT_LENGTH", "0") != "0":
        body = tempfile.SpooledTemporaryFile(1_000_000)
        shutil.copyfileobj(environ["wsgi.input"], body)
        body.seek(0)
        environ["wsgi.input"] = body
    return zope(environ, start_response)
