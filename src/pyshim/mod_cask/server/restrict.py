# SPDX-License-Identifier: Apache-2.0
"""What applications may not touch: signals, and where the administrator says so the streams."""

import atexit
import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

INFO = 6


class Restricted:
    """Stands for sys.stdin or sys.stdout. Whatever is asked of it, the answer is the same OSError,
    which names the stream and the directive; `except AttributeError` must not hide it."""

    def __init__(self, stream: str, directive: str) -> None:
        object.__setattr__(
            self,
            "_cask_text",
            f"sys.{stream} is not for applications of this server ({directive} On); "
            "write to sys.stderr or use logging to reach the error log",
        )

    def __getattr__(self, name: str) -> NoReturn:
        raise OSError(self._cask_text)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise OSError(self._cask_text)

    def __iter__(self) -> NoReturn:
        raise OSError(self._cask_text)

    def __next__(self) -> NoReturn:
        raise OSError(self._cask_text)

    def __enter__(self) -> NoReturn:
        raise OSError(self._cask_text)

    def __exit__(self, *_: object) -> None:
        pass


def restrict_stream(stream: str, directive: str) -> None:
    setattr(sys, stream, Restricted(stream, directive))
    # Python flushes sys.stdout at its end and would report the OSError; what is registered first
    # runs last.
    atexit.register(setattr, sys, stream, None)


def restrict_signals(log: Callable[[int, str], None]) -> None:
    """Signals belong to the server: registering a handler is logged, not done.

    Callers get the previous handler, as from the real function. A child that the application forks
    has the real one. One line per place of call.
    """
    real = signal.signal
    owner = os.getpid()
    seen: set[tuple[str, int]] = set()

    @wraps(real)
    def restricted(signalnum: int, handler: Any, /) -> Any:
        if os.getpid() != owner:
            return real(signalnum, handler)
        previous = signal.getsignal(signalnum)
        frame = sys._getframe(1)
        place = (frame.f_code.co_filename, frame.f_lineno)
        if place not in seen:
            seen.add(place)
            log(
                INFO,
                f"signal.signal({signalnum}) at {place[0]}:{place[1]} has no effect: signals "
                "belong to the server (WSGIRestrictSignal Off allows them)",
            )
        return previous

    signal.signal = restricted  # type: ignore[assignment]
