# SPDX-License-Identifier: Apache-2.0
"""Waiting for a condition with a deadline; the only place of the tests that lets time pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

PAUSE = 0.01  # seconds between two looks


def wait_until(
    condition: Callable[[], Value], deadline: float = 10.0, what: str | Callable[[], str] = ""
) -> Value:
    """Return the first true value of condition(); fail the test after `deadline` seconds."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            text = what() if callable(what) else what
            raise AssertionError(f"not within {deadline} s: {text or condition}")
        time.sleep(PAUSE)
