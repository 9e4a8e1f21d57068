# SPDX-License-Identifier: Apache-2.0
"""Limits of daemon processes, and what happens to those that reach one."""

import grp
import os
import resource
import signal
import threading
import time

import pytest

from harness import procs
from harness.wait import wait_until

pytestmark = pytest.mark.only("daemon", reason="options of daemon groups")

MEGABYTE = 1 << 20


def facts(site):
    return site.get("/facts").json()


@pytest.mark.unsanitized(reason="the sanitizers need more address space than memory-limit gives")
def test_limits_are_set(site):
    site.serve(
        "limits.py",
        group_options={
            "cpu_time_limit": 7200,
            "memory_limit": "700M",
            "virtual_memory_limit": "3G",
            "open_files_limit": 200,
            "cpu_priority": 5,
            "shutdown_timeout": 4,
            "stack_size": "1M",
        },
    )
    seen = facts(site)
    assert seen["limits"]["CPU"] == [7200, 7205]
    assert seen["limits"]["DATA"] == [700 * MEGABYTE] * 2
    assert seen["limits"]["AS"] == [3 * 1024 * MEGABYTE] * 2
    assert seen["limits"]["NOFILE"] == [200] * 2
    assert seen["nice"] == 5
    assert site.get("/stack").json()["stack"] == MEGABYTE


def test_limits_of_httpd_by_default(site):
    site.serve("limits.py")
    seen = facts(site)
    assert seen["nice"] == os.getpriority(os.PRIO_PROCESS, 0)
    for name in ("CPU", "DATA", "AS"):
        assert seen["limits"][name] == list(resource.getrlimit(getattr(resource, f"RLIMIT_{name}")))


def test_a_limit_that_cannot_be_set_is_a_warning(site):
    """-20 is fine for root only; more files than the kernel knows for nobody."""
    site.logs.allow("CASK0440")
    site.serve("limits.py", group_options={"open_files_limit": 1 << 30})
    assert facts(site)["limits"]["NOFILE"][0] < 1 << 30
    assert site.logs.find("CASK0440: .*open-files-limit cannot be set")


@pytest.mark.unsanitized(reason="the sanitizers need more address space than memory-limit gives")
def test_memory_limit_is_a_memory_error(site):
    site.logs.allow("CASK0501|MemoryError|Traceback|File |\\]   ")
    site.serve("limits.py", group_options={"memory_limit": "300M"})
    pid = facts(site)["pid"]
    site.get("/allocate?bytes=1000000")
    site.get(f"/allocate?bytes={400 * MEGABYTE}", 500)
    assert facts(site)["pid"] == pid


@pytest.mark.root
def test_supplementary_groups(site):
    names = ["games", "mail"]
    site.serve("limits.py", group_options={"supplementary_groups": ",".join(names)})
    seen = facts(site)
    assert sorted(set(seen["groups"])) == sorted(
        {seen["gid"], *(grp.getgrnam(name).gr_gid for name in names)}
    )


@pytest.mark.parametrize("flag", ["On", "Off"])
def test_no_new_privileges(site, flag):
    site.serve("limits.py", group_options={"no_new_privileges": flag})
    pid = facts(site)["pid"]
    assert int(procs.status_field(pid, "NoNewPrivs")) == (flag == "On")


def test_cpu_time_limit_replaces_the_process(site):
    """The request that crosses the limit ends well; the next one meets a fresh process."""
    site.logs.allow("CASK042[78]")
    site.serve("limits.py", group_options={"cpu_time_limit": 1, "shutdown_timeout": 5})
    before = facts(site)["pid"]
    site.get("/burn?seconds=1.3")
    wait_until(lambda: not procs.alive(before), 15)
    assert facts(site)["pid"] != before
    assert site.logs.find("CASK0428: .*cpu-time-limit reached")


def test_restart_interval(site):
    """A process is replaced at its age, without load too."""
    site.logs.allow("CASK0427")
    site.serve("limits.py", group_options={"restart_interval": "1500ms"})
    before = facts(site)["pid"]
    wait_until(lambda: not procs.alive(before), 15)
    assert facts(site)["pid"] != before
    assert site.logs.find("CASK0427: .*restart-interval reached")


def test_interrupt_timeout_raises_in_the_stuck_thread_only(site):
    """504 for the one that takes too long; the process and the others live on."""
    site.logs.allow("CASK0720")
    site.serve(
        "limits.py",
        group_options={"threads": 3, "request_timeout": 1, "interrupt_timeout": 10},
    )
    before = facts(site)["pid"]
    statuses = {}

    def fetch(name, path):
        statuses[name] = site.get(path, None, timeout=30).status_code

    threads = [
        threading.Thread(target=fetch, args=("long", "/spin?seconds=25")),
        threading.Thread(target=fetch, args=("short", "/spin?seconds=0.7")),
    ]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - begin < 20
    assert statuses == {"long": 504, "short": 200}
    assert facts(site)["pid"] == before
    assert site.logs.find("CASK0441: .*interrupting the request in thread")


def test_interrupt_that_does_not_help_is_followed_by_a_replacement(site):
    site.logs.allow("CASK0|RequestTimeout|[Tt]hread|Stack|Traceback|File |^\\s")
    site.serve(
        "limits.py",
        group_options={"threads": 1, "request_timeout": 1, "interrupt_timeout": 1,
                       "graceful_timeout": 1, "shutdown_timeout": 1},
    )  # fmt: skip
    before = facts(site)["pid"]
    assert site.get("/hold?seconds=60", None, timeout=30).status_code in (502, 504)
    wait_until(lambda: not procs.alive(before), 15)
    assert facts(site)["pid"] != before


def test_deadlock_timeout(site):
    """Python's lock held in C: stacks in the log, another process, and the others go on."""
    site.logs.allow("CASK0|[Tt]hread|Stack|Traceback|File |^\\s")
    site.serve(
        "limits.py",
        group_options={"processes": 2, "threads": 2, "deadlock_timeout": 1, "shutdown_timeout": 1},
    )
    begin = time.monotonic()
    site.get("/hold?seconds=60", 502, timeout=30)
    assert time.monotonic() - begin < 20
    wait_until(lambda: site.logs.find("CASK0428: .*deadlock-timeout"), 10)
    assert site.logs.find("in hold")
    for _ in range(4):
        facts(site)


def test_eviction_timeout(site):
    """SIGUSR1 gives running requests eviction-timeout, not graceful-timeout."""
    site.logs.allow("CASK0|[Tt]hread|Stack|Traceback|File |^\\s")
    site.serve(
        "gateway.py",
        group_options={"threads": 1, "graceful_timeout": 60, "eviction_timeout": 1,
                       "shutdown_timeout": 1},
    )  # fmt: skip
    site.stage.close_gate()
    statuses = []
    thread = threading.Thread(
        target=lambda: statuses.append(site.get("/gate", None, timeout=60).status_code)
    )
    thread.start()
    site.stage.wait_reached()
    pid = int(site.stage.notes("gate.reached")[0])
    os.kill(pid, signal.SIGUSR1)
    wait_until(lambda: not procs.alive(pid), 15)
    thread.join()
    assert statuses == [502]
    site.stage.open_gate()
