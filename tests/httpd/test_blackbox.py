# SPDX-License-Identifier: Apache-2.0
"""The last words about a daemon: each cause has its own, with the request and Python's stacks."""

import os
import re
import signal

import pytest

from harness.wait import wait_until

pytestmark = pytest.mark.only("daemon", reason="processes of groups")

CAUSES = {
    "segfault": r"signal 11 \(Segmentation fault\)",
    "abort": r"signal 6 \(Aborted\)",
    "leave": r"ended by itself with status 3",
    "kill": r"signal 9 \(Killed: somebody sent it, or the kernel had no memory left\)",
    "cpu": r"signal 9 \(Killed by the kernel: cpu-time-limit and the time to end were used up\)",
    "overflow": r"signal 11 \(.* fault: the C stack of a thread was full, see stack-size\)",
}
WITH_STACKS = {"segfault": "in segfault", "abort": "in abort", "overflow": "in overflow"}


@pytest.mark.parametrize("cause", CAUSES)
def test_last_words(site, cause):
    options = {"threads": 2}
    if cause == "overflow":
        options["stack_size"] = "512K"
    site.serve("crashes.py", group_options=options)
    site.logs.allow("CASK0(224|421|428|7)|^.*(File|[Tt]hread|Fatal|Extension|Current|<no Python)")
    site.get(f"/{cause}?token=1", 502, timeout=60)
    wait_until(lambda: site.logs.find("CASK0421"), 10)
    lines = [entry.text for entry in site.logs.find("CASK0421")]
    assert len(lines) == 1
    assert re.search(
        rf"group 'main': process \d+ (was )?(ended by )?{CAUSES[cause]} while it served "
        rf"GET /{cause}\?token=1 \(\d+\.\d s\); starting another",
        lines[0],
    )
    if cause in WITH_STACKS:
        assert site.logs.find(WITH_STACKS[cause])
    site.get("/")


def test_a_process_that_served_nothing(site):
    site.serve("crashes.py")
    pid = int(site.get("/").text)
    site.logs.allow("CASK0421")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: site.logs.find("CASK0421"), 10)
    words = rf"CASK0421: .*process {pid} was ended by signal 9 \([^)]*\)( while it served GET .*)?;"
    assert site.logs.find(words)
    site.get("/")
