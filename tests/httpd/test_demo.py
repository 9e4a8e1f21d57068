# SPDX-License-Identifier: Apache-2.0
"""The demo starts, serves both applications and stops."""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
from pathlib import Path

import pytest
import requests

from harness.launched import Launched

TOP = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(180)
def test_demo(world: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="demo-", dir=world))
    folder.chmod(0o755)
    demo = Launched(folder, sys.executable, TOP / "demo" / "run.py", "--work", folder / "work",
                    cwd="/", umask=0o022)  # fmt: skip
    try:
        demo.wait_ready(deadline=90)
        try_applications(demo)
        assert demo.stop(signal.SIGINT) == 0
        assert not demo.left_behind()
        assert demo.stderr == ""
    finally:
        demo.kill()


def try_applications(demo: Launched) -> None:
    match = re.search(r"http://127\.0\.0\.1:(\d+)/", demo.stdout)
    assert match
    url = match[0].rstrip("/")
    with requests.Session() as browser:
        browser.trust_env = False
        page = browser.get(f"{url}/", timeout=30)
        assert page.status_code == 200
        assert "No pictures yet" in page.text
        assert browser.get(f"{url}/static/photos/style.css", timeout=30).status_code == 200
        sent = browser.post(
            f"{url}/",
            data={"csrfmiddlewaretoken": token(page.text), "title": "A dot"},
            files={"picture": ("dot.gif", GIF, "image/gif")},
            timeout=30,
        )
        assert "A dot" in sent.text
        picture = re.search(r'src="(/media/[^"]+)"', sent.text)
        assert picture
        assert browser.get(url + picture[1], timeout=30).content == GIF
        login = browser.get(f"{url}/admin/login/", timeout=30)
        inside = browser.post(
            f"{url}/admin/login/?next=/admin/",
            data={
                "csrfmiddlewaretoken": token(login.text),
                "username": "admin",
                "password": "demo",
            },
            timeout=30,
        )
        assert "Site administration" in inside.text
        book = browser.get(f"{url}/guestbook/", timeout=30)
        assert "Nobody has signed yet" in book.text
        signed = browser.post(
            f"{url}/guestbook/",
            data={"token": token(book.text, "token"), "name": "Ada", "words": "Good morning"},
            timeout=30,
        )
        assert "Good morning" in signed.text
    users = re.findall(r"user ([\w-]+)", page.text + book.text)
    assert len(users) == 2
    assert (users[0] != users[1]) == (os.geteuid() == 0)


def token(page: str, name: str = "csrfmiddlewaretoken") -> str:
    match = re.search(rf'name="{name}" value="([^"]+)"', page)
    assert match, page
    return match[1]


GIF = bytes.fromhex("47494638396101000100800000ffffff00000021f90400000000002c00000000010001000002"
                    "024401003b")  # fmt: skip
