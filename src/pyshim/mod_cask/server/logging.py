# SPDX-License-Identifier: Apache-2.0
"""`mod_wsgi.LogHandler`: the logging module's records at the levels of httpd's error log."""

import logging
import sys

LEVELS = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
DEBUG = 7


def httpd_level(level: int) -> int:
    return next((httpd for bound, httpd in LEVELS if level >= bound), DEBUG)


class LogHandler(logging.Handler):
    """On a thread that serves a request, to that request's log; else to that of the process."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
            sys.modules["mod_wsgi"]._log(httpd_level(record.levelno), text)
        except RecursionError:
            raise
        except Exception:
            self.handleError(record)
