# SPDX-License-Identifier: Apache-2.0
"""The virtual host of the README serves an application as it stands, but for names and places."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.site import Site

README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.mark.only("event", "daemon", reason="the example is one of a daemon group")
def test_five_lines(site: Site) -> None:
    block = re.search(r"```apache\n(.*?)```", README.read_text(), re.DOTALL)
    assert block
    lines = block[1].strip()
    assert len(lines.splitlines()) == 5
    folder = site.install("hello.py").parent
    settings = site.settings
    for old, new in (
        ("user=blog", f"user={settings.daemon_user}"),
        ("group=blog python", f"group={settings.daemon_group} python"),
        ("/srv/blog/venv", str(settings.python_home)),
        ("/srv/blog/blog.wsgi", f"{folder}/hello.py"),
        ("/srv/blog", str(folder)),
    ):
        assert old in lines
        lines = lines.replace(old, new)
    site.config.add(lines)
    site.start()
    assert site.get("/").status_code == 200
