# SPDX-License-Identifier: Apache-2.0
"""Says which process answers."""

import os
import pwd


def application(environ, start_response):
    user = pwd.getpwuid(os.geteuid()).pw_name
    group = environ["mod_wsgi.process_group"] or "httpd itself"
    body = f"Hello from process {os.getpid()} of {group}, user {user}\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [body]
