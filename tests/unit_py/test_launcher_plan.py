# SPDX-License-Identifier: Apache-2.0
"""Options to plan to configuration: the pure part of `mod-cask serve`."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from mod_cask.common.errors import UsageError
from mod_cask.launcher import cli, plan, render
from mod_cask.launcher.check import Checked
from mod_cask.launcher.httpd import Httpd
from mod_cask.launcher.identity import Identity
from mod_cask.launcher.options import OPTIONS, ServeOptions, from_namespace
from mod_cask.launcher.target import Target

ME = Identity("me", "us", 1000, 1000, switch=False)
WEB = Identity("www-data", "www-data", 33, 33, switch=True)
HTTPD = Httpd("/usr/sbin/httpd", "event", (("mpm_event_module", "/m/mod_mpm_event.so"),))


def made(
    *words: str,
    who: Identity = ME,
    target: Target | None = None,
    callable_name: str = "application",
    mpm: str = "event",
    root: str = "/root folder",
) -> plan.Plan:
    options = from_namespace(cli.parser().parse_args(["serve", "x.py", *words]))
    script = Target(Path("/srv/my app"), "script", script=Path("/srv/my app/x.py"))
    around = plan.Surroundings(
        dataclasses.replace(HTTPD, mpm=mpm), who, ("127.0.0.1",), Path("/lib/mod_cask.so"),
        Path(root), Path("/"),
    )  # fmt: skip
    checked = Checked(callable_name, "/venv", "3.12.1")
    return plan.make(options, target or script, checked, around)


def configuration(*words: str, **more: Any) -> str:
    return render.configuration(made(*words, **more))


def line(text: str, directive: str) -> str:
    found = re.findall(rf"^{directive} .*$", text, re.MULTILINE)
    assert len(found) == 1, f"{directive}: {found}"
    return str(found[0])


# -- options -------------------------------------------------------------------------------------


def test_rows_and_fields_are_the_same() -> None:
    fields = [field.name for field in dataclasses.fields(ServeOptions)]
    assert fields == ["target", *(option.name for option in OPTIONS)]


def test_defaults_of_rows_and_fields_are_the_same() -> None:
    parsed = from_namespace(cli.parser().parse_args(["serve", "x.py"]))
    assert parsed == ServeOptions("x.py")


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.flag)
def test_directive_of_an_option_is_in_the_configuration(option: Any, tmp_path: Path) -> None:
    words = {
        "--embedded": [], "--static": ["/s", str(tmp_path)], "--log-level": ["info"],
        "--processes": ["3"],
    }.get(option.flag, [])  # fmt: skip
    text = configuration(*([option.flag, *words] if words else []), who=WEB)
    directive, _, name = option.directive.partition(" ")
    found = text if directive == "WSGIProcessGroup" else line(text, directive)
    assert (
        f"{name}=" if name else directive.lower().removeprefix("wsgi")
    ) in found.lower().replace("process-group", "processgroup")


@pytest.mark.parametrize(
    "words",
    [
        ["--port", "0"], ["--port", "65536"], ["--port", "80x"], ["--port", "-1"],
        ["--threads", "0"], ["--threads", "5.5"], ["--threads", "²"], ["--processes", "0"],
        ["--log-level", "loud"], ["--static", "/x"], ["--unknown"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_bad_values_are_usage_errors(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["serve", "x.py", *words])
    assert caught.value.code == 2
    assert words[0] in capsys.readouterr().err


# -- sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("processes", [1, 2, 7, 1000])
@pytest.mark.parametrize("threads", [1, 5, 64, 1000])
def test_httpd_has_more_threads_than_python(processes: int, threads: int) -> None:
    for mpm in ("event", "worker", "prefork"):
        pool = plan.sizes(mpm, embedded=False, processes=processes, threads=threads)
        assert pool.workers > processes * threads
        assert not pool.fixed
        assert pool.threads <= plan.CHILD_THREADS


def test_embedded_sizes_are_what_was_asked_for() -> None:
    pool = plan.sizes("event", embedded=True, processes=3, threads=7)
    assert (pool.children, pool.threads, pool.fixed) == (3, 7, True)
    assert plan.sizes("prefork", embedded=True, processes=3, threads=7).children == 21


# -- configuration -------------------------------------------------------------------------------


def test_daemon_by_default() -> None:
    text = configuration()
    group = line(text, "WSGIDaemonProcess")
    assert 'home="/srv/my app"' in group
    assert 'python-home="/venv"' in group
    assert "threads=5" in group
    assert "processes=" not in group  # wsgi.multiprocess stays false
    assert "user=" not in group
    assert line(text, "WSGIRestrictEmbedded").endswith("On")
    assert line(text, "WSGIChunkedRequest").endswith("On")
    alias = line(text, "WSGIScriptAlias")
    assert "process-group=app application-group=%{GLOBAL} callable-object=application" in alias
    assert "WSGIPythonHome" not in text
    assert "\nUser" not in text


def test_root_names_the_user() -> None:
    text = configuration(who=WEB)
    assert 'user="www-data" group="www-data"' in line(text, "WSGIDaemonProcess")
    assert line(text, "User") == 'User "www-data"'
    assert line(text, "Group") == 'Group "www-data"'


def test_processes() -> None:
    assert "processes=3" in line(configuration("--processes", "3"), "WSGIDaemonProcess")


def test_embedded() -> None:
    text = configuration("--embedded", "--processes", "2", "--threads", "3")
    assert "WSGIDaemonProcess" not in text
    assert line(text, "WSGIPythonHome") == 'WSGIPythonHome "/venv"'
    assert line(text, "WSGIPythonPath") == 'WSGIPythonPath "/srv/my app"'
    assert line(text, "StartServers").endswith(" 2")
    assert line(text, "ThreadsPerChild").endswith(" 3")


def test_no_line_is_left_unfilled() -> None:
    for words in ([], ["--embedded"]):
        for mpm in ("event", "worker", "prefork"):
            text = configuration(*words, mpm=mpm)
            assert "@{" not in text
            assert "None" not in text.replace("AllowOverride None", "")


def test_log_level_keeps_the_ready_notice() -> None:
    assert line(configuration(), "LogLevel") == "LogLevel warn mpm_event:notice"
    assert line(configuration("--log-level", "debug"), "LogLevel") == "LogLevel debug"


def test_static_longest_url_first(tmp_path: Path) -> None:
    words = ["--static", "/a", str(tmp_path), "--static", "/a/deeper/", str(tmp_path)]
    text = configuration(*words)
    assert re.findall(r"^Alias (\S+)", text, re.MULTILINE) == ['"/a/deeper"', '"/a"']


def test_static_mistakes(tmp_path: Path) -> None:
    for pair in (("static", str(tmp_path)), ("/", str(tmp_path)), ("/s", "/no/such/folder")):
        with pytest.raises(UsageError):
            plan.static_folders((pair,), tmp_path)


@pytest.mark.parametrize("text", ["a\nb", "a${HOME}b", "a\0b", "a\x7fb"])
def test_what_httpd_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        render.quote(text)


def test_quotes_are_escaped() -> None:
    assert render.quote('a "b" \\c') == '"a \\"b\\" \\\\c"'


# -- the script ----------------------------------------------------------------------------------


def test_plain_script_is_served_itself() -> None:
    assert made().script == Path("/srv/my app/x.py")
    assert "application.wsgi" not in str(list(render.files(made())))


@pytest.mark.parametrize("name", ["application", "make()", "web.app"])
def test_module_gets_a_script(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some_target.py").write_text(
        "def application(): return 'plain'\n"
        "def make(): return application\n"
        "class web: app = staticmethod(application)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    target = Target(tmp_path, "module", module="some_target")
    one = made(target=target, callable_name=name)
    assert one.script == Path("/root folder/application.wsgi")
    assert "callable-object=application" in render.configuration(one)
    values: dict[str, Any] = {}
    exec(render.wrapper(one), values)  # noqa: S102 - what the server would run
    assert values["application"]() == "plain"


def test_factory_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "odd name.wsgi"
    path.write_text("def create(): return lambda: __file__\n")
    target = Target(tmp_path, "script", script=path)
    values: dict[str, Any] = {}
    exec(render.wrapper(made(target=target, callable_name="create()")), values)  # noqa: S102
    assert values["application"]() == str(path)


def test_environment_is_set_before_the_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASK_TEST_VALUE", "")
    monkeypatch.delenv("CASK_TEST_VALUE")
    target = Target(Path("/"), "m", module="os", environment=(("CASK_TEST_VALUE", "set"),))
    values: dict[str, Any] = {}
    exec(render.wrapper(made(target=target, callable_name="environ.copy()")), values)  # noqa: S102
    assert values["application"]["CASK_TEST_VALUE"] == "set"


def test_mime_types_know_the_usual() -> None:
    table = render.mime_types()
    assert re.search(r"^text/css css$", table, re.MULTILINE)
    assert re.search(r"^image/png png$", table, re.MULTILINE)
