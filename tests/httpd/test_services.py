# SPDX-License-Identifier: Apache-2.0
"""Service groups (threads=0): processes that run their import scripts and serve no requests."""

import os
import signal

import pytest

from harness import procs
from harness.wait import wait_until

pytestmark = pytest.mark.only("daemon", reason="services are daemon groups")

BEGIN = """
import atexit, os, signal, stage, sys, threading, time
import mod_wsgi
stage.note("events", f"start {threading.current_thread() is threading.main_thread()}")
atexit.register(stage.note, "events", "atexit")
"""


def add_service(site, text, name="svc", application_group="%{GLOBAL}", begin=BEGIN, **options):
    site.stage.expect_notes("events")
    site.group(name, threads=0, **options)
    path = site.write_app(f"{name}.py", begin + text)
    site.config.add(
        f"WSGIImportScript {path} process-group={name} application-group={application_group}"
    )
    return path


def events(site):
    return site.stage.notes("events")


def wait_events(site, *wanted):
    wait_until(
        lambda: all(event in events(site) for event in wanted),
        10.0,
        lambda: f"{wanted} in {events(site)}\n{site.tail()}",
    )


def wait_ready(site, count=1):
    return site.wait_log(r"group 'svc': process \d+ of generation \d+ is ready", count=count)


def only_pid(site):
    return wait_until(lambda: len(pids := site.daemons()) == 1 and pids, 10.0)[0]


def test_script_runs_on_the_main_thread_and_the_process_stays(site):
    add_service(site, "stage.note('events', f'threads {mod_wsgi.threads_per_process}')\n")
    site.start()
    wait_events(site, "start True", "threads 0")
    wait_ready(site)
    pid = only_pid(site)
    site.stop()
    assert not procs.alive(pid)
    assert events(site) == ["start True", "threads 0", "atexit"]


def test_loop_is_ended_by_sigterm(site):
    """As in a program that was started by hand: the exit handlers and `finally` run."""
    add_service(
        site,
        "try:\n    while True:\n        time.sleep(60)\n"
        "finally:\n    stage.note('events', 'finally')\n",
    )
    site.start()
    wait_events(site, "start True")
    assert site.stop() < 5
    assert events(site) == ["start True", "finally", "atexit"]


def test_script_may_handle_signals_itself(site):
    """Its loop ends by its own flag; the process follows."""
    add_service(
        site,
        "ending = threading.Event()\n"
        "def end(number, frame):\n    stage.note('events', f'signal {number}')\n    ending.set()\n"
        "def hup(number, frame):\n    stage.note('events', 'hup')\n"
        "assert signal.signal(signal.SIGHUP, hup) is not None\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "assert signal.getsignal(signal.SIGTERM) is end\n"
        "stage.note('events', 'waiting')\n"
        "while not ending.wait(0.1):\n    pass\n"
        "stage.note('events', 'left')\n",
    )
    site.start()
    wait_events(site, "waiting")
    os.kill(only_pid(site), signal.SIGHUP)
    wait_events(site, "hup")
    site.stop()
    assert events(site)[-3:] == [f"signal {signal.SIGTERM.value}", "left", "atexit"]


def test_handlers_and_threads_of_a_script_that_has_returned_work_on(site):
    add_service(
        site,
        "beat = threading.Event()\n"
        "def work():\n"
        "    while not beat.wait(0.05):\n        pass\n"
        "    stage.note('events', 'worked')\n"
        "threading.Thread(target=work).start()\n"
        "signal.signal(signal.SIGUSR2, lambda *_: beat.set())\n"
        "stage.note('events', 'returned')\n",
    )
    site.start()
    wait_events(site, "returned")
    os.kill(only_pid(site), signal.SIGUSR2)
    wait_events(site, "worked")
    site.stop()
    assert events(site)[-1] == "atexit"


