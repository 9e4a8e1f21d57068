# SPDX-License-Identifier: Apache-2.0
"""WSGIMapHEADToGET: whether an application sees HEAD requests as what they are."""

import pytest


@pytest.fixture(scope="module")
def server(module_site):
    site = module_site
    site.config.modules += ["filter", "deflate"]
    for value in ("On", "Off", "Auto"):
        for filters in ("plain", "deflate"):
            site.config.add(
                f"<Location /method/{value}/{filters}>",
                f"WSGIMapHEADToGET {value.upper()}",
                "SetOutputFilter DEFLATE" if filters == "deflate" else "",
                "</Location>",
            )
    site.config.add("<Location /method/default/deflate>\nSetOutputFilter DEFLATE\n</Location>")
    site.serve("gateway.py")
    return site


@pytest.fixture
def site(server, checked):
    return checked


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("On/plain", "GET"),
        ("On/deflate", "GET"),
        ("Off/plain", "HEAD"),
        ("Off/deflate", "HEAD"),
        ("Auto/plain", "HEAD"),
        ("Auto/deflate", "GET"),
        ("default/plain", "HEAD"),
        ("default/deflate", "GET"),
    ],
)
def test_mapping(site, path, method):
    assert head_method(site, f"/method/{path}") == method


def test_other_methods_are_never_mapped(site):
    assert site.post("/method/On/plain").text == "POST"
    assert site.get("/method/Off/plain").text == "GET"


def head_method(site, path):
    with site.raw() as client:
        client.request(f"HEAD {path}", "Accept-Encoding: gzip")
        reply = client.read_reply(head_only=True)
        assert reply.status == 200
        client.request("GET /method/next")
        assert client.read_reply().body == b"GET"  # no body of the first came in between
    return reply.header("X-Method")


def test_unknown_head_mapping(fresh_site):
    fresh_site.config.add("WSGIMapHEADToGET Perhaps")
    done = fresh_site.check()
    assert done.returncode != 0
    assert "WSGIMapHEADToGET" in done.stderr
    assert "'Perhaps'" in done.stderr
