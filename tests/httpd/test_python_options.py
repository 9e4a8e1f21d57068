# SPDX-License-Identifier: Apache-2.0
"""Options of Python itself, for all interpreters of the server and per daemon group."""

import subprocess
import sys

import pytest

from harness.site import ENVIRONMENT
from harness.wait import wait_until

DIRECTIVES = (
    "WSGIPythonOptimize 1",
    "WSGIPythonWarnings error::ResourceWarning",
    "WSGIPythonWarnings once",
    "WSGIPythonHashSeed 7",
    "WSGIDontWriteBytecode On",
)


def hash_with_seed(seed):
    done = subprocess.run(
        [sys.executable, "-c", "print(hash('a text of some length'))"],
        env={"PYTHONHASHSEED": str(seed)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(done.stdout)


def flags(site, at=""):
    return site.get(f"{at}/flags").json()


def test_directives_hold_in_both_modes(site):
    site.config.add(*DIRECTIVES)
    path = site.install("python_options.py")
    if site.mode == "daemon":
        site.group("twin")
        site.add_app(path, at="/twin", group="twin")
    site.serve(path)
    seen = flags(site)
    assert seen["optimize"] == 1
    assert seen["debug"] is False
    assert seen["warnoptions"] == ["error::ResourceWarning", "once"]
    assert seen["bytecode"] is False
    assert not list(site.apps.rglob("*.pyc"))
    assert seen["hash"] == hash_with_seed(7)
    if site.mode == "daemon":
        assert flags(site, "/twin")["hash"] == seen["hash"]


def test_environment_counts_too(site, monkeypatch):
    """Of two levels the higher one; a seed of a directive beats that of the environment."""
    for name, value in (("PYTHONOPTIMIZE", "2"), ("PYTHONHASHSEED", "9")):
        monkeypatch.setitem(ENVIRONMENT, name, value)
    site.config.add("WSGIPythonOptimize 1")
    site.config.add("WSGIPythonHashSeed 7")
    site.serve("python_options.py")
    seen = flags(site)
    assert seen["optimize"] == 2
    assert seen["hash"] == hash_with_seed(7)
    assert seen["seed"] == ("7" if site.mode == "daemon" else "9")  # for programs it starts


def test_without_directives_python_is_as_usual(site):
    site.serve("python_options.py")
    seen = flags(site)
    assert seen["optimize"] == 0
    assert seen["debug"] is True
    assert seen["seeded"] == 1
    assert seen["warnoptions"] == []
    assert seen["bytecode"] is True
    assert seen["eggs"] is None
    assert seen["argv"] == ["mod_wsgi"]


def test_random_seed_is_random(site):
    """mod_wsgi takes the word for the number 0 and switches the randomness off."""
    site.config.add("WSGIPythonHashSeed random")
    site.serve("python_options.py")
    first = flags(site)
    assert first["seeded"] == 1
    site.restart()
    wait_until(lambda: flags(site)["hash"] != first["hash"], 10.0)


def test_optimize_beyond_two_is_two(site):
    site.config.add("WSGIPythonOptimize 5")
    site.serve("python_options.py")
    assert flags(site)["debug"] is False


def test_interval_and_eggs(site):
    eggs = site.root / "eggs"
    eggs.mkdir()
    if site.mode == "daemon":
        site.group(switch_interval="25ms", python_eggs=eggs)
        site.config.add("WSGISwitchInterval 0.5", "WSGIPythonEggs /nowhere")
    else:
        site.config.add("WSGISwitchInterval 0.025", f"WSGIPythonEggs {eggs}")
    site.serve("python_options.py")
    assert flags(site)["interval"] == pytest.approx(0.025)
    assert flags(site)["eggs"] == str(eggs)


def test_interval_of_a_section_beats_that_of_the_server(site):
    group = "main" if site.mode == "daemon" else "%{GLOBAL}"
    site.config.add(
        "WSGISwitchInterval 0.5",
        f"<WSGIInterpreterOptions process-group={group}>",
        "WSGISwitchInterval 0.025",
        "</WSGIInterpreterOptions>",
    )
    site.serve("python_options.py")
    assert flags(site)["interval"] == pytest.approx(0.025)


def test_interval_of_one_interpreter_is_refused(site):
    """They share the GIL, and so the interval."""
    site.config.add(
        "<WSGIInterpreterOptions application-group=other>",
        "WSGISwitchInterval 0.025",
        "</WSGIInterpreterOptions>",
    )
    path = site.install("python_options.py")
    site.add_app(path, at="/other", application_group="other")
    with site.expects_log("CASK0609: interpreter 'other'"):
        site.start()
        assert flags(site, "/other")["interval"] == pytest.approx(0.005)


def test_paths_of_sections_add_up(site):
    """Base first, then sections with ever more selectors: what is most special is found first."""
    group = "main" if site.mode == "daemon" else "%{GLOBAL}"
    for name in ("base", "any", "group", "both", "stranger"):
        folder = site.apps / name
        folder.mkdir()
        (folder / "origin.py").write_text(f"name = {name!r}\n")
    base = f"{site.apps / 'lib'}:{site.apps / 'base'}"
    if site.mode == "daemon":
        site.group(python_path=base)
    else:
        site.config.add(f"WSGIPythonPath {base}")
    for selectors, name in (
        (f"process-group={group} application-group=sub", "both"),
        ("", "any"),
        (f"process-group={group}", "group"),
        ("application-group=stranger", "stranger"),
    ):
        site.config.add(
            f"<WSGIInterpreterOptions {selectors}>",
            f"WSGIPythonPath {site.apps / name}",
            "</WSGIInterpreterOptions>",
        )
    path = site.install("python_options.py")
    site.add_app(path, at="/sub", application_group="sub")
    site.serve(path)

    def order(at):
        names = [entry.rpartition("/")[2] for entry in flags(site, at)["path"]]
        return [name for name in names if (site.apps / name / "origin.py").exists()]

    assert order("") == ["group", "any", "base"]
    assert order("/sub") == ["both", "group", "any", "base"]


@pytest.mark.only("daemon", reason="options of daemon groups")
def test_options_of_a_group_beat_the_directives(site):
    site.config.add(*DIRECTIVES)
    path = site.install("python_options.py")
    site.group(
        "own", python_optimize=0, python_warnings="ignore,error::UserWarning",
        python_hash_seed=8, dont_write_bytecode="Off",
    )  # fmt: skip
    site.group("wild", python_hash_seed="random")
    site.add_app(path, at="/own", group="own")
    site.add_app(path, at="/wild", group="wild")
    site.serve(path)
    own = flags(site, "/own")
    assert own["optimize"] == 0
    assert own["warnoptions"] == ["ignore", "error::UserWarning"]
    assert own["bytecode"] is True
    assert own["hash"] == hash_with_seed(8)
    assert flags(site)["optimize"] == 1
    assert flags(site, "/wild")["hash"] not in (own["hash"], flags(site)["hash"])


def test_case_sensitivity_off_takes_two_spellings_for_one_script(site):
    site.config.add("WSGICaseSensitivity Off")
    path = site.write_app("Mixed.py", (site.install("python_options.py")).read_text())
    other = site.apps / "mixed.PY"
    other.symlink_to(path)
    site.add_app(path, at="/one")
    site.add_app(other, at="/two")
    site.start()
    assert flags(site, "/one")["module"] == flags(site, "/two")["module"]


def test_case_sensitivity_off_takes_two_urls_for_one_interpreter(site):
    site.config.add("WSGICaseSensitivity Off")
    application = (
        "import mod_wsgi\n"
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [mod_wsgi.application_group.encode()]\n"
    )
    path = site.write_app("names.py", application)
    site.add_app(path, at="/Upper", application_group="%{RESOURCE}")
    site.add_app(path, at="/upper", application_group="%{RESOURCE}")
    site.start()
    assert site.get("/Upper").text == site.get("/upper").text
    assert site.get("/Upper").text.endswith("|/upper")


@pytest.mark.parametrize("setting", ["On", "Off"])
@pytest.mark.unsanitized(reason="ASan's runtime breaks when a process ends beside a living thread")
def test_exit_handlers_run_unless_the_interpreter_is_left(site, setting):
    site.config.add(f"WSGIDestroyInterpreter {setting}")
    site.stage.expect_notes("ended")
    site.serve(
        site.write_app(
            "ending.py",
            "import atexit, stage\n"
            "atexit.register(stage.note, 'ended', 'yes')\n"
            "def application(environ, start_response):\n"
            "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
            "    return [b'here']\n",
        )
    )
    site.get("/")
    site.settle()
    site.stop()
    assert site.stage.notes("ended") == (["yes"] if setting == "On" else [])