def test_signal_from_outside_ends_it_and_another_is_started(site):
    add_service(site, "time.sleep(60)\n")
    site.start()
    wait_events(site, "start True")
    wait_ready(site)
    with site.expects_log(r"CASK0432: group 'svc': service process \d+ has ended"):
        os.kill(only_pid(site), signal.SIGTERM)
        wait_until(lambda: events(site).count("start True") == 2, 10.0, site.tail)


def test_handled_signal_from_outside_ends_it_too(site):
    """The script has left its loop because of the signal; nothing else would end the process."""
    add_service(
        site,
        "over = []\nsignal.signal(signal.SIGINT, lambda *_: over.append(1))\n"
        "stage.note('events', 'waiting')\n"
        "while not over:\n    time.sleep(0.05)\n",
    )
    site.start()
    wait_events(site, "waiting")
    with site.expects_log("CASK0432"):
        os.kill(only_pid(site), signal.SIGINT)
        wait_until(lambda: events(site).count("start True") == 2, 10.0, site.tail)


def test_crashed_one_is_replaced(site):
    add_service(site, "time.sleep(60)\n")
    site.start()
    wait_events(site, "start True")
    wait_ready(site)
    with site.expects_log(r"CASK0421: group 'svc': process \d+ was ended by signal 9"):
        os.kill(only_pid(site), signal.SIGKILL)
        wait_until(lambda: events(site).count("start True") == 2, 10.0, site.tail)


def test_failing_script_is_started_again_with_a_growing_delay(site):
    add_service(site, "raise RuntimeError('no database')\n")
    site.logs.allow("CASK0606|CASK0421|^Traceback|^  |RuntimeError: no database")
    site.start()
    wait_until(lambda: events(site).count("start True") >= 3, 15.0, site.tail)
    # 100, 200, 400 ms ...: a start takes about as long, so far fewer than without a delay
    assert events(site).count("start True") < 10
    site.wait_log("CASK0606: script '.*svc.py' cannot be loaded: RuntimeError: no database")


def test_failing_script_beside_a_good_one_is_only_logged(site):
    add_service(site, "raise RuntimeError('bad')\n")
    good = site.write_app("good.py", BEGIN + "stage.note('events', 'good')\n")
    site.config.add(f"WSGIImportScript {good} process-group=svc application-group=%{{GLOBAL}}")
    site.logs.allow("CASK0606|^Traceback|^  |RuntimeError: bad")
    site.start()
    wait_events(site, "good")
    pid = only_pid(site)
    site.stop()
    assert not procs.alive(pid)
    assert events(site).count("good") == 1


def test_exit_status_is_shown(site):
    add_service(site, "sys.exit(3)\n")
    site.logs.allow("CASK0606|CASK0421|^Traceback|^  |SystemExit")
    site.start()
    site.wait_log(r"CASK0421: group 'svc': process \d+ ended by itself with status 3", count=2)


def test_one_that_does_not_end_is_ended_after_shutdown_timeout(site):
    add_service(
        site,
        "signal.signal(signal.SIGTERM, lambda *_: stage.note('events', 'ignored'))\n"
        "stage.note('events', 'looping')\n"
        "while True:\n    time.sleep(0.05)\n",
        shutdown_timeout=1,
    )
    site.start()
    wait_events(site, "looping")
    with site.expects_log("CASK0430: group 'svc': ending process"):
        assert site.stop() < 6
    assert events(site)[-1] == "ignored"


def test_restart_ends_the_old_one_before_the_new_one_begins(site):
    """A scheduler must not run twice."""
    add_service(
        site,
        "try:\n    while True:\n        time.sleep(60)\n"
        "finally:\n    time.sleep(0.3)\n    stage.note('events', 'end')\n",
        begin="import stage, time\nstage.note('events', 'begin')\n",
    )
    site.start()
    for round_number in range(1, 3):
        wait_until(lambda n=round_number: events(site).count("begin") == n, 10.0, site.tail)
        site.restart()
    wait_until(lambda: events(site).count("begin") == 3, 10.0, site.tail)
    assert events(site) == ["begin", "end"] * 2 + ["begin"]


