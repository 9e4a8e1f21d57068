# SPDX-License-Identifier: Apache-2.0
"""A process without requests: signals and waiting, on the main thread of the main interpreter.

Scripts run here as in any Python program: handlers they register with `signal.signal()` work, also
after the script has returned.
"""

import os
import select
import signal
import threading
from collections.abc import Callable
from functools import wraps
from types import FrameType
from typing import Any

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
NOTHING = (signal.SIGHUP, signal.SIGUSR2)
"""They mean nothing to a daemon but must not end it."""


def ignore(number: int, frame: FrameType | None) -> None:
    """Unlike SIG_IGN it is not inherited by programs that the script starts."""


class Service:
    def __init__(self, stop_fd: int) -> None:
        self.stop_fd = stop_fd
        self.ending = False
        self.masks = threading.local()
        self.real_signal = signal.signal
        self.real_getsignal = signal.getsignal

    def begin(self) -> None:
        for number in ENDING:
            self.real_signal(number, self.end)
        for number in NOTHING:
            self.real_signal(number, ignore)
        self.replace_functions()
        os.register_at_fork(
            before=self.hold, after_in_parent=self.let_go, after_in_child=self.free_child
        )

    def replace_functions(self) -> None:
        @wraps(self.real_signal)
        def registering(signalnum: int, handler: Any, /) -> Any:
            return self.register(signalnum, handler)

        @wraps(self.real_getsignal)
        def getting(signalnum: int, /) -> Any:
            return self.unwrap(self.real_getsignal(signalnum))

        signal.signal = registering  # type: ignore[assignment]
        signal.getsignal = getting  # type: ignore[assignment]

    def end(self, number: int, frame: FrameType | None) -> None:
        self.ending = True
        raise SystemExit(0)

    def register(self, signalnum: int, handler: Any) -> Any:
        """As the real one; a handler for a signal that asks for the end is told of as well, so that
        a script that leaves its loop because of it need not end the process itself."""
        if signalnum in ENDING and callable(handler):
            return self.unwrap(self.real_signal(signalnum, self.noting(handler)))
        return self.unwrap(self.real_signal(signalnum, handler))

    def noting(self, handler: Callable[[int, FrameType | None], Any]) -> Callable[..., None]:
        def note(number: int, frame: FrameType | None) -> None:
            self.ending = True
            handler(number, frame)

        note._cask_handler = handler  # type: ignore[attr-defined]
        return note

    @staticmethod
    def unwrap(handler: Any) -> Any:
        return getattr(handler, "_cask_handler", handler)

    def hold(self) -> None:
        """A signal that reaches a child before it is free would be lost: Python forgets it."""
        self.masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, (*ENDING, *NOTHING))

    def let_go(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self.masks.before)

    def free_child(self) -> None:
        """A process that the script forks obeys signals; handlers of the script's own stay."""
        for number in (*ENDING, *NOTHING):
            if self.real_getsignal(number) in (self.end, ignore):
                self.real_signal(number, signal.SIG_DFL)
        self.let_go()

    def asked(self) -> bool:
        """Whether a signal has asked for the end."""
        return self.ending

    def wait(self) -> None:
        """Until the server or a signal asks for the end; signal handlers run meanwhile."""
        poll = select.poll()
        poll.register(self.stop_fd, select.POLLIN)
        while not self.ending and not poll.poll():
            pass
