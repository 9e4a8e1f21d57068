# SPDX-License-Identifier: Apache-2.0
"""Applications wrapped in wsgiref.validate.validator: it asserts every rule on both sides."""

import pytest

pytestmark = pytest.mark.broad


@pytest.fixture(scope="module")
def server(module_site):
    module_site.config.add("WSGIChunkedRequest On")
    module_site.serve("validated.py")
    return module_site


@pytest.fixture
def site(server, checked):
    return checked


@pytest.mark.parametrize(
    ("path", "text"),
    [("/simple", "simple"), ("/generator", "generator"), ("/writes", "written and returned")],
)
def test_get(site, path, text):
    assert site.get(path).text == text
    assert site.get(f"{path}?a=b", headers={"Cookie": "a=b"}).text == text


@pytest.mark.parametrize("data", [b"abcdef\nsecond\nthird", b""])
@pytest.mark.parametrize("chunked", [False, True])
def test_post(site, data, chunked):
    body = iter([data]) if chunked and data else data
    expected = "abc|def\n|second\n|third|" if data else "||"
    assert site.post("/reads", data=body).text == expected


def test_no_content(site):
    assert site.get("/nothing", 204).content == b""


def test_head(site):
    assert site.request("HEAD", "/simple", 200).content == b""
