# SPDX-License-Identifier: Apache-2.0
"""Says how a request came here: paths, redirect variables and what a test put into the URL."""

import json

PREFIXES = ("REDIRECT_", "SCRIPT_", "PATH_", "QUERY_", "REQUEST_", "CONTEXT_", "VAR_")
NAMES = ("SERVER_NAME", "SERVER_PROTOCOL", "HTTP_HOST", "mod_wsgi.script_name",
         "mod_wsgi.path_info", "mod_wsgi.request_handler", "mod_wsgi.process_group",
         "mod_wsgi.application_group")  # fmt: skip


def application(environ, start_response):
    seen = {k: v for k, v in environ.items() if k.startswith(PREFIXES) or k in NAMES}
    body = json.dumps({"file": __file__.rpartition("/")[2], **seen}).encode()
    if environ["QUERY_STRING"].startswith("text"):
        paths = (environ["SCRIPT_NAME"], environ["PATH_INFO"], environ["SERVER_PROTOCOL"])
        body = "|".join(paths).encode()
    status = environ.get("REDIRECT_STATUS", "200")  # an ErrorDocument gives its own status
    start_response(status, [("Content-Type", "text/html")])
    return [body]
