# SPDX-License-Identifier: Apache-2.0
"""Errors that users see: one sentence, one remedy, no traceback of ours."""

from __future__ import annotations


class Failure(Exception):
    """Something outside is not as it must be; exit status 1.

    detail is shown before the sentence as it is: the traceback of an application, say.
    """

    status = 1

    def __init__(self, sentence: str, remedy: str = "", detail: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.sentence}; {self.remedy}" if self.remedy else self.sentence


class UsageError(Failure):
    """The command line asks for something impossible; exit status 2."""

    status = 2
