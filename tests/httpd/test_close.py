# SPDX-License-Identifier: Apache-2.0
"""close() is called exactly once: every kind of reply, every way a request can end."""

import pytest

KINDS = ["iterable", "generator", "like", "real", "write"]
TEXT = b"first\nlast\n"


@pytest.fixture(scope="module")
def server(module_site):
    site = module_site
    (site.apps / "small.txt").write_bytes(TEXT)
    with (site.apps / "big.bin").open("wb") as big:
        big.write(b"first\n")
        big.truncate(60_000_000)
    site.stage.expect_notes("closed")
    site.serve("closing.py")
    return site


@pytest.fixture
def site(server, checked):
    checked.stage.forget("closed")
    return checked


def closed_once(site):
    """Once in the end; another request later it is still once."""
    site.stage.wait_notes("closed", ["close"])
    site.stage.forget("closed")
    site.get("/iterable")
    site.stage.wait_notes("closed", ["close"])


@pytest.mark.parametrize("kind", KINDS)
def test_success(site, kind):
    twice = TEXT * 2 if kind == "write" else TEXT
    assert site.get(f"/{kind}").content == twice
    closed_once(site)


@pytest.mark.parametrize("kind", KINDS)
def test_head(site, kind):
    with site.raw() as client:
        client.request(f"HEAD /{kind}")
        assert client.read_reply(head_only=True).status == 200
    closed_once(site)


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("kind", KINDS)
def test_status_without_a_body(site, kind, status):
    with site.raw() as client:
        client.request(f"GET /{kind}?{status}")
        reply = client.read_reply()
        assert (reply.status, reply.body) == (status, b"")
    closed_once(site)


@pytest.mark.parametrize("status", [404, 500])
@pytest.mark.parametrize("kind", KINDS)
def test_error_status_of_the_application(site, kind, status):
    assert site.get(f"/{kind}?{status}", status).content.startswith(TEXT)
    closed_once(site)


@pytest.mark.parametrize("kind", ["iterable", "generator", "like"])
def test_exception_before_the_first_item(site, kind):
    with site.expects_traceback("ValueError: before the first item"):
        site.get(f"/{kind}?first", 500)
    closed_once(site)


@pytest.mark.parametrize("kind", ["iterable", "generator", "like", "write"])
def test_exception_in_the_middle(site, kind):
    with site.expects_traceback("ValueError: in the middle"), site.raw() as client:
        client.request(f"GET /{kind}?raise")
        reply = client.read_reply()
        assert reply.body.endswith(b"first\n")
        assert not reply.complete
    closed_once(site)


@pytest.mark.parametrize("kind", ["iterable", "generator", "like", "real"])
def test_client_leaves_in_the_middle(site, kind):
    site.stage.close_gate()
    client = site.raw()
    client.request(f"GET /{kind}?gate")
    assert client.read_head().status == 200
    while b"first" not in client.buffer:
        assert client.fill()
    client.reset()
    site.stage.open_gate()
    closed_once(site)


def test_client_leaves_while_the_application_writes(site):
    """write() raises OSError; there is no iterable yet that could be closed."""
    site.stage.close_gate()
    client = site.raw()
    client.request("GET /write?gate")
    assert client.read_head().status == 200
    client.reset()
    site.stage.open_gate()
    site.stage.wait_notes("closed", ["refused"])


@pytest.mark.parametrize("kind", ["iterable", "generator", "like", "real"])
def test_client_leaves_before_the_reply(site, kind):
    site.stage.close_gate()
    before = site.stage.reached()
    client = site.raw()
    client.request(f"GET /{kind}?late")
    site.stage.wait_reached(count=before + 1)
    client.reset()
    site.stage.open_gate()
    closed_once(site)
