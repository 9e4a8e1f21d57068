# SPDX-License-Identifier: Apache-2.0
"""The application's side of harness/gates.py: wait where the test says so, leave notes for it."""

import fcntl
import os
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "stage"


def note(name, text):
    """Append one line to the notes of that name."""
    fd = os.open(FOLDER / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        os.write(fd, f"{text}\n".encode())
    finally:
        os.close(fd)


def gate(name="gate"):
    """Wait here until the test opens the gate; open gates are passed at once."""
    note(f"{name}.reached", os.getpid())
    fd = os.open(FOLDER / f"{name}.lock", os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)
    note(f"{name}.passed", os.getpid())