def test_removed_one_ends_with_the_restart(site):
    """It does not wait for old children of httpd, as groups do that serve requests."""
    add_service(site, "time.sleep(60)\n")
    site.start()
    wait_events(site, "start True")
    site.config.top = [line for line in site.config.top if not line.startswith("WSGI")]
    site.restart()
    wait_events(site, "atexit")


def test_interval_ends_it_and_another_is_started(site):
    add_service(site, "time.sleep(60)\n", restart_interval=1)
    site.logs.allow("CASK0432")
    site.start()
    wait_until(lambda: events(site)[:3] == ["start True", "atexit", "start True"], 15.0, site.tail)


def test_changed_script_comes_with_a_restart(site):
    path = add_service(site, "stage.note('events', 'old')\ntime.sleep(60)\n")
    site.start()
    wait_events(site, "old")
    path.write_text(BEGIN + "stage.note('events', 'new')\ntime.sleep(60)\n")
    site.restart()
    wait_events(site, "new")


def test_processes_each_run_the_scripts(site):
    add_service(site, "time.sleep(60)\n", processes=3)
    site.start()
    wait_until(lambda: events(site).count("start True") == 3, 10.0, site.tail)
    assert len(site.daemons()) == 3


def test_children_of_the_script_obey_signals(site):
    add_service(
        site,
        "child = os.fork()\n"
        "if child == 0:\n    time.sleep(60)\n    os._exit(1)\n"
        "os.kill(child, signal.SIGTERM)\n"
        "stage.note('events', f'child {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}')\n",
    )
    site.start()
    wait_events(site, f"child {-signal.SIGTERM.value}")


def test_print_and_logging_reach_the_log(site):
    add_service(site, "print('hello from the service')\nsys.stderr.write('unfinished')\n")
    with site.expects_log("hello from the service", "unfinished"):
        site.start()


def test_request_for_a_service_group_is_refused(site):
    site.logs.allow("CASK0153")
    add_service(site, "")
    path = site.write_app("hello.py", "application = None\n")
    site.add_app(path, group="svc")
    assert "CASK0153: WSGIScriptAlias at " in site.check().stderr
    site.start()
    with site.expects_log(r"\[client .*CASK0150: group 'svc' has threads=0"):
        site.get("/", 500)


def test_service_without_scripts_is_named_by_the_configuration_test(site):
    site.group("svc", threads=0)
    assert "CASK0152: group 'svc' at " in site.check().stderr


def test_service_ends_when_httpd_is_killed(site):
    add_service(site, "time.sleep(60)\n")
    site.start()
    wait_events(site, "start True")
    pid = only_pid(site)
    children = site.children()
    os.kill(site.pid, signal.SIGKILL)
    site.process.wait(10)
    for child in children:  # httpd's own would stay
        os.kill(child, signal.SIGKILL)
    wait_until(lambda: not procs.alive(pid), 10.0)
    wait_events(site, "atexit")
    for path in (site.root / "run").iterdir():
        if path.is_socket():
            path.unlink()  # nobody was left to do it


def test_lost_supervisor_does_not_leave_two(site):
    add_service(site, "time.sleep(60)\n")
    site.start()
    wait_events(site, "start True")
    wait_ready(site)
    with site.expects_log("CASK0414"):
        os.kill(site.supervisors()[0], signal.SIGKILL)
        wait_until(lambda: events(site).count("start True") == 2, 15.0, site.tail)
    assert events(site) == ["start True", "atexit", "start True"]


def test_scripts_in_another_interpreter_run_too(site):
    """Signal handlers are Python's main interpreter's only; threads live on everywhere."""
    add_service(site, "stage.note('events', mod_wsgi.application_group)\n",
                application_group="other")  # fmt: skip
    site.start()
    wait_events(site, "other")
    site.stop()
    assert events(site)[-1] == "atexit"
