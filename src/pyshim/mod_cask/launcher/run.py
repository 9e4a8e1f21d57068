# SPDX-License-Identifier: Apache-2.0
"""Runs httpd in the foreground: log lines, signals, exit status.

httpd gets a session of its own, so that a terminal's Ctrl-C and resize (SIGWINCH, which would stop
it) reach only us; we pass on what is meant. When we are killed the kernel sends it SIGTERM.
States: starting -> serving -> stopping -> gone; `starting` may go to `stopping` or `gone` as well.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mod_cask.common.errors import Failure

START_DEADLINE = 60.0
# After these seconds the next stronger signal follows. The first leaves httpd its
# GracefulShutdownTimeout, its own escalation, and the daemons their shutdown-timeout.
STOP_DEADLINES = ((signal.SIGWINCH, 35.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 10.0))
ORPHANS_DEADLINE = 12.0
IMPATIENT = 1.0  # seconds after which a second Ctrl-C means "now"; make and timeout send two
PR_SET_PDEATHSIG = 1
READY = "resuming normal operations"
# httpd's own remarks about start and stop, which our lines replace.
ROUTINE = re.compile(r"AH(00489|00163|00292|00094|00491|00169|00295|00492|00170|00296): ")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Command:
    program: str
    config: Path
    folder: Path
    show_routine: bool = False

    @property
    def words(self) -> list[str]:
        return [self.program, "-f", str(self.config), "-DFOREGROUND"]


@dataclass
class Runner:
    command: Command
    ready: Callable[[], None]
    """Called once, when httpd serves."""
    log: Callable[[str], None]
    """Takes one line of the log."""
    say: Callable[[str], None]
    serving: bool = False
    stops: int = 0
    """Signals of STOP_DEADLINES sent so far."""
    stop_time: float = 0.0
    deadline: float | None = None
    rest: bytes = b""
    process: subprocess.Popen[bytes] = field(init=False)

    def run(self) -> int:
        """Until httpd has ended; the exit status."""
        reader, writer = os.pipe()
        with signal_socket() as signals, selectors.DefaultSelector() as selector:
            try:
                self.process = start(self.command, writer)
            finally:
                os.close(writer)
            with os.fdopen(reader, "rb", buffering=0) as lines:
                os.set_blocking(reader, False)
                selector.register(lines, selectors.EVENT_READ)
                selector.register(signals, selectors.EVENT_READ)
                self.deadline = time.monotonic() + START_DEADLINE
                try:
                    self.loop(selector, lines.fileno(), signals)
                finally:
                    if self.process.poll() is None:
                        self.process.kill()
                        self.process.wait()
                if self.process.returncode < 0:
                    self.end_orphans(lines.fileno())
                self.read(lines.fileno())
        return self.status()

    def loop(self, selector: selectors.BaseSelector, lines: int, signals: socket.socket) -> None:
        while self.process.poll() is None:
            timeout = None if self.deadline is None else self.deadline - time.monotonic()
            if timeout is not None and timeout <= 0:
                self.expired()
                continue
            for key, _ in selector.select(timeout):
                if key.fileobj is signals:
                    self.signalled(signals.recv(64))
                elif not self.read(lines):
                    selector.unregister(key.fileobj)

    def end_orphans(self, lines: int) -> None:
        """httpd's parent was killed. Its children would stay for ever and do not heed SIGTERM; the
        supervisor notices by itself. The last of them closes the log."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        end = time.monotonic() + ORPHANS_DEADLINE
        with selectors.DefaultSelector() as selector:
            selector.register(lines, selectors.EVENT_READ)
            while (left := end - time.monotonic()) > 0:
                if selector.select(left) and not self.read(lines):
                    return

    def read(self, lines: int) -> bool:
        """Passes on what is there; False at the end of the log."""
        while True:
            try:
                data = os.read(lines, 65536)
            except BlockingIOError:
                return True
            if not data:
                if self.rest:
                    self.line(self.rest)
                    self.rest = b""
                return False
            *whole, self.rest = (self.rest + data).split(b"\n")
            for line in whole:
                self.line(line)

    def line(self, raw: bytes) -> None:
        text = raw.decode("utf-8", "replace")
        if READY in text and not self.serving and self.stops == 0:
            self.serving = True
            self.deadline = None
            self.ready()
        if self.command.show_routine or ROUTINE.search(text) is None:
            self.log(text)

    def signalled(self, numbers: bytes) -> None:
        for number in numbers:
            if number in STOP_SIGNALS:
                if self.stops == 0 or time.monotonic() - self.stop_time > IMPATIENT:
                    self.stop()
            elif number == signal.SIGUSR1 and self.serving and self.stops == 0:
                self.process.send_signal(signal.SIGUSR1)  # httpd's graceful restart

    def stop(self) -> None:
        """The next stronger signal. One that has no handler yet would be lost: not the first."""
        if self.stops == 0:
            self.say("stopping: running requests are finished; once more to stop at once")
            if not self.serving:
                self.stops = 1
        number, patience = STOP_DEADLINES[min(self.stops, len(STOP_DEADLINES) - 1)]
        self.process.send_signal(number)
        self.stops += 1
        self.stop_time = time.monotonic()
        self.deadline = self.stop_time + patience

    def expired(self) -> None:
        if self.stops == 0:
            self.log(f"mod-cask: Apache was not ready after {START_DEADLINE:.0f} s")
            self.process.kill()
            self.process.wait()
            return
        self.stop()

    def status(self) -> int:
        code = self.process.returncode
        if self.stops > 0:
            if code in (0, -signal.SIGTERM):
                return 0
            self.log("mod-cask: Apache had to be killed")
            return 1
        if code < 0:
            self.log(f"mod-cask: Apache was ended by signal {-code}")
            return 128 - code
        if not self.serving:
            self.log(f"mod-cask: Apache did not start (status {code})")
            return code or 1
        return code


def start(command: Command, log: int) -> subprocess.Popen[bytes]:
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def end_with_parent() -> None:
        prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
        if os.getppid() != parent:
            os._exit(1)

    try:
        return subprocess.Popen(
            command.words,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=command.folder,
            start_new_session=True,
            preexec_fn=end_with_parent,  # noqa: PLW1509 - we have one thread
        )
    except OSError as error:
        raise Failure(f"cannot run '{command.program}': {error.strerror}") from None


@contextlib.contextmanager
def signal_socket() -> Iterator[socket.socket]:
    """A socket that gets one byte, its number, for each signal that concerns us."""
    ours, pythons = socket.socketpair()
    with ours, pythons:
        ours.setblocking(False)
        pythons.setblocking(False)
        numbers = [*STOP_SIGNALS, signal.SIGUSR1, signal.SIGCHLD]
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # nohup
            numbers.remove(signal.SIGHUP)
        before = {number: signal.signal(number, lambda *_: None) for number in numbers}
        old = signal.set_wakeup_fd(pythons.fileno(), warn_on_full_buffer=False)
        try:
            yield ours
        finally:
            signal.set_wakeup_fd(old)
            for number, handler in before.items():
                signal.signal(number, handler)
