# SPDX-License-Identifier: Apache-2.0
"""Mercurial's hgweb with the real client: clone, push, pull, and the pages for people."""

import os
import subprocess

import pytest


@pytest.fixture
def hg(config, site):
    """Runs the hg client with settings of the test's own."""
    environment = {
        "HGRCPATH": os.devnull, "HGUSER": "Ann <ann@example.test>", "HGPLAIN": "1",
        "PATH": os.environ["PATH"], "HOME": str(site.root), "LANG": "C.UTF-8",
    }  # fmt: skip

    def run(*arguments, cwd=None):
        command = [config.python_home / "bin" / "hg", *arguments]
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}\n{site.tail()}"
        return done.stdout

    return run


@pytest.fixture
def repository(site, hg):
    """hgweb over one repository with two revisions, writable for the application's user."""
    path = site.install("hg")
    repo = path / "repo"
    hg("init", str(repo))
    (repo / "small.txt").write_text("one line\n")
    (repo / "big.bin").write_bytes(os.urandom(2_000_000))
    hg("commit", "-A", "-m", "first", cwd=repo)
    (repo / "small.txt").write_text("one line\nand another\n")
    hg("commit", "-m", "second", cwd=repo)
    for found in [repo, *repo.rglob("*")]:
        found.chmod(0o777 if found.is_dir() else 0o666)
    with (path / "hgweb.conf").open("a") as conf:
        conf.write(f"[paths]\n/repo = {repo}\n[trusted]\nusers = *\n")
    site.serve(path / "hgweb.wsgi", at="/hg", group_options={"processes": 2, "threads": 2})
    return repo


def test_clone_push_pull(site, hg, repository):
    url = f"{site.url}/hg/repo"
    one, two = site.root / "one", site.root / "two"
    hg("clone", url, str(one))
    assert (one / "big.bin").read_bytes() == (repository / "big.bin").read_bytes()
    assert (one / "small.txt").read_text() == "one line\nand another\n"
    hg("clone", "--pull", url, str(two))
    data = os.urandom(3_000_000)
    (one / "pushed.bin").write_bytes(data)
    hg("commit", "-A", "-m", "third, pushed", cwd=one)
    hg("push", cwd=one)
    assert "third, pushed" in hg("log", cwd=repository)
    hg("pull", "-u", cwd=two)
    assert (two / "pushed.bin").read_bytes() == data
    assert "no changes found" in hg("pull", cwd=two)
    hg("verify", cwd=repository)


def test_pages(site, repository):
    assert "repo" in site.get("/hg/").text
    assert "second" in site.get("/hg/repo/").text
    assert "and another" in site.get("/hg/repo/file/tip/small.txt").text
    assert site.get("/hg/repo/raw-file/tip/big.bin").content == (
        repository / "big.bin"
    ).read_bytes()  # fmt: skip
    archive = site.get("/hg/repo/log").text
    assert "first" in archive
    site.get("/hg/repo/rev/nosuch", 404)
