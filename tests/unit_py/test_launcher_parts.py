# SPDX-License-Identifier: Apache-2.0
"""Users, addresses, Apache's parts, the server root: small pieces of the launcher."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from mod_cask.common.errors import Failure, UsageError
from mod_cask.launcher import check, httpd, identity, network, root
from mod_cask.launcher.target import Target

ME = identity.Identity("me", "us", os.geteuid(), os.getegid(), switch=False)

# -- users ---------------------------------------------------------------------------------------


def test_root_never_runs_the_application() -> None:
    for name in ("root", "#0"):
        with pytest.raises(UsageError, match="never run as root"):
            identity.choose(name, None, euid=0)


def test_root_gets_a_web_user() -> None:
    who = identity.choose(None, None, euid=0)
    assert who.user in identity.WEB_USERS
    assert who.uid != 0
    assert who.switch


def test_others_stay_who_they_are() -> None:
    who = identity.choose(None, None, euid=12345)
    assert (who.uid, who.switch) == (12345, False)
    with pytest.raises(UsageError, match="only root"):
        identity.choose("nobody", None, euid=12345)


def test_unknown_names() -> None:
    with pytest.raises(UsageError, match="no user 'no-such-user'"):
        identity.choose("no-such-user", None, euid=0)
    with pytest.raises(UsageError, match="no group 'no-such-group'"):
        identity.choose(None, "no-such-group", euid=0)


# -- addresses -----------------------------------------------------------------------------------


def test_port_in_use_is_said() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        port = other.getsockname()[1]
        with pytest.raises(Failure, match=f"port {port} of '127.0.0.1' is in use") as caught:
            network.listen_addresses("127.0.0.1", port)
    assert caught.value.status == 1
    assert "--port" in caught.value.remedy
    assert network.listen_addresses("127.0.0.1", port) == ("127.0.0.1",)


def test_names_of_nobody() -> None:
    with pytest.raises(UsageError, match="no address or name"):
        network.listen_addresses("no.such.host.invalid", 8000)
    with pytest.raises(Failure, match=r"cannot listen on '192\.0\.2\.1'"):
        network.listen_addresses("192.0.2.1", 8000)


@pytest.mark.parametrize(
    ("host", "port", "url"),
    [
        ("127.0.0.1", 8000, "http://127.0.0.1:8000/"),
        ("::1", 8000, "http://[::1]:8000/"),
        ("[::1]", 80, "http://[::1]/"),
        ("0.0.0.0", 80, "http://localhost/"),  # noqa: S104
        ("::", 81, "http://localhost:81/"),
        ("example.org", 8000, "http://example.org:8000/"),
    ],
)
def test_url(host: str, port: int, url: str) -> None:
    assert network.url(host, port) == url


# -- Apache --------------------------------------------------------------------------------------

MODULES = {
    name: Path(f"/m/mod_{name}.so")
    for name in ("mpm_prefork", "mpm_event", "unixd", "authz_core", "alias", "mime", "reqtimeout")
}


def test_event_is_preferred_and_loaded_first() -> None:
    mpm, load = httpd.choose({"core", "so"}, MODULES)
    assert mpm == "event"
    assert load[0] == ("mpm_event_module", "/m/mod_mpm_event.so")
    assert [name for name, _ in load[1:]] == [f"{name}_module" for name in httpd.NEEDED]


def test_built_in_modules_are_not_loaded() -> None:
    mpm, load = httpd.choose({"prefork", "unixd", "alias"}, MODULES)
    assert mpm == "prefork"
    assert {name for name, _ in load} == {"authz_core_module", "mime_module", "reqtimeout_module"}


def test_missing_modules_are_named() -> None:
    with pytest.raises(Failure, match="has no MPM"):
        httpd.choose(set(), {})
    with pytest.raises(Failure, match=r"mod_unixd\.so"):
        httpd.choose({"event"}, {})


# -- the server root -----------------------------------------------------------------------------


def test_temporary_root_is_private_and_removed() -> None:
    with root.opened(None, ME) as path:
        assert path.stat().st_mode & 0o777 == 0o700
        assert (path / "run").stat().st_mode & 0o777 == 0o700
    assert not path.exists()


def test_given_root_is_made_private_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b c"
    for _ in range(2):
        with root.opened(path, ME):
            assert path.stat().st_mode & 0o777 == 0o700
    assert path.is_dir()


def test_root_in_use(tmp_path: Path) -> None:
    path = tmp_path / "root"
    with (
        root.opened(path, ME),
        pytest.raises(Failure, match="another mod-cask"),
        root.opened(path, ME),
    ):
        pass


def test_root_that_others_can_write(tmp_path: Path) -> None:
    path = tmp_path / "root"
    path.mkdir()
    path.chmod(0o777)
    with pytest.raises(Failure, match="can be written by others"), root.opened(path, ME):
        pass


def test_root_with_other_files(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    tmp_path.chmod(0o700)
    with pytest.raises(Failure, match="not mod-cask's"), root.opened(tmp_path, ME):
        pass


def test_root_that_is_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(Failure, match="is no folder"), root.opened(tmp_path / "link", ME):
        pass


@pytest.mark.root
def test_root_of_another_user(tmp_path: Path) -> None:
    path = tmp_path / "root"
    path.mkdir(mode=0o700)
    os.chown(path, 12345, 12345)
    with pytest.raises(Failure, match="belongs to another user"), root.opened(path, ME):
        pass


def test_reachable_folders(tmp_path: Path) -> None:
    stranger = identity.Identity("x", "x", 12345, 12345, switch=True)
    assert root.reachable(Path("/"), stranger)
    (tmp_path / "a").mkdir(mode=0o700)
    assert not root.reachable(tmp_path / "a", stranger)


def test_private_tmpdir_is_not_used_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    stranger = identity.Identity("x", "x", 12345, 12345, switch=True)
    assert root.temporary_folder(stranger) != tmp_path
    assert root.temporary_folder(ME) == tmp_path


# -- the interpreter -----------------------------------------------------------------------------


def test_interpreter_of_an_environment(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.touch(mode=0o755)
    assert check.interpreter(tmp_path) == str(python)
    assert check.interpreter(python) == str(python)


def test_interpreter_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no interpreter"):
        check.interpreter(tmp_path)


def answer(**more: Any) -> dict[str, Any]:
    facts = {
        "soabi": "cpython-399-test", "libdir": "/nowhere", "instsoname": "libpython3.99.so.1.0",
        "multiarch": "", "ldversion": "3.99", "prefix": sys.prefix, "base_prefix": "/nowhere",
        "version": "3.99.1", "implementation": "cpython", "packages": [],
    }  # fmt: skip
    return {"facts": facts | more.pop("facts", {}), "engine": "/e", "callable": "app"} | more


def checked(monkeypatch: pytest.MonkeyPatch, embedded: bool = False, **more: Any) -> check.Checked:
    monkeypatch.setattr(check, "ask", lambda *_: answer(**more))
    target = Target(Path("/"), "the target", module="m")
    return check.check(target, ME, sys.executable, embedded)


def test_answer_of_the_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checked(monkeypatch) == check.Checked("app", sys.prefix, "3.99.1")


def test_missing_engine_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Failure, match=r"no engine for Python 3\.99\.1") as caught:
        checked(monkeypatch, engine=None)
    assert caught.value.remedy == f"run: {sys.executable} -m pip install mod-cask"


def test_engine_the_user_cannot_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "_engine.cpython-399-test.so").touch()
    with pytest.raises(Failure, match=r"user 'me' cannot use .*_engine"):
        checked(monkeypatch, engine=None, facts={"packages": [str(tmp_path)]})


def test_home_that_starts_another_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").touch()
    with pytest.raises(Failure, match="which the server will start, is not"):
        checked(monkeypatch, facts={"prefix": str(tmp_path)})


def test_embedded_needs_a_shared_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="no shared library") as caught:
        checked(monkeypatch, embedded=True)
    assert "libpython3.99" in caught.value.remedy
    (tmp_path / "libpython3.99.so.1.0").touch()
    checked(monkeypatch, embedded=True, facts={"libdir": str(tmp_path)})


def test_other_implementations(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Failure, match="is pypy, not CPython"):
        checked(monkeypatch, facts={"implementation": "pypy"})
