# SPDX-License-Identifier: Apache-2.0
"""Fixtures and markers of the behaviour tests; tests elsewhere that use none of them pay nothing.

`site` is a server of the test's own, not started yet. `module_site` is one for a whole module; the
module starts it and redefines `site` as `checked`, which looks at the log after each test. Both run
once in each flavour: event MPM in both modes; with the marker `broad` also prefork, worker and
sub-interpreters.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness import procs, sanitizer
from harness.settings import Flavour, Settings, settings
from harness.site import Site

NARROW = [Flavour("event", "embedded"), Flavour("event", "daemon")]
BROAD = [
    *NARROW,
    Flavour("event", "embedded", "sub"),
    Flavour("event", "daemon", "sub"),
    Flavour("prefork", "embedded"),
    Flavour("prefork", "daemon"),
    Flavour("worker", "embedded"),
    Flavour("worker", "daemon"),
]
REPORT = pytest.StashKey[dict[str, pytest.TestReport]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run the tests that take long, only them")


def pytest_configure(config: pytest.Config) -> None:
    for line in (
        "only(*words, reason): run only in flavours that have each of these words",
        "broad: run on all MPMs and in sub-interpreters too",
        "unsanitized(reason): not with sanitizers (make asan)",
        "root: needs to be started by root (other users cannot be tried otherwise)",
        "soak: takes minutes, or many GB through a socket; runs with --soak only",
    ):
        config.addinivalue_line("markers", line)


def flavours_of(definition: pytest.Item | pytest.FixtureRequest) -> list[Flavour]:
    node = definition
    chosen = BROAD if node.get_closest_marker("broad") else NARROW
    for marker in node.iter_markers("only"):
        if not marker.kwargs.get("reason"):
            raise pytest.UsageError(f"{node.nodeid}: only() without a reason")
        chosen = [f for f in chosen if set(marker.args) <= {f.mpm, f.mode, f.interpreter}]
    return chosen


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "flavour" in metafunc.fixturenames:
        chosen = flavours_of(metafunc.definition)
        metafunc.parametrize("flavour", chosen, ids=str, indirect=True, scope="module")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    chosen = [i for i in items if (i.get_closest_marker("soak") is not None) == config.option.soak]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = chosen
    if sanitizer.folder() is not None:
        items[:] = [item for item in items if not item.get_closest_marker("unsanitized")]
    for item in items:
        needs_httpd = "flavour" in getattr(item, "fixturenames", ())
        if needs_httpd and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(90))
        if item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root: other users cannot be tried"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> object:
    report = yield
    item.stash.setdefault(REPORT, {})[report.when] = report
    return report


@pytest.fixture(scope="session")
def world() -> Iterator[Path]:
    """The scratch folder of this run; every user can reach it. Kept when a test failed."""
    os.umask(0o022)
    procs.become_subreaper()
    folder = Path(tempfile.mkdtemp(prefix="cask-", dir=settings().scratch))
    folder.chmod(0o755)
    yield folder
    if not any(folder.iterdir()):
        folder.rmdir()


@pytest.fixture(scope="session")
def config() -> Settings:
    return settings()


@pytest.fixture(scope="session")
def bare_venv(world: Path) -> Iterator[Path]:
    """A virtual environment of the same Python in which nothing is installed."""
    folder = world / "bare"
    base = Path(sys.base_prefix, "bin", "python3").resolve()
    subprocess.run([base, "-m", "venv", "--without-pip", folder], check=True)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def flavour(request: pytest.FixtureRequest) -> Flavour:
    return request.param


def new_site(world: Path, flavour: Flavour) -> Site:
    root = Path(tempfile.mkdtemp(prefix="s", dir=world))
    root.chmod(0o755)
    return Site(root, flavour, settings())


def finish(site: Site, failed: bool) -> None:
    problems = site.close()
    if not problems and not failed:
        shutil.rmtree(site.root)
    if problems and not failed:
        pytest.fail("\n".join(problems) + f"\n{site.root}\n{site.tail()}", pytrace=False)


def show_log(item: pytest.Item, site: Site) -> bool:
    """Adds the end of the error logs to the report of a failed test."""
    report = item.stash.get(REPORT, {}).get("call")
    failed = report is None or report.failed
    if report is not None and report.failed:
        report.sections.append(("error logs", f"{site.root}\n{site.tail()}"))
    return failed


@pytest.fixture
def site(fresh_site: Site) -> Site:
    """A server of the test's own, not started."""
    return fresh_site


@pytest.fixture
def fresh_site(world: Path, flavour: Flavour, request: pytest.FixtureRequest) -> Iterator[Site]:
    """As `site`, for modules that give that name to the module's server."""
    site = new_site(world, flavour)
    yield site
    finish(site, show_log(request.node, site))


@pytest.fixture(scope="module")
def module_site(world: Path, flavour: Flavour) -> Iterator[Site]:
    """A server for the tests of one module, not started; its log is looked at after each test."""
    site = new_site(world, flavour)
    yield site
    finish(site, site.failed)


@pytest.fixture
def checked(module_site: Site, request: pytest.FixtureRequest) -> Iterator[Site]:
    """The module's server for one test: no unexpected log line, no gate left closed, no cookie."""
    module_site.session.cookies.clear()
    yield module_site
    module_site.failed |= show_log(request.node, module_site)
    module_site.stage.open_all()
    surprises = module_site.logs.unexpected()
    module_site.logs.expect(surprises)
    if surprises and not show_log(request.node, module_site):
        pytest.fail("unexpected log lines:\n" + "\n".join(map(str, surprises)), pytrace=False)
