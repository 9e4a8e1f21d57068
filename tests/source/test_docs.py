# SPDX-License-Identifier: Apache-2.0
"""Links between the pages lead somewhere, and every room has its page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rules import TOP, complain

PAGES = [TOP / "README.md", TOP / "CHANGES.md", *(TOP / "docs").rglob("*.md")]
LINK = re.compile(r"\]\(([^)#\s]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_links(page: Path) -> None:
    broken = [
        link
        for link in LINK.findall(page.read_text())
        if "://" not in link and not (page.parent / link).exists()
    ]
    complain(broken, "links lead to files")


def test_every_room_has_a_page() -> None:
    text = (TOP / "docs" / "internals" / "README.md").read_text()
    rooms = [path.name for path in (TOP / "src" / "c").iterdir() if path.is_dir()]
    complain([room for room in rooms if f"]({room}.md)" not in text], "rooms without a page")
