# SPDX-License-Identifier: Apache-2.0
"""Bodies of more than 4 GiB: no counter of 32 bits, no byte kept."""

import pytest

from harness import procs
from harness.duplex import connect, exchange

HUGE = (5 << 30) + 12345

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]
FRAMINGS = pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])


@pytest.fixture(scope="module")
def server(module_site):
    module_site.config.add("WSGIChunkedRequest On", "LimitRequestBody 0", "Timeout 60")
    module_site.serve("bodies.py")
    module_site.stage.expect_notes("body")
    return module_site


@pytest.fixture
def site(server, checked):
    return checked


@FRAMINGS
def test_upload(site, chunked):
    with connect(site.port) as sock:
        found = exchange(sock, "/quick-count", HUGE, chunked, keep=True)
    assert found.sent == HUGE
    assert found.body == b'{"size": %d}' % HUGE
    procs.check_lean([*site.children(), *site.daemons()])


@FRAMINGS
def test_echo(site, chunked):
    with connect(site.port) as sock:
        found = exchange(sock, "/echo", HUGE, chunked)
    assert (found.sent, found.received) == (HUGE, HUGE)
    assert found.sent_crc32 == found.received_crc32
    procs.check_lean([*site.children(), *site.daemons()])


@FRAMINGS
def test_unread(site, chunked):
    """Answered at once; hardly any of it is taken."""
    with connect(site.port) as sock:
        found = exchange(sock, "/unread", HUGE, chunked, keep=True)
    assert found.body == b"not read"
    assert found.sent < 100_000_000
