# SPDX-License-Identifier: Apache-2.0
"""`LogHandler`: the logging module's records at the levels of httpd's error log.

Applications get it as `mod_wsgi.LogHandler` and as `mod_cask.LogHandler`. Outside of a server, for
example in a management command with the same settings, it writes to sys.stderr.
"""

import logging
import sys
from typing import Any

LEVELS = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
DEBUG = 7


def httpd_level(level: int) -> int:
    return next((httpd for bound, httpd in LEVELS if level >= bound), DEBUG)


def server() -> Any:
    """The server's module in this interpreter; None outside of one."""
    module = sys.modules.get("mod_wsgi")
    return module if hasattr(module, "_log") else None


class LogHandler(logging.Handler):
    """On a thread that serves a request, to that request's log; else to that of the process.

    A record above LogLevel is dropped before it is formatted. One record is one entry, its lines
    stay together.
    """

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level = httpd_level(record.levelno)
            httpd = server()
            if httpd is None:
                sys.stderr.write(f"{self.format(record)}\n")
            elif level <= httpd._log_level():
                httpd._log(level, self.format(record), record.pathname, record.lineno)
        except RecursionError:
            raise
        except Exception:
            self.handleError(record)
