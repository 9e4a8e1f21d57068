# SPDX-License-Identifier: Apache-2.0
"""A reply in three parts, as the frameworks' applications in tests/apps give it.

Before it goes on to the next part, the application waits at a gate: `part0`, `part1`, `part2`.
"""

from __future__ import annotations

from harness.site import Site


def check_parts(site: Site, path: str, host: str = "localhost") -> None:
    """Each part is with the client while the application is still held behind it."""
    for number in range(3):
        site.stage.close_gate(f"part{number}")
    with site.raw() as client:
        client.request(f"GET {path}", host=host)
        assert client.read_head().status == 200
        for number in range(3):
            assert client.read_chunk() == b"part %d\n" % number
            assert client.nothing_came()
            site.stage.open_gate(f"part{number}")
        assert client.read_chunk() == b""
