# SPDX-License-Identifier: Apache-2.0
"""What TARGET means: looking at files only."""

from __future__ import annotations

from pathlib import Path

import pytest

from mod_cask.common.errors import Failure, UsageError
from mod_cask.launcher import target


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["site.py", "site.wsgi", "deep/er/site.py"])
def test_file_is_a_script_of_its_folder(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name)
    found = target.find(name, tmp_path)
    assert (found.script, found.home, found.module) == (path, path.parent, None)
    assert found.callables == ("application", "app")


def test_file_with_attribute(tmp_path: Path) -> None:
    path = write(tmp_path / "site.py")
    assert target.find("site.py:make()", tmp_path).callables == ("make()",)
    assert target.find(f"{path}:web.app", tmp_path).callables == ("web.app",)


@pytest.mark.parametrize(
    ("text", "module", "callables"),
    [
        ("package.module:attr", "package.module", ("attr",)),
        ("package.module:factory()", "package.module", ("factory()",)),
        ("package", "package", ("application", "app")),
    ],
)
def test_module(tmp_path: Path, text: str, module: str, callables: tuple[str, ...]) -> None:
    found = target.find(text, tmp_path)
    assert (found.module, found.callables, found.home) == (module, callables, tmp_path)
    assert found.script is None


@pytest.mark.parametrize("text", ["a b", "pkg:", "pkg:a b", "pkg:f(1)", "pkg:f(", "1x:app", ""])
def test_nonsense_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises((UsageError, Failure)):
        target.find(text, tmp_path)


@pytest.mark.parametrize("text", ["nothing.py", "no/such/folder", "nothing.wsgi"])
def test_missing_file_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(Failure, match=f"there is no file or folder .*{text}"):
        target.find(text, tmp_path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "notes.txt")
    with pytest.raises(UsageError, match="no Python file"):
        target.find("notes.txt", tmp_path)


def test_folder_prefers_manage_then_wsgi_then_app(tmp_path: Path) -> None:
    write(tmp_path / "app.py")
    assert target.find(".", tmp_path).module == "app"
    write(tmp_path / "wsgi.py")
    assert target.find(".", tmp_path).module == "wsgi"
    write(tmp_path / "manage.py", 'setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")')
    write(tmp_path / "shop" / "wsgi.py")
    found = target.find(".", tmp_path)
    assert (found.module, found.callables) == ("shop.wsgi", ("application",))
    assert "Django project" in found.found


def test_folder_accepts_factories(tmp_path: Path) -> None:
    write(tmp_path / "app.py")
    assert "create_app()" in target.find(str(tmp_path), Path("/")).callables


def test_django_without_wsgi_file_uses_its_settings(tmp_path: Path) -> None:
    write(tmp_path / "manage.py", "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'conf.dev')")
    found = target.find(".", tmp_path)
    assert (found.module, found.callables) == (
        "django.core.wsgi",
        ("get_wsgi_application()",),
    )
    assert found.environment == (("DJANGO_SETTINGS_MODULE", "conf.dev"),)


def test_django_in_nested_settings(tmp_path: Path) -> None:
    write(tmp_path / "manage.py", 'x.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")')
    write(tmp_path / "config" / "wsgi.py")
    assert target.find(".", tmp_path).module == "config.wsgi"


def test_empty_folder_says_what_it_looked_for(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"manage\.py, wsgi\.py or app\.py"):
        target.find(".", tmp_path)


def test_manage_without_settings(tmp_path: Path) -> None:
    write(tmp_path / "manage.py", "print('hello')")
    with pytest.raises(Failure, match="names no settings"):
        target.find(".", tmp_path)
